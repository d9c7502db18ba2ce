"""What hyperbolic layers cost beside Euclidean ones: time and kept memory, as ratios.

Forward and backward pass of one layer, 64 -> 64 channels, on random graphs.  Layers of
a group take turns within one run, and every repeat gives a ratio to the Euclidean layer
of the same repeat: the median and quartiles of these are what is reported.  Both sides
have the same aggregation: messages gathered and scattered, or one sparse matrix
product.  "Kept" is what the forward pass keeps for the backward pass, without the
parameters and the graph; with weights that are learned, gathering and scattering keep a
row for each edge as well.  A second group has features so far out that midpoints need
more careful forms.  Prints a table with the bars that are set, appends JSON lines, and
draws the figure; run again, it only does what is missing.
"""

import argparse
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Module
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import guarded
from benchmarks.peers import LIBRARIES
from benchmarks.speed_layers import FORMS, OURS, PEERS, Graph, build, call, random_graph
from benchmarks.speed_report import figure, table
from benchmarks.sweep import OUT, usable_device

SIZES = [(20_000, 200_000), (200_000, 2_000_000)]
RADIUS = 1.2
FAR = (5.0, 20.0)  # where midpoints are summed in float64, and in two passes
REFERENCE = {  # of the others: GCNConv
    "local": "GATConv",
    "attention": "GATConv",
    "attention, distance": "GATConv",
    "GATConv, 8 heads": "GATConv, 8 heads",
    "attention, 8 heads": "GATConv, 8 heads",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers that take turns."""

    form: str
    layers: tuple[str, ...]
    radius: float = RADIUS
    compiled: bool = False


def groups(compiled: bool) -> list[Group]:
    """All that are measured, with libraries where they are installed."""
    if compiled:
        return [Group(FORMS[0], ("GCNConv", "GATConv", *OURS), compiled=True)]
    heads = ("attention", "attention, distance")
    peers = tuple(name for name in PEERS if LIBRARIES[name].installed())
    return [
        Group(FORMS[0], ("GCNConv", "GATConv", *OURS, *heads, *peers)),
        Group(FORMS[1], ("GCNConv", "tangent", "midpoint")),
        Group(FORMS[0], ("GATConv, 8 heads", "attention, 8 heads")),
        *(Group(form, ("GCNConv", "midpoint"), r) for form in FORMS for r in FAR),
    ]


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add(
        "--sizes",
        nargs="+",
        type=_size,
        default=SIZES,
        metavar="NODESxEDGES",
        help="sizes of the graphs (default: 20000x200000 200000x2000000)",
    )
    add("--repeats", type=int, default=15, help="of each layer (default: 15)")
    add(
        "--quick",
        action="store_true",
        help="a short run: the first of the sizes alone, 5 repeats",
    )
    add("--compile", action="store_true", help="both sides under torch.compile")
    add("--threads", type=int, default=2, help="of the CPU (default: 2)")
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    add(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="where the JSON lines, the table and the figure go "
        "(default: benchmarks/runs)",
    )
    return out


def _size(text: str) -> tuple[int, int]:
    nodes, _, edges = text.partition("x")
    if not (nodes.isdecimal() and edges.isdecimal() and int(nodes) > 0):
        raise argparse.ArgumentTypeError(
            f"a size is written NODESxEDGES, as in 20000x200000 (got {text!r})"
        )
    return int(nodes), int(edges)


def kept(forward: Callable[[], Tensor], given: Sequence[Tensor]) -> int:
    """Bytes that a forward pass keeps for the backward pass, but for what is given."""
    known = {x.untyped_storage().data_ptr() for x in given}
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        parts = [x]
        if x.layout == torch.sparse_csr:
            parts = [x.crow_indices(), x.col_indices(), x.values()]
        for part in parts:
            storage = part.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        forward()
    return sum(size for pointer, size in found.items() if pointer not in known)


def step(forward: Callable[[], Tensor], x: Tensor, grad: Tensor) -> float:
    """Seconds of a forward and a backward pass."""
    x.grad = None
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    start = time.perf_counter()
    forward().backward(grad)
    if x.is_cuda:
        torch.cuda.synchronize(x.device)
    return time.perf_counter() - start


def measure(group: Group, graph: Graph, repeats: int) -> Iterator[dict[str, Any]]:
    """A result for each layer of a group."""
    device, grad = graph.x.device, torch.randn_like(graph.x)
    layers = {name: build(name).to(device) for name in group.layers}
    result: dict[str, dict[str, Any]] = {name: {} for name in layers}
    calls: dict[str, Callable[[], Tensor]] = {}
    for name, layer in layers.items():
        if not group.compiled:
            _note_memory(result[name], name, layer, group.form, graph)
        run: Module = torch.compile(layer, fullgraph=True) if group.compiled else layer  # type: ignore[assignment]
        calls[name] = call(name, run, group.form, graph)
        step(calls[name], graph.x, grad)
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
            step(calls[name], graph.x, grad)
            peak = torch.cuda.max_memory_allocated(device)
            result[name]["peak_memory_mib"] = peak / 2**20
    seconds: dict[str, list[float]] = {name: [] for name in layers}
    for _ in tqdm(range(repeats), desc=group.form, unit="repeat", leave=False):
        for name, forward in calls.items():
            seconds[name].append(step(forward, graph.x, grad))
    for name in layers:
        reference = REFERENCE.get(name, "GCNConv")
        ratios = np.array(seconds[name]) / np.array(seconds[reference])
        low, median, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
        result[name] |= {"ratio": median, "quartiles": [low, high]}
        for key in ("kept", "kept_learned"):
            own, other = result[name].get(key), result[reference].get(key)
            if own and other:
                result[name][f"{key}_ratio"] = own / other
        yield result[name] | {"model": name, "reference": reference}


def _note_memory(
    result: dict[str, Any], name: str, layer: Module, form: str, graph: Graph
) -> None:
    given = (*layer.parameters(), *graph.tensors)
    result["kept"] = kept(call(name, layer, form, graph), given)
    if form == FORMS[0]:
        weight = graph.weight.clone().requires_grad_()
        learned = call(name, layer, form, graph, weight)
        result["kept_learned"] = kept(learned, (*given, weight))


def complete(args: argparse.Namespace, path: Path) -> list[runs.Run]:
    """All runs that are asked for; those that are not on disk are done first."""
    device = usable_device(args.device)
    torch.set_num_threads(args.threads)
    sizes, repeats = (args.sizes[:1], 5) if args.quick else (args.sizes, args.repeats)
    known = {runs.key(run): run for run in runs.read(path)}
    out = []
    for nodes, edges in sizes:
        for group in groups(args.compile):
            frame: runs.Run = runs.new_run(
                task="speed",
                dataset=f"{nodes:,} nodes, {edges:,} edges",
                device=args.device,
                device_name=_device_name(device),
                preset={
                    "form": group.form,
                    "radius": group.radius,
                    "compiled": group.compiled,
                    "repeats": repeats,
                    "threads": args.threads,
                },
            )
            wanted = [frame | {"model": name} for name in group.layers]
            if any(runs.key(run) not in known for run in wanted):
                torch.compiler.reset()
                graph = random_graph(nodes, edges, group.radius, device)
                done = [frame | result for result in measure(group, graph, repeats)]
                runs.append(path, *done)
                known |= {runs.key(run): run for run in done}
            out += [known[runs.key(run)] for run in wanted]
    return out


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
        text = table(done)
        (args.out / "speed.md").write_text(text + "\n")
        figure(done, args.out / "speed.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
