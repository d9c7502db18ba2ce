"""How does cost grow with the size of the graph?  A training step from 1e4 nodes up.

Full batches on hyperbolic random graphs and on trees, of nodes in an order that keeps
neighbors near each other.  Each size runs in a process of its own, with the memory that
is free; one that dies of memory is a result, and ends its series.  Prints a table, and
the exponents of time and of memory (that beyond what the process held before the graph)
in N + E.  Appends JSON lines.
"""

import sys
import tempfile
import time
import warnings
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import quantiles
from typing import Any

import numpy as np
import scipy.sparse
import torch
from scipy import stats
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCN
from tqdm import tqdm

from benchmarks.common import cli, runs
from benchmarks.common.encoders import AGGREGATIONS
from benchmarks.common.isolated import forget_peak, isolated, peak_mib, settle_memory
from benchmarks.common.large_graphs import GRAPHS, tree
from benchmarks.common.report import markdown, unique
from benchmarks.common.runs import Run
from benchmarks.common.sweep import usable_device
from pyg_hyperbolic.nn import HGCN

SIZES = [k * 10**power for power in range(4, 8) for k in (1, 2, 5)]
LARGEST = {"cpu": 5_000_000, "cuda": 20_000_000}
QUICK = [10_000, 20_000, 50_000]
# Below, a step's fixed costs, of a few milliseconds, show: they flatten the fit.
LARGE = 100_000
WIDTH, LAYERS = 64, 2
SEED = 0  # of graphs, features and weights
# Steps, the same number at all sizes: a heap grows in holes with every step.
WARM_UP, TIMED = 2, 10
# So small that no point gets to where the midpoint is summed in float64.
RATE = 1e-6


def generate(graph: str, nodes: int, file: Path) -> Run:
    """Generates a graph with normalized weights, and leaves it in a file."""
    GRAPHS[graph](100, SEED)
    baseline, begin = forget_peak(), time.perf_counter()
    matrix = GRAPHS[graph](nodes, SEED)
    seconds, peak = time.perf_counter() - begin, peak_mib()
    scipy.sparse.save_npz(file, normalized(matrix), compressed=False)
    return {
        "edges": matrix.nnz - nodes,
        "seconds_per_step": seconds,
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
    }


def normalized(matrix: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
    """The symmetric normalization of GCN, in place."""
    degree = np.diff(matrix.indptr)
    weight = degree.astype(np.float32) ** -0.5
    matrix.data *= weight[matrix.indices]
    matrix.data *= np.repeat(weight, degree)
    return matrix


def train(model: str, device: str, threads: int, keep: bool, file: Path) -> Run:
    """Trains a model on the graph in a file for some steps."""
    # A forked process leaves without PyG's clean-up of the code it generates.
    tempfile.tempdir = str(file.parent)
    torch.set_num_threads(threads)
    torch.manual_seed(SEED)
    target = torch.device(device)
    cuda = target.type == "cuda"
    # What is loaded by the first step of all, libraries above all, is no graph's cost.
    _step(model, normalized(tree(2000, SEED)), target)()
    kept = settle_memory(keep)
    baseline = 0.0 if cuda else forget_peak()
    if cuda:
        torch.cuda.reset_peak_memory_stats(target)
    step = _step(model, scipy.sparse.load_npz(file), target)
    seconds = []
    for _ in range(WARM_UP + TIMED):
        begin = time.perf_counter()
        step()
        if cuda:
            torch.cuda.synchronize(target)
        seconds.append(time.perf_counter() - begin)
    peak = torch.cuda.max_memory_allocated(target) / 2**20 if cuda else peak_mib()
    low, median, high = quantiles(seconds[WARM_UP:], n=4)
    return {
        "seconds_per_step": median,
        "quartiles": [low, high],
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
        "allocator": "keep" if kept else "system",
        "device_name": torch.cuda.get_device_name(target) if cuda else "cpu",
    }


def _step(
    model: str, matrix: scipy.sparse.csr_matrix, device: torch.device
) -> Callable[[], None]:
    """A full-batch step of node classification: forward, backward, Adam."""
    draw, nodes = torch.Generator().manual_seed(SEED), matrix.shape[0]
    x = torch.randn(nodes, WIDTH, generator=draw).div_(WIDTH**0.5).to(device)
    y = torch.randint(WIDTH, (nodes,), generator=draw).to(device)
    adjacency = as_tensor(matrix).to(device)
    options: dict[str, Any] = {"normalize": False}  # the adjacency is already
    if model == "gcn":
        net = GCN(WIDTH, WIDTH, LAYERS, **options)
    else:
        net = HGCN(WIDTH, WIDTH, LAYERS, aggregation=AGGREGATIONS[model], **options)
    net.to(device)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(net(x, adjacency), y).backward()
        optimizer.step()

    return step


def as_tensor(matrix: scipy.sparse.csr_matrix) -> Tensor:
    """The same numbers, in the same memory."""
    parts = matrix.indptr, matrix.indices, matrix.data
    start, neighbor, weight = map(torch.from_numpy, parts)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            start, neighbor, weight, matrix.shape, check_invariants=False
        )


