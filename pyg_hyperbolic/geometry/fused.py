r"""Operations of a layer in few passes, each with a derivative written by hand.

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
The forms are exact to rounding up to the radii of :data:`REACH`; those of
:mod:`pyg_hyperbolic.geometry.gyro` and :mod:`~pyg_hyperbolic.geometry.midpoint` are at
all radii, at several times the cost.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot, vector_norm

from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.even import (
    Even,
    arsinhc,
    arsinhc_slope,
    artanhc,
    artanhc_slope,
    even,
)
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.midpoint import lift
from pyg_hyperbolic.geometry.rows import dot, prepare

# Radii up to which a sum is right to 1e-5 in float32 and to 1e-12 in float64.
REACH = 8.0
# And those of midpoints, by the dtype of the points: in which dtype they are summed.
REACHES = {
    torch.float32: [(torch.float32, 2.5), (torch.float64, 12.0)],
    torch.float64: [(torch.float64, 6.0)],
}


Products = Sequence[Tensor]  # <h, h> and <h, b> of the rows h, and <b, b>


class _Rows(NamedTuple):
    """What the points h and the bias b have in common, in float64."""

    hh: Tensor  # [N]
    hb: Tensor  # [N]
    bb: Tensor  # []
    at_h: Even  # functions of c hh
    at_b: Even  # functions of c bb
    cross: Tensor  # c hb

    @property
    def p(self) -> Tensor:
        return self.at_h.s * self.at_b.c + self.at_h.k * self.at_b.s * self.cross

    @property
    def time(self) -> Tensor:
        return self.at_h.c * self.at_b.c + self.at_h.s * self.at_b.s * self.cross


def _rows(products: Products, c: Tensor, derivatives: bool) -> _Rows:
    hh, hb, bb = (x.double() for x in products)
    c = c.double()
    at_h, at_b = even(c * hh, derivatives), even(c * bb, derivatives)
    return _Rows(hh, hb, bb, at_h, at_b, c * hb)


class _Slopes(NamedTuple):
    """Derivatives of p, or of the time, by hh, hb, bb and c."""

    hh: Tensor
    hb: Tensor
    bb: Tensor
    c: Tensor


def _slopes_of_p(rows: _Rows, c: Tensor) -> _Slopes:
    h, b = rows.at_h, rows.at_b
    by_zh = h.ds * b.c + h.dk * b.s * rows.cross
    by_zb = h.s * b.s / 2 + h.k * b.ds * rows.cross
    by_cross = h.k * b.s
    by_c = by_zh * rows.hh + by_zb * rows.bb + by_cross * rows.hb
    return _Slopes(c * by_zh, c * by_cross, c * by_zb, by_c)


def _slopes_of_time(rows: _Rows, c: Tensor) -> _Slopes:
    h, b = rows.at_h, rows.at_b
    by_zh = h.s * b.c / 2 + h.ds * b.s * rows.cross
    by_zb = h.c * b.s / 2 + h.s * b.ds * rows.cross
    by_cross = h.s * b.s
    by_c = by_zh * rows.hh + by_zb * rows.bb + by_cross * rows.hb
    return _Slopes(c * by_zh, c * by_cross, c * by_zb, by_c)


def _products(h: Tensor, b: Tensor) -> Products:
    """Squared lengths and inner products of rows h [N, d] and b [d]."""
    return vector_norm(h, dim=-1).square(), h @ b, b @ b


def _pull_back(
    h: Tensor, b: Tensor, g: Tensor, p: Tensor, by_hh: Tensor, by_hb: Tensor
) -> tuple[Tensor, Tensor]:
    """Gradients of p h by h, and of it by b through <h, b>.

    Args:
        h: Rows [N, d].
        b: Bias [d].
        g: Gradient of the result [N, d].
        p: Factor of h [N].
        by_hh: Gradient of the rows' squared lengths [N].
        by_hb: Gradient of the rows' products with b [N].
    """
    p, by_hh, by_hb = (x.to(h.dtype) for x in (p, by_hh, by_hb))
    by_h = g * p[:, None]
    by_h.addcmul_(h, by_hh[:, None], value=2).addcmul_(by_hb[:, None], b)
    return by_h, by_hb @ h


class _BiasLift(torch.autograd.Function):
    """Rows (time, m) of the points h + b."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, b: Tensor, c: Tensor) -> Tensor:
        products = _products(h, b)
        rows = _rows(products, c, derivatives=False)
        out = h.new_empty(h.size(0), h.size(1) + 1)
        out[:, 0] = rows.time
        r = (rows.at_b.s * b).to(h.dtype)
        torch.addcmul(r, h, rows.p.to(h.dtype)[:, None], out=out[:, 1:])
        ctx.save_for_backward(h, b, c, *products)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, b, c, *products = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _again(_plain_lift, grad, h, b, c)
        rows = _rows(products, c, derivatives=True)
        by_time, g = grad[:, 0], grad[:, 1:]
        by_p = vecdot(g, h)
        one, other = _slopes_of_p(rows, c.double()), _slopes_of_time(rows, c.double())
        by_hh, by_hb, by_bb, by_c = (
            by_p * x + by_time * y for x, y in zip(one, other, strict=True)
        )
        by_h, by_b = _pull_back(h, b, g, rows.p, by_hh, by_hb)
        total = g.sum(dim=0)
        s, ds = rows.at_b.s, rows.at_b.ds
        by_r = (total @ b).double() * ds  # of z_b, where r = S(z_b)
        along = 2 * (by_bb.sum() + c * by_r)
        by_b = by_b + (s * total + along * b).to(b.dtype)
        return by_h, by_b, (by_c.sum() + rows.bb * by_r).to(c.dtype)


