r"""Charts: the usual models of hyperbolic space, to and from normal coordinates.

They are for the edges: plots, and exchange with other libraries.  No layer works in
them, because in floating point they hold less than normal coordinates: a float32
Poincare ball saturates at :math:`\sqrt c\, r \approx 17`, a float32 hyperboloid
and float32 proper velocities overflow near 89.  With :math:`s = \sqrt c` and
:math:`r = \lVert v \rVert`:

- Poincare ball of radius :math:`1/s`: :math:`\tanh(s r/2)/(s r)\, v`;
- hyperboloid (Lorentz model) :math:`-x_0^2 + \lVert x \rVert^2 = -1/c`:
  :math:`(\cosh(s r)/s,\ \sinh(s r)/(s r)\, v)`;
- Klein ball of radius :math:`1/s`: :math:`\tanh(s r)/(s r)\, v`;
- proper velocities, the hyperboloid's space coordinates: :math:`\sinh(s r)/(s r)\, v`.

geoopt's ``expmap0(u)`` on the ball takes :math:`u = v/2`, on the hyperboloid
:math:`v` itself with its ``k`` equal to :math:`1/c`.
"""

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import Curved, dot, log_max, prepare, times


def to_poincare(v: Tensor, c: Curved) -> Tensor:
    """Points of the Poincare ball; for c = 0 half the normal coordinates.

    Args:
        v: Points in normal coordinates, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    c, (v,), dtype = prepare(c, v=v)
    return (special.tanhc(c * dot(v, v) / 4) / 2 * v).to(dtype)


def from_poincare(x: Tensor, c: Curved, *, clip: bool = False) -> Tensor:
    r"""Normal coordinates of points of the Poincare ball.

    Args:
        x: Points inside the ball of radius :math:`1/\sqrt c`, shape :math:`(*, d)`.
        c: Absolute value of the curvature.
        clip: Whether to take points outside the ball to the nearest ones inside.

    Returns:
        Points in normal coordinates, shape :math:`(*, d)`.

    Raises:
        ValueError: If a point is not inside the ball and :obj:`clip` is not set.
    """
    x, z, dtype = _inside_ball(x, c, clip, "Poincare")
    return (2 * special.artanhc(z) * x).to(dtype)


def to_klein(v: Tensor, c: Curved) -> Tensor:
    """Points of the Klein ball; for c = 0 the normal coordinates themselves.

    Args:
        v: Points in normal coordinates, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    c, (v,), dtype = prepare(c, v=v)
    return (special.tanhc(c * dot(v, v)) * v).to(dtype)


def from_klein(x: Tensor, c: Curved, *, clip: bool = False) -> Tensor:
    r"""Normal coordinates of points of the Klein ball.

    Args:
        x: Points inside the ball of radius :math:`1/\sqrt c`, shape :math:`(*, d)`.
        c: Absolute value of the curvature.
        clip: Whether to take points outside the ball to the nearest ones inside.

    Returns:
        Points in normal coordinates, shape :math:`(*, d)`.

    Raises:
        ValueError: If a point is not inside the ball and :obj:`clip` is not set.
    """
    x, z, dtype = _inside_ball(x, c, clip, "Klein")
    return (special.artanhc(z) * x).to(dtype)


def to_lorentz(v: Tensor, c: Curved) -> Tensor:
    r"""Points of the hyperboloid, the time coordinate first.

    Args:
        v: Points in normal coordinates, shape :math:`(*, d)`.
        c: Absolute value of the curvature, not 0: there the hyperboloid is infinitely
            far away.

    Returns:
        Points, shape :math:`(*, d + 1)`.

    Raises:
        ValueError: If :obj:`c` is the number 0.
    """
    _not_flat(c)
    c, (v,), dtype = prepare(c, v=v)
    z = c * dot(v, v)
    time = special.cosh(z) / c**0.5
    return torch.cat([time, special.sinhc(z) * v], dim=-1).to(dtype)


def from_lorentz(x: Tensor, c: Curved, *, clip: bool = False) -> Tensor:
    r"""Normal coordinates of points of the hyperboloid.

    They are computed from the spatial coordinates, which determine the point; the
    time coordinate is only checked.

    Args:
        x: Points with :math:`-x_0^2 + \lVert x \rVert^2 = -1/c`, shape
            :math:`(*, d + 1)`.
        c: Absolute value of the curvature, not 0.
        clip: Whether to move points along the time axis onto the hyperboloid.

    Returns:
        Points in normal coordinates, shape :math:`(*, d)`.

    Raises:
        ValueError: If :obj:`c` is the number 0, or a point is not on the upper sheet
            of the hyperboloid to within rounding and :obj:`clip` is not set.
    """
    _not_flat(c)
    given = c
    c, (x,), dtype = _prepared(c, x, clip)
    tolerance = 8 * torch.finfo(dtype).eps
    space, z, shift = _small(x[..., 1:], c)
    time = x[..., :1] * (-shift).exp()
    expected = ((-2 * shift).exp() + z).sqrt()
    if not clip and not _hold((c**0.5 * time / expected - 1).abs() <= tolerance):
        raise ValueError(
            f"'x' holds points that are not on the upper sheet of the hyperboloid "
            f"<x, x> = -1/c with c = {_show(given)}; pass clip=True to move them to it "
            f"along the time axis, or check that 'c' is 1/k of the library they "
            f"come from"
        )
    return (special.arsinhc(z, shift) * space).to(dtype)


