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
from pyg_hyperbolic.nn.conv.edges import parts


def _whole(sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    u, v = targets.index_select(0, ends[1]), sources.index_select(0, ends[0])
    return dist(u, v, c)


class _Distances(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, sources: Tensor, targets: Tensor, c: Tensor, ends: Tensor
    ) -> Tensor:
        ctx.save_for_backward(sources, targets, c, ends)
        out = sources.new_empty(ends.size(1))
        for part in parts(ends):
            out[part] = _whole(sources, targets, c, ends[:, part])
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        sources, targets, c, ends = ctx.saved_tensors
        if torch.is_grad_enabled():

            def whole(sources: Tensor, targets: Tensor, c: Tensor) -> Tensor:
                return _whole(sources, targets, c, ends)

            return *again(whole, grad, sources, targets, c), None
        by_source, by_target = torch.zeros_like(sources), torch.zeros_like(targets)
        by_c = torch.zeros_like(c)
        for part in parts(ends):
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
        return by_source, by_target, by_c, None


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
    return _Distances.apply(sources, targets, c, ends)  # type: ignore[no-untyped-call]
