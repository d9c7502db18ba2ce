r"""Derivatives with respect to the curvature, in a form that does not cancel.

In the triangle of the origin, u and :math:`w = u \oplus v` with the sides a, b and W
(times :math:`\sqrt c`) and the angles :math:`\varphi` at the origin and :math:`\psi`
at w, scaling by :math:`\sqrt c` gives

.. math::
    2c\, \frac{dw}{dc} = (a \cos\varphi + b \cos\psi - W)\, \frac{w}{W}
    + (b \sin\psi - a \sin\varphi \cosh W)\, \frac{W}{\sinh W}\, e_\perp .

Both brackets are defects: they vanish for points on one line, and in the flat plane.
Automatic differentiation would make of them a difference of terms as large as a and b,
times 1/c, which may leave nothing but rounding errors.  With the half differences
:math:`\varepsilon = (a + b - W)/2` and :math:`\eta = (W - |a - b|)/2`, and
:math:`f(x) = x \coth x - 1`, the first bracket is (for :math:`a \ge b`)

.. math::
    2\, \eta\, \frac{\sinh\varepsilon\, \sinh(a + \eta)}{\sinh W}
    \left( f[a + \eta, a] - f[b, \varepsilon] \right)
    = 2\, \varepsilon\, \frac{\sinh\eta\, \sinh(a - \varepsilon)}{\sinh W}
    \left( f[a, a - \varepsilon] + f[b, \eta] \right)

with divided differences of f: the first for angles up to a right one, the second
beyond.  The other bracket needs :math:`\sinh(a)/a - \cosh W \sinh(b)/b`.

An operation f uses its derivative :math:`f'` by computing

.. math::
    f(c_0) + (c - c_0)\, f'\left((c + c_0)/2\right)

where :math:`c_0` is the same number as c, but counts as a constant.  The value is that
of :math:`f(c)`; automatic differentiation finds :math:`f'(c)` with its derivatives with
respect to the points, and :math:`f''(c)`.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import Curved, dot, times, wide_dtype


class Learned(NamedTuple):
    """A curvature whose derivative an operation computes by its own formula."""

    fixed: Tensor  # c without a derivative
    step: Tensor  # 0 with the derivative of c
    middle: Tensor  # c with half of its derivative


def learned(c: Curved) -> Learned | None:
    """Splits a curvature that requires a gradient; :obj:`None` for any other."""
    if not isinstance(c, Tensor) or not c.requires_grad:
        return None
    fixed = c.detach()
    return Learned(fixed, c - fixed, (c + fixed) / 2)


def wide(*points: Tensor) -> list[Tensor]:
    """Points in the dtype of row scalars, for derivatives that are almost zero."""
    return [point.to(wide_dtype(point.device)) for point in points]


def across(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The part of v across u, its squared length, and the share of u that was taken.

    Both are 0 where nothing but the rounding of this function is left.
    """
    uu = dot(u, u)
    uu = torch.where(uu > 0, uu, 1.0)
    share = dot(u, v) / uu
    x = v - times(share, u)
    rest = dot(u, x) / uu  # of rounding
    x = x - times(rest, u)
    noise = 8 * torch.finfo(x.dtype).eps ** 2
    xx = dot(x, x)
    apart = xx > noise**2 * dot(v, v)
    x = torch.where(apart, x, x - x.detach())  # 0, with its derivative
    return x, torch.where(apart, xx, 0.0), share + rest


class Triangle(NamedTuple):
    r"""What is known of :math:`w = u \oplus v = p u + r q`, row scalars but for q."""

    q: Tensor  # a short point in the plane of u and v
    vv: Tensor  # ||v||^2
    uv: Tensor  # <u, v>
    excess: Tensor  # ||u||^2 - ||v||^2
    p: Tensor
    r: Tensor


def of_sum(c: Tensor, u: Tensor, triangle: Triangle) -> tuple[Tensor, Tensor, Tensor]:
    """Derivative of the sum with respect to c.

    Returns:
        Row scalars p and r and points x, of the derivative p u + r x.
    """
    frame = _frame(u, triangle)
    radial, turn = _brackets(c, triangle, frame)
    r = torch.where(frame.apart, triangle.r, 1.0)
    turn = turn * r / frame.ww
    p = torch.where(frame.apart, radial * frame.along - turn * (r * frame.xx), 0.0)
    # At w = 0 the derivative is 0, but has one with respect to the points.
    at_origin = triangle.r * triangle.vv * half_excess(c * triangle.vv)
    return (
        p,
        torch.where(frame.apart, radial * r + turn * frame.by_u, at_origin),
        frame.x,
    )


