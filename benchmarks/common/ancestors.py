"""Where a node's ancestors come among all others, by distance."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.utils import to_dense_batch

from pyg_hyperbolic import kernels

PAIRS = 1 << 21  # distances at once


class Reconstruction(NamedTuple):
    """How far a hierarchy can be read off the distances of points, as in [1].

    [1] Nickel & Kiela, *Poincaré Embeddings for Learning Hierarchical Representations*,
        NeurIPS 2017.
    """

    mean_rank: float  # of ancestors among the nodes that are none; 1 at best
    mean_average_precision: float  # of all other nodes by their distance; 1 at best


@torch.no_grad()
def reconstruction(points: Tensor, c: float, edge_index: Tensor) -> Reconstruction:
    """Ranks of each node's ancestors, exactly, block by block.

    Where distances are the same the ancestor comes last.

    Args:
        points: In normal coordinates, shape [N, d].
        c: Absolute value of the curvature, 0 for Euclidean points.
        edge_index: Each node and all its ancestors, shape [2, E].
    """
    number = len(points)
    source, order = edge_index[0].sort(stable=True)
    above, every = edge_index[1][order], torch.arange(number)
    ranks, precisions = torch.zeros(0), torch.zeros(0)
    for nodes in source.unique().split(max(PAIRS // number, 1)):
        first = torch.arange(len(nodes)).repeat_interleave(number)
        second = every.repeat(len(nodes))
        far = kernels.dist(points[nodes], points, c, first, second).view(-1, number)
        own = torch.isin(source, nodes)
        row, ends = torch.searchsorted(nodes, source[own]), above[own]
        found, is_one = to_dense_batch(far[row, ends], row, torch.inf)
        far[row, ends] = torch.inf
        far[torch.arange(len(nodes)), nodes] = torch.inf
        found = found.sort(1).values
        before = torch.searchsorted(far.sort(1).values, found, right=True)
        place = torch.arange(1, found.size(1) + 1)
        precision = (place / (place + before)).masked_fill(~is_one, 0)
        ranks = torch.cat([ranks, 1 + before[is_one]])
        precisions = torch.cat([precisions, precision.sum(1) / is_one.sum(1)])
    return Reconstruction(ranks.mean().item(), precisions.mean().item())
