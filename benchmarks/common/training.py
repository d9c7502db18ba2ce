"""One training run: a loop, early stopping, and what it cost."""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from statistics import median
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor
from torch_geometric import seed_everything
from torch_geometric.data import Data

from benchmarks.common.encoders import Encoder, curvatures
from benchmarks.common.presets import Preset
from benchmarks.common.runs import Run
from pyg_hyperbolic import curvature_report, parameter_groups

EVALUATE_EVERY = 5  # epochs


class Evaluation(NamedTuple):
    """Metrics at one epoch; only the score may decide anything."""

    score: float  # on validation, larger is better
    val: dict[str, float]
    test: dict[str, float]


class Task(ABC):
    """A model with a loss and an evaluation, set up for one run.

    Args:
        data: The graph.
        model: Which model.
        preset: Its hyper-parameters.
        seed: Seed of the split; that of weights is set by :func:`train`.
        device: Where to train.
    """

    name: ClassVar[str]
    main: ClassVar[str]  # the metric that a task is judged by
    module: torch.nn.Module
    encoder: Encoder

    @abstractmethod
    def __init__(
        self, data: Data, model: str, preset: Preset, seed: int, device: torch.device
    ) -> None: ...

    @abstractmethod
    def loss(self) -> Tensor:
        """The loss of one epoch."""

    @abstractmethod
    def evaluate(self) -> Evaluation:
        """Metrics of the model as it is."""

    def finish(self) -> dict[str, float]:
        """Further test metrics, of the selected model alone."""
        return {}


class Fit(NamedTuple):
    """What training found at its best epoch, and what it cost."""

    best: Evaluation
    best_epoch: int
    epochs: int
    seconds_per_epoch: float  # median, without evaluations


def fit(
    task: Task,
    preset: Preset,
    report: Callable[[int, float], object] = lambda epoch, best: None,
) -> Fit:
    """Trains until the validation score has stood still for the preset's patience.

    The module ends with the weights of the best epoch.

    Args:
        task: What to train.
        preset: Its hyper-parameters.
        report: Called after each evaluation with the epoch and the best score so far.

    Raises:
        FloatingPointError: If a loss is not finite.
    """
    groups = parameter_groups(
        task.module, preset.weight_decay, curvature_lr=preset.curvature_lr
    )
    optimizer = torch.optim.Adam(groups, lr=preset.lr)
    best, best_epoch, state = Evaluation(-math.inf, {}, {}), 0, {}
    seconds: list[float] = []
    for epoch in range(1, preset.epochs + 1):
        start = time.perf_counter()
        task.module.train()
        optimizer.zero_grad()
        loss = task.loss()
        loss.backward()
        optimizer.step()
        value = loss.item()
        seconds.append(time.perf_counter() - start)
        if epoch % EVALUATE_EVERY and epoch != preset.epochs:
            continue
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss of epoch {epoch} is {value}")
        task.module.eval()
        with torch.no_grad():
            evaluation = task.evaluate()
        if evaluation.score > best.score:
            best, best_epoch = evaluation, epoch
            state = {k: v.clone() for k, v in task.module.state_dict().items()}
        report(epoch, best.score)
        if epoch - best_epoch >= preset.patience:
            break
    task.module.load_state_dict(state)
    task.module.eval()
    return Fit(
        best,
        best_epoch,
        epoch,
        median(seconds),
    )


def train(
    kind: type[Task],
    data: Data,
    run: Run,
    device: torch.device,
    report: Callable[[int, float], object] = lambda epoch, best: None,
    further: bool = True,
) -> None:
    """Trains once, and adds what came out of it to the run, with further metrics."""
    preset = Preset(**run["preset"])
    seed_everything(run["seed"])
    task = kind(data, run["model"], preset, run["seed"], device)
    start = time.perf_counter()
    try:
        result = fit(task, preset, report)
    except FloatingPointError as error:
        run["error"] = str(error)
        return
    run["seconds"], run["score"] = time.perf_counter() - start, result.best.score
    with torch.no_grad():
        more = task.finish() if further else {}
    run.update(
        val=result.best.val,
        test={**result.best.test, **more},
        best_epoch=result.best_epoch,
        epochs=result.epochs,
        seconds_per_epoch=result.seconds_per_epoch,
        **geometry(task),
    )


def geometry(task: Task) -> dict[str, Any]:
    """Curvatures, and the median radius of the points behind each, if there are any."""
    found = curvatures(task.encoder)
    if not found:
        return {"curvature": {}, "radius": []}
    with torch.no_grad():
        task.evaluate()
    radii = (state.radius for state in curvature_report(task.encoder))
    return {"curvature": found, "radius": [r for r in radii if r is not None]}
