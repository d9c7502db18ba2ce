"""Weighted sums of vectors along edges."""

import torch
import triton
from torch import Tensor

from pyg_hyperbolic.kernels.cuda import neighbors
from pyg_hyperbolic.kernels.cuda.launch import (
    Edges,
    blocks,
    heads_of,
    of_weight,
    run,
    wide,
)


def weighted_sum(
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    *_: Tensor,
) -> Tensor:
    """Weighted sums of every target's neighbors."""
    return _sum(x, Edges.of(ptr, source, order, weight, heads_of(x)))


def _sum(x: Tensor, links: Edges) -> Tensor:
    x, width = x.detach().contiguous(), x.shape[-1]
    out = x.new_empty((links.rows, *x.shape[1:]))
    kind = {"WIDE": x.dtype == torch.float64}
    pieces = links.sums_of_pieces(x, x, width, TABLE=False, **kind)
    run(
        neighbors.weighted_sum, (links.rows, links.heads), *links.arguments, x,
        heads=links.heads, width=width, out=out, **pieces, **kind, **links.has,
        **blocks(width), enable_fp_fusion=True,
    )  # fmt: skip
    return out


def weighted_sum_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    reverse_ptr: Tensor,
    target: Tensor,
    reverse_order: Tensor,
    needed: list[bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of x and weight."""
    by_x, heads, width = None, heads_of(x), x.shape[-1]
    if needed[0]:
        by_x = _sum(grad, Edges.of(reverse_ptr, target, reverse_order, weight, heads))
    if not needed[1]:
        return by_x, None
    links = Edges.of(ptr, source, order, weight, heads)
    u, upstream = x.detach().contiguous(), grad.detach().contiguous()
    by_weight, sizes = wide(x, links.number, heads), blocks(width)
    run(
        neighbors.of_weights, (triton.cdiv(links.number, sizes["BLOCK_E"]), heads),
        links.source, links.target(), links.order, u, u, upstream, u, u, by_weight,
        links.number, heads, width, ORDERED=links.has["ORDERED"], TABLE=False, **sizes,
    )  # fmt: skip
    return by_x, of_weight(by_weight, weight)
