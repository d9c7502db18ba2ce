"""Attention weights of edges: computed from scores, and returned to users."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.typing import Adj, SparseTensor
from torch_geometric.utils import (
    is_torch_sparse_tensor,
    softmax,
    to_torch_coo_tensor,
    to_torch_csc_tensor,
    to_torch_csr_tensor,
)

from pyg_hyperbolic.geometry.rows import wide_dtype


def normalized(score: Tensor, target: Tensor, num_targets: int) -> Tensor:
    """Weights that sum to 1 for every target: a softmax of scores.

    Args:
        score: A score of each edge and head, [E, H].
        target: Where each edge leads to, [E].
        num_targets: Number of targets.

    Returns:
        Weights in the wide dtype, [E, H].
    """
    # Far out a neighbor's mass may not fit float32, nor the weight it comes with.
    wide = wide_dtype(score.device)
    alpha = softmax(score.to(wide), target, num_nodes=num_targets)
    # A weight's derivative is up to its inverse.
    least = torch.finfo(wide).smallest_normal ** 0.9
    return torch.where(alpha > least, alpha, 0.0)


def attention_of(
    adj: Adj, edge_index: Tensor, alpha: Tensor, size: tuple[int, int]
) -> Any:
    """Edges and their attention, in the form of the graph that was given.

    Args:
        adj: That graph.
        edge_index: Its edges, with self-loops.
        alpha: Their weights, [E, H].
        size: Numbers of nodes in the two rows of an edge index.

    Returns:
        A pair of edges and weights.  Where the graph is a sparse matrix, one with the
        weights as its values takes the place of the edges; for a
        :class:`SparseTensor`, only that matrix is returned.
    """
    sparse = isinstance(adj, SparseTensor)
    if not (sparse or is_torch_sparse_tensor(adj)):
        return edge_index, alpha
    column, row = edge_index
    by_column = not sparse and adj.layout == torch.sparse_csc
    order = column * size[1] + row if by_column else row * size[0] + column
    order = order.argsort()
    row, column, alpha = row[order], column[order], alpha[order]
    if sparse:
        return SparseTensor(row=row, col=column, value=alpha, sparse_sizes=size[::-1])
    layout = {
        torch.sparse_coo: to_torch_coo_tensor,
        torch.sparse_csr: to_torch_csr_tensor,
        torch.sparse_csc: to_torch_csc_tensor,
    }[adj.layout]
    return layout(torch.stack([row, column]), alpha, size[::-1], True), alpha