class _BiasSum(torch.autograd.Function):
    """Points h + b: sigma (p h + r b) with sigma = arsinh(sqrt q)/sqrt q, q = c m^2."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, b: Tensor, c: Tensor, *products: Tensor) -> Tensor:
        rows = _rows(products, c, derivatives=False)
        r = (rows.at_b.s * b).to(h.dtype)
        out = torch.addcmul(r, h, rows.p.to(h.dtype)[:, None])
        # Not from the products, which lose its digits where h is near -b.
        mm = vector_norm(out, dim=-1).square()
        out *= arsinhc(c.double() * mm.double()).to(h.dtype)[:, None]
        ctx.save_for_backward(h, b, c, *products, mm)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, b, c, *products, mm = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *_again(gyro_add, grad, h, b, c), None, None, None
        rows = _rows(products, c, derivatives=True)
        at_c, mm = c.double(), mm.double()
        sigma, slope = arsinhc(at_c * mm), arsinhc_slope(at_c * mm)
        p, r, dr = rows.p, rows.at_b.s, rows.at_b.ds
        with_h, with_b = vecdot(grad, h), grad @ b
        by_q = (with_h * p + with_b * r) * slope
        by_mm = at_c * by_q
        by_p = sigma * with_h + 2 * by_mm * (p * rows.hh + r * rows.hb)
        by_r = sigma * with_b + 2 * by_mm * (p * rows.hb + r * rows.bb)
        of_p = _slopes_of_p(rows, at_c)
        by_h, by_b = _pull_back(
            h,
            b,
            grad,
            sigma * p,
            by_mm * p.square() + by_p * of_p.hh,
            2 * by_mm * p * r + by_p * of_p.hb,
        )
        by_bb = (by_mm * r.square() + by_p * of_p.bb + by_r * (at_c * dr)).sum()
        by_c = (by_q * mm + by_p * of_p.c + by_r * (rows.bb * dr)).sum()
        by_b += (sigma * r).to(grad.dtype) @ grad + (2 * by_bb * b).to(b.dtype)
        return by_h, by_b, by_c.to(c.dtype), None, None, None


class _Drop(torch.autograd.Function):
    """Midpoints artanh(sqrt z)/sqrt z p/t, z = c p^2/t^2, of sums (t, p)."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor, c: Tensor) -> Tensor:
        t, pp = _parts(sums)
        out = (
            sums[:, 1:]
            * (artanhc(c.double() * pp / t.square()) / t).to(sums.dtype)[:, None]
        )
        ctx.save_for_backward(sums, c)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        sums, c = ctx.saved_tensors
        if torch.is_grad_enabled():
            return _again(_plain_drop, grad, sums, c)
        t, pp = _parts(sums)
        momentum, at_c = sums[:, 1:], c.double()
        ratio = pp / t.square()
        z = at_c * ratio
        value, slope = artanhc(z), artanhc_slope(z)
        along = vecdot(grad, momentum) / t
        by_sums = torch.empty_like(sums)
        torch.mul(grad, (value / t).to(sums.dtype)[:, None], out=by_sums[:, 1:])
        factor = 2 * at_c * slope * along / t.square()
        by_sums[:, 1:].addcmul_(momentum, factor.to(sums.dtype)[:, None])
        by_sums[:, 0] = -along * (value + 2 * z * slope) / t
        return by_sums, (along * slope * ratio).sum().to(c.dtype)


