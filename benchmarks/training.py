"""One training run: a loop, early stopping, and what it cost."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data

from benchmarks.checkpoint import Checkpoint, State
from benchmarks.presets import Preset
from pyg_hyperbolic import parameter_groups

EVALUATE_EVERY = 5  # epochs


class Evaluation(NamedTuple):
    """Metrics at one epoch; only the score may decide anything."""

    score: float  # on validation, larger is better
    val: dict[str, float]
    test: dict[str, float]


class Task(ABC):
    """A model with a loss and an evaluation, set up for one run."""

    name: ClassVar[str]
    module: torch.nn.Module

    @abstractmethod
    def __init__(
        self, data: Data, model: str, preset: Preset, device: torch.device
    ) -> None: ...

    @abstractmethod
    def loss(self) -> Tensor:
        """The loss of one epoch."""

    @abstractmethod
    def evaluate(self) -> Evaluation:
        """Metrics of the model as it is."""


class Fit(NamedTuple):
    """What training found at its best epoch, and what it cost."""

    best: Evaluation
    best_epoch: int
    epochs: int
    seconds_per_epoch: float
    state: dict[str, Tensor]


@dataclass
class Progress:
    """What a run knows between two epochs, besides its model and optimizer."""

    epoch: int = 0  # the last one that is over
    best: Evaluation = field(default_factory=lambda: Evaluation(-math.inf, {}, {}))
    best_epoch: int = 0
    state: dict[str, Tensor] = field(default_factory=dict)  # of the best epoch
    seconds: float = 0.0

    def kept(self) -> State:
        """All of it in plain types, for a checkpoint."""
        return {**vars(self), "best": tuple(self.best)}

    def restore(self, state: State) -> None:
        """Takes what :meth:`kept` gave."""
        vars(self).update({**state, "best": Evaluation(*state["best"])})


def fit(
    task: Task,
    preset: Preset,
    tick: Callable[[int], object] = lambda epoch: None,
    checkpoint: Checkpoint | None = None,
    curvature_lr: float | None = None,
) -> Fit:
    """Trains until the validation score has stood still for the preset's patience.

    Args:
        task: What to train.
        preset: Its hyper-parameters.
        tick: Called with the number of every epoch that is over.
        checkpoint: Where training is kept, and perhaps goes on from.
        curvature_lr: Learning rate of curvatures, by default the preset's.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    groups = parameter_groups(
        task.module, preset.weight_decay, curvature_lr=curvature_lr
    )
    optimizer = torch.optim.Adam(groups, lr=preset.lr)
    progress = Progress()

    def kept() -> State:
        return {
            "module": task.module.state_dict(),
            "optimizer": optimizer.state_dict(),
            "progress": progress.kept(),
        }

    if checkpoint is not None and (saved := checkpoint.load()) is not None:
        progress.restore(saved["progress"])
        task.module.load_state_dict(saved["module"])
        optimizer.load_state_dict(saved["optimizer"])
    start = time.perf_counter() - progress.seconds
    for epoch in range(progress.epoch + 1, preset.epochs + 1):
        if checkpoint is not None:
            progress.seconds = time.perf_counter() - start
            checkpoint.save(progress.epoch, kept)
        task.module.train()
        optimizer.zero_grad()
        loss = task.loss()
        loss.backward()
        optimizer.step()
        progress.epoch = epoch
        tick(epoch)
        if epoch % EVALUATE_EVERY and epoch != preset.epochs:
            continue
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"the loss of epoch {epoch} is {loss.item()}")
        task.module.eval()
        with torch.no_grad():
            evaluation = task.evaluate()
        if evaluation.score > progress.best.score:
            progress.best, progress.best_epoch = evaluation, epoch
            state = task.module.state_dict()
            progress.state = {k: v.clone() for k, v in state.items()}
        elif epoch - progress.best_epoch >= preset.patience:
            break
    seconds = (time.perf_counter() - start) / progress.epoch
    return Fit(
        progress.best, progress.best_epoch, progress.epoch, seconds, progress.state
    )


class PeakMemory:
    """The most memory in use since this object was made, in MiB."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        elif _CLEAR.exists():
            _CLEAR.write_text("5")  # Linux: forget the peak of the resident set

    def mib(self) -> float | None:
        """CUDA: what PyTorch allocated; Linux: resident memory of the process."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / 2**20
        if not _STATUS.exists():
            return None
        lines = _STATUS.read_text().splitlines()
        peak = next(line for line in lines if line.startswith("VmHWM:"))
        return int(peak.split()[1]) / 2**10


_CLEAR, _STATUS = Path("/proc/self/clear_refs"), Path("/proc/self/status")
