"""A job in a process of its own, which may die of memory, and what it has taken."""

import ctypes
import multiprocessing
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

PROC = Path("/proc")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h

Result = dict[str, Any]


def isolated(limited: bool, job: Callable[..., Result], *settings: Any) -> Result:
    """Does a job in a process of its own.

    Args:
        limited: Whether it may have no more memory than is free now, and ends with an
            error where that does not suffice.
        job: A function of a module.
        settings: Its arguments.
    """
    limit = _kib("meminfo", "MemAvailable") * 2**10 if limited else None
    # A server that has imported everything, and nothing more, forks each process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([job.__module__])
    with ProcessPoolExecutor(1, context) as pool:
        try:
            return pool.submit(_within, limit, job, *settings).result()
        except BrokenProcessPool:
            return {"error": "ended by the system, as where memory is short"}


def _within(limit: int | None, job: Callable[..., Result], *settings: Any) -> Result:
    if limit is not None:  # of what is private and writable, so not of code
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    try:
        return job(*settings)
    except (MemoryError, RuntimeError) as error:
        text = str(error).partition("\n")[0]
        words = ("allocate", "bad_alloc", "out of memory")
        if not (isinstance(error, MemoryError) or any(w in text for w in words)):
            raise
        return {"error": f"out of memory: {text}"}


def settle_memory(keep: bool) -> bool:
    """Gives back what is free, and keeps what is freed from now on, if asked to.

    By default glibc returns every block beyond 32 MiB to the system, which clears its
    pages anew at every allocation: a cost that small graphs do not have.  PyTorch
    itself keeps freed memory on CUDA.  Returns whether it is kept.
    """
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):  # not glibc
        return False
    libc.malloc_trim(0)
    if not keep:
        return False
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, -1))


def forget_peak() -> float:
    """Has Linux forget the peak of the memory in use; returns the MiB in use now."""
    (PROC / "self/clear_refs").write_text("5")
    return _kib("self/status", "VmRSS") / 2**10


def peak_mib() -> float:
    """The most memory in use since the peak was forgotten."""
    return _kib("self/status", "VmHWM") / 2**10


def _kib(file: str, name: str) -> int:
    lines = (PROC / file).read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1])
