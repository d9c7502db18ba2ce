"""Distances along edges, in parts that fit the cache.

Points at the ends of edges are gathered part by part, in the backward pass once more,
so that nothing of the size of the edges times the channels is ever whole.
"""

from typing import Any

import torch
from torch import Tensor
from torch.compiler import is_compiling

from pyg_hyperbolic.geometry.fused import again
from pyg_hyperbolic.geometry.gyro import dist
from pyg_hyperbolic.nn.conv.edge_scalars import Nodes, fitting_dtype, pull_back
from pyg_hyperbolic.nn.conv.edges import parts

Gradients = tuple[Tensor, Tensor, Tensor]


def _whole(sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    u, v = targets.index_select(0, ends[1]), sources.index_select(0, ends[0])
    return dist(u, v, c)


def _moderate(sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    out = sources.new_empty(ends.size(1), dtype=torch.float64)
    nodes = Nodes.at(targets, c, derivatives=False)
    for part in parts(ends, sources.size(1)):
        _, _, x = nodes.edge(sources, c, ends[:, part], derivatives=False)
        out[part] = x.sigma * x.q.relu().sqrt() / c.sqrt()
    return out


def _moderate_back(
    grad: Tensor, sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor
) -> Gradients:
    by_source, by_target = torch.zeros_like(sources), torch.zeros_like(targets)
    by_c = torch.zeros_like(c)
    nodes = Nodes.at(targets, c, derivatives=True)
    for part in parts(ends, sources.size(1)):
        some, g = ends[:, part], grad[part].double()
        u, d, x = nodes.edge(sources, c, some, derivatives=True)
        apart = x.q > 0  # where points coincide, there is no derivative
        q = torch.where(apart, x.q, 1.0)
        by_q = torch.where(apart, g / (2 * (c * q * (1 + q)).sqrt()), 0.0)
        none = torch.zeros_like(by_q)
        slopes = pull_back(x, by_q, none, none)
        by_c += x.z @ slopes.z + x.e @ slopes.e + x.f @ slopes.f
        by_c -= g @ (x.sigma * x.q.relu().sqrt()) / (2 * c.sqrt())
        along_d, along_u, of_u = (
            (c * k).to(u.dtype)[:, None]
            for k in (2 * slopes.f, slopes.e, 2 * slopes.z - slopes.e)
        )
        by_v = along_d * d + along_u * u
        by_target.index_add_(0, some[1], of_u * u + along_u * d - along_d * d)
        by_source.index_add_(0, some[0], by_v)
    return by_source, by_target, by_c / c


def _careful_back(
    grad: Tensor, sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor
) -> Gradients:
    by_source, by_target = torch.zeros_like(sources), torch.zeros_like(targets)
    by_c = torch.zeros_like(c)
    for part in parts(ends, sources.size(1)):
        source, target = ends[:, part]
        leaves = [
            x.detach().requires_grad_()
            for x in (targets.index_select(0, target), sources[source], c)
        ]
        with torch.enable_grad():
            out = dist(leaves[0], leaves[1], leaves[2])
        u, v, of_c = torch.autograd.grad(out, leaves, grad[part])
        by_target.index_add_(0, target, u)
        by_source.index_add_(0, source, v)
        by_c += of_c
    return by_source, by_target, by_c


class _Distances(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor
    ) -> Tensor:
        ctx.save_for_backward(sources, targets, c, ends)
        dtype = fitting_dtype(sources, targets, c)
        if dtype is not None:
            out = _moderate(sources.to(dtype), targets.to(dtype), c, ends)
            return out.to(sources.dtype)
        out = sources.new_empty(ends.size(1))
        for part in parts(ends, sources.size(1)):
            out[part] = _whole(sources, targets, c, ends[:, part])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        sources, targets, c, ends = ctx.saved_tensors
        if torch.is_grad_enabled():

            def whole(sources: Tensor, targets: Tensor, c: Tensor) -> Tensor:
                return _whole(sources, targets, c, ends)

            return *again(whole, grad, sources, targets, c), None
        dtype = fitting_dtype(sources, targets, c)
        if dtype is None:
            return *_careful_back(grad, sources, targets, c, ends), None
        u, v, by_c = _moderate_back(grad, sources.to(dtype), targets.to(dtype), c, ends)
        return u.to(sources.dtype), v.to(targets.dtype), by_c, None


def edge_distances(sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    """The distance between the two ends of every edge.

    Args:
        sources: Points, shape [N, d].
        targets: Points, shape [M, d].
        c: Absolute value of the curvature, shape [].
        ends: Sources and targets, shape [2, E].

    Returns:
        Distances, shape [E].
    """
    if is_compiling():  # which fuses them
        return _whole(sources, targets, c, ends)
    dtype = sources.dtype
    sources, targets = (
        x.to(torch.promote_types(dtype, torch.float32)) for x in (sources, targets)
    )
    return _Distances.apply(sources, targets, c, ends).to(dtype)  # type: ignore[no-untyped-call]
