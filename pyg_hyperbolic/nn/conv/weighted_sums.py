"""Weighted sums over a graph whose weights are learned.

Edge by edge in parts that fit the cache: no message is kept for the backward pass, nor
are all of them ever there at once.
"""

from typing import Any

import torch
from torch import Tensor
from torch.linalg import vecdot
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry.fused import again
from pyg_hyperbolic.nn.conv.edges import parts


class _Sums(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, ends: Tensor, num_targets: int
    ) -> Tensor:
        ctx.save_for_backward(x, weight, ends)
        out = x.new_zeros(num_targets, x.size(1))
        for part in parts(ends, x.size(1)):
            source, target = ends[:, part]
            message = x.index_select(0, source).mul_(weight[part, None])
            out.index_add_(0, target, message)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, ends = ctx.saved_tensors
        if torch.is_grad_enabled():

            def whole(x: Tensor, weight: Tensor) -> Tensor:
                return scatter(weight[:, None] * x[ends[0]], ends[1], 0, len(grad))

            return *again(whole, grad, x, weight), None, None
        by_x, by_weight = torch.zeros_like(x), torch.empty_like(weight)
        for part in parts(ends, x.size(1)):
            source, target = ends[:, part]
            got = grad.index_select(0, target)
            by_weight[part] = vecdot(got, x.index_select(0, source))
            by_x.index_add_(0, source, got.mul_(weight[part, None]))
        return by_x, by_weight, None, None


def weighted_sums(x: Tensor, weight: Tensor, ends: Tensor, num_targets: int) -> Tensor:
    """The weighted sum of every target's neighbors.

    Args:
        x: Columns of the sources, shape [N, k].
        weight: Edge weights, shape [E].
        ends: Sources and targets, shape [2, E].
        num_targets: Number of targets M.

    Returns:
        Sums, shape [M, k].
    """
    return _Sums.apply(x, weight.to(x.dtype), ends, num_targets)  # type: ignore[no-untyped-call]
