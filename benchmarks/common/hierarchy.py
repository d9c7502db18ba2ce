"""The transitive closure of a hierarchy: edges from each node to all of its ancestors.

``Hierarchy`` knows its inner part, those nodes that are above others.  Points of the
inner part say where those of the leaves belong.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch_geometric.utils import degree, subgraph


@dataclass
class Hierarchy:
    """Edges, shape [2, E], from nodes to their ancestors, of so many nodes."""

    edge_index: Tensor
    num_nodes: int

    @property
    def inner(self) -> Tensor:
        """Which nodes are above others, shape [N]."""
        return degree(self.edge_index[1], self.num_nodes) > 0

    def inner_part(self) -> "Hierarchy":
        """The same without its leaves."""
        inner = self.inner
        edges, _ = subgraph(
            inner, self.edge_index, relabel_nodes=True, num_nodes=self.num_nodes
        )
        return Hierarchy(edges, int(inner.sum()))

    def parents(self) -> Tensor:
        """Of each node the ancestor with most ancestors, at the top itself, [N]."""
        node, ancestor = self.edge_index
        depth = degree(node, self.num_nodes, dtype=torch.long)
        key = (1 + depth[ancestor]) * self.num_nodes + ancestor
        own = torch.arange(self.num_nodes)  # less than any key
        return own.scatter_reduce(0, node, key, "amax") % self.num_nodes

    def batches(self, size: int) -> Iterator[Tensor]:
        """All edges of so many nodes at a time, which come in a random order."""
        rank = torch.randperm(self.num_nodes)[self.edge_index[0]]
        rank, order = rank.unique(return_inverse=True)
        edges = self.edge_index[:, order.argsort()]
        counts = order.bincount().split(size)
        yield from edges.split([int(count.sum()) for count in counts], dim=1)
