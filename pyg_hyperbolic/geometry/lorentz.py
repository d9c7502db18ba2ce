r"""The linear map of the hyperboloid's space coordinates; the time is restored.

[1] W. Chen et al., *Fully Hyperbolic Neural Networks*, 2022, Eq. 2 and 3.
"""

import torch
from torch import Tensor

from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import (
    Curved,
    dot,
    log_max,
    prepare,
    square,
    times,
)


def lorentz_map(
    v: Tensor, h: Tensor, time: Tensor, bias: Tensor | None, c: Curved
) -> Tensor:
    r"""Points whose space coordinates are affine in the coordinates of points v.

    With the hyperboloid point of v, :math:`(\cosh(a)/\sqrt c,\ \sinh(a)/a\, v)` at
    :math:`a = \sqrt c \lVert v \rVert`, and :math:`h = \mathbf{W} v` they are

    .. math::
        y = \sinh(a)/a\; h + \cosh(a)\; t + b ,

    and the time is what the hyperboloid asks for.  The column t of the weight belongs
    to the time in units of :math:`1/\sqrt c`, so that it stays of order one: at
    :math:`c = 1` this is [1]'s map, and for :math:`c \to 0` it is :math:`h + t + b`.

    Args:
        v: Points, shape :math:`(*, d)`, dense or sparse.
        h: Linear images :math:`\mathbf{W} v`, shape :math:`(*, d')`.
        time: Column of the weight that is for the time, shape :math:`(d')`.
        bias: Translation of the space coordinates, shape :math:`(d')`.
        c: Absolute value of the curvature.

    Returns:
        Points in normal coordinates, shape :math:`(*, d')`.
    """
    c, (v, h, time), dtype = prepare(c, v=v, h=h, time=time)
    z = c * square(v)
    shift = special.natural_shift(z)
    y = times(special.sinhc(z, shift), h) + times(special.cosh(z, shift), time)
    if bias is not None:
        y = y + times((-shift).exp(), bias)
    # Back to the scale of y, as far as its dtype has numbers for it and its square:
    # where images cancel, a shift would exceed the logarithm of what is left.
    back = shift.clamp(max=log_max(y.dtype) / 3)
    growth = back.exp()
    radial = special.arsinhc(c * dot(y, y) * growth.square(), shift - back)
    return times(growth * radial, y).to(dtype)


def lorentz_form(v: Tensor, h: Tensor, time: Tensor, c: Curved) -> Tensor:
    r"""A linear form of the hyperboloid points :math:`\sqrt c\,(x_0, x)`.

    Far out the values are of the order of :math:`e^{600}` at most (:math:`e^{75}` on a
    device without float64), beyond which a sigmoid of them is 0 or 1 in any dtype.

    Args:
        v: Points, shape :math:`(*, d)`, dense or sparse.
        h: Products :math:`\langle w, v \rangle`, shape :math:`(*, 1)`.
        time: Coefficient of the time, shape :math:`()`.
        c: Absolute value of the curvature.

    Returns:
        Values in the wide dtype, shape :math:`(*, 1)`.
    """
    c, (v, h, time), _ = prepare(c, v=v, h=h, time=time)
    z = c * square(v)
    shift = special.natural_shift(z)
    root = torch.as_tensor(c, dtype=z.dtype).sqrt()
    space = root * special.sinhc(z, shift) * h.to(z.dtype)
    form = space + special.cosh(z, shift) * time.to(z.dtype)
    return form * shift.clamp(max=0.85 * log_max(z.dtype)).exp()


def with_cosh(v: Tensor, cosh: Tensor, c: Curved) -> Tensor:
    r"""Points moved along their radius to where :math:`\cosh(\sqrt c\, r)` is given.

    The origin, which has no direction, stays where it is.

    Args:
        v: Points, shape :math:`(*, d)`.
        cosh: Numbers greater than 1, shape :math:`(*, 1)`.
        c: Absolute value of the curvature, not zero.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    c, (points,), dtype = prepare(c, v=v)
    length = dot(points, points)
    norm = torch.where(length > 0, c * length, 1.0).sqrt()
    return times(cosh.to(norm.dtype).acosh() / norm, points).to(dtype)
