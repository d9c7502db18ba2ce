r"""Sums of log maps over a graph, edge by edge in parts that fit the cache.

The message from v to u is :math:`(-u) \oplus v = \sigma (S(c v^2)\, d + p\, u)` with
the scalars of :mod:`pyg_hyperbolic.nn.conv.edge_scalars` and :math:`\sigma =
\operatorname{arsinh}(\sqrt q)/\sqrt q`.  Nothing of the size of the edges times the
channels is ever whole: the backward pass goes through the parts once more.
"""

from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch.linalg import vecdot
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry.compiled import gradients
from pyg_hyperbolic.geometry.even import arsinhc_slope
from pyg_hyperbolic.geometry.fused import again
from pyg_hyperbolic.geometry.gyro import log
from pyg_hyperbolic.nn.conv.edge_scalars import Nodes, fitting_dtype, pull_back
from pyg_hyperbolic.nn.conv.edges import directed, parts, repeated


def _sums(
    sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor, ends: Tensor
) -> Tensor:
    out, along = torch.zeros_like(targets), targets.new_zeros(len(targets)).double()
    nodes = Nodes.at(targets, c, derivatives=False)
    for part in parts(ends):
        some, w = ends[:, part], weight[part].double()
        _, d, x = nodes.edge(sources, c, some, derivatives=False)
        scale = w * x.sigma
        d *= (scale * x.at_v.s).to(d.dtype)[:, None]
        out.index_add_(0, some[1], d)
        along.index_add_(0, some[1], scale * x.p)
    return out.addcmul_(along.to(out.dtype)[:, None], targets)


def _sums_back(
    grad: Tensor,
    sources: Tensor,
    targets: Tensor,
    weight: Tensor,
    c: Tensor,
    ends: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    by_source, by_target = torch.zeros_like(sources), torch.zeros_like(targets)
    by_weight, by_c = torch.empty_like(weight), torch.zeros_like(c)
    # Of the targets: factors of their gradients and of themselves.
    of_grad, of_u = targets.new_zeros(2, len(targets)).double()
    with_u = vecdot(grad, targets).double()
    nodes = Nodes.at(targets, c, derivatives=True)
    for part in parts(ends):
        some, w = ends[:, part], weight[part].double()
        source, target = some[0], some[1]
        u, d, x = nodes.edge(sources, c, some, derivatives=True)
        g = grad.index_select(0, target)
        by_d, by_u = vecdot(g, d).double(), with_u.index_select(0, target)
        sigma = x.sigma
        rho, kappa = sigma * x.at_v.s, sigma * x.p
        by_weight[part] = (rho * by_d + kappa * by_u).to(weight.dtype)
        by_rho, by_kappa = w * by_d, w * by_u
        by_q = (by_rho * x.at_v.s + by_kappa * x.p) * arsinhc_slope(x.q, sigma)
        slopes = pull_back(x, by_q, by_kappa * sigma, by_rho * sigma)
        by_c += x.z @ slopes.z + x.e @ slopes.e + x.f @ slopes.f
        of_grad.index_add_(0, target, w * (kappa - rho))
        of_u.index_add_(0, target, c * (2 * slopes.z - slopes.e))
        # The gradient of d is rho g + 2 f' d + e' u; that of u the rest of it.
        first, second, third = (
            k.to(g.dtype)[:, None] for k in (w * rho, 2 * c * slopes.f, c * slopes.e)
        )
        g.mul_(first).addcmul_(d, second).addcmul_(u, third)
        by_source.index_add_(0, source, g)
        by_target.index_add_(0, target, d.mul_(third - second))
    by_target.addcmul_(of_grad.to(grad.dtype)[:, None], grad)
    by_target.addcmul_(of_u.to(grad.dtype)[:, None], targets)
    return by_source, by_target, by_weight, by_c / c


def _exact(
    ends: Tensor, sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor
) -> Tensor:
    """The same of any radii, by automatic differentiation where there is one."""
    messages = log(targets[ends[1]], sources[ends[0]], c)
    return scatter(weight[:, None] * messages, ends[1], 0, len(targets))


@torch.library.custom_op("pyg_hyperbolic::local_sums", mutates_args=())
def _forward(
    sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor, ends: Tensor
) -> Tensor:
    dtype = fitting_dtype(sources, targets, c)
    if dtype is not None:
        wide = _sums(sources.to(dtype), targets.to(dtype), weight, c, ends)
        return wide.to(sources.dtype)
    out = torch.zeros_like(targets)
    for part in parts(ends):
        out += _exact(ends[:, part], sources, targets, weight[part], c)
    return out


@_forward.register_fake
def _(
    sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor, ends: Tensor
) -> Tensor:
    return torch.empty_like(targets)


@torch.library.custom_op("pyg_hyperbolic::local_sums_backward", mutates_args=())
def _backward(
    grad: Tensor,
    sources: Tensor,
    targets: Tensor,
    weight: Tensor,
    c: Tensor,
    ends: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    dtype = fitting_dtype(sources, targets, c)
    if dtype is not None:
        points = (sources.to(dtype), targets.to(dtype))
        by_source, by_target, by_weight, by_c = _sums_back(
            grad.to(dtype), *points, weight, c, ends
        )
        narrow = sources.dtype
        return by_source.to(narrow), by_target.to(narrow), by_weight, by_c
    out = [torch.zeros_like(x) for x in (sources, targets, weight, c)]
    for part in parts(ends):
        f = partial(_exact, ends[:, part])
        given = (sources, targets, weight[part], c)
        by_source, by_target, out[2][part], by_c = gradients(f, grad, *given)
        for total, share in zip(
            (out[0], out[1], out[3]), (by_source, by_target, by_c), strict=True
        ):
            total += share
    return out[0], out[1], out[2], out[3]


@_backward.register_fake
def _(
    grad: Tensor,
    sources: Tensor,
    targets: Tensor,
    weight: Tensor,
    c: Tensor,
    ends: Tensor,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(sources),
        torch.empty_like(targets),
        torch.empty_like(weight),
        torch.empty_like(c),
    )


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        sources: Tensor,
        targets: Tensor,
        weight: Tensor,
        c: Tensor,
        ends: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(sources, targets, weight, c, ends)
        return _forward(sources, targets, weight, c, ends)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        *inputs, ends = ctx.saved_tensors
        if torch.is_grad_enabled() and not is_compiling():
            return *again(partial(_exact, ends), grad, *inputs), None
        return *_backward(grad, *inputs, ends), None


def tangent_sums(
    sources: Tensor,
    targets: Tensor,
    edge_index: Adj,
    edge_weight: OptTensor,
    c: Tensor,
    flow: str,
) -> Tensor:
    """The weighted sum of every target's log maps of its neighbors.

    Args:
        sources: Points that messages leave from, shape [*, N, F], float32 or float64.
        targets: Points that they go to, shape [*, M, F].
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        c: Absolute value of the curvature.
        flow: Direction of the messages.

    Returns:
        Tangent vectors, transported to the origin, shape [*, M, F].
    """
    ends, weight = directed(edge_index, edge_weight, flow)
    weight = sources.new_ones(ends.size(1)) if weight is None else weight
    sizes = sources.size(-2), targets.size(-2)
    ends, weight = repeated(ends, weight, sizes, sources.shape[:-2].numel())
    rows = (x.reshape(-1, x.size(-1)) for x in (sources, targets))
    with torch.autocast(sources.device.type, enabled=False):
        out = _Sums.apply(*rows, weight, c, ends)  # type: ignore[no-untyped-call]
    return out.view_as(targets)
