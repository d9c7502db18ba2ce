"""What hyperbolic layers cost beside Euclidean ones, by radius: time and kept memory.

Forward and backward pass of one layer on random graphs.  Layers of a group take turns,
and every repeat gives a ratio to the Euclidean layer of the same repeat: tables have
the medians of these, beside the bars that are set.  With --compile both sides run under
torch.compile; its first call is measured too, with nothing compiled before.  Appends
JSON lines; run again, it only does what is missing.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from benchmarks.common import cli, runs
from benchmarks.common.contest import Contest
from benchmarks.common.layers import (
    CHANNELS,
    LAYERS,
    MODES,
    SMALL,
    SMALL_CHANNELS,
    Group,
    groups,
    label,
    random_graph,
)
from benchmarks.common.report import markdown, unique
from benchmarks.common.runs import Run
from benchmarks.common.sweep import usable_device

Size = tuple[int, int]

LARGE: list[Size] = [(20_000, 200_000), (200_000, 2_000_000)]
SIZES = [(20, 200), (200, 2_000), (2_000, 20_000), *LARGE]
RADII = [0.1, 1.2, 5.0, 12.0, 20.0, 50.0, 100.0]
# What is done unless the command line says otherwise, and with --quick: repeats of each
# layer, tries of a compiler's first call.
FULL: dict[str, Any] = {"sizes": SIZES, "radii": RADII, "repeats": 15, "tries": 3}
QUICK: dict[str, Any] = {
    "sizes": [(200, 2_000), (20_000, 200_000)],
    "radii": [1.2, 20.0],
    "repeats": 5,
    "tries": 1,
}
CALLS, MORE = 10, 3  # of small graphs: calls in a repeat, and times the repeats


class Bar(NamedTuple):
    """The most that a layer may cost, in multiples of the layer it is compared with."""

    time: float
    kept: float | None = None
    first: float | None = None  # call under torch.compile


ATTENTION = ("HGATConv", "HGATConv-distance", "HGATConv-8", "HGATConv-8-distance")
COMPILED = ("midpoint", "tangent", "HSAGEConv", "local", *ATTENTION)
# At every radius, and with every number of threads.
BARS: Mapping[tuple[str, str], Bar] = {
    ("CSR", "midpoint"): Bar(1.5, kept=2.1),
    ("CSR", "tangent"): Bar(1.25, kept=2.1),
    ("CSR", "HyboNetConv"): Bar(1.5),
    ("edge_index", "midpoint"): Bar(0.6),
    ("edge_index", "tangent"): Bar(0.6),
    ("edge_index", "HSAGEConv"): Bar(1.5),
    ("edge_index", "local"): Bar(1.25),
    **{("edge_index", name): Bar(1.0, kept=1.1) for name in ATTENTION},
    ("normalized", "midpoint"): Bar(1.5),
    ("normalized", "tangent"): Bar(1.5),
    **{("compiled", name): Bar(1.5, first=1.5) for name in COMPILED},
}
# Columns behind the times: of what, and of which field of a bar.
COLUMNS = {
    "kept_ratio": ("kept", "kept"),
    "kept_learned_ratio": ("kept, learned weights", None),
    "first_seconds_ratio": ("first call", "first"),
}


def frame(size: Size, group: Group, radius: float, args: argparse.Namespace) -> Run:
    """A run as far as it is known before."""
    small, device = size[0] <= SMALL, usable_device(args.device)
    name = torch.backends.cpu.get_cpu_capability()
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return runs.new_run(
        task="speed",
        dataset=f"{size[0]:,} nodes, {size[1]:,} edges",
        device=args.device,
        device_name=name,
        preset={
            "mode": group.mode,
            "reference": group.reference,
            "radius": radius,
            "channels": SMALL_CHANNELS if small else CHANNELS,
            "repeats": args.repeats * (MORE if small else 1),
            "calls": CALLS if small else 1,
            "threads": torch.get_num_threads(),
        },
    )


def complete(size: Size, args: argparse.Namespace, path: Path) -> None:
    """Measures what is missing of a graph, and appends it radius by radius."""
    graph = None
    for group in groups(size[0], args.compile):
        todo: dict[float, tuple[Run, list[str]]] = {}
        for radius in args.radii:
            start = frame(size, group, radius, args)
            wanted = [n for n in group.at(radius)[1:] if n in args.layers]
            missing = runs.missing(path, [start | {"model": name} for name in wanted])
            if missing:
                todo[radius] = start, [run["model"] for run in missing]
        names = unique(name for _, some in todo.values() for name in some)
        if not names:
            continue
        if graph is None:
            channels = SMALL_CHANNELS if size[0] <= SMALL else CHANNELS
            graph = random_graph(*size, channels, usable_device(args.device))
        layers = [group.reference, *names]
        contest = Contest(group, layers, graph.at(args.radii[0]), args.tries)
        for radius, (start, some) in todo.items():
            its = start["preset"]
            turns = [group.reference, *some], its["repeats"], its["calls"]
            results = contest.at(graph.at(radius), *turns)
            runs.append(path, *(start | result for result in results))


def tables(done: Sequence[Run]) -> str:
    """A table for each graph and number of threads, with a row for each layer and mode.

    Medians of time at each radius, bold where they are above the bar, of the last run
    of each layer.
    """

    def place(run: Run) -> tuple[Any, ...]:
        preset, text = run["preset"], run["dataset"].replace(",", "").split()
        mode, layer = MODES.index(preset["mode"]), [*LAYERS].index(run["model"])
        size = int(text[0]), int(text[2])
        return *size, preset["threads"], mode, layer, preset["radius"]

    def title(run: Run) -> str:
        preset, threads = run["preset"], run["preset"]["threads"]
        words = f"{run['dataset']}, {preset['channels']} channels, {threads} thread"
        return words + "s" * (threads != 1)

    last = {place(run): run for run in done if run["model"] != run["reference"]}
    shown = [last[key] for key in sorted(last)]
    parts = []
    for name in unique(map(title, shown)):
        own = [run for run in shown if title(run) == name]
        parts.append(f"### {name}\n\n{table(own)}")
    return "\n\n".join(parts)


def table(shown: Sequence[Run]) -> str:
    """The table of one graph."""
    radii = sorted({run["preset"]["radius"] for run in shown})
    extra = [key for key in COLUMNS if any(key in run for run in shown)]
    head = ["mode", "layer", "against", "aimed at", *(f"r = {r:g}" for r in radii)]
    rows = [[*head, *(COLUMNS[key][0] for key in extra)]]

    def row(run: Run) -> tuple[str, str]:
        return run["preset"]["mode"], run["model"]

    for mode, layer in unique(map(row, shown)):
        own = {r["preset"]["radius"]: r for r in shown if row(r) == (mode, layer)}
        last, bar = list(own.values())[-1], BARS.get((mode, layer))
        aimed = None if bar is None else bar.time
        cells = [mode, label(layer), label(last["reference"])]
        cells.append("-" if aimed is None else f"{aimed:g}")
        cells += [_ratio(own[r]["ratio"], aimed) if r in own else "-" for r in radii]
        cells += [_extra(last, key, bar) for key in extra]
        rows.append(cells)
    return markdown(rows)


def _extra(run: Run, key: str, bar: Bar | None) -> str:
    """Kept memory, or the first call, with its own bar in brackets."""
    if key not in run:
        return "-"
    field = COLUMNS[key][1]
    most = getattr(bar, field) if bar is not None and field else None
    text = _ratio(run[key], most) + ("" if most is None else f" [{most:g}]")
    return f"{run['first_seconds']:.1f} s, {text}" if field == "first" else text


def _ratio(value: float, most: float | None) -> str:
    missed = most is not None and round(value, 2) > most
    return f"**{value:.2f}**" if missed else f"{value:.2f}"


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = cli.parser(__doc__)
    add = out.add_argument
    sizes = " ".join(f"{nodes}x{edges}" for nodes, edges in SIZES)
    add(
        "--sizes",
        nargs="+",
        type=nodes_x_edges,
        metavar="NODESxEDGES",
        help=f"(default: {sizes})",
    )
    add("--radii", nargs="+", type=float, help="mean lengths of features")
    cli.several(out, "--layers", LAYERS, choices=LAYERS)
    cli.several(out, "--threads", (1, 2), type=int)
    add("--quick", action="store_true", help="two sizes and radii, 5 repeats, one try")
    add("--compile", action="store_true", help="both sides under torch.compile")
    cli.device(out)
    cli.report(out)
    return out


def nodes_x_edges(text: str) -> Size:
    """A size, as in 20000x200000."""
    nodes, edges = map(int, text.split("x"))
    return nodes, edges


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        path, before = args.out / "speed.jsonl", torch.get_num_threads()
        for name, value in (QUICK if args.quick else FULL).items():
            if getattr(args, name, None) is None:
                setattr(args, name, value)
        on_cpu = usable_device(args.device).type == "cpu"
        counts = args.threads if on_cpu else args.threads[:1]
        try:
            for threads in () if args.report else counts:
                torch.set_num_threads(threads)
                for size in args.sizes:
                    complete(size, args, path)
        finally:
            torch.set_num_threads(before)
        # Of all that were ever done, eager and compiled.
        done = [run for run in runs.read(path) if run["device"] == args.device]
        cli.publish(tables(done), args.out, "speed")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
