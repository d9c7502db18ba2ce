r"""Weighted Fréchet mean by Newton's method, with derivatives as an implicit function.

The mean of points :math:`v_j` minimizes :math:`\sum_j w_j\, d(x, v_j)^2`, which is
convex along geodesics.  Seen from :math:`x` the points are at :math:`y_j = (-x) \oplus
v_j`; with :math:`a_j = \sqrt c \lVert y_j \rVert` and the directions :math:`e_j` of the
:math:`y_j`, the negative gradient and the Hessian of half of that sum are

.. math::
    g = \sum_j w_j\, y_j , \qquad
    H = \sum_j w_j \left( e_j e_j^\top + a_j \coth a_j\, (I - e_j e_j^\top) \right) ,

and Newton's step is :math:`x \oplus H^{-1} g`.

At a radius of :math:`a` a rounding of :math:`x` moves it by :math:`2^{-53} e^a`.  But a
mean is far out only near the ray of one of its points, the pole.  Coordinates are
turned until the pole is on the first axis, beside which numbers are dense, and points
are seen from a base on this axis: there the mean is near the origin.

[1] A. Lou, I. Katsman, Q. Jiang, S. Belongie, S.-N. Lim, C. De Sa, *Differentiating
    through the Fréchet Mean*, 2020.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyg_hyperbolic.geometry.derivative import half_excess
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.midpoint import check_mean, per_point
from pyg_hyperbolic.geometry.rows import (
    Curved,
    dot,
    is_readable,
    prepare,
    split,
    wide_dtype,
)

POLES = 5
STEPS = 100  # for each pole
# In units of the curvature:
REACH = 4.0  # the longest step
STRAY = 10.0  # how far from its base a mean has ten digits


def frechet_mean(v: Tensor, c: Curved, weight: Tensor | None = None) -> Tensor:
    r"""Weighted Fréchet mean of the points along the second to last axis.

    The point with the least :math:`\sum_j w_j\, d(x, v_j)^2` ([1]), by Newton's method;
    for :math:`c = 0` the weighted mean.  It looks at values: devices are waited for,
    and ``torch.vmap`` raises an error.

    First and second derivatives are those of an implicit function.  Across the mean's
    ray they vanish where it is farther out than :math:`500/\sqrt c`, or
    :math:`70/\sqrt c` on devices without float64.

    Args:
        v: Points, shape :math:`(*, n, d)`.
        c: Absolute value of the curvature, a float or a tensor that broadcasts to
            the shape :math:`(*)`.
        weight: Weights :math:`\ge 0`, shape :math:`(*, n)`; equal ones if left out.

    Returns:
        Points, shape :math:`(*, d)`; the origin where there is no weight.

    Raises:
        ValueError: If :obj:`v` has no axis to average over, :obj:`weight` has a
            negative number, or :obj:`c` is a number that is negative or not finite.
        RuntimeError: If a mean is not found.
    """
    check_mean(v, weight)
    if weight is not None and is_readable(weight) and (weight < 0).any():
        raise ValueError(
            f"'weight' must have numbers >= 0 (got {weight.min().item():.4g}); with "
            f"others there may be no mean: drop their points"
        )
    c = per_point(c)
    _, (points,), _ = prepare(c, v=v.to(wide_dtype(v.device)))
    c = c.to(points.dtype) if isinstance(c, Tensor) else points.new_tensor(c)
    shares = points.new_ones(points.size(-2)) if weight is None else weight
    shares = shares.unsqueeze(-1).to(points.dtype)
    total = shares.sum(dim=-2, keepdim=True)
    shares = shares / torch.where(total == 0, 1.0, total)
    shapes = [x.shape[:-2] for x in (points, shares)] + [c.shape[:-1]]
    points = points.expand(*torch.broadcast_shapes(*shapes), -1, -1)
    if points.numel() == 0:
        return points.sum(dim=-2).to(v.dtype)
    with torch.no_grad():
        view, x = _search(points.detach(), shares.detach(), c.detach())
    z = view.of(points, c)
    # From the mean a step has its first derivatives, and the next one the second ones.
    for _ in range(2):
        x = gyro_add(x, _look(x, z, shares, c).step, c)
    return view.back(x, c).squeeze(-2).to(v.dtype)


class _View(NamedTuple):
    """A base to see points from, on the axis that a reflection takes a pole to.

    Reflected are exact differences to the ray, so that small angles keep their digits.
    """

    pole: Tensor  # [*, 1, d]
    normal: Tensor  # of the reflection
    image: Tensor  # the pole's, on the first axis
    base: Tensor

    def of(self, v: Tensor, c: Tensor) -> Tensor:
        square = dot(self.pole, self.pole)
        square = torch.where(square > 0, square, math.inf)
        part = split(v, self.pole, square)
        along = part.along / square.sqrt() * self.image
        return gyro_add(-self.base, self._reflect(part.part()) + along, c)

    def back(self, x: Tensor, c: Tensor) -> Tensor:
        return self._reflect(gyro_add(self.base, x, c))

    def _reflect(self, v: Tensor) -> Tensor:
        return v - 2 * dot(v, self.normal) * self.normal


class _Look(NamedTuple):
    step: Tensor  # Newton's, [*, 1, d]
    slope: Tensor  # along it, of half of the sum of squares
    square: Tensor  # the sum of squares


def _look(x: Tensor, z: Tensor, shares: Tensor, c: Tensor) -> _Look:
    y = gyro_add(-x, z, c)
    yy, curved = dot(y, y), _for_scalars(c)
    pull = _sum(shares, y)
    bend = 2 * half_excess(curved * yy)  # (a coth a - 1) / a^2
    across = _sum(shares, 1 + curved * yy * bend)
    across = torch.where(across == 0, 1.0, across)  # without any weight
    unit = torch.eye(y.size(-1), dtype=y.dtype, device=y.device)
    hessian = across * unit - curved * ((shares * bend * y).mT @ y)
    step = torch.linalg.solve_ex(hessian, pull.mT)[0].mT
    return _Look(step, dot(pull, step), _sum(shares, yy))


def _sum(shares: Tensor, x: Tensor) -> Tensor:
    return (shares * x).sum(dim=-2, keepdim=True)


def _for_scalars(c: Tensor) -> Tensor:
    return c.unsqueeze(-1) if c.dim() > 0 else c


def _search(v: Tensor, shares: Tensor, c: Tensor) -> tuple[_View, Tensor]:
    """Views in which means are near the origin, and these means."""
    finite = (v * shares).isfinite().all(dim=-1, keepdim=True)
    # Not for what gives no numbers, nor at the c below 0 of a difference about 0.
    v = torch.where(finite.all(dim=-2, keepdim=True), v, 0.0)
    c = torch.where((c > 0) & c.isfinite(), c, 0.0)
    unit = 1 / _for_scalars(c).sqrt()
    noise = 64 * torch.finfo(v.dtype).eps * dot(v, v).amax(dim=-2, keepdim=True).sqrt()
    pole = _next_to(_sum(shares, v), v, v, shares)
    for _ in range(POLES):
        view = _based(pole, v, shares, c, unit)
        z = view.of(v, c)
        x, found = _minimize(z, shares, c, unit, noise)
        if found.all():
            return view, x
        pole = torch.where(found, pole, _next_to(x, z, v, shares))
    raise RuntimeError(
        f"no Fréchet mean was found for {int((~found).sum())} of {found.numel()} sets "
        f"of points; take geometry.midpoint for them"
    )


def _next_to(x: Tensor, z: Tensor, v: Tensor, shares: Tensor) -> Tensor:
    """The points of v that are seen, at z, next to the direction of x."""
    cos = dot(z, x) / dot(z, z).sqrt()
    nearest = torch.where((shares > 0) & (cos > -math.inf), cos, -math.inf)
    return v.take_along_dim(nearest.argmax(dim=-2, keepdim=True), dim=-2)


def _based(pole: Tensor, v: Tensor, shares: Tensor, c: Tensor, unit: Tensor) -> _View:
    """The view from about where on the pole's ray the sum of squares is least."""
    axis = torch.zeros_like(pole)
    axis[..., 0] = torch.where(pole[..., 0] < 0, 1.0, -1.0)  # not the nearer end
    size = dot(pole, pole).sqrt()
    normal = torch.where(size > 0, pole / size, -axis) - axis
    normal = normal / dot(normal, normal).sqrt()
    view = _View(pole, normal, size * axis, torch.zeros_like(pole))
    low, high = torch.zeros_like(size), dot(v, v).amax(dim=-2, keepdim=True).sqrt()
    while (high - low > unit).any():
        middle = (low + high) / 2
        y = view._replace(base=middle * axis).of(v, c)
        beyond = dot(axis, _sum(shares, y)) > 0
        low, high = torch.where(beyond, middle, low), torch.where(beyond, high, middle)
    return view._replace(base=low * axis)


