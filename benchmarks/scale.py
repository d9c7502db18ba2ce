"""How does cost grow with the size of the graph?  A training step from 1e4 nodes up.

Hyperbolic random graphs of mean degree 10 (NetworKit's generator) and trees, nodes in
an order that keeps neighbors near each other; two layers of 64, 64 features, cross
entropy on all nodes, Adam; full batches.  The adjacency is normalized beforehand and
goes to every model as the same sparse CSR tensor.  Features have norm 1 or so: what far
neighbors in one direction cost, beyond a radius of 11, is not measured here.

Each size runs in a process of its own, with the memory that is free; one that dies of
memory is a result, and ends its series.  Prints a table, and the exponents of time and
of memory (that beyond what the process held before the graph) in N + E: least squares
in the logarithms, with 95 % confidence intervals.  Appends JSON lines.
"""

import multiprocessing
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import stats
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.encoders import AGGREGATIONS
from benchmarks.common.report import markdown, unique, write
from benchmarks.common.runs import Run
from benchmarks.common.sweep import usable_device
from benchmarks.scale_graphs import GRAPHS, missing
from benchmarks.scale_step import LAYERS, WIDTH, generate, limited, train

MODELS = ("gcn", *AGGREGATIONS)
LARGEST = {"cpu": 5_000_000, "cuda": 20_000_000}
QUICK = [10_000, 20_000, 50_000]
MEMINFO = Path("/proc/meminfo")
# Below, a step's fixed costs, of a few milliseconds, show: they flatten the fit.
LARGE = 100_000


def default_sizes(device: str) -> list[int]:
    """1, 2 and 5 times the powers of ten."""
    every = [k * 10**power for power in range(4, 8) for k in (1, 2, 5)]
    return [n for n in every if n <= LARGEST[torch.device(device).type]]


def isolated(job: Callable[..., Run], limit: float | None, *settings: Any) -> Run:
    """Does a job in a process of its own, which may die.

    Args:
        job: A function of ``scale_step``.
        limit: The most memory that it may have, in MiB; by default what there is.
        settings: Its arguments.
    """
    # A server that has imported everything, and nothing more, forks each process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.scale_step"])
    with ProcessPoolExecutor(1, context) as pool:
        try:
            return pool.submit(limited, limit, job, *settings).result()
        except BrokenProcessPool:
            return {"error": "ended by the system, as where memory is short"}


def free_mib() -> float:
    """Memory that a process could have now."""
    lines = MEMINFO.read_text().splitlines()
    free = next(line for line in lines if line.startswith("MemAvailable:"))
    return int(free.split()[1]) / 2**10


def measure(args: Namespace, graph: str) -> Iterator[Run]:
    """All sizes of a kind of graph: its generation, then every model."""
    models = list(args.model)
    for nodes in args.nodes or default_sizes(args.device):
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            run = new_run(args, graph, "generator", nodes)
            run |= isolated(generate, free_mib(), graph, nodes, args.seed, folder)
            yield run
            if "error" in run:
                return
            for model in list(models):
                its = new_run(args, graph, model, nodes) | {"edges": run["edges"]}
                limit = free_mib() if args.device == "cpu" else None
                threads, keep = torch.get_num_threads(), args.allocator == "keep"
                settings = model, args.seed, args.device, threads, keep, folder
                its |= isolated(train, limit, *settings)
                if "error" in its:
                    models.remove(model)
                yield its


def new_run(args: Namespace, graph: str, model: str, nodes: int) -> Run:
    """A run as it starts."""
    return runs.new_run(
        task="scale",
        dataset=graph,
        model=model,
        seed=args.seed,
        device=args.device,
        nodes=nodes,
        preset={"layers": LAYERS, "hidden_channels": WIDTH},
    )


def beyond_baseline(run: Run) -> float:
    """Peak memory less what the process held before there was a graph, in MiB."""
    return float(run["peak_memory_mib"] - run["baseline_mib"])


def table(done: Sequence[Run]) -> str:
    """A row for every size of every series."""
    rows = [["graph", "model", "nodes", "edges", "s", "ns / (N + E)", "GiB"]]
    for run in done:
        cells = [run["dataset"], run["model"], f"{run['nodes']:,}"]
        if "error" in run:
            rows.append([*cells, "-", "-", "-", run["error"]])
            continue
        each = 1e9 * run["seconds_per_step"] / (run["nodes"] + run["edges"])
        cells += [f"{run['edges']:,}", f"{run['seconds_per_step']:.3g}", f"{each:.1f}"]
        rows.append([*cells, f"{run['peak_memory_mib'] / 2**10:.2f}"])
    return markdown(rows)


def slope(sizes: Sequence[float], costs: Sequence[float]) -> str:
    """The exponent of a power law, with its 95 % confidence interval.

    There is none from fewer than three sizes, or where a cost is too small to be seen.
    """
    if len(sizes) < 3 or min(costs) <= 0:
        return "-"
    fit = stats.linregress(np.log(sizes), np.log(costs))
    margin = stats.t.ppf(0.975, len(sizes) - 2) * fit.stderr
    return f"{fit.slope:.3f} ± {margin:.3f}"


def slopes(done: Sequence[Run]) -> str:
    """A row for every series: exponents with their confidence intervals."""
    rows = [["graph", "model", "time", "memory", f"time, {LARGE:,} nodes up"]]

    def fitted(some: Sequence[Run], cost: Callable[[Run], float]) -> str:
        sizes = [run["nodes"] + run["edges"] for run in some]
        return slope(sizes, [cost(run) for run in some])

    def seconds(run: Run) -> float:
        return float(run["seconds_per_step"])

    for graph, model in unique((run["dataset"], run["model"]) for run in done):
        its = [r for r in done if (r["dataset"], r["model"]) == (graph, model)]
        its = [run for run in its if "error" not in run]
        large = [run for run in its if run["nodes"] >= LARGE]
        fits = (its, seconds), (its, beyond_baseline), (large, seconds)
        rows.append([graph, model, *(fitted(*each) for each in fits)])
    return markdown(rows)


def parser() -> ArgumentParser:
    """The options."""
    options = cli.parser(__doc__)
    add = options.add_argument
    cli.several(options, "--graph", GRAPHS, choices=GRAPHS)
    cli.several(options, "--model", ("gcn", "hgcn"), choices=MODELS)
    add("--nodes", nargs="+", type=int, help="(default: 1e4 to 5e6, with CUDA 2e7)")
    add("--quick", dest="nodes", action="store_const", const=QUICK, help="three sizes")
    add(
        "--allocator",
        default="keep",
        choices=("keep", "system"),
        help="what becomes of memory that a step frees on the CPU: the process keeps "
        "it, as with CUDA, or glibc decides (default: keep)",
    )
    add("--device", default="cpu", help="cpu, cuda, cuda:1 ... (default: cpu)")
    add("--seed", type=int, default=0, help="of graphs, features, weights (default: 0)")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        usable_device(args.device)
        done: list[Run] = []
        for graph in args.graph:
            if graph in missing():
                print(f"left out {graph}: {missing()[graph]}")
                continue
            for run in tqdm(measure(args, graph), desc=graph, unit="run", leave=False):
                runs.append(args.out / "scale.jsonl", run)
                done.append(run)
        if not done:
            raise ValueError("'--graph' names no kind of graph that can be made here")
        text = f"{table(done)}\n\n{slopes(done)}"
        write(text, args.out / "scale.md")
        print(f"{text}\n\nRuns and table are in {args.out}")

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
