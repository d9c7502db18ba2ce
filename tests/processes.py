"""Processes to be joined and killed, forked from one that has imported the packages."""

import faulthandler
import multiprocessing
import os
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from typing import Any

CONTEXT = multiprocessing.get_context("forkserver")
# The second is what optimizers import when they are first made.
CONTEXT.set_forkserver_preload(
    ["examples.distributed", "torch._dynamo", "pyg_hyperbolic.kernels.cpu", "pytest"]
)

# Seconds for what takes ten: a busy machine has been seen to stand still for minutes.
PATIENCE = 300


def start(target: Callable[..., None], *args: Any) -> Any:
    """Starts a process."""
    out = CONTEXT.Process(target=target, args=args, daemon=True)
    out.start()
    return out


def kill(process: Any) -> None:
    """``kill -9``."""
    os.kill(process.pid, signal.SIGKILL)
    process.join(10)
    assert process.exitcode == -signal.SIGKILL


def run(target: Callable[..., None], *args: Any) -> None:
    """Runs a function in a process of its own, to its end."""
    assert run_all(target, [args]) == [0]


def run_all(
    target: Callable[..., None], all_args: list[Any], timeout: float = PATIENCE
) -> list[int | None]:
    """Runs a function in several processes at once.

    One that hangs prints where, before it is killed.

    Returns:
        Their exit statuses; None of one that was still running, and is no more.
    """
    with tempfile.TemporaryDirectory() as scratch:
        processes = [
            start(_in_folder, scratch, timeout - 1, target, *args) for args in all_args
        ]
        end = time.monotonic() + timeout
        for process in processes:
            process.join(max(0.0, end - time.monotonic()))
        out = [process.exitcode for process in processes]
        for process in processes:
            process.kill()
            process.join()
    return out


def _in_folder(
    folder: str, patience: float, target: Callable[..., None], *args: Any
) -> None:
    """Keeps PyG's temporary modules there: forked processes do not remove them."""
    faulthandler.dump_traceback_later(patience)
    tempfile.tempdir = folder
    target(*args)


def run_group(target: Callable[..., None], size: int, *args: Any) -> list[int | None]:
    """Runs ``target(rank, *args)`` in processes that find each other."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return run_all(_join, [(rank, size, port, target, *args) for rank in range(size)])


def _join(
    rank: int, size: int, port: int, target: Callable[..., None], *args: Any
) -> None:
    """What torchrun tells a process, on the loopback interface."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "GLOO_SOCKET_IFNAME": "lo",
    }
    target(rank, *args)
