r"""Hyperbolic space as a gyrovector space, in normal coordinates.

What points and c are: :mod:`pyg_hyperbolic.geometry`.
Every operation is a row scalar (one number for each point) times :math:`u` plus a row
scalar times :math:`v`.

[1] A. A. Ungar, *A Gyrovector Space Approach to Hyperbolic Geometry*, 2009.
[2] O. Ganea, G. Becigneul, T. Hofmann, *Hyperbolic Neural Networks*, 2018.
[3] I. Chami, R. Ying, C. Re, J. Leskovec, *Hyperbolic Graph Convolutional Neural
    Networks*, 2019.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyg_hyperbolic.geometry import derivative, special
from pyg_hyperbolic.geometry.derivative import Triangle
from pyg_hyperbolic.geometry.rows import (
    Curved,
    check_fit,
    check_pair,
    dot,
    log_max,
    prepare,
    split,
    times,
)


class _Boost(NamedTuple):
    r"""The gyro-sum before its radius is taken, :math:`m = e^{s} (p\,u + r\,q)`.

    :math:`\sqrt c \lVert m \rVert` is the hyperbolic sine of the radius.
    """

    p: Tensor  # row scalar of u
    r: Tensor  # row scalar of q
    q: Tensor  # v, or v moved along u to where no digits cancel
    square: Tensor  # ||p u + r q||^2
    shift: Tensor  # s
    vv: Tensor  # ||v||^2
    uv: Tensor  # <u, v>
    excess: Tensor  # ||u||^2 - ||v||^2


def _boost(u: Tensor, v: Tensor, c: Curved) -> _Boost:
    r"""Spatial part of the hyperboloid point of v, boosted by that of u.

    With :math:`a = \sqrt c \lVert u \rVert`, :math:`b = \sqrt c \lVert v \rVert` the
    textbook form is :math:`[\sinh(a)/a \cosh b + (\cosh a - 1)/a^2 \sinh(b)/b \cdot
    c \langle u, v \rangle]\, u + [\sinh(b)/b]\, v`.  It loses all digits where
    :math:`u \approx -v`, so :math:`w = u + v`, if shorter, takes the place of v in two
    regions:

    - both points near the origin: the coefficient of u becomes
      :math:`\sinh(a)/a \cosh b - \cosh a \sinh(b)/b`, a divided difference;
    - opposite points farther out: the part along u is :math:`\sinh(a - b) +
      2 \cos^2(\theta/2) \cosh a \sinh b` with the angle from the part of w across u.
    """
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    z_u, z_v = c * uu, c * vv
    shorter = uu + 2 * uv < 0  # u + v, than v
    near = shorter & (z_u <= 1) & (z_v <= 1)
    opposite = (uv < 0) & ~near & (z_u > 0.25) & (z_v > 0.25)
    moved = shorter & (near | opposite)

    q = v + times(torch.where(moved, 1.0, 0.0), u)
    uq, qq = dot(u, q), dot(q, q)
    excess = torch.where(moved, 2 * uq - qq, uu - vv)
    # Far out, two roundings of one length would be factors apart.
    vv = torch.where(moved & opposite, uu - excess, vv)
    uv = torch.where(moved & opposite, uq - uu, uv)
    z_v = c * vv
    q = split(q, u, torch.where(opposite, uu, math.inf)).part()
    qq = torch.where(opposite, dot(q, q), qq)

    # Opposite points: lengths, the difference a - b, and the squared cosine of half
    # the angle between them, each from differences that are exact.
    a = torch.where(opposite, z_u, 1.0).sqrt()
    b = torch.where(opposite, z_v, 1.0).sqrt()
    difference = torch.where(opposite, c * excess, 0.0) / (a + b)
    cos2 = c * torch.where(opposite, qq, 0.0) * a
    cos2 = cos2 / (2 * b * (a * b - torch.where(opposite, c * uv, 0.0)))

    shift_u, shift_v = special.natural_shift(z_u), special.natural_shift(z_v)
    with torch.no_grad():  # near the logarithm of the result's hyperbolic sine
        sin = torch.where(opposite, c * qq, 0.0).sqrt() / b
        shift = torch.maximum(difference.abs(), shift_u + shift_v + cos2.log())
        shift = torch.maximum(shift, shift_v + sin.log())
        shift = torch.where(shift > 1, shift, 0.0)
        shift = torch.where(opposite, shift, shift_u + shift_v)
        limit = min(log_max(v.dtype), 0.8 * log_max(uu.dtype))
        # On one line r is the derivative across it alone, e^a.  Out of range, or too
        # near to that to be multiplied by lengths, it is a large number, not infinity.
        usable = limit - torch.where(difference == 0, 0.0, 8.0)
        beyond = opposite & (qq == 0) & (shift_v - shift > usable)
        some = min(limit, log_max(v.dtype) - 44)
        most = torch.where(beyond, some, limit).to(shift.dtype)
        rescale_v = torch.minimum(shift_v - shift, most).exp()
        rescale_root = torch.minimum(shift_v - shift, 0.45 * most).exp()
        rescale = torch.minimum(shift_u + shift_v - shift, 0.9 * most).exp()

    sinhc_v = special.sinhc(z_v, shift_v)
    cosh_u = special.cosh(z_u, shift_u)
    cross = special.coshm1c(z_u, shift_u) * sinhc_v * c * uq
    nearby = torch.where(near, c * excess, 0.0)
    p_near = cross - 2 * nearby * special.sinhc_difference(
        torch.where(near, 2 * (z_u + z_v), 0.0), nearby.square()
    )
    p_far = special.sinhc(z_u, shift_u) * special.cosh(z_v, shift_v) + cross
    p_opposite = difference * special.sinhc(difference.square(), shift)
    p_opposite = (p_opposite + 2 * cos2 * b * cosh_u * sinhc_v * rescale) / a

    p = torch.where(near, p_near, torch.where(opposite, p_opposite, p_far))
    r, root = sinhc_v * rescale_v, sinhc_v * rescale_root
    uq = torch.where(opposite, 0.0, uq)
    square = p * (p * uu) + 2 * p * (root * uq) + root * (root * qq)
    return _Boost(p, r, q, square, shift, vv, uv, excess)


def _sum(u: Tensor, v: Tensor, c: Curved) -> tuple[Triangle, Tensor]:
    """The gyro-sum w = p u + r q, and its squared length."""
    m = _boost(u, v, c)
    scale = special.arsinhc(c * m.square, m.shift)
    p, r, square = scale * m.p, scale * m.r, scale * (scale * m.square)
    return Triangle(m.q, m.vv, m.uv, m.excess, p, r), square


def gyro_add(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Gyro-sum :math:`u \oplus v = \log_0(\exp_x(P_{0 \to x} v))`.

    With :math:`x = \exp_0(u)`; Moebius addition of the Poincare ball ([1], ch. 3; [2],
    Eq. 4) in normal coordinates.  Not commutative; the inverse of :math:`u` is
    :math:`-u`.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Points, shape :math:`(*, d)`, broadcast against :obj:`u`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.

    Raises:
        ValueError: If :obj:`c` is not a curvature, or points do not fit.
    """
    c, (u, v), dtype = prepare(c, u=u, v=v)
    check_fit(u=u, v=v)
    learned = derivative.learned(c)
    if learned is None:
        w, _ = _sum(u, v, c)
        return (times(w.p, u) + times(w.r, w.q)).to(dtype)
    w, _ = _sum(u, v, learned.fixed)
    wide_u, wide_v = derivative.wide(u, v)
    slope, _ = _sum(wide_u, wide_v, learned.middle)
    p, r, x = derivative.of_sum(learned.middle, wide_u, slope)
    out = times(w.p + learned.step * p, u) + times(w.r, w.q)
    return (out + (learned.step * r * x).to(out.dtype)).to(dtype)