def measure(args: Namespace, graph: str) -> Iterator[Run]:
    """All sizes of a kind of graph: its generation, then every model."""
    models, device = list(args.model), usable_device(args.device)
    sizes = args.nodes or [n for n in SIZES if n <= LARGEST[device.type]]
    for nodes in sizes:
        with tempfile.TemporaryDirectory(prefix="scale-") as folder:
            file = Path(folder, "graph.npz")
            run = new_run(args, graph, "generator", nodes)
            run |= isolated(True, generate, graph, nodes, file)
            yield run
            if "error" in run:
                return
            for model in list(models):
                its = new_run(args, graph, model, nodes) | {"edges": run["edges"]}
                threads, keep = torch.get_num_threads(), args.allocator == "keep"
                settings = model, args.device, threads, keep, file
                its |= isolated(device.type == "cpu", train, *settings)
                if "error" in its:
                    models.remove(model)
                yield its


def new_run(args: Namespace, graph: str, model: str, nodes: int) -> Run:
    """A run as it starts."""
    return runs.new_run(
        task="scale",
        dataset=graph,
        model=model,
        seed=SEED,
        device=args.device,
        nodes=nodes,
        preset={"layers": LAYERS, "hidden_channels": WIDTH},
    )


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

    def fit(some: Sequence[Run], cost: Callable[[Run], float]) -> str:
        sizes = [run["nodes"] + run["edges"] for run in some]
        return slope(sizes, [cost(run) for run in some])

    def seconds(run: Run) -> float:
        return float(run["seconds_per_step"])

    def memory(run: Run) -> float:
        return float(run["peak_memory_mib"] - run["baseline_mib"])

    done = [run for run in done if "error" not in run]
    for graph, model in unique((run["dataset"], run["model"]) for run in done):
        its = [r for r in done if (r["dataset"], r["model"]) == (graph, model)]
        large = [run for run in its if run["nodes"] >= LARGE]
        fits = fit(its, seconds), fit(its, memory), fit(large, seconds)
        rows.append([graph, model, *fits])
    return markdown(rows)


def parser() -> ArgumentParser:
    """The options."""
    options = cli.parser(__doc__)
    add = options.add_argument
    models = ("gcn", *AGGREGATIONS)
    cli.several(options, "--graph", GRAPHS, choices=GRAPHS)
    cli.several(options, "--model", ("gcn", "hgcn"), choices=models)
    add("--nodes", nargs="+", type=int, help="(default: 1e4 to 5e6, with CUDA 2e7)")
    add("--quick", dest="nodes", action="store_const", const=QUICK, help="three sizes")
    add(
        "--allocator",
        default="keep",
        choices=("keep", "system"),
        help="what becomes of memory that a step frees on the CPU: the process keeps "
        "it, as with CUDA, or glibc decides (default: keep)",
    )
    cli.device(options)
    cli.report(options)
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """Runs everything and returns the exit status."""
    args = parser().parse_args(argv)

    def job() -> None:
        name = "scale" if args.allocator == "keep" else "scale_system"
        path, done = args.out / f"{name}.jsonl", []
        for graph in () if args.report else args.graph:
            for run in tqdm(measure(args, graph), desc=graph, unit="run", leave=False):
                runs.append(path, run)
                done.append(run)
        done = runs.read(path) if args.report else done
        cli.publish(f"{table(done)}\n\n{slopes(done)}", args.out, name)

    return cli.guarded(job)


if __name__ == "__main__":
    sys.exit(main())
