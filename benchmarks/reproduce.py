"""The published tables: every model on every dataset, beside other authors' figures.

Both tasks, the whole family and Euclidean models, 10 seeds each.  It takes hours, and
goes on where it was stopped; ``--quick`` does two seeds of a few epochs each, to see
that all of it runs.  Writes JSON lines and, from them, ``README.md``.  Runs that are in
the folder already are not repeated: give an empty one to do everything again.
``--report`` runs nothing: it writes the tables of what is there.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.cli import guarded, parser
from benchmarks.comparison import document
from benchmarks.encoders import MODELS
from benchmarks.graphs import NAMES, MissingDataset
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import preset
from benchmarks.runs import Run, read
from benchmarks.sweep import OUT, sweep
from benchmarks.training import Task

RESULTS = Path(__file__).parent / "results"
DATASETS = ("disease", "cora", "citeseer", "airport", "pubmed")
TASKS: dict[str, type[Task]] = {
    task.name: task for task in (LinkPrediction, NodeClassification)
}
QUICK: dict[str, Any] = {"seeds": [0, 1], "epochs": 10}


def finished(args: argparse.Namespace) -> Iterator[Run]:
    """Runs that are on disk, of what is asked for and with the presets as they are."""
    for task in args.task:
        runs = read(args.out / f"{task}.jsonl")
        for dataset in args.dataset:
            for model in args.model:
                wanted = dataclasses.asdict(preset(task, dataset, model))
                for run in runs:
                    same = run["preset"] == wanted and run["seed"] in args.seeds
                    if same and (run["dataset"], run["model"]) == (dataset, model):
                        yield run


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = parser(__doc__)
    options.set_defaults(model=list(MODELS), out=None)
    options.add_argument(
        "--quick", action="store_true", help="two seeds of ten epochs, in minutes"
    )
    options.add_argument(
        "--report", action="store_true", help="write the tables of finished runs alone"
    )
    options.add_argument(
        "--dataset",
        nargs="+",
        default=list(DATASETS),
        choices=NAMES,
        metavar="DATASET",
        help=f"{', '.join(NAMES)} (default: {' '.join(DATASETS)})",
    )
    options.add_argument(
        "--task",
        nargs="+",
        default=list(TASKS),
        choices=TASKS,
        metavar="TASK",
        help=f"{', '.join(TASKS)} (default: both)",
    )
    args = options.parse_args(argv)
    if args.quick:
        vars(args).update(QUICK)
    if args.out is None:
        args.out = OUT / "quick" if args.quick else RESULTS

    def job() -> None:
        runs: list[Run] = list(finished(args)) if args.report else []
        for task in [] if args.report else args.task:
            for dataset in args.dataset:
                try:
                    runs += sweep(
                        TASKS[task],
                        dataset,
                        args.model,
                        args.seeds,
                        out=args.out,
                        root=args.data_root,
                        device=args.device,
                        changes={} if args.epochs is None else {"epochs": args.epochs},
                    )
                except MissingDataset as error:
                    print(f"left out {task} on {error}")
        args.out.mkdir(parents=True, exist_ok=True)
        path = args.out / "README.md"
        path.write_text(document(runs))
        print(f"{len(runs)} runs; the tables are in {path}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
