"""Time and memory against the size of the graph, both on logarithmic axes."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.report import COLORS, unique
from benchmarks.runs import Run
from benchmarks.scale_report import beyond_baseline

MARKERS = "os^Dv"  # told apart also without colours
STYLES = {"hyperbolic": "-", "tree": "--"}


def figure(done: Sequence[Run], path: Path) -> None:
    """Two panels, a line for every graph and model, and linear growth beside them."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    good = [run for run in done if "error" not in run]
    shown, panels = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for panel, cost in zip(panels, (seconds, gib), strict=True):
        for i, model in enumerate(unique(run["model"] for run in good)):
            for graph, style in STYLES.items():
                points = [
                    (run["nodes"] + run["edges"], value)
                    for run in good
                    if (run["dataset"], run["model"]) == (graph, model)
                    and (value := cost(run)) is not None
                ]
                if points:
                    panel.loglog(
                        *zip(*points, strict=True),
                        style,
                        color=COLORS[i % len(COLORS)],
                        marker=MARKERS[i % len(MARKERS)],
                        ms=4,
                        label=f"{model}, {graph}",
                    )
        sizes = [run["nodes"] + run["edges"] for run in good]
        values = [value for run in good if (value := cost(run))]
        if values:
            ends = (min(sizes), max(sizes))
            start = 2 * max(values) * ends[0] / ends[1]
            panel.loglog(
                ends, (start, 2 * max(values)), ":", color="gray", label="linear"
            )
        panel.set_xlabel("nodes + edges")
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("seconds a step (generator: in all)")
    panels[1].set_ylabel("peak memory, baseline subtracted (GiB)")
    handles = panels[0].get_legend_handles_labels()
    shown.legend(*handles, loc="outside right center", frameon=False, fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.savefig(path, dpi=150)
    pyplot.close(shown)


def seconds(run: Run) -> float | None:
    """Time of a step."""
    return run.get("seconds_per_step")


def gib(run: Run) -> float | None:
    """Peak memory that the graph is the reason of."""
    mib = beyond_baseline(run)
    return None if mib is None else mib / 2**10
