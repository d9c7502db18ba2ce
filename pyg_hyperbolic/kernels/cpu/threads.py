"""Rows split over threads.

The loops release the interpreter's lock.  Where possible they run in PyTorch's own
OpenMP threads: these spin for some milliseconds after each of PyTorch's loops, and
would compete for the cores with other threads.  Elsewhere, and in a child process,
which has none of its parent's threads, there is a pool.  Numba's own threads end the
process after a fork, or when two threads call them.
"""

import ctypes
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import torch

# Multiplications below which a second thread costs more than it saves.
_GRAIN = 100_000

Task = Callable[[int, int, int], None]

_pools: dict[int, ThreadPoolExecutor] = {}
_forked: list[bool] = []


def _after_fork() -> None:
    _pools.clear()
    _forked.append(True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def parts(work: int) -> int:
    """How many threads to split so many multiplications among."""
    return max(1, min(torch.get_num_threads(), work // _GRAIN))


def even(rows: int, count: int) -> Sequence[int]:
    """Bounds of so many runs of rows, all of about the same length."""
    if count == 1:
        return (0, rows)
    return np.linspace(0, rows, count + 1).astype(np.int64).tolist()


def by_edges(ptr: np.ndarray, count: int) -> Sequence[int]:
    """Bounds of so many runs of rows, all with about as many edges."""
    rows = len(ptr) - 1
    if count == 1:
        return (0, rows)
    inner = np.searchsorted(ptr, np.linspace(0, ptr[-1], count + 1)[1:-1])
    return (0, *inner.tolist(), rows)


def run(task: Task, bounds: Sequence[int]) -> None:
    """Calls ``task(part, first row, row behind the last)`` for each part at once.

    Args:
        task: What to do with a run of rows.
        bounds: Of the runs: one more than there are parts.
    """
    count = len(bounds) - 1
    if count == 1:
        task(0, bounds[0], bounds[1])
    elif _openmp() is None or _forked:
        _run_in_pool(task, bounds, count)
    else:
        _run_in_openmp(task, bounds, count)


def _run_in_pool(task: Task, bounds: Sequence[int], count: int) -> None:
    if count not in _pools:
        _pools[count] = ThreadPoolExecutor(count - 1, "pyg_hyperbolic")
    rest = [
        _pools[count].submit(task, part, bounds[part], bounds[part + 1])
        for part in range(1, count)
    ]
    task(0, bounds[0], bounds[1])
    for future in rest:
        future.result()


_CALLBACK = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


@cache
def _openmp() -> Any:
    """GNU OpenMP's function that calls another one in several threads, or None.

    If PyTorch is built with this library, it has loaded it for the whole process.
    """
    try:
        function = ctypes.CDLL(None).GOMP_parallel
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = (_CALLBACK, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint)
    function.restype = None
    return function


def _run_in_openmp(task: Task, bounds: Sequence[int], count: int) -> None:
    remaining, errors = iter(range(count)), list[BaseException]()

    def work(_: int | None) -> None:
        # OpenMP may give fewer threads than asked for.
        for part in remaining:
            try:
                task(part, bounds[part], bounds[part + 1])
            except BaseException as error:
                errors.append(error)

    _openmp()(_CALLBACK(work), None, count, 0)
    if errors:
        raise errors[0]
