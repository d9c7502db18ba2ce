"""How many dimensions does a tree take?  Links by the number of coordinates.

HGCN with midpoints and as published, GCN, HNN and MLP, with the presets of the tables
but for the width: layers, hidden ones too, have 2 to 64 coordinates.  Draws means over
seeds with bands of their 95 % intervals, and says from which dimension on the best
Euclidean model is within the band of the best hyperbolic one.  Runs are appended to
``dimensions.jsonl`` as they end, and are not repeated.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

from benchmarks.common import cli
from benchmarks.common.encoders import EUCLIDEAN, NAMES
from benchmarks.common.presets import LINKS
from benchmarks.common.report import (
    COLORS,
    by_dimension,
    figure,
    markdown,
    unique,
    write,
)
from benchmarks.common.runs import Run
from benchmarks.common.statistics import confidence, spread
from benchmarks.common.sweep import RESULTS, Place, complete, planned
from benchmarks.common.tables import title

DATASETS = ("disease", "synthetic-tree-0.5", "synthetic-tree-0.1", "airport", "cora")
MODELS = ("hgcn", "hgcn-tangent", "hnn", "gcn", "mlp")
DIMENSIONS = (2, 4, 8, 16, 32, 64)


def scores(done: Sequence[Run], dataset: str, model: str) -> dict[int, list[float]]:
    """Test ROC AUC in per cent, by dimension."""
    out: dict[int, list[float]] = {}
    for run in done:
        if (run["dataset"], run["model"]) == (dataset, model) and "test" in run:
            score = 100 * run["test"]["roc_auc"]
            out.setdefault(run["preset"]["out_channels"], []).append(score)
    return dict(sorted(out.items()))


def catches_up(done: Sequence[Run], dataset: str) -> str:
    """The dimension from which on the best Euclidean model is not below the band."""
    behind = []
    found = {model: scores(done, dataset, model) for model in MODELS}
    dimensions = unique(d for own in found.values() for d in own)
    for dimension in sorted(dimensions):
        at = {m: own[dimension] for m, own in found.items() if dimension in own}
        means = {m: fmean(values) for m, values in at.items()}
        flat = max((means[m] for m in means if m in EUCLIDEAN), default=None)
        curved = [m for m in means if m not in EUCLIDEAN]
        if flat is None or not curved:
            continue
        first = max(curved, key=lambda m: means[m])
        behind.append((dimension, flat < band(at[first])[0]))
    if not behind or behind[-1][1]:
        return "not up to the largest"
    last = max((d for d, is_behind in behind if is_behind), default=0)
    return str(min(d for d, _ in behind if d > last))


def table(done: Sequence[Run]) -> str:
    """A row for each graph and model, a column for each dimension."""
    dimensions = sorted(unique(run["preset"]["out_channels"] for run in done))
    rows = [["ROC AUC", "model", *map(str, dimensions), "Euclidean catches up at"]]
    for dataset in unique(run["dataset"] for run in done):
        name, end = title(LINKS, dataset).partition(",")[0], catches_up(done, dataset)
        for model in unique(run["model"] for run in done):
            own = scores(done, dataset, model)
            cells = [spread(own.get(dimension, [])) for dimension in dimensions]
            rows.append([name, NAMES[model], *cells, end])
            name, end = "", ""
    return markdown(rows)


def band(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % confidence interval, of a single value the value."""
    return confidence(values) if len(values) > 1 else (values[0], values[0])


def draw(done: Sequence[Run], path: Path) -> None:
    """A panel for each graph, a line with its band for each model."""
    datasets = unique(run["dataset"] for run in done)
    size = {"figsize": (3.4 * len(datasets), 3.4)}
    with figure(path, 1, len(datasets), **size) as (shown, panels):
        looks = [
            {"color": color, "linestyle": "--" if model in EUCLIDEAN else "-"}
            for color, model in zip(COLORS, MODELS, strict=False)
        ]
        for panel, dataset in zip(panels[0], datasets, strict=True):
            lines = {NAMES[model]: scores(done, dataset, model) for model in MODELS}
            by_dimension(panel, lines, looks, band)
            panel.set_ylim(top=min(panel.get_ylim()[1], 101))  # bands go beyond
            panel.set_title(title(LINKS, dataset).partition(",")[0], fontsize=10)
        panels[0][0].set_ylabel("test ROC AUC (%)")
        handles = panels[0][0].get_legend_handles_labels()
        shown.legend(*handles, loc="outside upper center", ncols=5, frameon=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs what is missing, draws, and returns the exit status."""
    options = cli.of_training(__doc__, RESULTS, seeds=5)
    cli.several(options, "--dataset", DATASETS)
    cli.several(options, "--model", MODELS, choices=MODELS)
    cli.several(options, "--dimensions", DIMENSIONS, type=int)
    args = options.parse_args(argv)

    def job() -> None:
        place = Place(args.out / "dimensions.jsonl", args.data_root, args.device)
        found: list[Run] = []
        for dataset in args.dataset:
            wanted = []
            for size in args.dimensions:
                changes = {"hidden_channels": size, "out_channels": size}
                if args.epochs is not None:
                    changes["epochs"] = args.epochs
                wanted += planned(
                    LINKS, dataset, args.model, args.seeds, args.device, changes
                )
            found += complete(wanted, place, args.jobs)
        if not found:
            raise ValueError(f"'--dataset' names no graph that is here: {args.dataset}")
        text = table(found)
        write(text, args.out / "dimensions.md")
        draw(found, args.out / "dimensions.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
