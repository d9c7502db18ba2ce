"""Jobs on a large graph, their time and their memory, in a process of their own."""

import ctypes
import resource
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torch_geometric.nn import GCN

from benchmarks.common.encoders import AGGREGATIONS
from benchmarks.scale_graphs import GRAPHS, Rows, tree
from pyg_hyperbolic.nn import HGCN

WIDTH, LAYERS = 64, 2
# Steps, the same number at all sizes: a heap grows in holes with every step.
WARM_UP, TIMED = 2, 10
# So small that no point gets to where the midpoint is summed in float64.
RATE = 1e-6
STATUS, STATM = Path("/proc/self/status"), Path("/proc/self/statm")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h

Result = dict[str, Any]


def settle_memory(keep: bool) -> bool:
    """Gives back what is free, and keeps what is freed from now on, if asked to.

    By default glibc returns every block beyond 32 MiB to the system, which clears its
    pages anew at every allocation: a cost that small graphs do not have.  PyTorch
    itself keeps freed memory on CUDA.  Returns whether it is kept.
    """
    libc = ctypes.CDLL(None)
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):  # not glibc
        return False
    libc.malloc_trim(0)
    if not keep:
        return False
    return bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, -1))


def generate(graph: str, nodes: int, seed: int, folder: str) -> Result:
    """Generates a graph, and leaves it in a folder."""
    GRAPHS[graph](100, seed)
    baseline = _forget_peak()
    begin = time.perf_counter()
    rows = GRAPHS[graph](nodes, seed)
    seconds, peak = time.perf_counter() - begin, _peak_mib()
    for part, array in rows._asdict().items():
        np.save(Path(folder) / f"{part}.npy", array)
    return {
        "edges": rows.edges,
        "seconds_per_step": seconds,
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
    }


def train(
    model: str, seed: int, device: str, threads: int, keep: bool, folder: str
) -> Result:
    """Trains a model on the graph in a folder for some steps."""
    # A forked process leaves without PyG's clean-up of the code it generates.
    tempfile.tempdir = folder
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    target = torch.device(device)
    cuda = target.type == "cuda"
    # What is loaded by the first step of all, libraries above all, is no graph's cost.
    _step(model, *prepare(tree(2000, seed), seed, target))()
    kept = settle_memory(keep)
    baseline = 0.0 if cuda else _forget_peak()
    if cuda:
        torch.cuda.reset_peak_memory_stats(target)
    graph = Rows(*(np.load(Path(folder) / f"{part}.npy") for part in Rows._fields))
    x, adjacency, y = prepare(graph, seed, target)
    step = _step(model, x, adjacency, y)
    for _ in range(WARM_UP):
        step()
    seconds = _timed(step, target)
    peak = torch.cuda.max_memory_allocated(target) / 2**20 if cuda else _peak_mib()
    with torch.no_grad():
        product = _timed(lambda: adjacency @ x, target)
    low, median, high = statistics.quantiles(seconds, n=4)
    return {
        "seconds_per_step": median,
        "quartiles": [low, high],
        "seconds_per_product": statistics.median(product),
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
        "indices": str(adjacency.crow_indices().dtype).removeprefix("torch."),
        "allocator": "keep" if kept else "system",
        "device_name": torch.cuda.get_device_name(target) if cuda else "cpu",
    }


def prepare(
    graph: Rows, seed: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """Features near the unit sphere, the normalized adjacency, and labels."""
    start, neighbor = map(torch.from_numpy, graph)
    weight = start.diff().float().rsqrt()
    # Of row i and column j, in place: three such arrays would be more than the graph.
    weights = weight.index_select(0, neighbor)
    weights *= weight.repeat_interleave(start.diff())
    size = (graph.nodes, graph.nodes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        adjacency = torch.sparse_csr_tensor(
            start, neighbor, weights, size, check_invariants=False
        )
    draw = torch.Generator().manual_seed(seed)
    x = torch.randn(graph.nodes, WIDTH, generator=draw).div_(WIDTH**0.5)
    y = torch.randint(WIDTH, (graph.nodes,), generator=draw)
    return x.to(device), adjacency.to(device), y.to(device)


def _step(model: str, x: Tensor, adjacency: Tensor, y: Tensor) -> Callable[[], None]:
    """A full-batch step of node classification: forward, backward, Adam."""
    options: dict[str, Any] = {"normalize": False}  # the adjacency is already
    if model == "gcn":
        net = GCN(WIDTH, WIDTH, LAYERS, **options)
    else:
        net = HGCN(WIDTH, WIDTH, LAYERS, aggregation=AGGREGATIONS[model], **options)
    net.to(x.device)
    optimizer = torch.optim.Adam(net.parameters(), lr=RATE)

    def step() -> None:
        optimizer.zero_grad()
        cross_entropy(net(x, adjacency), y).backward()
        optimizer.step()

    return step


def _timed(job: Callable[[], object], device: torch.device) -> list[float]:
    """Seconds of each of several calls."""
    out: list[float] = []
    for _ in range(TIMED):
        begin = time.perf_counter()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        out.append(time.perf_counter() - begin)
    return out


def _forget_peak() -> float:
    """Has Linux forget the peak of the memory in use; returns what is in use now."""
    Path("/proc/self/clear_refs").write_text("5")
    return int(STATM.read_text().split()[1]) * resource.getpagesize() / 2**20


def _peak_mib() -> float:
    lines = STATUS.read_text().splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM:"))
    return int(peak.split()[1]) / 2**10


def limited(limit: float | None, job: Callable[..., Result], *settings: Any) -> Result:
    """Does a job with some MiB of memory; that they don't suffice is a result."""
    if limit is not None:  # of what is private and writable, so not of code
        most = int(limit * 2**20)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        return job(*settings)
    except (MemoryError, RuntimeError) as error:
        text = str(error).partition("\n")[0]
        words = ("allocate", "bad_alloc", "out of memory")
        if not (isinstance(error, MemoryError) or any(w in text for w in words)):
            raise
        return {"error": f"out of memory: {text}"}