def _minimize(
    z: Tensor, shares: Tensor, c: Tensor, unit: Tensor, noise: Tensor
) -> tuple[Tensor, Tensor]:
    """Newton's method with steps that lead down, and where it has found a mean."""
    eps = torch.finfo(z.dtype).eps
    x = torch.zeros_like(z[..., :1, :])
    here = _look(x, z, shares, c)
    reach = torch.ones_like(here.slope)
    for _ in range(STEPS):
        length = dot(here.step, here.step).sqrt()
        # The next step's length is about the square of this one's.
        found = length <= eps**0.4 * torch.minimum(here.square.sqrt(), unit) + noise
        rest = found | (dot(x, x).sqrt() > STRAY * unit)
        if rest.all():
            break
        part = torch.minimum(reach, REACH * unit / length)
        new = gyro_add(x, part * here.step, c)
        there = _look(new, z, shares, c)
        # Near the mean sums of squares do not show which one is less.
        least = here.square * (1 + eps ** (2 / 3)) - part * here.slope / 2 + noise**2
        down = ~rest & (there.square <= least)
        x = torch.where(down, new, x)
        here = _Look(*map(torch.where, [down] * 3, there, here))
        reach = torch.where(down, 1.0, part / 3)
    return x, found & (dot(x, x).sqrt() <= STRAY * unit)
