"""Ratios of time and kept memory as tables, beside their bars, and as figures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report import COLORS, markdown, unique
from benchmarks.runs import Run
from benchmarks.speed_layers import LABELS, MODES


class Bar(NamedTuple):
    """The most that a layer may cost, in multiples of the layer it is compared with."""

    time: float
    kept: float | None = None
    first: float | None = None  # call under torch.compile


# At every radius, and with every number of threads.
BARS: Mapping[tuple[str, str], Bar] = {
    ("CSR", "midpoint"): Bar(1.5, kept=2.1),
    ("CSR", "tangent"): Bar(1.25, kept=2.1),
    ("CSR", "HyboNetConv"): Bar(1.5),
    ("edge_index", "midpoint"): Bar(0.6),
    ("edge_index", "tangent"): Bar(0.6),
    ("edge_index", "HSAGEConv"): Bar(1.5),
    ("edge_index", "local"): Bar(1.25),
    ("edge_index", "HGATConv"): Bar(1.0, kept=1.1),
    ("edge_index", "HGATConv-distance"): Bar(1.0, kept=1.1),
    ("edge_index", "HGATConv-8"): Bar(1.0, kept=1.1),
    ("edge_index", "HGATConv-8-distance"): Bar(1.0, kept=1.1),
    ("normalized", "midpoint"): Bar(1.5),
    ("normalized", "tangent"): Bar(1.5),
    ("compiled", "midpoint"): Bar(1.5, first=1.5),
    ("compiled", "tangent"): Bar(1.5, first=1.5),
    ("compiled", "HSAGEConv"): Bar(1.5, first=1.5),
    ("compiled", "local"): Bar(1.5, first=1.5),
    ("compiled", "HGATConv"): Bar(1.5, first=1.5),
    ("compiled", "HGATConv-distance"): Bar(1.5, first=1.5),
    ("compiled", "HGATConv-8"): Bar(1.5, first=1.5),
    ("compiled", "HGATConv-8-distance"): Bar(1.5, first=1.5),
}

Row = tuple[str, str]  # mode and layer
HEADINGS = {
    "kept_ratio": "kept",
    "kept_learned_ratio": "kept, learned weights",
    "first_seconds_ratio": "first call",
}


def row(run: Run) -> Row:
    """Which row of a table a run stands in."""
    return run["preset"]["mode"], run["model"]


def latest(done: Sequence[Run]) -> list[Run]:
    """The last run of each layer, mode, radius and graph, in the order of tables."""

    def place(run: Run) -> tuple[Any, ...]:
        preset, (nodes, edges) = run["preset"], _numbers(run)
        mode, layer = MODES.index(preset["mode"]), list(LABELS).index(run["model"])
        return nodes, edges, preset["threads"], mode, layer, preset["radius"]

    last = {place(run): run for run in done if "mode" in run["preset"]}
    others = (last[key] for key in sorted(last))
    return [run for run in others if run["model"] != run["reference"]]


def _numbers(run: Run) -> tuple[int, ...]:
    nodes, edges = (part.split()[0] for part in run["dataset"].split(", "))
    return int(nodes.replace(",", "")), int(edges.replace(",", ""))


def tables(done: Sequence[Run]) -> str:
    """A table for each graph and number of threads, with a row for each layer and mode.

    Medians of time at each radius, bold where they are above the bar.
    """

    def title(run: Run) -> str:
        preset = run["preset"]
        threads = _threads(preset["threads"])
        return f"{run['dataset']}, {preset['channels']} channels, {threads}"

    shown = latest(done)
    parts = []
    for name in unique(map(title, shown)):
        own = [run for run in shown if title(run) == name]
        parts.append(f"### {name}\n\n{table(own)}")
    return "\n\n".join(parts)


def _threads(number: int) -> str:
    return "1 thread" if number == 1 else f"{number} threads"


def table(shown: Sequence[Run]) -> str:
    """The table of one graph."""
    radii = sorted({run["preset"]["radius"] for run in shown})
    extra = [key for key in HEADINGS if any(key in run for run in shown)]
    head = ["mode", "layer", "against", "aimed at", *(f"r = {r:g}" for r in radii)]
    rows = [[*head, *(HEADINGS[key] for key in extra)]]
    for name in unique(map(row, shown)):
        own = {run["preset"]["radius"]: run for run in shown if row(run) == name}
        last, bar = list(own.values())[-1], BARS.get(name)
        times = (own[r]["ratio"] if r in own else None for r in radii)
        aimed = None if bar is None else bar.time
        rows.append(
            [
                name[0],
                LABELS[name[1]],
                LABELS[last["reference"]],
                "-" if aimed is None else f"{aimed:g}",
                *(_ratio(time, aimed) for time in times),
                *(_extra(last, key, bar) for key in extra),
            ]
        )
    return markdown(rows)


def _ratio(value: float | None, most: float | None) -> str:
    if value is None:
        return "-"
    missed = most is not None and round(value, 2) > most
    return f"**{value:.2f}**" if missed else f"{value:.2f}"


def _extra(run: Run, key: str, bar: Bar | None) -> str:
    """Kept memory, or the first call, with its own bar in brackets."""
    if key not in run:
        return "-"
    mosts = {
        "kept_ratio": bar and bar.kept,
        "first_seconds_ratio": bar and bar.first,
    }
    most = mosts.get(key)
    text = _ratio(run[key], most) + ("" if most is None else f" [{most:g}]")
    seconds = run.get("first_seconds")
    return f"{seconds:.1f} s, {text}" if key == "first_seconds_ratio" else text


def write(done: Sequence[Run], folder: Path) -> str:
    """Writes tables and figures into a folder; returns the tables."""
    text = tables(done)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(text + "\n")
    for name, compiled in (("speed.png", False), ("speed_compiled.png", True)):
        shown = [
            run
            for run in latest(done)
            if (run["preset"]["mode"] == "compiled") == compiled
        ]
        if shown:
            figure(shown, folder / name)
    return text


def figure(shown: Sequence[Run], path: Path) -> None:
    """A row for each graph, small ones side by side; a panel for each reference."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    def place(run: Run) -> tuple[str, str, str]:
        return run["dataset"], run["preset"]["mode"], run["reference"]

    lines: dict[str, list[list[Run]]] = {}
    for key in unique(map(place, shown)):
        line = "small" if key[1] == "normalized" else key[0]
        own = [run for run in shown if place(run) == key]
        lines.setdefault(line, []).append(own)
    columns = max(map(len, lines.values()))
    figure_, panels = pyplot.subplots(
        len(lines),
        columns,
        figsize=(max(3.3 * columns, 6), 4.0 * len(lines) + 0.4),
        layout="constrained",
        squeeze=False,
    )
    threads = sorted({run["preset"]["threads"] for run in shown})
    for across, groups in zip(panels, lines.values(), strict=True):
        for panel in across[len(groups) :]:
            panel.set_visible(False)
        for panel, own in zip(across, groups, strict=False):
            _panel(panel, own, threads)
    for number in threads:
        look = {"color": "gray", "label": _threads(number)}
        panels[0][0].plot([], [], _style(number, threads), **look)
    panels[0][0].plot([], [], ":", color="gray", label="aimed at (black: several)")
    handles = panels[0][0].get_lines()[-len(threads) - 1 :]
    figure_.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
    figure_.savefig(path, dpi=150)
    pyplot.close(figure_)


