"""What hyperbolic layers cost beside Euclidean ones, by radius: time and kept memory.

Forward and backward pass of one layer, 64 -> 64 channels, on random graphs, at c = 1
and with features of a mean length from 0.1 to 100, which is their radius.  Layers of a
group take turns within one run, and every repeat gives a ratio to the Euclidean layer
of the same repeat: medians and quartiles of these are what is reported.  Both sides
read the graph in the same form: a sparse CSR matrix, or an edge_index with weights.
"Kept" is what the forward pass keeps for the backward pass, without the parameters and
the graph; with weights that are learned, gathering and scattering keep a row for each
edge as well.

Graphs of at most 2,000 nodes have 16 channels and layers that normalize the graph
themselves; there a repeat is a batch of calls.  With --compile, both sides run under
torch.compile, on larger graphs; its first call is measured too, with nothing compiled
before.  Prints tables beside the bars that are set, and appends JSON lines; run again,
it only does what is missing.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.common import cli, runs
from benchmarks.common.report import unique
from benchmarks.common.sweep import usable_device
from benchmarks.speed_contest import Contest
from benchmarks.speed_layers import (
    CHANNELS,
    LABELS,
    SMALL,
    SMALL_CHANNELS,
    Group,
    groups,
    random_graph,
)
from benchmarks.speed_report import write

Size = tuple[int, int]

LARGE: list[Size] = [(20_000, 200_000), (200_000, 2_000_000)]
SIZES = [(20, 200), (200, 2_000), (2_000, 20_000), *LARGE]
RADII = [0.1, 1.2, 5.0, 12.0, 20.0, 50.0, 100.0]
# What is done unless the command line says otherwise, and with --quick.
FULL: dict[str, Any] = {"sizes": SIZES, "radii": RADII, "repeats": 15, "tries": 3}
QUICK: dict[str, Any] = {
    "sizes": [(200, 2_000), (20_000, 200_000)],
    "radii": [1.2, 20.0],
    "repeats": 5,
    "tries": 1,
}
CALLS, MORE = 10, 3  # of small graphs: calls in a repeat, and times the repeats


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = cli.parser(__doc__)
    add = out.add_argument
    sizes = " ".join(f"{nodes}x{edges}" for nodes, edges in SIZES)
    add("--sizes", nargs="+", type=_size, metavar="NODESxEDGES", help=f"({sizes})")
    add("--radii", nargs="+", type=_positive(float), help="mean lengths of features")
    cli.several(out, "--layers", LABELS, choices=LABELS)
    cli.several(out, "--threads", (1, 2), type=_positive(int))
    add("--repeats", type=_positive(int), help="of each layer (default: 15)")
    add("--tries", type=_positive(int), help="of a compiler's first call (default: 3)")
    add("--quick", action="store_true", help="two sizes and radii, 5 repeats, one try")
    add("--compile", action="store_true", help="both sides under torch.compile")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    return out


def _size(text: str) -> Size:
    nodes, _, edges = text.partition("x")
    if not (nodes.isdecimal() and edges.isdecimal() and int(nodes) > 0):
        raise argparse.ArgumentTypeError(
            f"a size is written NODESxEDGES, as in 20000x200000 (got {text!r})"
        )
    return int(nodes), int(edges)


def _positive(kind: type) -> Callable[[str], Any]:
    def positive(text: str) -> Any:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"must be above 0 (got {text})")
        return value

    return positive


class Measurement:
    """All that is asked for on one graph, of which only what is missing is done.

    Args:
        size: Numbers of nodes and edges.
        args: The command line.
        path: The file of the JSON lines.
    """

    def __init__(self, size: Size, args: argparse.Namespace, path: Path) -> None:
        self.size, self.args, self.path = size, args, path
        self.device = usable_device(args.device)
        small = size[0] <= SMALL
        self.channels = SMALL_CHANNELS if small else CHANNELS
        self.calls = CALLS if small else 1
        self.repeats = args.repeats * (MORE if small else 1)
        self.known = {runs.key(run) for run in runs.read(path)}

    def frame(self, group: Group, radius: float) -> runs.Run:
        """A run as far as it is known before."""
        nodes, edges = self.size
        return runs.new_run(
            task="speed",
            dataset=f"{nodes:,} nodes, {edges:,} edges",
            device=self.args.device,
            device_name=_device_name(self.device),
            preset={
                "mode": group.mode,
                "reference": group.reference,
                "radius": radius,
                "channels": self.channels,
                "repeats": self.repeats,
                "calls": self.calls,
                "threads": torch.get_num_threads(),
            },
        )

    def missing(self, group: Group, radius: float) -> list[str]:
        """Layers to be measured, the reference first if there are any."""
        frame = self.frame(group, radius)
        wanted = [name for name in group.at(radius)[1:] if name in self.args.layers]
        found = [
            name
            for name in wanted
            if runs.key(frame | {"model": name}) not in self.known
        ]
        return [group.reference, *found] if found else []

    def complete(self) -> None:
        """Measures, and appends results of each radius as soon as they are there."""
        graph = None
        for group in groups(self.size[0], self.args.compile):
            missing = {r: self.missing(group, r) for r in self.args.radii}
            names = unique(name for some in missing.values() for name in some)
            if not names:
                continue
            if graph is None:
                graph = random_graph(*self.size, self.channels, self.device)
            contest = Contest(
                group, names, graph.at(self.args.radii[0]), self.args.tries
            )
            for radius, some in missing.items():
                if not some:
                    continue
                at = graph.at(radius)
                results = contest.at(at, some, self.repeats, self.calls)
                frame = self.frame(group, radius)
                runs.append(self.path, *(frame | result for result in results))


def complete(args: argparse.Namespace, path: Path) -> None:
    """Measures all that is asked for and not on disk."""
    for name, value in (QUICK if args.quick else FULL).items():
        if getattr(args, name) is None:
            setattr(args, name, value)
    before = torch.get_num_threads()
    on_cpu = usable_device(args.device).type == "cpu"
    try:
        for threads in args.threads if on_cpu else args.threads[:1]:
            torch.set_num_threads(threads)
            for size in args.sizes:
                Measurement(size, args, path).complete()
    finally:
        torch.set_num_threads(before)


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability()


def main(argv: Sequence[str] | None = None) -> int:
    """Measures and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        path = args.out / "speed.jsonl"
        complete(args, path)
        # Of all that were ever done with this version, eager and compiled.
        done = [run for run in runs.read(path) if run["device"] == args.device]
        print(f"{write(done, args.out)}\n\nRuns and tables are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
