"""Two tasks that train curvatures, however these are parametrized."""

import math
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import ModuleList, Parameter
from torch_geometric import seed_everything
from torch_geometric.data import Data
from tqdm import tqdm

from benchmarks.encoders import Encoder
from benchmarks.link_prediction import LinkPrediction
from benchmarks.presets import preset
from benchmarks.runs import Run
from pyg_hyperbolic import (
    Curvature,
    geometry,
    parameter_groups,
    project_curvatures,
)

LOW, HIGH = BOUNDS = (0.5, 2.0)
TRUE = 1.0
PAIRS, CHANNELS = 128, 4
DETOUR = 0.25  # share of the steps with the distances of another c
DECAY = 0.25  # share of the steps, the last ones, in which the learning rate falls


class Raw(torch.nn.Module):
    """The parameter itself is c: nothing keeps it within bounds, or positive."""

    def __init__(self, init: float) -> None:
        super().__init__()
        self.raw = Parameter(torch.tensor(init))

    def forward(self, points: Tensor | None = None) -> Tensor:
        """Returns c; of layers, which refuse a negative one, what is no number."""
        if points is None:
            return self.raw
        return self.raw.where(self.raw >= 0, math.nan)


def make_curvature(parametrization: str, init: float) -> torch.nn.Module:
    """A curvature that starts at :obj:`init`, also where that is out of bounds.

    Sigmoid's c cannot be: it starts 1 % within the bounds, where sigmoid is flat.
    """
    if parametrization == "raw":
        return Raw(init)
    if parametrization == "softplus":
        return Curvature(init)
    if parametrization == "sigmoid":
        margin = 0.01 * (HIGH - LOW)
        init = min(max(init, LOW + margin), HIGH - margin)
        return Curvature(init, parametrization=parametrization, bounds=BOUNDS)
    # The constructor refuses to start out of bounds, but these may change later.
    bounds = (min(init, LOW), max(init, HIGH))
    out = Curvature(init, parametrization=parametrization, bounds=bounds)
    out.bounds = BOUNDS
    return out


class Trace(NamedTuple):
    """What became of some curvatures that were trained together."""

    c: Tensor  # [steps + 1, number of curvatures]
    zero_gradient: Tensor  # [number of curvatures], share of steps


def train(
    curvatures: ModuleList,
    loss: Callable[[int, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    steps: int,
    tick: Callable[[], object] = lambda: None,
) -> Trace:
    """Trains until the last step, or until no curvature is a number any more.

    Args:
        curvatures: What to watch.
        loss: Takes the step and the values of the curvatures.
        optimizer: Holds the curvatures, and what else is to be trained.
        steps: Number of steps.
        tick: Called after every step.
    """
    if any(getattr(c, "parametrization", "") == "projected" for c in curvatures):
        project_curvatures(optimizer, curvatures)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (1 - step / steps) / DECAY)
    )
    raw = list(curvatures.parameters())
    zero = torch.zeros(len(raw))
    trajectory = []
    for step in range(steps):
        optimizer.zero_grad()
        c = torch.stack([curvature() for curvature in curvatures])
        trajectory.append(c.detach().cpu())
        loss(step, c).backward()
        zero += torch.tensor([p.grad is not None and p.grad.item() == 0 for p in raw])
        optimizer.step()
        schedule.step()
        tick()
        if trajectory[-1].isnan().all():
            break
    with torch.no_grad():
        last = torch.stack([curvature() for curvature in curvatures])
    return Trace(torch.stack([*trajectory, last.cpu()]), zero / len(trajectory))


