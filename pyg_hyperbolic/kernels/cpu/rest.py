"""The part of a graph that leads to some of its targets."""

from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import loop
from pyg_hyperbolic.kernels.cpu.rows import Edges, place


class Rest(NamedTuple):
    """Targets that are left to do, with their edges and the nodes these come from."""

    targets: np.ndarray  # [M']
    nodes: np.ndarray  # [N']
    edges: Edges  # between places in these two arrays
    left: np.ndarray  # not 0 for heads that are left, [M', H]
    longest: int  # the largest number of edges of a target

    @classmethod
    def of(cls, edges: Edges, left: np.ndarray, num_nodes: int) -> "Rest":
        """The targets of which a head is left.

        Args:
            edges: All edges.
            left: Not 0 for heads that are left, [M, H].
            num_nodes: The number of nodes that may be a source.
        """
        number, count, longest = count_left(left, edges.ptr)
        targets, ptr = np.empty(number, np.int64), np.empty(number + 1, np.int64)
        source, order = np.empty(count, np.int64), np.empty(count, np.int64)
        label, nodes = np.zeros(num_nodes, np.int64), np.empty(num_nodes, np.int64)
        found = fill(left, edges, targets, ptr, source, order, label, nodes)
        own = Edges(ptr, source, order, edges.weight)
        return cls(targets, nodes[:found], own, left[targets], longest)


@loop
def count_left(left, ptr):
    """How many targets are left, how many edges they have, and how many one at most."""
    targets = edges = longest = 0
    for i in range(left.shape[0]):
        if left[i].any():
            targets += 1
            edges += ptr[i + 1] - ptr[i]
            longest = max(longest, ptr[i + 1] - ptr[i])
    return targets, edges, longest


@loop
def fill(left, edges, targets, ptr, source, order, label, nodes):
    """Fills in the arrays of a :class:`Rest`, and returns the number of its nodes.

    Args:
        left: Not 0 for heads that are left, [M, H].
        edges: All edges.
        targets: Those of which a head is left, [M'].
        ptr: First edge of each of them, [M' + 1].
        source: Place in nodes of the one that each edge comes from, [E'].
        order: Where its weight stands, [E'].
        label: 1 + place of each node in nodes, zeros at first, [N].
        nodes: Nodes in the order in which they are met, [N].
    """
    i_here = e_here = found = 0
    for i in range(left.shape[0]):
        if not left[i].any():
            continue
        targets[i_here], ptr[i_here] = i, e_here
        i_here += 1
        for e in range(edges.ptr[i], edges.ptr[i + 1]):
            j = edges.source[e]
            if label[j] == 0:
                nodes[found] = j
                found += 1
                label[j] = found
            source[e_here], order[e_here] = label[j] - 1, place(edges, e)
            e_here += 1
    ptr[i_here] = e_here
    return found
