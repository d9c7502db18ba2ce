"""How cost grows with the size of the graph: a training step from 1e4 nodes up.

Hyperbolic random graphs of mean degree 10 (NetworKit's generator) and trees, nodes in
an order that keeps neighbors near each other; two layers of 64, 64 features, cross
entropy on all nodes, Adam; full batches.  The adjacency is normalized beforehand and
goes to every model as the same sparse CSR tensor.  Features have norm 1 or so: what far
neighbors in one direction cost, beyond a radius of 11, is not measured here.

Each size runs in a process of its own.  Its peak memory is predicted from the smaller
sizes; one that would not fit is not started, and one that dies of memory is a result.
Prints a table, and the exponents of time and of memory (that beyond what the process
held before the graph) in N + E; appends JSON lines; draws the figure.
"""

import argparse
import importlib.metadata
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tqdm import tqdm

from benchmarks import runs
from benchmarks.cli import guarded
from benchmarks.scale_figure import figure
from benchmarks.scale_fit import predict
from benchmarks.scale_graphs import ENTRIES, GRAPHS, missing
from benchmarks.scale_report import slopes, table
from benchmarks.scale_step import LAYERS, MODELS, WIDTH, generate, isolated, train
from benchmarks.sweep import OUT, usable_device

LARGEST = {"cpu": 5_000_000, "cuda": 20_000_000}
QUICK = [10_000, 20_000, 50_000]
MEMINFO = Path("/proc/meminfo")


def parser() -> argparse.ArgumentParser:
    """The options."""
    out = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = out.add_argument
    add(
        "--graph",
        nargs="+",
        default=list(GRAPHS),
        choices=GRAPHS,
        metavar="GRAPH",
        help=f"kinds of graphs: {', '.join(GRAPHS)} (default: both)",
    )
    add(
        "--model",
        nargs="+",
        default=["gcn", "hgcn"],
        choices=MODELS,
        metavar="MODEL",
        help=f"models to compare: {', '.join(MODELS)} (default: gcn hgcn)",
    )
    sizes = out.add_mutually_exclusive_group()
    sizes.add_argument(
        "--nodes",
        nargs="+",
        type=int,
        metavar="N",
        help="numbers of nodes, ascending (default: 1e4, 2e4, 5e4 ... 5e6, with CUDA "
        "to 2e7)",
    )
    sizes.add_argument(
        "--quick",
        dest="nodes",
        action="store_const",
        const=QUICK,
        help="a short run, of 1e4, 2e4 and 5e4 nodes",
    )
    add(
        "--memory",
        type=float,
        metavar="GIB",
        help="the most that a size may need, of the device's memory (default: all that "
        "is free)",
    )
    add(
        "--allocator",
        default="keep",
        choices=("keep", "system"),
        help="what becomes of memory that a step frees on the CPU: the process keeps "
        "it, as with CUDA, or glibc decides, and takes large blocks anew from the "
        "system at every step (default: keep)",
    )
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    add("--seed", type=int, default=0, help="of graphs, features, weights (default: 0)")
    add(
        "--out",
        type=Path,
        default=OUT,
        metavar="FOLDER",
        help="where the JSON lines, the table and the figure go "
        "(default: benchmarks/runs)",
    )
    return out


def default_sizes(device: torch.device) -> list[int]:
    """1, 2 and 5 times the powers of ten."""
    every = [k * 10**power for power in range(4, 8) for k in (1, 2, 5)]
    return [nodes for nodes in every if nodes <= LARGEST[device.type]]


