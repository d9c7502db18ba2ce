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


class _Back(NamedTuple):
    """Gradients by c hh, c bb and c hb."""

    hh: Tensor
    bb: Tensor  # []
    hb: Tensor

    def of_c(self, at: Rows) -> Tensor:
        """The gradient by c."""
        return self.hh.dot(at.hh) + self.bb * at.bb + self.hb.dot(at.hb)


def _back_from_p(at: Rows, by_p: Tensor) -> _Back:
    h, b = at.at_h, at.at_b
    by_cross = by_p * h.k
    return _Back(
        by_p * (h.ds * b.c + h.dk * (b.s * at.cross)),
        by_p.dot(h.s) * b.s / 2 + by_cross.dot(at.cross) * b.ds,
        by_cross * b.s,
    )


def _back_from_time(at: Rows, by_time: Tensor) -> _Back:
    h, b = at.at_h, at.at_b
    by_cross = by_time * h.s
    return _Back(
        by_cross * (b.c / 2) + by_time * h.ds * (b.s * at.cross),
        by_time.dot(h.c) * b.s / 2 + by_cross.dot(at.cross) * b.ds,
        by_cross * b.s,
    )


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
    one = _back_from_p(at, vecdot(by_m, h).double())
    other = _back_from_time(at, by_time.double())
    total = by_m.sum(dim=0)
    of_r = (total @ b).double() * at.at_b.ds  # r = S(c bb)
    back = _Back(one.hh + other.hh, one.bb + other.bb + of_r, one.hb + other.hb)
    by_h, by_b = _pull_back(h, b, by_m, at.p, c64 * back.hh, c64 * back.hb)
    by_b = by_b + (at.at_b.s * total + 2 * c64 * back.bb * b).to(b.dtype)
    return by_h, by_b, back.of_c(at).to(c.dtype)


def sum_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, known: Products, mm: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients by h, b and c from that of the sum, whose m has the square mm."""
    at, c64, mm = rows(known, c, derivatives=True), c.double(), mm.double()
    q = c64 * mm
    sigma = arsinhc(q)
    slope = arsinhc_slope(q, sigma)
    p, r = at.p, at.at_b.s
    with_h, with_b = vecdot(grad, h).double(), (grad @ b).double()
    by_q = (with_h * p + with_b * r) * slope
    twice = 2 * c64 * by_q  # m^2 = p^2 hh + 2 p r hb + r^2 bb
    twice_p = twice * p
    back = _back_from_p(at, sigma * with_h + twice_p * at.hh + twice * (r * at.hb))
    by_r = sigma.dot(with_b) + twice_p.dot(at.hb) + twice.sum() * r * at.bb
    back = back._replace(bb=back.bb + by_r * at.at_b.ds)
    by_h, by_b = _pull_back(
        h,
        b,
        grad,
        sigma * p,
        twice_p * p / 2 + c64 * back.hh,
        twice_p * r + c64 * back.hb,
    )
    by_bb = twice.sum() * r.square() / 2 + c64 * back.bb
    by_b = by_b + (column(sigma * r, grad)[:, 0] @ grad + (2 * by_bb * b).to(b.dtype))
    return by_h, by_b, (by_q.dot(mm) + back.of_c(at)).to(c.dtype)


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
    value = artanhc(z)
    slope = artanhc_slope(z, value)
    along = vecdot(grad, momentum).double() / t
    return MeanSlopes(
        -along * (value + 2 * z * slope) / t,
        value / t,
        2 * c64 * slope * along / t.square(),
        (along * slope * ratio).sum().to(c.dtype),
    )
