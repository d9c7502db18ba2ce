"""Ratios of time and kept memory as a table, beside their bars, and as a figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import COLORS, markdown, unique
from benchmarks.runs import Run

# The most that a layer may cost, in multiples of the layer it is compared with.
TIME = {
    "tangent": 1.25,
    "midpoint": 1.5,
    "local": 2.5,
    "attention": 1.25,
    "attention, 8 heads": 1.25,
}
TIME_COMPILED = {"tangent": 1.15, "midpoint": 1.25, "local": 2.0}
KEPT = {
    "SpMM": {"tangent": 2.1, "midpoint": 3.2},
    "gather-scatter": {"local": 2.0},
}
KEPT_LEARNED = {"tangent": 1.2, "midpoint": 1.3}


def bar(run: Run, bars: Mapping[str, float]) -> float | None:
    """The bar of a run, if it has one: not for points far out."""
    return None if run["preset"]["radius"] > 2 else bars.get(run["model"])


def time_bar(run: Run) -> float | None:
    """The bar of a run's time."""
    return bar(run, TIME_COMPILED if run["preset"]["compiled"] else TIME)


def label(run: Run) -> str:
    """A layer as it is called in tables, with where its points are."""
    radius = run["preset"]["radius"]
    return f"{run['model']}, radius {radius:g}" if radius > 2 else str(run["model"])


def mode(run: Run) -> str:
    """How a layer runs."""
    return "compiled" if run["preset"]["compiled"] else str(run["preset"]["form"])


def table(done: Sequence[Run]) -> str:
    """A row for each layer of each size and form, without the references."""
    head = ["graph", "mode", "layer", "against", "time (quartiles)", "kept"]
    rows = [[*head, "kept, learned weights"]]
    for run in done:
        if run["model"] == run["reference"]:
            continue
        low, high = run["quartiles"]
        time = f"{run['ratio']:.2f} ({low:.2f}-{high:.2f}){_bar(time_bar(run))}"
        rows.append(
            [
                run["dataset"],
                mode(run),
                label(run),
                run["reference"],
                time,
                _ratio(run.get("kept_ratio"), bar(run, KEPT[run["preset"]["form"]])),
                _ratio(run.get("kept_learned_ratio"), bar(run, KEPT_LEARNED)),
            ]
        )
    return markdown(rows)


def _ratio(value: float | None, most: float | None) -> str:
    return "-" if value is None else f"{value:.2f}{_bar(most)}"


def _bar(most: float | None) -> str:
    return "" if most is None else f" [{most:g}]"


def figure(done: Sequence[Run], path: Path) -> None:
    """A panel for each size: bars of time, with quartiles and what was asked for."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown = [run for run in done if run["model"] != run["reference"]]
    sizes = unique(run["dataset"] for run in shown)
    modes = unique(mode(run) for run in shown)
    most = max(sum(run["dataset"] == size for run in shown) for size in sizes)
    figure_, panels = pyplot.subplots(
        1,
        len(sizes),
        figsize=(6 * len(sizes), 1.2 + 0.28 * most),
        layout="constrained",
        squeeze=False,
    )
    for panel, size in zip(panels[0], sizes, strict=True):
        some = [run for run in shown if run["dataset"] == size]
        for i, run in enumerate(some):
            low, high = run["quartiles"]
            style: dict[str, Any] = {"color": COLORS[modes.index(mode(run))]}
            panel.barh(i, run["ratio"], **style)
            panel.plot([low, high], [i, i], color="black", lw=1.5)
            asked = time_bar(run)
            if asked is not None:
                panel.plot([asked] * 2, [i - 0.45, i + 0.45], color="black", ls=":")
        panel.set_yticks(range(len(some)), [label(run) for run in some])
        panel.invert_yaxis()
        panel.set_xscale("log")
        ticks = [0.5, 1, 2, 5, 10, 20]
        panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        panel.minorticks_off()
        panel.axvline(1, color="gray", lw=0.8)
        panel.set_title(size, fontsize=10)
        panel.set_xlabel("in multiples of GCNConv's time (local, attention: GATConv's)")
        panel.spines[["top", "right"]].set_visible(False)
    for i, name in enumerate(modes):
        panels[0][-1].barh(0, 0, color=COLORS[i], label=name)
    panels[0][-1].plot([], [], ":", color="black", label="at most")
    figure_.legend(loc="outside lower center", ncols=4, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure_.savefig(path, dpi=150)
    pyplot.close(figure_)
