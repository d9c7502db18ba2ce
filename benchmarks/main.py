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
from benchmarks.common.report import markdown, unique, write
from benchmarks.common.runs import Run
from benchmarks.common.statistics import spread
from benchmarks.common.sweep import Place, complete, new_run
from benchmarks.common.tables import LABELS, title

MODELS = ("mlp", "gcn", "hgcn")
SETTINGS = {
    (LINKS, "synthetic-tree-0.5"): Preset(input_dropout=0.5, weight_decay=1e-3),
    (CLASSES, "disease-tree"): Preset(lr=0.02, curvature=5.0),
}
METRICS = {LINKS: "roc_auc", CLASSES: "macro_f1"}


def table(done: Sequence[Run]) -> str:
    """A row for each model."""
    rows = [["", "model", "score", "c", "√c·r", "epoch, times GCN's"]]
    for task, dataset in unique((run["task"], run["dataset"]) for run in done):
        some = [run for run in done if run["task"] == task]
        times = {
            run["seed"]: run["seconds_per_epoch"]
            for run in some
            if run["model"] == "gcn" and "test" in run
        }
        metric = METRICS[task]
        name = f"{title(task, dataset)}, {LABELS.get(metric, 'macro F1')}"
        for model in unique(run["model"] for run in some):
            own = [run for run in some if run["model"] == model and "test" in run]
            ratios = [
                run["seconds_per_epoch"] / times[run["seed"]]
                for run in own
                if run["seed"] in times
            ]
            curved = [run for run in own if run["radius"]]
            last = [list(run["curvature"].values())[-1] for run in curved]
            radii = [run["radius"][-1] for run in curved]
            score = spread([100 * run["test"][metric] for run in own])
            cells = [f"{fmean(x):.2g}" if x else "-" for x in (last, radii)]
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
        done, _ = complete(wanted, place, args.jobs)
        text = table(done)
        write(text, args.out / "main.md")
        print(f"{text}\n\nRuns and table are in {args.out}; what to make of it is in")
        print("benchmarks/README.md, and `python -m benchmarks.tasks` has all models.")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