def free_mib(device: torch.device) -> float | None:
    """Memory that a process could have now, where that can be known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] / 2**20
    if not MEMINFO.exists():
        return None
    lines = MEMINFO.read_text().splitlines()
    free = next(line for line in lines if line.startswith("MemAvailable:"))
    return int(free.split()[1]) / 2**10


class Series:
    """One kind of cost at ascending sizes, until memory ends it."""

    def __init__(self, memory: float | None) -> None:
        self.memory = memory
        self.sizes: list[float] = []
        self.peaks: list[float] = []
        self.ended = False

    def expect(self, size: float, free: float | None) -> runs.Run:
        """The prediction of a size, with an error if it does not fit."""
        if len(self.sizes) < 2:
            return {}
        predicted = predict(self.sizes, self.peaks, size)
        out: runs.Run = {"predicted_memory_mib": predicted}
        limits = [limit for limit in (self.memory, free) if limit is not None]
        if limits and predicted > min(limits):
            self.ended = True
            out["error"] = f"not started: {min(limits) / 2**10:.1f} GiB at most"
        return out

    def see(self, size: float, result: runs.Run) -> None:
        """What became of a size."""
        self.ended |= "error" in result
        peak = result.get("peak_memory_mib")
        if not self.ended and peak is not None:
            self.sizes.append(size)
            self.peaks.append(peak)


def measure(args: argparse.Namespace, graph: str) -> Iterator[runs.Run]:
    """All sizes of a kind of graph: its generation, then every model."""
    device = usable_device(args.device)
    host = torch.device("cpu")
    most = None if args.memory is None else 1024 * args.memory
    generated = Series(most if device == host else None)
    trained = {model: Series(most) for model in args.model}
    for nodes in args.nodes or default_sizes(device):
        if generated.ended or all(series.ended for series in trained.values()):
            return
        with tempfile.TemporaryDirectory(prefix="scale-") as name:
            folder = Path(name)
            size = float(nodes * ENTRIES[graph])
            run = new_run(args, graph, "generator", nodes, host)
            run |= generated.expect(size, free_mib(host))
            if "error" not in run:
                limit = _least(generated.memory, free_mib(host))
                run |= isolated(generate, limit, graph, nodes, args.seed, folder)
                generated.see(size, run)
            yield run
            if "error" in run:
                return
            edges, size = run["edges"], float(nodes + run["edges"])
            for model, series in trained.items():
                if series.ended:
                    continue
                run = new_run(args, graph, model, nodes, device) | {"edges": edges}
                run |= series.expect(size, free_mib(device))
                if "error" not in run:
                    limit = _least(most, free_mib(host)) if device == host else None
                    keep = args.allocator == "keep"
                    settings = (model, args.seed, args.device, run["threads"], keep)
                    run |= isolated(train, limit, *settings, folder)
                    series.see(size, run)
                yield run


def _least(*limits: float | None) -> float | None:
    return min((limit for limit in limits if limit is not None), default=None)


def new_run(
    args: argparse.Namespace, graph: str, model: str, nodes: int, device: torch.device
) -> runs.Run:
    """A run as it starts."""
    run = runs.new_run(
        task="scale",
        dataset=graph,
        model=model,
        seed=args.seed,
        device=device.type,
        nodes=nodes,
        preset={"layers": LAYERS, "hidden_channels": WIDTH},
    )
    if graph == "hyperbolic":
        run["versions"]["networkit"] = importlib.metadata.version("networkit")
    return run


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        usable_device(args.device)
        if args.nodes is not None and sorted(set(args.nodes)) != args.nodes:
            raise ValueError(
                f"'--nodes' must ascend (got {args.nodes}): larger sizes are "
                f"predicted from smaller ones"
            )
        done: list[runs.Run] = []
        for graph in args.graph:
            if graph in missing():
                print(f"left out {graph}: {missing()[graph]}")
                continue
            bar = tqdm(measure(args, graph), desc=graph, unit="run", leave=False)
            for run in bar:
                runs.append(args.out / "scale.jsonl", run)
                done.append(run)
        if not done:
            raise ValueError("'--graph' names no kind of graph that can be made here")
        text = f"{table(done)}\n\n{slopes(done)}"
        (args.out / "scale.md").write_text(text + "\n")
        figure(done, args.out / "scale.png")
        print(f"{text}\n\nRuns, table and figure are in {args.out}")

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
