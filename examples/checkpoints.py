"""Checkpoints: training goes on where a process was killed, as if it had not been.

``python -m examples.checkpoints --folder runs --every 50``

A file is written beside the old one and takes its place in one step, so that at any
moment one whole checkpoint is on disk.  It holds tensors and plain values alone, and
reading it runs no code of its own.  The same command goes on from it.
"""

import argparse
import io
import os
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch_geometric import seed_everything
from torch_geometric.data import Data

from pyg_hyperbolic import parameter_groups
from pyg_hyperbolic.datasets import DiseaseTree
from pyg_hyperbolic.nn import HGCN

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
    """

    def __init__(self, path: Path, interval: Interval) -> None:
        self.path, self.interval = path, interval
        self._saved_at = time.monotonic()

    def load(self) -> State | None:
        """What :meth:`save` has kept, if anything; random numbers go on from there."""
        if not self.path.exists():
            return None
        return restored(self.path.read_bytes())

    def save(self, epoch: int, state: Callable[[], State]) -> None:
        """Keeps the state after an epoch, if it is time to."""
        if self._due(epoch):
            write(self.path, {**state(), "rng": rng_state()})
            self._saved_at = time.monotonic()

    def _due(self, epoch: int) -> bool:
        if self.interval.epochs is not None:
            return epoch % self.interval.epochs == 0
        assert self.interval.minutes is not None
        return time.monotonic() - self._saved_at >= 60 * self.interval.minutes


def restored(content: bytes) -> State:
    """The state in a file's bytes; random numbers go on from there."""
    state: State = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
    )
    set_rng_state(state.pop("rng"))
    return state


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


def fit(
    model: torch.nn.Module,
    loss: Callable[[], torch.Tensor],
    score: Callable[[], float],
    epochs: int,
    checkpoint: Checkpoint | None,
    lr: float = 0.01,
) -> State:
    """Trains, from the checkpoint on if there is one.

    Args:
        model: What to train.
        loss: The loss of an epoch.
        score: How good the model is on validation.
        epochs: Number of epochs, with those that are over.
        checkpoint: Where training is kept.
        lr: Learning rate.

    Returns:
        Score, number and weights of the best epoch.
    """
    optimizer = torch.optim.Adam(parameter_groups(model, weight_decay=5e-4), lr=lr)
    first, best = 1, State(score=float("-inf"), epoch=0, model={})
    if checkpoint is not None and (saved := checkpoint.load()) is not None:
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        first, best = saved["epoch"] + 1, saved["best"]
    for epoch in range(first, epochs + 1):
        model.train()
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        model.eval()
        with torch.no_grad():
            found = score()
        if found > best["score"]:
            weights = {k: v.clone() for k, v in model.state_dict().items()}
            best = State(score=found, epoch=epoch, model=weights)
        if checkpoint is not None:
            checkpoint.save(
                epoch,
                lambda epoch=epoch, best=best: {  # type: ignore[misc]
                    "model": model.state_dict(),
                    "optimizer": optimizer.state_dict(),
                    "epoch": epoch,
                    "best": best,
                },
            )
    return best


def main(argv: Sequence[str] | None = None) -> None:
    """Classifies the nodes of a generated tree."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("--folder", type=Path, required=True, help="where the checkpoint is kept")
    add("--every", type=Interval.parse, default=Interval(minutes=5), help="50 or 5min")
    add("--epochs", type=int, default=200)
    args = options.parse_args(argv)
    seed_everything(0)
    data: Data = DiseaseTree()[0]
    model = HGCN(data.num_features, 16, num_layers=2, out_channels=2, cached=True)

    def logits(mask: torch.Tensor) -> torch.Tensor:
        return model(data.x, data.edge_index)[mask]

    def loss() -> torch.Tensor:
        return cross_entropy(logits(data.train_mask), data.y[data.train_mask])

    def score() -> float:
        right = logits(data.val_mask).argmax(dim=-1) == data.y[data.val_mask]
        return right.float().mean().item()

    checkpoint = Checkpoint(args.folder / "tree.pt", args.every)
    best = fit(model, loss, score, args.epochs, checkpoint)
    print(f"validation accuracy {best['score']:.3f} at epoch {best['epoch']}")


if __name__ == "__main__":
    main()