def _style(number: int, threads: Sequence[int]) -> str:
    return ("-", "--", "-.")[threads.index(number) % 3]


def _panel(panel: Any, shown: Sequence[Run], threads: Sequence[int]) -> None:
    """Ratios to one reference by radius, with quartiles, and the bars."""
    radii = sorted({run["preset"]["radius"] for run in shown})
    bars: dict[float, str] = {}
    for i, name in enumerate(unique(map(row, shown))):
        color, label = COLORS[i % len(COLORS)], LABELS[name[1]]
        for number in threads:
            own = [
                run
                for run in shown
                if row(run) == name and run["preset"]["threads"] == number
            ]
            if not own:
                continue
            style = _style(number, threads)
            at = [radii.index(run["preset"]["radius"]) for run in own]
            ratios = [run["ratio"] for run in own]
            panel.plot(at, ratios, style, color=color, marker="o", ms=3, label=label)
            low, high = zip(*(run["quartiles"] for run in own), strict=True)
            panel.vlines(at, low, high, color=color, lw=0.8)
            label = "_"  # once is enough
        if name in BARS:
            most = BARS[name].time
            bars[most] = "black" if most in bars else color
    for most, color in bars.items():
        panel.axhline(most, color=color, ls=":")
    panel.axhline(1, color="gray", lw=0.6, zorder=0)
    _axes(panel, radii)
    mode, against = shown[0]["preset"]["mode"], LABELS[shown[0]["reference"]]
    title = f"{shown[0]['dataset']}\n{mode}, times {against}"
    panel.set_title(title, fontsize=9)
    panel.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        fontsize=8,
        frameon=False,
    )


def _axes(panel: Any, radii: Sequence[float]) -> None:
    """Radii at equal distances, so that their names stay apart, and round ratios."""
    panel.set_yscale("log")
    panel.margins(x=0.06, y=0.12)
    low, high = panel.get_ylim()
    ticks = [base * 10.0**power for power in range(-3, 4) for base in (1, 2, 5)]
    if high / low < 5:
        ticks = sorted({*ticks, 0.3, 0.4, 0.6, 0.7, 0.8, 1.25, 1.5, 3, 4})
    inside = [tick for tick in ticks if low <= tick <= high]
    panel.set_yticks(inside, [f"{tick:g}" for tick in inside], fontsize=8)
    panel.minorticks_off()
    panel.set_ylim(low, high)
    panel.set_xticks(range(len(radii)), [f"{r:g}" for r in radii], fontsize=8)
    panel.set_xlabel("radius", fontsize=8, labelpad=1)
    panel.spines[["top", "right"]].set_visible(False)
