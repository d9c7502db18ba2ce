"""What runs amount to: a table, and a figure.

``python -m benchmarks.report FOLDER`` writes both from the JSON lines in a folder.
Where a model was trained with several presets, the last of them counts.
"""

import argparse
import statistics
import sys
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.runs import Run, latest, read

# The tasks, and what their figure shows.
MAIN = {"link_prediction": "roc_auc", "node_classification": "macro_f1"}

T = TypeVar("T")

LABELS = {
    "roc_auc": "ROC AUC",
    "average_precision": "AP",
    "accuracy": "accuracy",
    "f1": "F1",
    "macro_f1": "macro F1",
}

# The palette of Okabe and Ito, which the colour-blind can tell apart.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9")


def table(runs: Sequence[Run]) -> str:
    """Test metrics in per cent, mean ± standard deviation over seeds, in Markdown.

    One column a model, one row a dataset and metric; below, the curvatures at the
    epoch that was tested, and the time of an epoch with its share of evaluation.
    """
    models = unique(run["model"] for run in runs)
    rows = [["task", "dataset", "test", *models]]
    for task, dataset in unique((run["task"], run["dataset"]) for run in runs):
        groups = [
            [
                r
                for r in runs
                if (r["task"], r["dataset"], r["model"]) == (task, dataset, model)
            ]
            for model in models
        ]
        head = [task.replace("_", " "), Path(dataset).name]
        found = unique(
            m for group in groups for run in group for m in run.get("test", ())
        )
        for metric, label in LABELS.items():
            if metric in found:
                cells = [_score(group, metric) for group in groups]
                rows.append([*head, label, *cells])
                head = ["", ""]
        rows.append([*head, "curvature", *(_curvature(group) for group in groups)])
        rows.append(["", "", "ms / epoch", *(_time(group) for group in groups)])
        rows.append(["", "", "seeds", *(_count(group) for group in groups)])
    return markdown(rows)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first row the head, aligned also as plain text."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def unique(items: Iterable[T]) -> list[T]:
    """In order of appearance."""
    return list(dict.fromkeys(items))


def _score(group: Sequence[Run], metric: str) -> str:
    scores = [100 * run["test"][metric] for run in group if "test" in run]
    if not scores:
        return "-"
    mean = f"{statistics.mean(scores):.1f}"
    return f"{mean} ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else mean


def _curvature(group: Sequence[Run]) -> str:
    runs = [run["curvature"] for run in group if run.get("curvature")]
    if not runs:
        return "-"
    layers = zip(*(run.values() for run in runs), strict=True)
    return ", ".join(f"{statistics.mean(layer):.2g}" for layer in layers)


def _time(group: Sequence[Run]) -> str:
    times = [1e3 * run["seconds_per_epoch"] for run in group if "test" in run]
    return f"{statistics.median(times):.1f}" if times else "-"


def _count(group: Sequence[Run]) -> str:
    failed = sum("error" in run for run in group)
    return f"{len(group) - failed}" + (f", {failed} failed" if failed else "")


def figure(runs: Sequence[Run], path: Path) -> None:
    """A row of panels for each task, with its main metric."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    models = unique(run["model"] for run in runs)
    tasks = unique(run["task"] for run in runs)
    groups = {
        task: unique(run["dataset"] for run in runs if run["task"] == task)
        for task in tasks
    }
    columns = max(map(len, groups.values()))
    shown, panels = pyplot.subplots(
        len(tasks),
        columns,
        figsize=(1.4 + 2.4 * columns, (1.2 + 0.3 * len(models)) * len(tasks)),
        squeeze=False,
        sharey=True,
        layout="constrained",
    )
    for row, task in zip(panels, tasks, strict=True):
        for panel, dataset in zip_longest(row, groups[task]):
            if dataset is None:
                panel.set_visible(False)
                continue
            found = [r for r in runs if (r["task"], r["dataset"]) == (task, dataset)]
            _seeds(panel, models, found, MAIN[task])
            title = f"{Path(dataset).name}\n{task.replace('_', ' ')}"
            panel.set_title(title, fontsize=10)
    panels[0][0].set_yticks(range(len(models)), models)
    panels[0][0].set_ylim(len(models) - 0.4, -0.7)  # the first on top
    shown.savefig(path, dpi=150)
    pyplot.close(shown)


def _seeds(panel: Any, models: Sequence[str], runs: Sequence[Run], metric: str) -> None:
    """A dot for every seed, a bar at the mean."""
    for i, model in enumerate(models):
        scores = [
            100 * run["test"][metric]
            for run in runs
            if run["model"] == model and "test" in run
        ]
        if not scores:
            continue
        mean = statistics.mean(scores)
        panel.plot(scores, [i] * len(scores), "o", color=COLORS[0], alpha=0.4)
        panel.plot([mean], [i], "|", color="black", ms=14, mew=2)
        panel.annotate(
            f"{mean:.1f}",
            (mean, i),
            (0, 7),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    panel.set_xlabel(f"test {LABELS[metric]} (%)")
    panel.margins(x=0.15)
    panel.grid(axis="both", alpha=0.3)
    panel.spines[["top", "right"]].set_visible(False)


def write(runs: Sequence[Run], folder: Path) -> str:
    """Writes ``results.md`` and ``results.png`` into a folder; returns the table."""
    text = table(runs)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.md").write_text(text + "\n")
    figure(runs, folder / "results.png")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """Writes table and figure of the runs in a folder; returns the exit status."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path, help="where the JSON lines are")
    folder = options.parse_args(argv).folder
    runs = [run for task in MAIN for run in read(folder / f"{task}.jsonl")]
    if not runs:
        files = " or ".join(f"{task}.jsonl" for task in MAIN)
        print(f"error: 'folder' must hold {files} (got {folder})", file=sys.stderr)
        return 1
    kept = latest(runs)
    if len(kept) < len(runs):
        print(f"left out: {len(runs) - len(kept)} runs of earlier presets")
    print(write(kept, folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
