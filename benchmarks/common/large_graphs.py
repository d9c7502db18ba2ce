"""Graphs of any size with the shape that hyperbolic layers are for, in linear time.

Sources:
    [1] D. Krioukov, F. Papadopoulos, M. Kitsak, A. Vahdat, M. Boguñá, *Hyperbolic
        Geometry of Complex Networks*, Phys. Rev. E 82, 2010, Eq. 17 and 22.
    [2] M. von Looz, M. Özdayi, S. Laue, H. Meyerhenke, *Generating Massive Complex
        Networks with Hyperbolic Geometry Faster in Practice*, HPEC 2016: NetworKit's.
"""

import itertools
import math

import numpy as np
import torch
from scipy.sparse import csr_matrix

from pyg_hyperbolic.datasets.sir import random_tree

DEGREE = 10  # mean, of hyperbolic random graphs
EXPONENT = 2.5  # of their power law of degrees; that of most networks is in 2 ... 3
BRANCHING = 8.0  # mean number of children in a tree


def hyperbolic(nodes: int, seed: int) -> csr_matrix:
    """A threshold hyperbolic random graph [1] with self-loops, nodes ordered by angle.

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
    start = np.concatenate([[0], np.cumsum(degrees)])
    # 32 bits where they do: half the memory, and MKL's product takes no others.
    kind = np.int32 if start[-1] < 2**31 else np.int64
    neighbors = itertools.chain.from_iterable(map(graph.iterNeighbors, range(nodes)))
    neighbor = np.fromiter(neighbors, kind, start[-1])
    ones = np.ones(len(neighbor), np.float32)
    return csr_matrix((ones, neighbor, start.astype(kind)), (nodes, nodes))


def tree(nodes: int, seed: int) -> csr_matrix:
    """A Galton-Watson tree with self-loops, its nodes in breadth-first order."""
    generator = torch.Generator().manual_seed(seed)
    up = random_tree(nodes, BRANCHING, generator).numpy()[1:]  # of all but the root
    node = np.arange(nodes)
    row, column = np.r_[node, node[1:], up], np.r_[node, up, node[1:]]
    ones = np.ones(len(row), np.float32)
    out = csr_matrix((ones, (row, column)), (nodes, nodes))
    out.sort_indices()
    return out


GRAPHS = {"hyperbolic": hyperbolic, "tree": tree}
