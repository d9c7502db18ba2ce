"""Runs on disk: one JSON line each, appended the moment a run ends."""

import fcntl
import json
import os
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
import torch_geometric
from torch_geometric.typing import WITH_TORCH_SCATTER

import pyg_hyperbolic

Run = dict[str, Any]

# Two runs that agree in these are the same run, and need to be done only once.  A new
# version of the package alone redoes nothing: each run says which one it was made with.
KEY = ("task", "dataset", "model", "seed", "preset", "device")


def versions() -> dict[str, Any]:
    """What a run was made with."""
    scatter: str | None = None
    if WITH_TORCH_SCATTER:
        import torch_scatter

        scatter = torch_scatter.__version__
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "torch_geometric": torch_geometric.__version__,
        "torch_scatter": scatter,
    }


def new_run(**settings: Any) -> Run:
    """A run as it starts, with all that identifies it."""
    return {
        **settings,
        "threads": torch.get_num_threads(),
        "package": pyg_hyperbolic.__version__,
        "versions": versions(),
    }


def key(run: Run) -> str:
    """What identifies a run."""
    return json.dumps([run.get(name) for name in KEY], sort_keys=True)


def missing(path: Path, wanted: Iterable[Run]) -> list[Run]:
    """Those of some runs that are not on disk."""
    known = {key(run) for run in read(path)}
    return [run for run in wanted if key(run) not in known]


def stored(path: Path, wanted: Iterable[Run]) -> list[Run]:
    """Those of some runs that are on disk, as they are there."""
    known = {key(run): run for run in read(path)}
    return [known[key(run)] for run in wanted if key(run) in known]


def append(path: Path, *added: Run) -> None:
    """Appends a line each and has them on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)  # of several processes, one at a time
        # A line that a killed process left half written stays a line of its own.
        broken = False
        if file.tell() > 0:
            file.seek(-1, os.SEEK_END)
            broken = file.read(1) != b"\n"
        lines = "".join(json.dumps(run, sort_keys=True) + "\n" for run in added)
        file.write(("\n" * broken + lines).encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> list[Run]:
    """All whole runs of a file, none if it doesn't exist."""
    if not path.exists():
        return []
    runs = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            runs.append(json.loads(line))
        except json.JSONDecodeError:  # half written when its process was killed
            continue
    return runs
