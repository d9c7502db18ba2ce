"""Does a learnable curvature come back once it has passed a bound?

Five ways to hold c within bounds of 0.5 and 2: the four parametrizations of
``Curvature``, and ``raw``, a plain parameter without any bound.  All have the same
optimizer, Adam as it comes, and the same learning rates, constant at first and
falling to zero over the last quarter.

- ``distances``: pairs of points are given in normal coordinates with their distances
  at c = 1, and c is to be recovered.  It starts inside, at or outside the bounds; or
  inside, and the distances are at first those of a c outside ("out below" and "out
  above"), so that c passes a bound on its way and has to come back.
- ``disease``: link prediction on HGCN's Disease, the best c of which is not known.
  The learning rate is that of the curvatures; weights have the preset's, and 100
  epochs: enough to see curvatures move, not to compare test scores.

A gradient that is never zero may still be small: after a detour at a learning rate of
1, sigmoid's is, and needs some 600 steps until Adam has forgotten the larger ones.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks import runs
from benchmarks.cli import common, guarded
from benchmarks.curvature_report import figure, table
from benchmarks.curvature_tasks import BOUNDS, HIGH, LOW, TRUE, predict_links, recover
from benchmarks.graphs import MissingDataset, load_graph
from benchmarks.runs import Run
from benchmarks.sweep import usable_device
from pyg_hyperbolic.curvature import PARAMETRIZATIONS

NAMES = (*PARAMETRIZATIONS, "raw")
DATASETS = ("distances", "disease")
RATES = (1e-3, 1e-2, 1e-1, 1.0)

# Enough for a raw parameter to move by 7, the way from sigmoid's start near a bound
# and back from a detour; and for Adam, which remembers squared gradients over some
# 1000 steps, to step again where sigmoid has flattened: in 400 steps it doesn't.
TRAVEL, LEAST_STEPS = 8.0, 1500
EPOCHS = 100  # of link prediction


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
DISEASE_STARTS = {name: STARTS[name] for name in ("inside", "above")}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what has not been run before; returns the exit status."""
    options = common(__doc__)
    options.set_defaults(seeds=[0])
    add = options.add_argument
    add(
        "--parametrization",
        nargs="+",
        default=NAMES,
        choices=NAMES,
        metavar="NAME",
        help=f"any of {', '.join(NAMES)} (default: all)",
    )
    add(
        "--dataset",
        nargs="+",
        default=DATASETS,
        choices=DATASETS,
        metavar="DATASET",
        help=f"any of {', '.join(DATASETS)} (default: both)",
    )
    add(
        "--lr",
        nargs="+",
        type=float,
        default=RATES,
        metavar="RATE",
        help="learning rates of the curvatures (default: 0.001 0.01 0.1 1)",
    )
    add(
        "--steps",
        type=int,
        metavar="NUMBER",
        help="steps at most (default: enough for the learning rate)",
    )
    args = options.parse_args(argv)

    def job() -> None:
        device = usable_device(args.device)
        texts = []
        for dataset in args.dataset:
            wanted = [
                planned(dataset, args.parametrization, lr, seed, device, args.steps)
                for lr in args.lr
                for seed in args.seeds
            ]
            try:
                done = [
                    run
                    for group in wanted
                    for run in complete(group, device, args.out, args.data_root)
                ]
            except MissingDataset as error:
                print(f"left out {error}")
                continue
            texts.append(table(done))
            figure(done, args.out / f"curvature_{dataset}.png")
        if not texts:
            return
        text = "\n\n".join(texts)
        (args.out / "curvature.md").write_text(text + "\n")
        print(f"{text}\n\nRuns, tables and figures are in {args.out}")

    return guarded(job)


def planned(
    dataset: str,
    names: Sequence[str],
    lr: float,
    seed: int,
    device: torch.device,
    most: int | None,
) -> list[Run]:
    """The runs of one dataset, learning rate and seed, as they start.

    Raises:
        ValueError: If the learning rate is not positive, or there are no steps.
    """
    if lr <= 0:
        raise ValueError(f"'lr' must be positive (got {lr:g})")
    if most is not None and most < 1:
        raise ValueError(f"'steps' must be at least 1 (got {most})")
    starts, steps = STARTS, max(LEAST_STEPS, round(TRAVEL / lr))
    if dataset == "disease":
        starts, steps = DISEASE_STARTS, EPOCHS
    steps = steps if most is None else min(steps, most)
    return [
        runs.new_run(
            task="curvature",
            dataset=dataset,
            model=name,
            seed=seed,
            preset={
                "lr": lr,
                "bounds": BOUNDS,
                "steps": steps,
                "start": start,
                **place._asdict(),
            },
            device=device.type,
        )
        for start, place in starts.items()
        for name in names
    ]


def complete(
    group: Sequence[Run], device: torch.device, out: Path, root: str | None
) -> list[Run]:
    """Does those runs of a group that are not on disk; returns them all.

    Raises:
        MissingDataset: See :func:`load_graph`.
    """
    path = out / "curvature.jsonl"
    known = {runs.key(run): run for run in runs.read(path)}
    missing = [run for run in group if runs.key(run) not in known]
    if missing and missing[0]["dataset"] == "distances":
        recover(missing, device)
        for run in missing:
            runs.append(path, run)
    elif missing:
        data = load_graph("disease", "link_prediction", missing[0]["seed"], root)
        for run in missing:
            predict_links(run, data, device)
            runs.append(path, run)
    return [known.get(runs.key(run), run) for run in group]


if __name__ == "__main__":
    sys.exit(main())
