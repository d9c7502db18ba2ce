"""Rows split over threads.

The loops release the interpreter's lock.  Numba's own threads are not used: they end
the process after a fork, or when two threads call them.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

# Multiplications below which a second thread costs more than it saves.
_GRAIN = 400_000

_pools: dict[int, ThreadPoolExecutor] = {}
# A child process has none of its parent's threads.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)


def parts(work: int) -> int:
    """Among how many threads to split so many multiplications."""
    return max(1, min(torch.get_num_threads(), work // _GRAIN))


def even(rows: int, count: int) -> Sequence[int]:
    """Bounds of as many runs of rows, all of one length."""
    if count == 1:
        return (0, rows)
    return np.linspace(0, rows, count + 1).astype(np.int64).tolist()


def by_edges(ptr: np.ndarray, count: int) -> Sequence[int]:
    """Bounds of as many runs of rows, all with about as many edges."""
    rows = len(ptr) - 1
    if count == 1:
        return (0, rows)
    inner = np.searchsorted(ptr, np.linspace(0, ptr[-1], count + 1)[1:-1])
    return (0, *inner.tolist(), rows)


def run(task: Callable[[int, int, int], None], bounds: Sequence[int]) -> None:
    """Calls ``task(part, first row, row behind the last)`` for each part at once.

    Args:
        task: What to do with a run of rows.
        bounds: Of the runs: one more than there are parts.
    """
    count = len(bounds) - 1
    rest = []
    if count > 1:
        if count not in _pools:
            _pools[count] = ThreadPoolExecutor(count - 1, "pyg_hyperbolic")
        rest = [
            _pools[count].submit(task, part, bounds[part], bounds[part + 1])
            for part in range(1, count)
        ]
    task(0, bounds[0], bounds[1])
    for future in rest:
        future.result()
