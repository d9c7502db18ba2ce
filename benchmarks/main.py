"""The main job: link prediction and node classification, Euclidean and hyperbolic.

Runs both tasks on a generated disease tree, on HGCN's Disease and on Cora, the latter
two where their files or the network are there.  Writes JSON lines, the table and a
figure; run again, it only does what is missing.  Two seeds and at most 300 epochs, to
be done in minutes: the scripts of the two tasks have ten seeds and all epochs.
"""

import sys
from collections.abc import Sequence

from benchmarks.cli import guarded, parser
from benchmarks.graphs import MissingDataset
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.report import write
from benchmarks.runs import Run
from benchmarks.sweep import sweep
from benchmarks.training import Task

DATASETS = ("disease-tree", "disease", "cora")
TASKS: tuple[type[Task], ...] = (LinkPrediction, NodeClassification)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = parser(__doc__)
    options.set_defaults(seeds=[0, 1], epochs=300)
    args = options.parse_args(argv)

    def job() -> None:
        runs: list[Run] = []
        for dataset in DATASETS:
            for task in TASKS:
                try:
                    runs += sweep(
                        task,
                        dataset,
                        args.model,
                        args.seeds,
                        out=args.out,
                        root=args.data_root,
                        device=args.device,
                        changes={"epochs": args.epochs},
                    )
                except MissingDataset as error:
                    print(f"left out {task.name} on {error}")
        print(f"{write(runs, args.out)}\n\nRuns, table and figure are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
