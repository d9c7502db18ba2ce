"""What happens if a hyperbolic model is put where its Euclidean twin stood?

No search: hyper-parameters are those that are usual for the Euclidean model, dropout
and weight decay included, whatever the features are multiplied by.  Of a hyperbolic
model, the default is compared with the recipe of the guide: for classes
``scale=True``, where the twin is a sum, and ``curvature="auto"``; for links
``curvature="auto"``, and ten times the learning rate for curvatures.  Classes have
two layers of 16 channels (attention: 8 heads of 8) and 200 epochs; links have 300
epochs, points of 16 coordinates, no regularization, and the Fermi-Dirac decoder.

``blocks`` is a stochastic block model of five groups, whose features of norm 8 say
little of a single node: the more neighbors are averaged, the better.
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import NamedTuple

from benchmarks.common import cli
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import markdown, unique, write
from benchmarks.common.runs import Run
from benchmarks.common.statistics import spread
from benchmarks.common.sweep import TASKS, Place, complete, new_run

SUM = Preset(
    dropout=0.5, input_dropout=0.5, weight_decay=5e-4, adjacency="symmetric",
    patience=500,
)  # fmt: skip
ATTENTION = replace(
    SUM, hidden_channels=64, heads=8, dropout=0.6, input_dropout=0.6, lr=0.005,
    act="elu",
)  # fmt: skip
DISTANCE = Preset(adjacency="symmetric", learn_decoder=False, patience=500)


class Row(NamedTuple):
    """A model, and how it is trained."""

    name: str
    model: str
    preset: Preset


def auto(preset: Preset, scale: bool = False) -> Preset:
    """With the guide's recipe."""
    return replace(preset, curvature="auto", scale=scale)


# For each task: a twin, and what is put in its place.
ROWS = {
    CLASSES: [
        Row("GCN", "gcn", SUM),
        Row("HGCN, default", "hgcn", SUM),
        Row("HGCN, recipe", "hgcn", auto(SUM, scale=True)),
        Row("HyboNet, recipe", "hybonet", auto(SUM, scale=True)),
        Row("GAT", "gat", ATTENTION),
        Row("HGAT, recipe", "hgat", auto(ATTENTION)),
        Row("GraphSAGE", "sage", SUM),
        Row("HGraphSAGE, recipe", "hsage", auto(SUM)),
    ],
    LINKS: [
        Row("GCN", "gcn", DISTANCE),
        Row("HGCN, default", "hgcn", DISTANCE),
        Row("HGCN, recipe", "hgcn", replace(auto(DISTANCE), curvature_lr=0.1)),
    ],
}
# Graphs, and what their features are multiplied by.
GRAPHS = {
    CLASSES: [
        *("cora", "citeseer", "airport", "disease-tree"),
        *(f"blocks x {scale:g}" for scale in (0.01, 0.1, 1, 10, 100)),
    ],
    LINKS: ["disease", "airport", "cora", "cora x 0.01", "cora x 100"],
}
EPOCHS = {CLASSES: 200, LINKS: 300}


def table(done: Sequence[Run], task: str) -> str:
    """A row for each graph, a column for each model: mean ± standard deviation."""
    some, metric = [run for run in done if run["task"] == task], TASKS[task].main
    rows = [[metric.replace("_", " "), *(row.name for row in ROWS[task])]]
    for dataset in unique(run["dataset"] for run in some):
        cells = []
        for row in ROWS[task]:
            wanted = asdict(row.preset) | {"epochs": some[0]["preset"]["epochs"]}
            own = [
                100 * run["test"][metric]
                for run in some
                if (run["dataset"], run["model"]) == (dataset, row.model)
                and run["preset"] == wanted
            ]
            cells.append(spread(own))
        rows.append([dataset, *cells])
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = cli.of_tasks(__doc__, seeds=3)
    args = options.parse_args(argv)

    def job() -> None:
        wanted = [
            new_run(task, dataset, row.model, seed, settings, args.device)
            for task in args.task
            for dataset in args.dataset or GRAPHS[task]
            if dataset in GRAPHS[task]
            for seed in args.seeds
            for row in ROWS[task]
            for settings in [replace(row.preset, epochs=args.epochs or EPOCHS[task])]
        ]
        if not wanted:
            raise ValueError(f"'--dataset' names none of these (got {args.dataset})")
        place = Place(args.out / "twins.jsonl", args.data_root, args.device)
        done, missing = complete(wanted, place, args.jobs)
        print(*missing, sep="\n", end="\n" if missing else "")
        text = "\n\n".join(
            table(done, task) for task in unique(r["task"] for r in done)
        )
        write(text, args.out / "twins.md")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
