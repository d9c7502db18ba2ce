"""Checkpoints: training goes on where a process was killed, as if it had not been.

A file is written beside the old one and takes its place in one step, so that at any
moment one whole checkpoint is on disk.  It holds tensors and plain values alone, and
reading it runs no code of its own.
"""

import io
import os
import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks import runs

State = dict[str, Any]


class Interval(NamedTuple):
    """How much work may be lost: a number of epochs or of minutes."""

    epochs: int | None = None
    minutes: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Reads ``50`` as epochs, and ``5min`` as minutes.

        Raises:
            ValueError: If it is neither, or not positive.
        """
        number, minutes = text.removesuffix("min"), text.endswith("min")
        out = cls(minutes=float(number)) if minutes else cls(epochs=int(number))
        if not (out.epochs or out.minutes or 0) > 0:
            raise ValueError(f"an interval must be positive (got {text!r})")
        return out


class Checkpoint:
    """The file of one training run.

    Args:
        path: Where it is.
        interval: How often it is written.
        resume: Whether to go on from what is there; otherwise it is overwritten.
    """

    def __init__(self, path: Path, interval: Interval, resume: bool) -> None:
        self.path, self.interval, self.resume = path, interval, resume
        self.lines: list[runs.Run] = []  # of a log, kept with the state
        self._saved_at = time.monotonic()

    def load(self) -> State | None:
        """What :meth:`save` has kept; random numbers and the log go on from there.

        Returns:
            :obj:`None` where there is nothing to go on from.
        """
        content = self.read()
        if content is None:
            return None
        file = io.BytesIO(content)
        state: State = torch.load(file, map_location="cpu", weights_only=True)
        set_rng_state(state.pop("rng"))
        self.lines[:] = state.pop("lines")
        return state

    def read(self) -> bytes | None:
        """The file, if it is to be gone on from."""
        if not (self.resume and self.path.exists()):
            return None
        return self.path.read_bytes()

    def save(self, epoch: int, state: Callable[[], State]) -> None:
        """Keeps the state after an epoch, if it is time to."""
        if not self._due(epoch):
            return
        write(self.path, {**state(), "rng": rng_state(), "lines": self.lines})
        self._saved_at = time.monotonic()

    def _due(self, epoch: int) -> bool:
        if self.interval.epochs is not None:
            return epoch % self.interval.epochs == 0
        assert self.interval.minutes is not None
        return time.monotonic() - self._saved_at >= 60 * self.interval.minutes

    def remove(self) -> None:
        """Takes the file away when the run is on record."""
        self.path.unlink(missing_ok=True)


class Checkpoints(NamedTuple):
    """The checkpoints of many runs, in one folder."""

    folder: Path
    interval: Interval
    resume: bool

    def of(self, run: runs.Run, kind: type[Checkpoint] = Checkpoint) -> Checkpoint:
        """The checkpoint of a run: other settings, another file."""
        name = f"{run['task']}-{run['model']}-{run['seed']}-{runs.identity(run)}.pt"
        return kind(self.folder / name, self.interval, self.resume)


def write(path: Path, state: State) -> None:
    """Writes a state in place of an old one, which is there until it is on disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")  # one killed process leaves at most one
    with new.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too
    finally:
        os.close(folder)


def rng_state() -> State:
    """Every generator that a run may draw from, on CUDA that of the current device."""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002  # PyG draws from it
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state() if torch.cuda.is_available() else None,
        "numpy": (kind, torch.from_numpy(keys), *rest),
        "python": random.getstate(),
    }


def set_rng_state(state: State) -> None:
    """Sets what :func:`rng_state` gave."""
    torch.set_rng_state(state["torch"])
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, keys.numpy(), *rest))  # noqa: NPY002
    random.setstate(state["python"])
