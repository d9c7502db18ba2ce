"""What the curvature benchmark amounts to: a table, and a figure of trajectories."""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.report import markdown, unique
from benchmarks.runs import Run

CLOSE = 0.02  # relative error of a curvature that counts as found

# Okabe and Ito's colours, which the colour-blind can tell apart.
COLORS = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00"),
    *("#CC79A7", "#56B4E9", "#000000"),
)


def table(runs: Sequence[Run]) -> str:
    """Final curvatures of one dataset in Markdown, a column a parametrization.

    In brackets the share of steps in which the gradient was exactly zero, where there
    were any; behind a semicolon the test ROC AUC in per cent, where there is one.  The
    last rows sum up the column.
    """
    names = unique(run["model"] for run in runs)
    head = [runs[0]["dataset"], "start", "seed"]
    rows = [[*head, *names]]
    for lr, start, seed in unique(map(_row, runs)):
        cells = [
            _cell(run)
            for name in names
            for run in runs
            if run["model"] == name and _row(run) == (lr, start, seed)
        ]
        rows.append([f"lr {lr:g}", start, str(seed), *cells])
    columns = [[run for run in runs if run["model"] == name] for name in names]
    blank = ["", ""]
    if "true" in runs[0]:
        found = [f"{sum(map(_found, c))} of {len(c)}" for c in columns]
        rows.append([f"within {CLOSE:.0%} of {runs[0]['true']:g}", *blank, *found])
        rows.append(["largest error", *blank, *map(_worst, columns)])
    zero = [f"{statistics.mean(r['zero_gradient'] for r in c):.0%}" for c in columns]
    rows.append(["zero gradients", *blank, *zero])
    for key, label in (("not_positive", "runs with c ≤ 0"), ("nan", "runs with NaN")):
        rows.append([label, *blank, *(str(sum(r[key] for r in c)) for c in columns)])
    return markdown(rows)


def _row(run: Run) -> tuple[float, str, int]:
    return run["preset"]["lr"], run["preset"]["start"], run["seed"]


def _cell(run: Run) -> str:
    final = ", ".join(
        "NaN" if c is None else f"{c:#.3g}" for c in run["final"].values()
    )
    if run["zero_gradient"] > 0:
        final += f" ({run['zero_gradient']:.0%})"
    return final + (f"; {100 * run['test']['roc_auc']:.1f}" if "test" in run else "")


def _found(run: Run) -> bool:
    return not run["nan"] and abs(run["final"]["c"] / run["true"] - 1) <= CLOSE


def _worst(runs: Sequence[Run]) -> str:
    if any(run["nan"] for run in runs):
        return "NaN"
    errors = (abs(run["final"]["c"] / run["true"] - 1) for run in runs)
    return f"{max(errors):.2g}"


def figure(runs: Sequence[Run], path: Path) -> None:
    """Curvature against time: a row a learning rate, a column a parametrization."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.artist import Artist
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    names = unique(run["model"] for run in runs)
    rates = unique(run["preset"]["lr"] for run in runs)
    starts = unique(run["preset"]["start"] for run in runs)
    layers = list(runs[0]["final"])
    # Dashes: the second layer; where there is but one curvature, runs with a detour.
    dashed = [start.startswith("out") for start in starts]
    crossed = False
    shown, panels = pyplot.subplots(
        len(rates),
        len(names),
        figsize=(2.5 * len(names) + 1.9, 1.9 * len(rates) + 0.9),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    low, high = runs[0]["preset"]["bounds"]
    for panel in panels.flat:
        panel.axhspan(low, high, color="0.9")
        if "true" in runs[0]:
            panel.axhline(runs[0]["true"], color="0.4", lw=1, ls=":")
    for run in runs:
        at = rates.index(run["preset"]["lr"]), names.index(run["model"])
        panel, start = panels[at], starts.index(run["preset"]["start"])
        trajectory = run["trajectory"]
        share = [step / run["preset"]["steps"] for step in trajectory["step"]]
        for i, values in enumerate(trajectory["c"].values()):
            look = _look(start, dashed[start] if len(layers) == 1 else i > 0)
            numbers = [float("nan") if c is None else c for c in values]
            panel.plot(share, numbers, **look)
            if None in values:  # a cross at the last number
                crossed, last = True, values.index(None) - 1
                panel.plot(share[last], values[last], "x", color=look["color"])
    for panel, name in zip(panels[0], names, strict=True):
        panel.set_title(name, fontsize="large")
    for panel, rate in zip(panels[:, 0], rates, strict=True):
        panel.set_ylabel(f"lr {rate:g}\n\ncurvature c")
    if "true" in runs[0]:
        for i, rate in enumerate(rates):
            for panel, name in zip(panels[i], names, strict=True):
                mine = [r for r in runs if r["model"] == name]
                mine = [r for r in mine if r["preset"]["lr"] == rate]
                found = f"{sum(map(_found, mine))} of {len(mine)} find c"
                panel.text(0.68, 0.12, found, ha="center", va="center")
    for panel in panels.flat:
        panel.set_yscale("log")
        panel.set_ylim(0.08, 8)  # a line that leaves below may have passed c = 0
        panel.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
        panel.set_yticks([0.25, 0.5, 1, 2, 4], ["0.25", "0.5", "1", "2", "4"])
        panel.minorticks_off()
        panel.spines[["top", "right"]].set_visible(False)
    handles: list[Artist] = [
        Line2D([], [], **_look(i, dashed[i] and len(layers) == 1), label=start)
        for i, start in enumerate(starts)
    ]
    if len(layers) > 1:
        handles += [
            Line2D([], [], **{**_look(0, i > 0), "color": "0.4"}, label=layer)
            for i, layer in enumerate(layers)
        ]
    handles.append(Patch(color="0.9", label="within bounds"))
    if "true" in runs[0]:
        handles.append(Line2D([], [], color="0.4", lw=1, ls=":", label="true c"))
    if crossed:
        label = "then not a number"
        handles.append(Line2D([], [], color="0.4", ls="", marker="x", label=label))
    shown.supxlabel("share of the steps", fontsize="medium")
    shown.legend(handles=handles, loc="outside right upper", frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.savefig(path, dpi=150)
    pyplot.close(shown)


def _look(start: int, dashed: bool) -> dict[str, Any]:
    return {
        "color": COLORS[start % len(COLORS)],
        "ls": "--" if dashed else "-",
        "lw": 2.4 - 0.2 * start,  # of lines on top of each other all can be seen
    }