def sqdist(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Squared distance :math:`d(u, v)^2`, smooth also at :math:`u = v`.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Points, shape :math:`(*, d)`, broadcast against :obj:`u`.
        c: Absolute value of the curvature.

    Returns:
        Squared distances, shape :math:`(*)`.

    Raises:
        ValueError: If :obj:`c` is not a curvature, or points do not fit.
    """
    square, dtype = _sqdist(u, v, c)
    return square.to(dtype)


def _sqdist(u: Tensor, v: Tensor, c: Curved) -> tuple[Tensor, torch.dtype]:
    """Squared distances in the wide dtype, and the dtype to return them in."""
    c, (u, v), dtype = prepare(c, u=u, v=v)
    check_fit(u=u, v=v)
    u = -u
    learned = derivative.learned(c)
    if learned is None:
        return _sum(u, v, c)[1].squeeze(-1), dtype
    _, out = _sum(u, v, learned.fixed)
    u, v = derivative.wide(u, v)
    slope, _ = _sum(u, v, learned.middle)
    out = out + learned.step * derivative.of_square(learned.middle, u, slope)
    return out.squeeze(-1), dtype


def dist(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Distance :math:`d(u, v) = \lVert (-u) \oplus v \rVert`.

    At :math:`u = v`, where the distance has no derivative, its gradient is zero.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Points, shape :math:`(*, d)`, broadcast against :obj:`u`.
        c: Absolute value of the curvature.

    Returns:
        Distances, shape :math:`(*)`.

    Raises:
        ValueError: If :obj:`c` is not a curvature, or points do not fit.
    """
    square, dtype = _sqdist(u, v, c)
    apart = ~(square <= 0)  # also what is not a number
    out = torch.where(apart, torch.where(apart, square, 1.0).sqrt(), 0.0)
    return out.to(dtype)


def exp(u: Tensor, w: Tensor, c: Curved) -> Tensor:
    r"""Exponential map :math:`\exp_x(P_{0 \to x} w)` at :math:`x = \exp_0(u)`.

    The tangent vector is given as the vector at the origin that parallel transport
    takes to it, so that :math:`\exp(u, w) = u \oplus w` ([2], Eq. 11 and 12).

    Args:
        u: Points, shape :math:`(*, d)`.
        w: Tangent vectors, transported to the origin, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    check_pair(u=u, w=w)
    return gyro_add(u, w, c)


def log(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Logarithmic map :math:`P_{x \to 0} \log_x(y)` at :math:`x = \exp_0(u)`.

    The inverse of :func:`exp`: :math:`\log(u, v) = (-u) \oplus v`.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Tangent vectors at :obj:`u`, transported to the origin, shape :math:`(*, d)`.
    """
    check_pair(u=u, v=v)
    return gyro_add(-u, v, c)


def transport(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Parallel transport of a tangent vector from the origin to :math:`u`.

    The result is in normal coordinates: :math:`\frac{d}{dt} (u \oplus t v)` at
    :math:`t = 0`.  That is the part of :math:`v` along :math:`u`, unchanged, plus the
    part across it times :math:`a/\sinh a` with :math:`a = \sqrt c \lVert u \rVert`.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Tangent vectors at the origin, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Tangent vectors at :obj:`u` in normal coordinates, shape :math:`(*, d)`.
    """
    c, (u, v), dtype = prepare(c, u=u, v=v)
    check_fit(u=u, v=v)
    learned = derivative.learned(c)
    fixed = c if learned is None else learned.fixed
    uv = dot(u, v)
    z = fixed * dot(u, u)
    shift = special.natural_shift(z)
    across = (-shift).exp() / special.sinhc(z, shift)
    # (1 - a / sinh a) / a^2, where (sinh(a)/a - 1)/a^2 is a divided difference.
    near = z < 1
    safe = torch.where(near, z, 0.0)
    bend = torch.where(
        near,
        special.sinhc_difference(safe, torch.zeros_like(z)) * across,
        (1 - across) / torch.where(near, 1.0, z),
    )
    along = fixed * bend * uv
    out = times(across, v) + times(along, u)
    if learned is not None:
        r, x = derivative.of_transport(learned.middle, *derivative.wide(u, v))
        out = out + (learned.step * r * x).to(out.dtype)
    return out.to(dtype)
