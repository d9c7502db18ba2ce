"""How much a graph looks like a tree: Gromov's hyperbolicity."""

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components
from torch import Tensor
from torch_geometric.utils import to_scipy_sparse_matrix

from pyg_hyperbolic.checks import check_kind, check_ranges, check_whole, is_whole
from pyg_hyperbolic.kernels import edges

Array = np.ndarray[Any, Any]

# Nodes on cycles that the exact search takes: half a minute, growing with n^4.
EXACT_NODES = 400
SAMPLES = 1000  # of larger graphs, if no number is given: seconds for Cora
_SIGNIFICANCE = 0.05


class Hyperbolicity(NamedTuple):
    r"""Gromov's hyperbolicity of a graph.

    Attributes:
        delta: The largest :math:`\delta` of four nodes; of those seen, if sampled.
        share: With 95 % confidence, at most this share of all quadruples has a larger
            :math:`\delta` than :obj:`delta`; 0 if exact.
        diameter: The largest distance between two nodes; of those seen, if sampled.
    """

    delta: float
    share: float
    diameter: int

    def __str__(self) -> str:
        relative = 2 * self.delta / self.diameter if self.diameter else 0.0
        sampled = self.share > 0
        out = (
            f"delta = {self.delta:g}, diameter = {self.diameter}, "
            f"2 delta / diameter = {relative:.2f} (0: a tree, 1: as far from one as a "
            f"graph of this diameter can be)"
        )
        if not sampled:
            return out
        return (
            f"{out}; of samples: at most {100 * self.share:.2g} % of all quadruples "
            f"have a larger delta (95 % confidence)"
        )


def gromov_hyperbolicity(
    edge_index: Tensor,
    num_samples: int | None = None,
    num_nodes: int | None = None,
    generator: torch.Generator | None = None,
) -> Hyperbolicity:
    r"""Gromov's hyperbolicity of a graph by the four-point condition.

    Of the three ways to take four nodes as two pairs, let :math:`S_1 \ge S_2` be the
    largest two sums of the pairs' distances; then :math:`\delta = (S_1 - S_2) / 2`, and
    that of the graph is the largest one (`"Hyperbolic Groups"
    <https://doi.org/10.1007/978-1-4613-9586-7_3>`_).  Trees and complete graphs have
    0, a cycle of n nodes about n/4: the smaller it is beside the diameter, the more the
    graph gains from hyperbolic space.  Some authors leave out the division by two:
    HGCN's figures are twice those given here.

    Edges count in both directions and have length one; quadruples are those of nodes in
    the same component.

    Args:
        edge_index: Edge indices, shape :math:`(2, |\mathcal{E}|)`.
        num_samples: How many triples of nodes to draw, each taken together with every
            fourth node; each costs three breadth-first searches.  If left out, graphs
            with up to 400 nodes on cycles are searched in full, as by Cohen, Coudert
            and Lancin, *On Computing the Gromov Hyperbolicity* (2015), and larger ones
            by 1000 triples.
        num_nodes: Number of nodes, if the last one has no edges.
        generator: Source of the samples; by default torch's own.

    Returns:
        A :class:`Hyperbolicity`: :math:`\delta`, how sure it is, and the diameter.

    Raises:
        ValueError: If :obj:`num_samples` is not positive.
    """
    if generator is not None:
        check_kind(generator, torch.Generator, "generator")
    if num_nodes is not None:
        check_whole(0, num_nodes=num_nodes)
    if num_samples is not None and not (is_whole(num_samples) and num_samples > 0):
        raise ValueError(
            f"'num_samples' must be a positive whole number (got {num_samples}); leave "
            f"it out to have it chosen by the size of the graph"
        )
    graph = _symmetric(edge_index, num_nodes)
    if num_samples is not None:
        return _sampled(graph, num_samples, generator)
    core = _without_leaves(graph)
    if core.shape[0] > EXACT_NODES:
        return _sampled(graph, SAMPLES, generator)
    delta = max(
        (_largest(core[nodes][:, nodes]) for nodes in _components(core)), default=0.0
    )
    return Hyperbolicity(delta, 0.0, _diameter(graph))


