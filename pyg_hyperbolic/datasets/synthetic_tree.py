r"""A tree whose features are handed down, generated from a seed.

Source: Katsman & Gilbert, *Shedding Light on Problems with Hyperbolic Graph Learning*,
TMLR 2025, arXiv:2411.06688: the trees :math:`\mathrm{Tree1111}_\gamma`.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch_geometric.data import Data, InMemoryDataset
from torch_geometric.utils import to_undirected

from pyg_hyperbolic.checks import (
    check_flags,
    check_functions,
    check_number,
    check_whole,
    whole,
)


class SyntheticTree(InMemoryDataset):
    r"""A regular tree in which a child inherits its parent's features, with noise.

    Every node but the leaves has :obj:`branching` children, and every leaf is
    :obj:`depth` steps from the root.  The root's features are
    :math:`\mathcal{N}(0, I)`, those of a child are

    .. math::
        \mathbf{x}_{\text{child}} = \gamma\, \mathbf{x}_{\text{parent}} +
        \mathcal{N}(0, I) .

    So :math:`\gamma` sets how much the features tell about the edges: nothing at 0.  At
    1 a child has all of its parent's features, whose norm grows with the depth.  The
    defaults give the 1,111 nodes of `"Shedding Light on Problems with Hyperbolic Graph
    Learning" <https://arxiv.org/abs/2411.06688>`_, except for the unit rows.

    The graph has :obj:`x`, shape :math:`(N, F)`, and :obj:`edge_index` in both
    directions; node 0 is the root and nodes are numbered breadth first, so that the
    parent of node :math:`i` is :math:`(i - 1) / b`, rounded down.  It is for link
    prediction and has no labels.  Equal arguments give equal data, the same draws for
    every :math:`\gamma`; the global random state is not touched.

    Args:
        branching: Number :math:`b` of children, 1 at least. (default: :obj:`10`)
        depth: Steps from the root to the leaves, 1 at least. (default: :obj:`3`)
        num_features: Number :math:`F` of features, 1 at least.
            (default: :obj:`1000`)
        gamma: Share :math:`\gamma` of a parent's features that a child has, between 0
            and 1. (default: :obj:`0.5`)
        unit_rows: Whether features are divided by their norm, which is about
            :math:`\sqrt F` and more: a radius at which hyperbolic layers have little
            to learn from. (default: :obj:`True`)
        seed: Seed of the features. (default: :obj:`0`)
        transform: Applied to the graph at every access. (default: :obj:`None`)

    Raises:
        ValueError: If an argument is out of range.
    """

    def __init__(
        self,
        branching: int = 10,
        depth: int = 3,
        num_features: int = 1000,
        gamma: float = 0.5,
        unit_rows: bool = True,
        seed: int = 0,
        transform: Callable[..., Any] | None = None,
    ) -> None:
        check_functions(transform=transform)
        super().__init__(None, transform)
        check_whole(1, branching=branching, depth=depth, num_features=num_features)
        check_whole(-math.inf, seed=seed)
        check_number(0, 1, gamma=gamma)
        check_flags(unit_rows=unit_rows)
        branching, depth, num_features, seed = map(
            whole, (branching, depth, num_features, seed)
        )
        self.gamma, self.seed = gamma, seed

        num_nodes = sum(branching**level for level in range(depth + 1))
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn(
            num_nodes, num_features, dtype=torch.float64, generator=generator
        )
        child = torch.arange(1, num_nodes)
        parent = (child - 1).div(branching, rounding_mode="floor")
        start = 1
        while start < num_nodes:  # a level at a time: parents are done before
            stop = branching * start + 1
            x[start:stop] += gamma * x[parent[start - 1 : stop - 1]]
            start = stop
        if unit_rows:
            x /= x.norm(dim=1, keepdim=True)
        edge_index = to_undirected(torch.stack([parent, child]), num_nodes=num_nodes)
        data = Data(x=x.float(), edge_index=edge_index)
        self.data, self.slices = self.collate([data])

    def __repr__(self) -> str:
        return f"SyntheticTree(gamma={self.gamma}, seed={self.seed})"
