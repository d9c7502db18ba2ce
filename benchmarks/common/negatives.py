"""Hard negatives for link prediction, and rules that learn nothing.

Against random pairs, most of which are far apart, every model looks good.  HeaRT (Li et
al., "Evaluating Graph Neural Networks for Link Prediction", NeurIPS 2023) ranks an edge
among non-edges that share an end with it and look like edges: those that have the most
common neighbors, or the largest personalised PageRank, among the training edges.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from torch import Tensor
from torch_geometric.utils import to_scipy_sparse_matrix

Array = np.ndarray[Any, Any]

PER_END = 50  # hard negatives of either end of an edge
RESTART = 0.15  # of personalised PageRank
STEPS = 30  # of its power iteration: what is left is 0.85^30 < 1 %


def _adjacency(edge_index: Tensor, num_nodes: int) -> csr_matrix:
    out = to_scipy_sparse_matrix(edge_index, num_nodes=num_nodes).tocsr()
    out.setdiag(0)
    out.eliminate_zeros()
    return out.sign()


def common_neighbors(edge_index: Tensor, num_nodes: int) -> Array:
    """How many neighbors two nodes share, shape [N, N]."""
    adjacency = _adjacency(edge_index, num_nodes)
    return (adjacency @ adjacency).toarray().astype(np.float32)


def adamic_adar(edge_index: Tensor, num_nodes: int) -> Array:
    """Shared neighbors, each by 1 / log of its degree."""
    adjacency = _adjacency(edge_index, num_nodes)
    degree = np.maximum(adjacency.sum(axis=1).A1, 2)  # of one: shared by nobody
    return (adjacency @ diags(1 / np.log(degree)) @ adjacency).toarray()


def degree_product(edge_index: Tensor, num_nodes: int) -> Array:
    """Product of both degrees: preferential attachment."""
    degree = _adjacency(edge_index, num_nodes).sum(axis=1).A1
    return np.outer(degree, degree)


HEURISTICS: dict[str, Callable[[Tensor, int], Array]] = {
    "common neighbors": common_neighbors,
    "Adamic-Adar": adamic_adar,
    "degree product": degree_product,
}


def pagerank(edge_index: Tensor, num_nodes: int, sources: Array) -> Array:
    """Personalised PageRank of all nodes, a row for each source."""
    adjacency = _adjacency(edge_index, num_nodes)
    degree = np.maximum(adjacency.sum(axis=1).A1, 1)
    walk = (diags(1 / degree) @ adjacency).T.tocsr()
    start = np.zeros((num_nodes, len(sources)), dtype=np.float32)
    start[sources, np.arange(len(sources))] = 1
    found = start
    for _ in range(STEPS):
        found = RESTART * start + (1 - RESTART) * (walk @ found)
    return np.asarray(found.T)


def hard_negatives(edges: Tensor, messages: Tensor, every: Tensor, seed: int) -> Tensor:
    """For each edge, pairs that are none, share an end with it and look like one.

    Nodes that are no neighbors of an end are ranked by common neighbors and by
    personalised PageRank; the better of both ranks counts, and the draw decides between
    equal ones.  Where an end has too few of them, some come more than once.

    Args:
        edges: Edges to be ranked, shape [2, E].
        messages: Edges that may be looked at, shape [2, M].
        every: All edges of the graph, shape [2, A]: none of them is a negative.
        seed: Seed of the draw.

    Returns:
        Pairs of shape [2, E, 100], half of them with the first end.
    """
    num_nodes = int(every.max()) + 1
    ends, where = np.unique(edges.numpy(), return_inverse=True)
    forbidden = _adjacency(every, num_nodes)[ends].toarray() > 0
    forbidden[np.arange(len(ends)), ends] = True
    draw = np.random.default_rng(seed)
    shared = common_neighbors(messages, num_nodes)[ends]
    ranks = []
    for score in (shared, pagerank(messages, num_nodes, ends)):
        # Each measure breaks its ties by a draw of its own.
        order = np.lexsort((draw.random(score.shape), -score))
        rank = np.empty_like(order)
        np.put_along_axis(rank, order, np.arange(num_nodes)[None], axis=1)
        ranks.append(rank)
    best = np.minimum(*ranks) + 0.5 * draw.random(shared.shape)
    best[forbidden] = np.inf
    nearest = np.argsort(best, axis=1)[:, :PER_END]
    few = (~forbidden).sum(axis=1)
    at = np.arange(PER_END)[None] % np.minimum(few, PER_END)[:, None]
    partner = torch.from_numpy(np.take_along_axis(nearest, at, axis=1))
    first, second = torch.from_numpy(where.reshape(edges.shape))
    kept = edges[:, :, None].expand(-1, -1, PER_END)
    pairs = [torch.stack([kept[0], partner[first]])]
    pairs.append(torch.stack([partner[second], kept[1]]))
    return torch.cat(pairs, dim=-1)


def ranking(positive: Tensor, negative: Tensor) -> dict[str, float]:
    """Mean reciprocal rank and share of the first ten, ties at the middle of theirs.

    Args:
        positive: Scores of edges, shape [E].
        negative: Scores of the pairs that each is ranked among, shape [E, K].
    """
    above = (negative > positive[:, None]).sum(dim=1)
    equal = (negative == positive[:, None]).sum(dim=1)
    rank = 1 + above + equal / 2
    return {
        "mrr": rank.reciprocal().mean().item(),
        "hits_10": (rank <= 10).double().mean().item(),
    }