def of_square(c: Tensor, u: Tensor, triangle: Triangle) -> Tensor:
    """Derivative of the sum's squared length with respect to c."""
    frame = _frame(u, triangle)
    radial, _ = _brackets(c, triangle, frame)
    return torch.where(frame.apart, 2 * radial * frame.ww, 0.0)


def of_transport(c: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Derivative of the transport of v to u with respect to c.

    Returns:
        Row scalars r and points x, of the derivative r x.
    """
    uu = dot(u, u)
    x, _, _ = across(u, v)
    z = c * uu
    # d/dz (a / sinh a) = (a / sinh a) (1 - a coth a) / (2 z)
    shift = special.natural_shift(z)
    return -uu * half_excess(z) * (-shift).exp() / special.sinhc(z, shift), x


class _Frame(NamedTuple):
    """The sum in orthogonal coordinates, w = along u + r x."""

    x: Tensor
    uu: Tensor
    xx: Tensor
    along: Tensor
    by_u: Tensor  # <w, u>
    ww: Tensor  # ||w||^2, where it is not 0
    apart: Tensor  # whether it is not 0


def _frame(u: Tensor, triangle: Triangle) -> _Frame:
    uu = dot(u, u)
    x, xx, share = across(u, triangle.q)
    along = triangle.p + triangle.r * share
    by_u = torch.where(uu > 0, along * uu, triangle.r * dot(u, triangle.q))
    ww = along * by_u + triangle.r * (triangle.r * xx)
    apart = ww > 0
    return _Frame(x, uu, xx, along, by_u, torch.where(apart, ww, 1.0), apart)


def _brackets(c: Tensor, triangle: Triangle, frame: _Frame) -> tuple[Tensor, Tensor]:
    """The two brackets over 2c, the first over W and the second times W / sinh W."""
    # Where two of the points are one, or all on a line, the triangle is one nearby.
    nearby = torch.finfo(frame.uu.dtype).tiny ** 0.65
    uu = torch.where(frame.uu > 0, frame.uu, nearby)
    vv = torch.where(triangle.vv > 0, triangle.vv, nearby)
    xx = torch.where(frame.xx > 0, frame.xx, nearby)
    bent = frame.apart & (c * torch.maximum(uu, vv) > _flat(uu))
    cos = triangle.uv.abs() / (uu.sqrt() * vv.sqrt())
    cos = torch.where(cos < 1, cos, 1.0)
    sin2 = torch.where(frame.xx > 0, xx / vv, 0.5)
    radial, turn = _defects(
        torch.where(bent, c * uu, 1.0),
        torch.where(bent, c * vv, 1.0),
        torch.where(bent, c * frame.ww, 1.0),
        torch.where(bent, c * triangle.excess, 0.0),
        torch.where(bent, cos, 0.5),
        torch.where(bent, sin2, 0.75),
        triangle.uv >= 0,
    )
    twice_c = torch.where(bent, 2 * c, 1.0)
    # Series to first order in c, whose derivative at c = 0 is half of f''.
    uu, vv, ww = frame.uu, triangle.vv, frame.ww
    small = torch.where(bent, 0.0, c)
    flat_radial = 1 / 6 - small * (uu + vv + 4 * triangle.uv) / 45
    flat_radial = uu * frame.xx / ww * flat_radial
    flat_turn = triangle.excess * (3 * uu - 7 * vv) / 360
    flat_turn = flat_turn + ww * (ww / 24 - triangle.excess / 36)
    flat_turn = triangle.excess / 12 - ww / 4 + small / 2 * flat_turn
    curved = bent & (frame.uu * triangle.vv * frame.xx > 0)
    return (
        torch.where(curved, radial / twice_c, flat_radial),
        torch.where(bent, turn / twice_c, flat_turn),
    )


def _flat(z: Tensor) -> float:
    """The c r^2 below which two terms in c are exact to rounding."""
    return 500 * torch.finfo(z.dtype).eps


def half_excess(z: Tensor) -> Tensor:
    r""":math:`(a \coth a - 1) / (2 a^2)` with :math:`z = a^2`."""
    bent = z > _flat(z)
    a = torch.where(bent, z, 1.0).sqrt()
    half = special.coth_difference(a, torch.zeros_like(a)) / (2 * a)
    return torch.where(bent, half, 1 / 6 - torch.where(bent, 0.0, z) / 90)


def _defects(
    zu: Tensor,
    zv: Tensor,
    zw: Tensor,
    difference: Tensor,
    cos: Tensor,
    sin2: Tensor,
    acute: Tensor,
) -> tuple[Tensor, Tensor]:
    """The brackets of a triangle, from its squared sides and the angle of u and v."""
    a, b, w = zu.sqrt(), zv.sqrt(), zw.sqrt()
    d = difference / (a + b)
    # Each of a tie's derivatives is that of one side, the same in all of these.
    longer = d >= 0
    big, small = torch.where(longer, a, b), torch.where(longer, b, a)
    apart = torch.where(longer, d, -d)

    # cos^2 and sin^2 of half the angle: the larger from the sine, then the smaller.
    larger = (1 + cos) / 2
    smaller = sin2 / (4 * larger)
    log_sin2 = torch.where(acute, smaller, larger).log()
    log_cos2 = torch.where(acute, larger, smaller).log()
    # sinh(eps) sinh((a + b + W)/2) = sin^2 sinh(a) sinh(b), and with the cosine
    # sinh(eta) sinh((W + |a - b|)/2).
    product = _log_sinh(a, zu) + _log_sinh(b, zv)
    outer, inner = (a + b + w) / 2, (w + apart) / 2
    eps = _arsinh_exp(log_sin2 + product - _log_sinh(outer, outer.square()))
    eta = _arsinh_exp(log_cos2 + product - _log_sinh(inner, inner.square()))
    top = torch.where(acute, big + eta, big)
    bottom = torch.where(acute, big, big - eps)
    short = torch.where(acute, eps, eta)
    upper = special.coth_difference(top, bottom)
    lower = special.coth_difference(small, short)
    bracket = torch.where(acute, eta * (upper - lower), eps * (upper + lower))
    # 2 sinh(short) sinh(sum_) / sinh(W): the exponents add up to 2 eps, or to 0.
    sum_ = torch.where(acute, outer, inner)
    rest = (torch.where(acute, 2 * eps, 0.0)).exp() * -torch.expm1(-2 * short)
    rest = rest * torch.expm1(-2 * sum_) / torch.expm1(-2 * w)
    radial = bracket * rest / w

    # (W / sinh W) (sinhc(a) / sinhc(b) - cosh W)
    near = big < 1.5
    one = torch.ones_like(a)
    by_series = difference * special.sinhc_difference(
        torch.where(near, zu + zv, one), torch.where(near, zu * zv, 0.25 * one)
    )
    by_series = by_series / special.sinhc(torch.where(near, zv, one))
    close = ~near & (d.abs() <= 1)
    d_close = torch.where(close, d, 0.0)
    coth_b = b / torch.where(close, b, 1.0).tanh()
    by_difference = b * 2 * (d_close / 2).sinh().square() + d_close * (
        coth_b * special.sinhc(d_close.square()) - 1
    )
    by_difference = by_difference / a
    ratio = torch.where(near, by_series, by_difference)
    over_sinh = (-w).exp() / special.sinhc(zw, w)  # W / sinh(W)
    far = (a - b - w).exp() * special.sinhc(zu, a)
    far = far / (special.sinhc(zv, b) * special.sinhc(zw, w))
    turn = torch.where(
        near | close, over_sinh * ratio - w * (w / 2).tanh(), far - w / w.tanh()
    )
    return radial, turn


def _log_sinh(a: Tensor, z: Tensor) -> Tensor:
    """log sinh a; its argument comes squared too."""
    return a + (a * special.sinhc(z, a)).log()


def _arsinh_exp(x: Tensor) -> Tensor:
    """arsinh(e^x), also where e^x is out of range."""
    far = x > 20
    return torch.where(far, x + math.log(2), torch.where(far, 0.0, x).exp().asinh())
