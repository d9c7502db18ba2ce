"""How well the distances of points represent their graph."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse.csgraph import dijkstra
from torch import Tensor
from torch_geometric.utils import to_scipy_sparse_matrix

from pyg_hyperbolic.checks import check_whole, whole
from pyg_hyperbolic.geometry import dist
from pyg_hyperbolic.utils.given import check_embedding, check_ends

Array = np.ndarray[Any, Any]
_PAIRS = 1 << 16  # distances that are computed at once


class EmbeddingQuality(NamedTuple):
    """How well the distances of points represent a graph.

    Attributes:
        distortion: Average distortion; 0 is a perfect embedding.
        mean_average_precision: Whether neighbors are the nearest points; 1 at best.
    """

    distortion: float
    mean_average_precision: float


def embedding_distances(
    v: Tensor,
    c: float | Tensor,
    edge_index: Tensor,
    num_sources: int = 200,
    seed: int = 0,
) -> tuple[Array, Array]:
    r"""Distances between points, and steps in their graph, from some nodes to all.

    Args:
        v: Points in normal coordinates, shape :math:`(N, d)`.
        c: Absolute value of the curvature; 0 for Euclidean points.
        edge_index: The graph, shape :math:`(2, E)`, read as undirected.
        num_sources: How many nodes to measure from; drawn if the graph has more.
        seed: Seed of that draw.

    Returns:
        Distances and steps, each of shape :math:`(S, N)`.  Steps are infinite where
        there is no path, and 0 from a node to itself alone.

    Raises:
        ValueError: If there are no two connected points.
    """
    check_embedding(v, c, least=1)
    check_ends(edge_index, v)
    check_whole(1, num_sources=num_sources)
    check_whole(-math.inf, seed=seed)
    v = v.detach().cpu().double()
    generator = torch.Generator().manual_seed(whole(seed))
    source = torch.randperm(len(v), generator=generator)[:num_sources].sort().values
    adjacency = to_scipy_sparse_matrix(edge_index.cpu(), num_nodes=len(v))
    steps = dijkstra(adjacency, directed=False, unweighted=True, indices=source.numpy())
    if not (np.isfinite(steps) & (steps > 0)).any():
        raise ValueError(
            f"'edge_index' must connect points of 'v' (got {edge_index.size(1)} edges, "
            f"and no path from any of the {len(source)} nodes measured)"
        )
    c = c.detach().cpu().double() if isinstance(c, Tensor) else c
    blocks = v[source].split(max(_PAIRS // len(v), 1))
    found = torch.cat([dist(some[:, None], v, c) for some in blocks]).numpy()
    return found, steps


def embedding_quality(
    v: Tensor,
    c: float | Tensor,
    edge_index: Tensor,
    num_sources: int = 200,
    seed: int = 0,
) -> EmbeddingQuality:
    r"""Average distortion and mean average precision of an embedding.

    Both are those of `"Representation Tradeoffs for Hyperbolic Embeddings"
    <https://arxiv.org/abs/1804.03329>`_.

    The average distortion is the mean of :math:`|d / h - 1|` over all pairs of a node
    that is measured from and one that is :math:`h` steps away, where the distances
    :math:`d` are scaled by one factor to have the same mean as the steps.  The mean
    average precision ranks all nodes by their distance from a node: a neighbor within
    whose distance there are :math:`k` nodes, :math:`m` of them neighbors, has the
    precision :math:`m / k`.

    Args:
        v: Points in normal coordinates, shape :math:`(N, d)`.
        c: Absolute value of the curvature; 0 for Euclidean points.
        edge_index: The graph, shape :math:`(2, E)`, read as undirected.
        num_sources: How many nodes to measure from; drawn if the graph has more.
        seed: Seed of that draw.

    Raises:
        ValueError: If there are no two connected points.
    """
    found, steps = embedding_distances(v, c, edge_index, num_sources, seed)
    far = np.isfinite(steps) & (steps > 0)
    total = found[far].mean()
    scaled = found[far] * (steps[far].mean() / total if total > 0 else 0.0)
    precisions = []
    for row, hops in zip(found, steps, strict=True):
        near = np.sort(row[hops == 1])
        if len(near) == 0:
            continue
        others = np.sort(row[hops > 0])
        as_near = np.searchsorted(others, near, side="right")
        neighbors = np.searchsorted(near, near, side="right")
        precisions.append((neighbors / as_near).mean())
    distortion = float(np.abs(scaled / steps[far] - 1).mean())
    return EmbeddingQuality(distortion, float(np.mean(precisions)))
