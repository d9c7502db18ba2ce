"""The part of a graph that leads to some of its targets."""

from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.rows import Edges


class Rest(NamedTuple):
    """Targets that are left to do, with their edges and the nodes these come from."""

    targets: np.ndarray
    nodes: np.ndarray
    edges: Edges  # from numbers of nodes here to numbers of targets here
    left: np.ndarray  # not 0 for heads that are left

    @classmethod
    def of(cls, edges: Edges, left: np.ndarray, num_nodes: int) -> "Rest":
        """The targets of which a head is left.

        Args:
            edges: All edges.
            left: Not 0 for heads that are left, [M, H].
            num_nodes: The number of nodes that may be a source.
        """
        targets = np.flatnonzero(left.any(axis=1))
        first = edges.ptr[targets]
        count = edges.ptr[targets + 1] - first
        ptr = np.concatenate(([0], count.cumsum()))
        chosen = np.arange(ptr[-1]) + np.repeat(first - ptr[:-1], count)
        source = edges.source[chosen]
        seen = np.zeros(num_nodes, bool)
        seen[source] = True
        number = seen.cumsum() - 1
        order = edges.order[chosen] if len(edges.order) else chosen
        return cls(
            targets,
            np.flatnonzero(seen),
            Edges(ptr, number[source], order, edges.weight),
            left[targets],
        )
