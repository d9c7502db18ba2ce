"""Edges put in the order of their targets, by counting."""

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import loop


@loop
def group(source, target, num_sources, ptr, ordered, order):
    """Fills in the first edge of each target, and the sources in that order.

    Args:
        source: Where each edge leaves from, [E].
        target: Where it leads to, [E].
        num_sources: Number of nodes that may be a source.
        ptr: First edge of each target, filled in, [M + 1].
        ordered: Sources by target, filled in, [E].
        order: Where each of these edges stood, filled in, [E].

    Returns:
        1 if they were in that order, 0 if not, -1 if an index is out of range.
    """
    num_targets = ptr.shape[0] - 1
    ptr[:] = 0
    is_sorted, last = 1, 0
    for e in range(target.shape[0]):
        i, j = target[e], source[e]
        if i < 0 or i >= num_targets or j < 0 or j >= num_sources:
            return -1
        ptr[i + 1] += 1
        if i < last:
            is_sorted = 0
        last = i
    for i in range(num_targets):
        ptr[i + 1] += ptr[i]
    if is_sorted == 1:
        for e in range(target.shape[0]):
            ordered[e], order[e] = source[e], e
        return 1
    # ptr[i] runs through the edges of i, and ends where those of i + 1 begin
    for e in range(target.shape[0]):
        place = ptr[target[e]]
        ptr[target[e]] += 1
        ordered[place], order[place] = source[e], e
    for i in range(num_targets, 0, -1):
        ptr[i] = ptr[i - 1]
    ptr[0] = 0
    return 0


@loop
def outside(index, least, most):
    """How many indices are not from least to most, both included."""
    out = 0
    for e in range(index.shape[0]):
        if index[e] < least or index[e] > most:
            out += 1
    return out


def by_target(
    source: np.ndarray, target: np.ndarray, num_sources: int, num_targets: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """What :func:`group` fills in, and what it returns."""
    ptr = np.empty(num_targets + 1, np.int64)
    ordered, order = np.empty_like(source), np.empty_like(source)
    found = group(source, target, num_sources, ptr, ordered, order)
    return ptr, ordered, order, found