def _symmetric(edge_index: Tensor, num_nodes: int | None) -> csr_matrix:
    first, second, _ = edges(edge_index, None)
    ends = torch.stack([first, second]).cpu()
    if num_nodes is None:
        num_nodes = int(ends.max()) + 1 if ends.numel() > 0 else 0
    check_ranges("'num_nodes' counts all nodes", edge_index=(ends, num_nodes))
    graph = to_scipy_sparse_matrix(ends, num_nodes=num_nodes).tocsr()
    graph = (graph + graph.T).tocsr()
    graph.setdiag(0)
    graph.eliminate_zeros()
    return graph


def _distances(graph: csr_matrix, source: int) -> Array:
    """Distances from one node, -1 where there is no path."""
    order, before = breadth_first_order(graph, source)
    rank = np.empty(graph.shape[0], dtype=np.int64)
    rank[order] = np.arange(len(order))
    parents = rank[before[order[1:]]]  # ascending
    out = np.full(graph.shape[0], -1, dtype=np.int32)
    out[source] = 0
    end, depth = 1, 0
    while end < len(order):  # all whose parent is in the last level
        start, end = end, int(np.searchsorted(parents, end)) + 1
        depth += 1
        out[order[start:end]] = depth
    return out


def _diameter(graph: csr_matrix) -> int:
    return max(
        (int(_distances(graph, i).max()) for i in range(graph.shape[0])), default=0
    )


def _without_leaves(graph: csr_matrix) -> csr_matrix:
    """The nodes on cycles, and between them."""
    degree = np.diff(graph.indptr)
    while (degree == 1).any():  # a node with one neighbor is in no worse quadruple
        graph = graph[degree != 1][:, degree != 1].tocsr()
        degree = np.diff(graph.indptr)
    return graph[degree > 0][:, degree > 0].tocsr()


def _components(graph: csr_matrix) -> list[Array]:
    """The nodes of every component in which there are quadruples."""
    _, label = connected_components(graph, directed=False)
    parts = np.split(
        np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1]
    )
    return [part for part in parts if len(part) > 3]


def _largest(graph: csr_matrix) -> float:
    """The largest delta of a connected graph."""
    distance = np.stack([_distances(graph, node) for node in range(graph.shape[0])])
    a, b = np.triu_indices(len(distance), 1)
    order = np.argsort(-distance[a, b], kind="stable")
    a, b, length = a[order], b[order], distance[a, b][order]
    twice = 0
    # Of a quadruple, the pairs with the largest sum meet when the shorter one has its
    # turn, and twice their delta is at most its length.
    for i in range(len(length)):
        if length[i] <= twice:
            break
        c, d = a[:i], b[:i]
        others = np.maximum(
            distance[a[i]][c] + distance[b[i]][d], distance[a[i]][d] + distance[b[i]][c]
        )
        twice = max(twice, int((length[i] + length[:i] - others).max(initial=0)))
    return twice / 2


def _sampled(
    graph: csr_matrix, num_samples: int, generator: torch.Generator | None
) -> Hyperbolicity:
    parts = _components(graph)
    if not parts:
        return Hyperbolicity(0.0, 0.0, _diameter(graph))
    counts = torch.tensor(
        [math.comb(len(part), 4) for part in parts], dtype=torch.float64
    )
    chosen = torch.multinomial(
        counts, num_samples, replacement=True, generator=generator
    )
    twice = diameter = 0
    for k in chosen.tolist():
        part = parts[k]
        pick = torch.randperm(len(part), generator=generator)[:3]
        far = np.stack([_distances(graph, part[node])[part] for node in pick])
        diameter = max(diameter, int(far.max()))
        between = far[:, pick.numpy()]
        sums = np.stack(
            [between[0, 1] + far[2], between[0, 2] + far[1], between[1, 2] + far[0]]
        )
        sums.sort(axis=0)
        twice = max(twice, int((sums[2] - sums[1]).max()))
    # Samples without any larger one have a chance of (1 - share)^n.
    share = 1 - _SIGNIFICANCE ** (1 / num_samples)
    return Hyperbolicity(twice / 2, share, diameter)
