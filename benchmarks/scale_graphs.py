"""Graphs of any size with the shape that hyperbolic layers are for, in linear time.

Sources:
    [1] D. Krioukov, F. Papadopoulos, M. Kitsak, A. Vahdat, M. Boguñá, *Hyperbolic
        Geometry of Complex Networks*, Phys. Rev. E 82, 2010, Eq. 17 and 22.
    [2] M. von Looz, M. Özdayi, S. Laue, H. Meyerhenke, *Generating Massive Complex
        Networks with Hyperbolic Geometry Faster in Practice*, HPEC 2016: NetworKit's.
"""

import importlib.util
import itertools
import math
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from pyg_hyperbolic.datasets.sir import random_tree

DEGREE = 10  # mean, of hyperbolic random graphs
EXPONENT = 2.5  # of their power law of degrees; that of most networks is in 2 ... 3
BRANCHING = 8.0  # mean number of children in a tree

Indices = NDArray[Any]


class Rows(NamedTuple):
    """An undirected graph with self-loops: the neighbors of each node, ascending."""

    start: Indices  # of each node's neighbors, and the end: shape [N + 1]
    neighbor: Indices  # shape [N + E]

    @property
    def nodes(self) -> int:
        """Their number N."""
        return len(self.start) - 1

    @property
    def edges(self) -> int:
        """The number E of edges, each direction counted, self-loops not."""
        return len(self.neighbor) - self.nodes


def hyperbolic(nodes: int, seed: int) -> Rows:
    """A threshold hyperbolic random graph [1], its nodes in the order of their angles.

    Points are drawn here, so that a seed means a graph whatever the number of threads;
    NetworKit finds the pairs nearer than the disk's radius [2].  Neighbors have near
    numbers, as in a graph that was ordered for locality.
    """
    from networkit.generators import HyperbolicGenerator

    # Curvature -1: density sinh(alpha r) on a disk of the radius that [1] gives.
    alpha = (EXPONENT - 1) / 2
    excess = alpha / (alpha - 0.5)
    radius = 2 * math.log(2 * nodes * excess**2 / (math.pi * DEGREE))
    draw = np.random.default_rng(seed)
    angles = np.sort(draw.uniform(0.0, 2 * math.pi, nodes))
    share = draw.random(nodes)
    radii = np.arccosh(1 + share * (math.cosh(alpha * radius) - 1)) / alpha
    generator = HyperbolicGenerator(nodes, k=DEGREE, gamma=EXPONENT)
    graph = generator.generate_advanced(angles, radii, radius)
    every = np.arange(nodes)
    graph.addEdges((every, every))
    graph.sortEdges()

    degrees = np.fromiter(map(graph.degree, range(nodes)), np.int64, nodes)
    start = _offsets(degrees)
    neighbors = itertools.chain.from_iterable(map(graph.iterNeighbors, range(nodes)))
    neighbor: Indices = np.fromiter(neighbors, _index_type(start[-1]), start[-1])
    return Rows(start.astype(neighbor.dtype), neighbor)


def tree(nodes: int, seed: int) -> Rows:
    """A Galton-Watson tree, its nodes in breadth-first order."""
    generator = torch.Generator().manual_seed(seed)
    parent = random_tree(nodes, BRANCHING, generator).numpy()
    up = parent[1:]  # of all but the root
    children = np.bincount(up, minlength=nodes)
    node = np.arange(nodes)
    start = _offsets(children + 2 - (node == 0))
    neighbor: Indices = np.empty(start[-1], _index_type(start[-1]))
    # A row is the parent, the node itself, and its children, who have numbers in turn.
    neighbor[start[1:-1]] = up
    own = start[:-1] + (node > 0)
    neighbor[own] = node
    eldest = 1 + _offsets(children)[:-1]
    neighbor[own[up] + 1 + node[1:] - eldest[up]] = node[1:]
    return Rows(start.astype(neighbor.dtype), neighbor)


def missing() -> dict[str, str]:
    """The graphs that cannot be made here, and why."""
    if importlib.util.find_spec("networkit") is None:
        return {"hyperbolic": "NetworKit generates it: pip install networkit"}
    return {}


GRAPHS = {"hyperbolic": hyperbolic, "tree": tree}
ENTRIES = {"hyperbolic": 1 + DEGREE, "tree": 3}  # about (N + E) / N


def _offsets(counts: Indices) -> Indices:
    """Where the items of each begin if all are in one array, and where it ends."""
    return np.concatenate([[0], np.cumsum(counts)])


def _index_type(entries: int) -> type:
    """32 bits where they do: half the memory, and MKL's product takes no others."""
    return np.int32 if entries < 2**31 else np.int64
