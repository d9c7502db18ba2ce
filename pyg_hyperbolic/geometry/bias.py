r"""A bias added to many points at once: formulas, and their derivatives by hand.

A layer adds one bias :math:`b` to all its points :math:`h`.  Everything that it needs
of them is :math:`p\,h + r\,b` with row scalars that depend on :math:`\lVert h
\rVert^2`, :math:`\langle h, b \rangle`, :math:`\lVert b \rVert^2` and :math:`c` alone;
so does the derivative.  Automatic differentiation would make some forty passes over
the points of the same thing, and keep what each of them saw.

With :math:`C(z) = \cosh\sqrt z`, :math:`S(z) = \sinh(\sqrt z)/\sqrt z` and
:math:`K(z) = (\cosh\sqrt z - 1)/z` the spatial part of the hyperboloid point of
:math:`h \oplus b` is

.. math::
    m = \left( S(c\,h^2)\, C(c\,b^2) + K(c\,h^2)\, S(c\,b^2)\, c \langle h, b \rangle
    \right) h + S(c\,b^2)\, b ,

its time :math:`C(c\,h^2)\, C(c\,b^2) + S(c\,h^2)\, S(c\,b^2)\, c \langle h, b \rangle`.
The forms are exact to rounding up to moderate radii; those of
:mod:`pyg_hyperbolic.geometry.gyro` and :mod:`~pyg_hyperbolic.geometry.midpoint` are at
all radii, at several times the cost.

In all functions h and gradients are [N, d], b is [d], row scalars are [N] and float64.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor
from torch.linalg import vecdot, vector_norm

from pyg_hyperbolic.geometry.compiling import keep
from pyg_hyperbolic.geometry.even import (
    Even,
    arsinhc,
    arsinhc_slope,
    artanhc,
    artanhc_slope,
    even,
)

Products = Sequence[Tensor]  # <h, h> and <h, b> of the rows h, and <b, b>


def products(h: Tensor, b: Tensor) -> Products:
    """Squared lengths and inner products, in the dtype of the points."""
    return vector_norm(h, dim=-1).square(), h @ b, b @ b


def column(scalar: Tensor, like: Tensor) -> Tensor:
    """Row scalars as factors of points of that dtype."""
    return keep(scalar.to(like.dtype))[:, None]


class Rows(NamedTuple):
    """What the points h and the bias b have in common."""

    hh: Tensor
    hb: Tensor
    bb: Tensor  # []
    at_h: Even  # functions of c hh
    at_b: Even  # functions of c bb
    cross: Tensor  # c hb

    @property
    def p(self) -> Tensor:
        """Factor of h in m."""
        return self.at_h.s * self.at_b.c + self.at_h.k * self.at_b.s * self.cross

    @property
    def time(self) -> Tensor:
        """The hyperbolic cosine of the sum's radius."""
        return self.at_h.c * self.at_b.c + self.at_h.s * self.at_b.s * self.cross


def rows(known: Products, c: Tensor, derivatives: bool = False) -> Rows:
    """All row scalars; slopes of the even functions only if asked for."""
    hh, hb, bb = (x.double() for x in known)
    c = c.double()
    at_h, at_b = even(c * hh, derivatives), even(c * bb, derivatives)
    return Rows(hh, hb, bb, at_h, at_b, c * hb)


def sum_scale(mm: Tensor, c: Tensor) -> Tensor:
    r"""The factor :math:`\sigma` of :math:`h \oplus b = \sigma m`, from m squared."""
    return arsinhc(c.double() * mm.double())


def mean_scale(t: Tensor, pp: Tensor, c: Tensor) -> Tensor:
    """The factor of a midpoint in a momentum p that is summed with the time t."""
    return artanhc(c.double() * pp / t.square()) / t


class _Slopes(NamedTuple):
    """Derivatives of p, or of the time, by hh, hb, bb and c."""

    hh: Tensor
    hb: Tensor
    bb: Tensor
    c: Tensor


def _slopes_of_p(at: Rows, c: Tensor) -> _Slopes:
    h, b = at.at_h, at.at_b
    by_zh = h.ds * b.c + h.dk * b.s * at.cross
    by_zb = h.s * b.s / 2 + h.k * b.ds * at.cross
    by_cross = h.k * b.s
    by_c = by_zh * at.hh + by_zb * at.bb + by_cross * at.hb
    return _Slopes(c * by_zh, c * by_cross, c * by_zb, by_c)


