"""A first look, in minutes: links and classes of generated trees, no data needed.

MLP, GCN and HGCN side by side, with one setting each for links and for classes, chosen
for none of them.  Links are those of ``SyntheticTree``, whose children have half of
their parent's features; classes those of ``DiseaseTree``.  Prints test scores, where
the last curvature c and the median radius √c·r have come to, and what an epoch of
training takes in multiples of GCN's.  Runs are appended to ``main.jsonl``, and are not
repeated.
"""

import sys
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean, median

from benchmarks.common import cli
from benchmarks.common.encoders import NAMES
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import markdown
from benchmarks.common.runs import Run
from benchmarks.common.statistics import spread
from benchmarks.common.sweep import Place, complete, new_run
from benchmarks.common.tables import title

MODELS = ("mlp", "gcn", "hgcn")
TREE, DISEASES = (LINKS, "synthetic-tree-0.5"), (CLASSES, "disease-tree")
SETTINGS = {
    TREE: Preset(input_dropout=0.5, weight_decay=1e-3),
    DISEASES: Preset(lr=0.02, curvature=5.0),
}
METRICS = {TREE: "roc_auc", DISEASES: "macro_f1"}


def table(done: Sequence[Run]) -> str:
    """A row for each model."""
    rows = [["", "model", "score", "c", "√c·r", "epoch, times GCN's"]]
    for (task, dataset), metric in METRICS.items():
        some = [run for run in done if run["task"] == task and "test" in run]
        seconds = {(r["model"], r["seed"]): r["seconds_per_epoch"] for r in some}
        name = f"{title(task, dataset)}, {metric.replace('_', ' ')}"
        for model in MODELS:
            own = [run for run in some if run["model"] == model]
            last = [[*run["curvature"].values()][-1] for run in own if run["radius"]]
            radii = [run["radius"][-1] for run in own if run["radius"]]
            cells = [f"{fmean(x):.2g}" if x else "-" for x in (last, radii)]
            score = spread([100 * run["test"][metric] for run in own])
            ratios = [
                time / seconds["gcn", seed]
                for (its, seed), time in seconds.items()
                if its == model and ("gcn", seed) in seconds
            ]
            ratio = f"{median(ratios):.2f}" if ratios else "-"
            rows.append([name, NAMES[model], score, *cells, ratio])
            name = ""
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = cli.of_training(__doc__, seeds=2)
    args = options.parse_args(argv)

    def job() -> None:
        epochs = args.epochs or 200
        wanted = [
            new_run(*key, model, seed, replace(settings, epochs=epochs), args.device)
            for key, settings in SETTINGS.items()
            for seed in args.seeds
            for model in MODELS
        ]
        place = Place(args.out / "main.jsonl", args.data_root, args.device)
        done = complete(wanted, place, args.jobs)
        cli.publish(table(done), args.out, "main")
        print("What to make of it is in benchmarks/README.md;", end=" ")
        print("`python -m benchmarks.tasks` has all models.")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
