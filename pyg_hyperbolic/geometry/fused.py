r"""Operations of a layer in few passes, each with a derivative written by hand.

The formulas are those of :mod:`pyg_hyperbolic.geometry.bias`; here is how far they
reach, and what is done beyond.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vector_norm

from pyg_hyperbolic.geometry import bias, special
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.midpoint import lift
from pyg_hyperbolic.geometry.rows import dot, prepare

# Radii up to which a sum is right to 1e-5 in float32 and to 1e-12 in float64.
REACH = 8.0


def reaches(dtype: torch.dtype) -> list[tuple[torch.dtype, float]]:
    """And those of midpoints of points of a dtype: in which dtypes they are summed."""
    if dtype == torch.float32:
        return [(torch.float32, 2.5), (torch.float64, 12.0)]
    return [(torch.float64, 6.0)]


class _BiasLift(torch.autograd.Function):
    """Rows (time, m) of the points h + b."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, b: Tensor, c: Tensor) -> Tensor:
        products = bias.products(h, b)
        at = bias.rows(products, c)
        out = h.new_empty(h.size(0), h.size(1) + 1)
        out[:, 0] = at.time
        r = (at.at_b.s * b).to(h.dtype)
        torch.addcmul(r, h, bias.column(at.p, h), out=out[:, 1:])
        ctx.save_for_backward(h, b, c, *products)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, b, c, *products = ctx.saved_tensors
        if torch.is_grad_enabled():
            return again(_plain_lift, grad, h, b, c)
        return bias.lift_back(h, b, c, products, grad[:, 0], grad[:, 1:])


class _BiasSum(torch.autograd.Function):
    """Points h + b: sigma (p h + r b) with sigma = arsinh(sqrt q)/sqrt q, q = c m^2."""

    @staticmethod
    def forward(ctx: Any, h: Tensor, b: Tensor, c: Tensor, *products: Tensor) -> Tensor:
        out, mm = summed(h, b, c, products)
        ctx.save_for_backward(h, b, c, *products, mm)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, b, c, *products, mm = ctx.saved_tensors
        if torch.is_grad_enabled():
            return *again(gyro_add, grad, h, b, c), None, None, None
        return *bias.sum_back(grad, h, b, c, products, mm), None, None, None


def summed(
    h: Tensor, b: Tensor, c: Tensor, products: bias.Products
) -> tuple[Tensor, Tensor]:
    """Points h + b within reach, and the squared lengths of their m."""
    at = bias.rows(products, c)
    out = torch.addcmul((at.at_b.s * b).to(h.dtype), h, bias.column(at.p, h))
    # Not from the products, which lose its digits where h is near -b.
    mm = vector_norm(out, dim=-1).square()
    out *= bias.column(bias.sum_scale(mm, c), h)
    return out, mm


class _Drop(torch.autograd.Function):
    """Midpoints artanh(sqrt z)/sqrt z p/t, z = c p^2/t^2, of sums (t, p)."""

    @staticmethod
    def forward(ctx: Any, sums: Tensor, c: Tensor) -> Tensor:
        t, pp = parts(sums[:, 0], sums[:, 1:])
        ctx.save_for_backward(sums, c)
        return sums[:, 1:] * bias.column(bias.mean_scale(t, pp, c), sums)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        sums, c = ctx.saved_tensors
        if torch.is_grad_enabled():
            return again(_plain_drop, grad, sums, c)
        momentum = sums[:, 1:]
        slopes = bias.mean_back(grad, momentum, *parts(sums[:, 0], momentum), c)
        by_sums = torch.empty_like(sums)
        by_sums[:, 0] = slopes.time
        torch.mul(grad, bias.column(slopes.grad, sums), out=by_sums[:, 1:])
        by_sums[:, 1:].addcmul_(momentum, bias.column(slopes.momentum, sums))
        return by_sums, slopes.c


def parts(t: Tensor, momentum: Tensor) -> tuple[Tensor, Tensor]:
    """Time of sums and the square of their momentum, as row scalars."""
    t, pp = t.double(), vector_norm(momentum, dim=-1).double().square()
    return torch.where(t == 0, 1.0, t), pp  # a sum over no points is the origin


def again(
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


def within_reach(products: bias.Products, c: Tensor) -> Tensor:
    """Whether all sums of points with these products are in :data:`REACH`."""
    z = c * torch.maximum(products[0], products[2])  # far out: to be exact
    return (z <= REACH**2).all()


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
        products = bias.products(rows.detach(), b.detach())
        if within_reach(products, c.detach()):
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
        for dtype, reach in reaches(h.dtype):
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
