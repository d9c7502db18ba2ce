"""Where a node's ancestors come among all others, by distance."""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch_geometric.utils import to_dense_batch

from pyg_hyperbolic import kernels
from pyg_hyperbolic.geometry import to_klein

PAIRS = 1 << 22  # at once
SLACK = 1e-5  # distances in float32 are that exact, and better


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
    above = edge_index[1][order]
    far = kernels.dist(points, points, c, source, above)
    reach = far.new_zeros(number).scatter_reduce(0, source, far, "amax")
    ranks, precisions = torch.zeros(0), torch.zeros(0)
    for nodes in source.unique().split(max(PAIRS // number, 1)):
        own = torch.isin(source, nodes)
        row = torch.searchsorted(nodes, source[own])
        other = _may_be_within(points, c, nodes, reach[nodes])
        other[row, above[own]] = False
        other[torch.arange(len(nodes)), nodes] = False
        first, second = other.nonzero(as_tuple=True)
        distances = kernels.dist(points[nodes], points, c, first, second)
        near, _ = to_dense_batch(distances, first, torch.inf, batch_size=len(nodes))
        found, is_one = to_dense_batch(far[own], row, torch.inf)
        found = found.sort(1).values
        before = torch.searchsorted(near.sort(1).values, found, right=True)
        place = torch.arange(1, found.size(1) + 1)
        precision = (place / (place + before)).masked_fill(~is_one, 0)
        ranks = torch.cat([ranks, 1 + before[is_one]])
        precisions = torch.cat([precisions, precision.sum(1) / is_one.sum(1)])
    return Reconstruction(ranks.mean().item(), precisions.mean().item())


def _may_be_within(points: Tensor, c: float, nodes: Tensor, reach: Tensor) -> Tensor:
    """Which points are not surely farther from nodes than their reach, [B, N].

    By one matrix product: with Klein coordinates k the hyperbolic cosine of a distance
    is (1 - k.k') times the cosines of both radii.  The product is wrong by some eps,
    which far out is much; for what may be within, exact distances decide.
    """
    points, reach = points.double(), (1 + SLACK) * reach.double()[:, None]
    eps = 16 * torch.finfo(points.dtype).eps
    if c == 0:
        squares = points.square().sum(1)
        both = squares[nodes, None] + squares
        between = both - 2 * points[nodes] @ points.T
        return between <= reach.square() + eps * both
    radii = math.sqrt(c) * points.norm(dim=1)
    klein = to_klein(points, c) * math.sqrt(c)
    sizes = _log_cosh(radii)
    most = _log_cosh(math.sqrt(c) * reach) - sizes[nodes, None] - sizes
    return 1 - klein[nodes] @ klein.T <= most.exp() + eps


def _log_cosh(x: Tensor) -> Tensor:
    return x + torch.log1p((-2 * x).exp()) - math.log(2)
