"""Does a learnable curvature come back once it has passed a bound?

Five ways to hold c within bounds of 0.5 and 2: the four parametrizations of
``Curvature``, and ``raw``, a plain parameter without any bound.  c is to be recovered
from distances at c = 1.  It starts inside, at or outside the bounds; or inside, and the
distances are at first those of a c outside ("out below" and "out above"), so that c
passes a bound on its way and has to come back.  The notebook ``gradient_blocking`` has
the same in a network.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import Parameter
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.report import COLORS, figure, markdown, unique
from benchmarks.common.runs import Run
from pyg_hyperbolic import Curvature, geometry, project_curvatures
from pyg_hyperbolic.curvature import PARAMETRIZATIONS

WAYS = (*PARAMETRIZATIONS, "raw")
RATES = (1e-3, 1e-2, 1e-1, 1.0)
LOW, HIGH = BOUNDS = (0.5, 2.0)
TRUE, CLOSE = 1.0, 0.02  # what is to be found, and the relative error that counts so
PAIRS, CHANNELS = 128, 4
DETOUR = DECAY = 0.25  # shares of the steps: with another c; of a falling rate
# Enough for a raw parameter to move by 7, the way from sigmoid's start near a bound
# and back from a detour; and for Adam, which remembers squared gradients over some
# 1000 steps, to step again where sigmoid has flattened: in 400 steps it doesn't.
TRAVEL, LEAST_STEPS = 8.0, 1500


class Start(NamedTuple):
    """Where c starts, and the c of the distances that are given at first."""

    init: float
    detour: float = TRUE


STARTS = {
    "inside": Start(1.5),
    "at lower bound": Start(LOW),
    "at upper bound": Start(HIGH),
    "below": Start(0.25),
    "above": Start(4.0),
    "out below": Start(0.75, detour=0.25),
    "out above": Start(1.5, detour=4.0),
}


class Raw(torch.nn.Module):
    """The parameter itself is c: nothing keeps it within bounds, or positive."""

    def __init__(self, init: float) -> None:
        super().__init__()
        self.raw = Parameter(torch.tensor(init))

    def forward(self) -> Tensor:
        """Returns c."""
        return self.raw


def make_curvature(way: str, init: float) -> torch.nn.Module:
    """A curvature that starts at :obj:`init`, also where that is out of bounds.

    Sigmoid's c cannot be: it starts 1 % within the bounds, where sigmoid is flat.
    """
    if way == "raw":
        return Raw(init)
    if way == "softplus":
        return Curvature(init)
    if way == "sigmoid":
        margin = 0.01 * (HIGH - LOW)
        init = min(max(init, LOW + margin), HIGH - margin)
        return Curvature(init, parametrization=way, bounds=BOUNDS)
    # The constructor refuses to start out of bounds, but these may change later.
    bounds = (min(init, LOW), max(init, HIGH))
    out = Curvature(init, parametrization=way, bounds=bounds)
    out.bounds = BOUNDS
    return out


def recover(group: Sequence[Run]) -> None:
    """Recovers c from distances; completes runs of equal learning rate.

    They are trained side by side, which is much faster than, and the same as, one
    after another: the loss is a sum, and Adam treats each parameter on its own.
    """
    settings = [run["preset"] for run in group]
    steps = settings[0]["steps"]
    generator = torch.Generator().manual_seed(group[0]["seed"])
    u, v = torch.randn(2, PAIRS, CHANNELS, generator=generator)

    def distances(c: list[float]) -> Tensor:
        # In double precision: a loss of exactly zero would have no gradient either.
        batch = torch.tensor(c, dtype=torch.double)[:, None]
        return geometry.dist(u.double(), v.double(), batch).float()

    first = distances([each["detour"] for each in settings])
    then = distances([TRUE] * len(settings))
    curvatures = torch.nn.ModuleList(
        make_curvature(run["model"], run["preset"]["init"]) for run in group
    )
    optimizer = torch.optim.Adam(curvatures.parameters(), lr=settings[0]["lr"])
    if any(run["model"] == "projected" for run in group):
        project_curvatures(optimizer, curvatures)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (1 - step / steps) / DECAY)
    )
    zero, trajectory = torch.zeros(len(group)), []
    for step in tqdm(range(steps), desc=f"lr {settings[0]['lr']:g}", leave=False):
        optimizer.zero_grad()
        c = torch.stack([curvature() for curvature in curvatures])
        trajectory.append(c.detach())
        given = first if step < DETOUR * steps else then
        ratio = geometry.dist(u, v, c[:, None]) / given
        ratio.log().square().mean(dim=1).sum().backward()
        zero += torch.tensor([p.grad is not None and p.grad.item() == 0
                              for p in curvatures.parameters()])  # fmt: skip
        optimizer.step()
        schedule.step()
    trajectory.append(torch.stack([curvature() for curvature in curvatures]).detach())
    for i, run in enumerate(group):
        run.update(summary(torch.stack(trajectory)[:, i], zero[i].item() / steps))


def summary(c: Tensor, zero_gradient: float) -> Run:
    """What a run keeps: one point in each 200th of the trajectory, and the last."""
    last = len(c) - 1
    kept = sorted({*range(0, last, max(1, last // 200)), last})
    return {
        "final": _number(c[-1].item()),
        "nan": bool(c.isnan().any()),
        "not_positive": bool((c <= 0).any()),
        "zero_gradient": zero_gradient,
        "trajectory": {"step": kept, "c": [_number(x) for x in c[kept].tolist()]},
    }


def _number(c: float) -> float | None:
    """Six digits; JSON knows no NaN."""
    return None if c != c else float(f"{c:.6g}")


def planned(lr: float) -> list[Run]:
    """The runs of one learning rate, as they start."""
    if lr <= 0:
        raise ValueError(f"'--lr' must be positive (got {lr:g})")
    same = {"lr": lr, "steps": max(LEAST_STEPS, round(TRAVEL / lr))}
    head = {"task": "curvature", "dataset": "distances", "seed": 0, "device": "cpu"}
    return [
        runs.new_run(**head, model=way, preset={**same, "start": name, **at._asdict()})
        for name, at in STARTS.items()
        for way in WAYS
    ]


def table(done: Sequence[Run]) -> str:
    """What became of all runs, a column for each way."""
    ways = unique(run["model"] for run in done)
    columns = [[run for run in done if run["model"] == way] for way in ways]
    found = [f"{sum(_error(r) <= CLOSE for r in own)} of {len(own)}" for own in columns]
    shares = [fmean(run["zero_gradient"] for run in own) for own in columns]
    rows = [
        ["distances", *ways],
        [f"within {CLOSE:.0%} of c = {TRUE:g}", *found],
        ["largest error", *map(_worst, columns)],
        ["zero gradients", *(f"{share:.0%}" for share in shares)],
    ]
    for key, label in (("not_positive", "runs with c ≤ 0"), ("nan", "runs with NaN")):
        rows.append([label, *(str(sum(r[key] for r in own)) for own in columns)])
    return markdown(rows)


def _error(run: Run) -> float:
    return math.inf if run["nan"] else abs(run["final"] / TRUE - 1)


def _worst(own: Sequence[Run]) -> str:
    worst = max(map(_error, own))
    return "NaN" if worst == math.inf else f"{worst:.2g}"


def draw(done: Sequence[Run], path: Path) -> None:
    """c against time: a row a learning rate, a column a way; detours dashed."""
    ways = unique(run["model"] for run in done)
    rates = unique(run["preset"]["lr"] for run in done)
    size = {"figsize": (2.5 * len(ways) + 1.9, 1.9 * len(rates) + 0.9)}
    shared = {"sharex": True, "sharey": True}
    with figure(path, len(rates), len(ways), **shared, **size) as (shown, panels):
        for panel in panels.flat:
            panel.axhspan(LOW, HIGH, color="0.9")
        for run in done:
            start, steps = run["preset"]["start"], run["preset"]["steps"]
            panel = panels[rates.index(run["preset"]["lr"]), ways.index(run["model"])]
            place, dashed = list(STARTS).index(start), start.startswith("out")
            look = {"ls": "--" if dashed else "-", "lw": 2.4 - 0.2 * place}
            numbers = [math.nan if c is None else c for c in run["trajectory"]["c"]]
            share = [step / steps for step in run["trajectory"]["step"]]
            panel.plot(share, numbers, color=COLORS[place], label=start, **look)
        for panel, way in zip(panels[0], ways, strict=True):
            panel.set_title(way, fontsize="large")
        for panel, rate in zip(panels[:, 0], rates, strict=True):
            panel.set_ylabel(f"lr {rate:g}\n\ncurvature c")
            panel.set_yscale("log")
            panel.set_ylim(0.08, 8)  # a line that leaves below may have passed c = 0
        shown.supxlabel("share of the steps", fontsize="medium")
        handles = panels[0][0].get_legend_handles_labels()
        shown.legend(*handles, loc="outside right upper", frameon=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what has not been run before; returns the exit status."""
    options = cli.parser(__doc__)
    cli.several(options, "--lr", RATES, type=float)
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        path, done = args.out / "curvature.jsonl", []
        for lr in args.lr:
            wanted = planned(lr)
            missing = [] if args.report else runs.missing(path, wanted)
            if missing:
                recover(missing)
                runs.append(path, *missing)
            done += runs.stored(path, wanted)
        draw(done, args.out / "curvature.png")
        cli.publish(table(done), args.out, "curvature")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