def recover(group: Sequence[Run], device: torch.device) -> None:
    """Recovers c from distances; completes runs of equal seed and learning rate.

    They are trained side by side, which is much faster than, and the same as, one
    after another: the loss is a sum, and Adam treats each parameter on its own.
    """
    settings = [run["preset"] for run in group]
    steps, seed = settings[0]["steps"], group[0]["seed"]
    generator = torch.Generator().manual_seed(seed)
    u, v = torch.randn(2, PAIRS, CHANNELS, generator=generator).to(device)

    def distances(c: list[float]) -> Tensor:
        # In double precision: a loss of exactly zero would have no gradient either.
        batch = torch.tensor(c, dtype=torch.double, device=device)[:, None]
        return geometry.dist(u.double(), v.double(), batch).float()

    first = distances([each["detour"] for each in settings])
    then = distances([TRUE] * len(settings))

    def loss(step: int, c: Tensor) -> Tensor:
        given = first if step < DETOUR * steps else then
        ratio = geometry.dist(u, v, c[:, None]) / given
        return ratio.log().square().mean(dim=1).sum()

    curvatures = ModuleList(
        make_curvature(run["model"], run["preset"]["init"]) for run in group
    ).to(device)
    optimizer = torch.optim.Adam(curvatures.parameters(), lr=settings[0]["lr"])
    start = time.perf_counter()
    with tqdm(total=steps, desc=_title(group[0]), unit="step", leave=False) as bar:
        trace = train(curvatures, loss, optimizer, steps, bar.update)
    seconds = (time.perf_counter() - start) / len(group)
    for i, run in enumerate(group):
        mine = Trace(trace.c[:, i : i + 1], trace.zero_gradient[i : i + 1])
        run.update(summary(mine, ["c"]), seconds=seconds, true=TRUE)


def predict_links(run: Run, data: Data, device: torch.device) -> None:
    """Trains an HGCN with the run's curvatures, and completes the run."""
    settings, seed = run["preset"], run["seed"]
    seed_everything(seed)
    weights = preset("link_prediction", "disease", "hgcn")
    task = LinkPrediction(data, "hgcn", weights, device)
    curvatures = _replace_curvatures(task.encoder, run["model"], settings["init"])
    curvatures.to(device)
    others, numbers = parameter_groups(task.module, weights.weight_decay)
    numbers["lr"] = settings["lr"]  # curvatures alone: the decoder does not learn
    optimizer = torch.optim.Adam([others, numbers], lr=weights.lr)
    task.module.train()
    steps, start = settings["steps"], time.perf_counter()
    with tqdm(total=steps, desc=_title(run), unit="epoch", leave=False) as bar:
        trace = train(curvatures, lambda *_: task.loss(), optimizer, steps, bar.update)
    names = [f"layer {i}" for i in range(len(curvatures))]
    run.update(summary(trace, names), seconds=time.perf_counter() - start)
    if not run["nan"]:
        task.module.eval()
        with torch.no_grad():
            run["test"] = task.evaluate().test


def _replace_curvatures(
    encoder: Encoder, parametrization: str, init: float
) -> ModuleList:
    for conv in encoder.net.convs:
        conv.curvature = make_curvature(parametrization, init)
    return ModuleList(conv.curvature for conv in encoder.net.convs)


def summary(trace: Trace, names: Sequence[str]) -> Run:
    """What a run keeps: one point in each 200th of the trajectory, and the last."""
    last = len(trace.c) - 1
    kept = sorted({*range(0, last, max(1, last // 200)), last})
    columns = dict(zip(names, trace.c[kept].t().tolist(), strict=True))
    return {
        "steps": last,
        "final": {name: _number(column[-1]) for name, column in columns.items()},
        "nan": bool(trace.c.isnan().any()),
        "not_positive": bool((trace.c <= 0).any()),
        "zero_gradient": trace.zero_gradient.mean().item(),
        "trajectory": {
            "step": kept,
            "c": {
                name: [_number(c) for c in column] for name, column in columns.items()
            },
        },
    }


def _number(c: float) -> float | None:
    """Six digits; JSON knows no NaN."""
    return None if c != c else float(f"{c:.6g}")


def _title(run: Run) -> str:
    return f"{run['task']} {run['dataset']} lr {run['preset']['lr']:g}"