def _parts(sums: Tensor) -> tuple[Tensor, Tensor]:
    t = sums[:, 0].double()
    pp = vector_norm(sums[:, 1:], dim=-1).double().square()
    return torch.where(t == 0, 1.0, t), pp  # a sum over no points is the origin


def _again(
    f: Callable[..., Tensor], grad: Tensor, *inputs: Tensor
) -> tuple[Tensor | None, ...]:
    """The gradient with a graph of its own, by automatic differentiation."""
    needed = [x for x in inputs if x.requires_grad]
    with torch.enable_grad():
        out = f(*inputs)
    grads = iter(torch.autograd.grad(out, needed, grad, create_graph=True))
    return tuple(next(grads) if x.requires_grad else None for x in inputs)


def _plain_lift(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The same, for automatic differentiation."""
    columns, _ = lift(gyro_add(h, b, c), c, largest=c.new_zeros(()).double())
    return torch.cat([columns[:, :1], columns[:, 2:]], dim=-1).to(h.dtype)


def _plain_drop(sums: Tensor, c: Tensor) -> Tensor:
    """The same, for automatic differentiation."""
    t = sums[:, :1].double()
    klein = sums[:, 1:] / torch.where(t == 0, 1.0, t)
    return (special.artanhc(c * dot(klein, klein)) * klein).to(sums.dtype)


def bias_sum(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    r"""Points :math:`h \oplus b`, a bias added to each.

    Args:
        h: Points, shape :math:`(*, d)`.
        b: One point, shape :math:`(d)`.
        c: Absolute value of the curvature, shape :math:`()`.
    """
    dtype = h.dtype
    _, (h, b) = prepare(c, h, b)
    rows = h.reshape(-1, h.size(-1))
    with torch.autocast(h.device.type, enabled=False):
        products = _products(rows.detach(), b.detach())
        z = c.detach() * torch.maximum(products[0], products[2])  # far out: to be exact
        if (z <= REACH**2).all():
            out = _BiasSum.apply(rows, b, c, *products)  # type: ignore[no-untyped-call]
        else:
            out = gyro_add(rows, b, c)
    return out.view(h.shape).to(dtype)


def bias_lift(h: Tensor, b: Tensor, c: Tensor) -> Tensor | None:
    r"""Hyperboloid points of :math:`h \oplus b`, to be summed for :func:`drop`.

    Arguments as in :func:`bias_sum`.

    Returns:
        Rows of time and space, shape :math:`(*, d + 1)`, in float32 where its digits
        are enough, else in float64; :obj:`None` where those are not either, and sums
        have to be taken in two passes (see :mod:`~pyg_hyperbolic.geometry.midpoint`).
    """
    _, (h, b) = prepare(c, h, b)
    rows = h.reshape(-1, h.size(-1))
    with torch.autocast(h.device.type, enabled=False):
        for dtype, reach in REACHES[h.dtype]:
            out = _BiasLift.apply(  # type: ignore[no-untyped-call]
                rows.to(dtype), b.to(dtype), c
            )
            if (out[:, 0] <= math.cosh(reach)).all():
                return out.view(*h.shape[:-1], out.size(-1))
    return None


def drop(sums: Tensor, c: Tensor) -> Tensor:
    r"""Midpoints from weighted sums of :func:`bias_lift` rows.

    Args:
        sums: Shape :math:`(*, d + 1)`.  A sum over no points, all zeros, gives the
            origin.
        c: Absolute value of the curvature, shape :math:`()`.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    rows = sums.reshape(-1, sums.size(-1))
    out = _Drop.apply(rows, c)  # type: ignore[no-untyped-call]
    return out.view(*sums.shape[:-1], out.size(-1))