def _slopes_of_time(at: Rows, c: Tensor) -> _Slopes:
    h, b = at.at_h, at.at_b
    by_zh = h.s * b.c / 2 + h.ds * b.s * at.cross
    by_zb = h.c * b.s / 2 + h.s * b.ds * at.cross
    by_cross = h.s * b.s
    by_c = by_zh * at.hh + by_zb * at.bb + by_cross * at.hb
    return _Slopes(c * by_zh, c * by_cross, c * by_zb, by_c)


def _pull_back(
    h: Tensor, b: Tensor, g: Tensor, p: Tensor, by_hh: Tensor, by_hb: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of p h by h, and of it by b through <h, b>.

    Args:
        h: Points.
        b: Bias.
        g: Gradient of the result.
        p: Factor of h.
        by_hh: Gradient of the points' squared lengths.
        by_hb: Gradient of the points' products with b.
    """
    by_h = g * column(p, h)
    by_h.addcmul_(h, column(by_hh, h), value=2)
    by_hb = column(by_hb, h)
    by_h.addcmul_(by_hb, b)
    return by_h, by_hb[:, 0] @ h


def lift_back(
    h: Tensor, b: Tensor, c: Tensor, known: Products, by_time: Tensor, by_m: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by h, b and c from those of time and m."""
    at, c64 = rows(known, c, derivatives=True), c.double()
    by_p = vecdot(by_m, h)
    one, other = _slopes_of_p(at, c64), _slopes_of_time(at, c64)
    by_hh, by_hb, by_bb, by_c = (
        by_p * x + by_time * y for x, y in zip(one, other, strict=True)
    )
    by_h, by_b = _pull_back(h, b, by_m, at.p, by_hh, by_hb)
    total = by_m.sum(dim=0)
    s, ds = at.at_b.s, at.at_b.ds
    by_r = (total @ b).double() * ds  # of z_b, where r = S(z_b)
    along = 2 * (by_bb.sum() + c64 * by_r)
    by_b = by_b + (s * total + along * b).to(b.dtype)
    return by_h, by_b, (by_c.sum() + at.bb * by_r).to(c.dtype)


def sum_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, known: Products, mm: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by h, b and c from that of the sum, whose m has the square mm."""
    at, c64, mm = rows(known, c, derivatives=True), c.double(), mm.double()
    sigma, slope = arsinhc(c64 * mm), arsinhc_slope(c64 * mm)
    p, r, dr = at.p, at.at_b.s, at.at_b.ds
    with_h, with_b = vecdot(grad, h), grad @ b
    by_q = (with_h * p + with_b * r) * slope  # of q = c m^2
    by_mm = c64 * by_q
    by_p = sigma * with_h + 2 * by_mm * (p * at.hh + r * at.hb)
    by_r = sigma * with_b + 2 * by_mm * (p * at.hb + r * at.bb)
    of_p = _slopes_of_p(at, c64)
    by_h, by_b = _pull_back(
        h,
        b,
        grad,
        sigma * p,
        by_mm * p.square() + by_p * of_p.hh,
        2 * by_mm * p * r + by_p * of_p.hb,
    )
    by_bb = (by_mm * r.square() + by_p * of_p.bb + by_r * (c64 * dr)).sum()
    by_c = (by_q * mm + by_p * of_p.c + by_r * (at.bb * dr)).sum()
    by_b = by_b + (column(sigma * r, grad)[:, 0] @ grad + (2 * by_bb * b).to(b.dtype))
    return by_h, by_b, by_c.to(c.dtype)


class MeanSlopes(NamedTuple):
    """Gradients of :func:`mean_scale` times p, but for two factors by p."""

    time: Tensor
    grad: Tensor  # that of p: this times the result's gradient
    momentum: Tensor  # plus this times p
    c: Tensor  # []


def mean_back(
    grad: Tensor, momentum: Tensor, t: Tensor, pp: Tensor, c: Tensor
) -> MeanSlopes:
    """Gradients from that of the midpoints."""
    c64, ratio = c.double(), pp / t.square()
    z = c64 * ratio
    value, slope = artanhc(z), artanhc_slope(z)
    along = vecdot(grad, momentum) / t
    return MeanSlopes(
        -along * (value + 2 * z * slope) / t,
        value / t,
        2 * c64 * slope * along / t.square(),
        (along * slope * ratio).sum().to(c.dtype),
    )
