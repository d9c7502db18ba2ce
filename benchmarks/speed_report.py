"""Ratios of time and kept memory as tables, beside their bars."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.common.report import markdown, unique
from benchmarks.common.runs import Run
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
    """Writes the tables into a folder; returns them."""
    text = tables(done)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "speed.md").write_text(text + "\n")
    return text
