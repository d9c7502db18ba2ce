"""What happens if a hyperbolic model is put where its Euclidean twin stood?

No search: hyper-parameters are those that are usual for the Euclidean model, whatever
the features are multiplied by.  Of a hyperbolic model, the default is compared with the
recipe of the guide: for classes ``scale=True``, where the twin is a sum, and
``curvature="auto"``; for links ``curvature="auto"``, and ten times the learning rate
for curvatures.
"""

import itertools
import sys
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from benchmarks.common import cli, runs
from benchmarks.common.presets import CLASSES, LINKS, Preset
from benchmarks.common.report import markdown, unique
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
SCALES = (0.01, 0.1, 1, 10, 100)
# Graphs, and what their features are multiplied by.
GRAPHS = {
    CLASSES: [
        *(f"{name} x 1" for name in ("cora", "citeseer", "airport", "disease-tree")),
        *(f"blocks x {scale:g}" for scale in SCALES),
    ],
    LINKS: ["disease x 1", "airport x 1", "cora x 0.01", "cora x 1", "cora x 100"],
}
EPOCHS = {CLASSES: 200, LINKS: 300}


def planned(args: Namespace, task: str) -> list[Run]:
    """The runs of a task as they start."""
    epochs = args.epochs or EPOCHS[task]
    return [
        new_run(task, dataset, row.model, seed, preset, args.device) | {"row": row.name}
        for dataset in GRAPHS[task]
        if dataset in args.dataset
        for seed in args.seeds
        for row in ROWS[task]
        for preset in [replace(row.preset, epochs=epochs)]
    ]


def table(done: Sequence[Run], task: str) -> str:
    """A row for each graph, a column for each model: mean ± standard deviation."""
    names, metric = [row.name for row in ROWS[task]], TASKS[task].main
    rows = [[metric.replace("_", " "), *names]]
    for dataset in GRAPHS[task]:
        own = [r for r in done if (r["task"], r["dataset"]) == (task, dataset)]
        found = [
            [100 * run["test"][metric] for run in own if run["row"] == name]
            for name in names
        ]
        if own:
            rows.append([dataset, *map(spread, found)])
    return markdown(rows)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    options = cli.of_training(__doc__, seeds=3)
    datasets = unique(itertools.chain(*GRAPHS.values()))
    cli.several(options, "--task", TASKS, choices=TASKS)
    cli.several(options, "--dataset", datasets, choices=datasets)
    cli.report(options)
    args = options.parse_args(argv)

    def job() -> None:
        place = Place(args.out / "twins.jsonl", args.data_root, args.device)
        done = runs.read(place.path)
        if not args.report:
            wanted = [run for task in args.task for run in planned(args, task)]
            done = complete(wanted, place, args.jobs)
        tasks = unique(run["task"] for run in done)
        text = "\n\n".join(table(done, task) for task in tasks)
        cli.publish(text, args.out, "twins")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