def to_proper_velocity(v: Tensor, c: Curved) -> Tensor:
    r"""Proper velocities; for c = 0 the normal coordinates themselves.

    They are the space coordinates of :func:`to_lorentz`, of length
    :math:`\sinh(\sqrt c\, r)/\sqrt c`: any vector is a point, but its length grows
    exponentially with the radius.  At c = 1, float16 holds radii up to 11.7, float32
    and bfloat16 up to 89.4, float64 up to 709.7.  Farther out coordinates are infinite,
    beyond 709.7 NaN where they are the product of 0 and infinity.

    Args:
        v: Points in normal coordinates, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.

    Raises:
        ValueError: If :obj:`c` is not a curvature.
    """
    c, (v,), dtype = prepare(c, v=v)
    return (special.sinhc(c * dot(v, v)) * v).to(dtype)


def from_proper_velocity(x: Tensor, c: Curved) -> Tensor:
    r"""Normal coordinates of proper velocities.

    Args:
        x: Proper velocities, any finite vectors, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.

    Raises:
        ValueError: If a coordinate is not finite, as for points that were too far out
            for their dtype, or :obj:`c` is not a curvature.
    """
    c, (x,), dtype = prepare(c, x=x)
    finite = x.isfinite()
    if not _hold(finite):
        raise ValueError(
            f"'x' must be finite (got {int((~finite).sum())} coordinates that are "
            f"not); keep points beyond sqrt(c) * r = {log_max(dtype):.0f}, which "
            f"overflow in {dtype}, in normal coordinates or in float64"
        )
    x, z, shift = _small(x, c)
    return (special.arsinhc(z, shift) * x).to(dtype)


def _small(space: Tensor, c: Curved) -> tuple[Tensor, Tensor, Tensor]:
    """Space coordinates divided by e^shift: their squares would overflow far out.

    Returns:
        The coordinates, c times their squared length, and the shift.
    """
    largest = (c**0.5 * space).detach().abs().amax(dim=-1, keepdim=True)
    shift = torch.where(largest > 1, largest, 1.0).log()
    space = space * (-shift).exp()
    return space, c * dot(space, space), shift


def _inside_ball(
    x: Tensor, c: Curved, clip: bool, name: str
) -> tuple[Tensor, Tensor, torch.dtype]:
    """Points in the dtype to compute in, c times their squares, and their own dtype."""
    given = c
    c, (x,), dtype = _prepared(c, x, clip)
    radius = (c * dot(x, x)).sqrt().detach()
    limit = 1 - torch.finfo(x.dtype).eps
    outside = radius > limit
    if clip:
        x = times(torch.where(outside, limit / radius, 1.0), x)
    elif not _hold(radius < 1):
        raise ValueError(
            f"'x' holds points that are not inside the {name} ball of radius "
            f"1/sqrt(c) with c = {_show(given)} (largest sqrt(c) * ||x||: "
            f"{radius.max().item():.9g}); pass clip=True to take the nearest point "
            f"inside, or keep far points in normal coordinates or in float64"
        )
    z = c * dot(x, x)
    if clip:  # the rounding of x could take it out again
        z = torch.where(outside, limit**2, z)
    return x, z, dtype


def _prepared(
    c: Curved, x: Tensor, clip: bool
) -> tuple[Curved, list[Tensor], torch.dtype]:
    check_flags(clip=clip)
    return prepare(c, x=x)


def _hold(conditions: Tensor) -> bool:
    """Whether all conditions hold, as far as it can be seen."""
    try:
        return bool(conditions.all())
    except RuntimeError:  # torch.func.vmap doesn't show values
        return True


def _not_flat(c: Curved) -> None:
    if not isinstance(c, Tensor) and c == 0:
        raise ValueError(
            "'c' must be positive for the hyperboloid, which recedes to infinity as "
            "c goes to 0 (got 0); use normal coordinates or the Klein chart there"
        )


def _show(c: Curved) -> str:
    if isinstance(c, Tensor):
        return f"{c.item():g}" if c.numel() == 1 else f"a tensor of {tuple(c.shape)}"
    return f"{c:g}"
