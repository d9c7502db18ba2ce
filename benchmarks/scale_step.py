"""One training step on a large graph: its time and its memory, in its own process."""

import ctypes
import multiprocessing
import resource
import signal
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

from benchmarks.encoders import AGGREGATIONS
from benchmarks.scale_graphs import GRAPHS, Rows, tree
from benchmarks.training import PeakMemory
from pyg_hyperbolic.nn import HGCN

WIDTH, LAYERS = 64, 2
MODELS = ("gcn", *AGGREGATIONS)
# Steps, the same number at all sizes: a heap grows in holes with every step.
WARM_UP, TIMED = 2, 10
# So small that no point gets to where the midpoint is summed in float64.
RATE = 1e-6
STATM = Path("/proc/self/statm")
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # from glibc's malloc.h

Result = dict[str, Any]


def isolated(job: Callable[..., Result], limit: float | None, *args: Any) -> Result:
    """Runs a job in a process of its own, which may die.

    Args:
        job: A function of a module; its result must be picklable.
        limit: The most memory that it may have, in MiB; by default what there is.
        args: Its arguments.

    Returns:
        The result, or ``{"error": ...}`` where memory did not suffice.

    Raises:
        RuntimeError: If it ended in any other way.
    """
    # A server that has imported everything, and nothing more, forks each process.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(
        target=_answer, args=(sender, job, limit, *args), daemon=True
    )
    process.start()
    sender.close()
    try:
        result: Result = receiver.recv()
    except EOFError:
        process.join()
        if (process.exitcode or 0) >= 0:
            raise RuntimeError(f"'{job.__name__}{args}' failed, see above") from None
        name = signal.Signals(-(process.exitcode or 0)).name
        return {"error": f"ended by {name}, as a system short of memory does"}
    process.join()
    return result


def _answer(
    sender: Any, job: Callable[..., Result], limit: float | None, *args: Any
) -> None:
    if limit is not None:  # of what is private and writable, so not of code
        most = int(limit * 2**20)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        sender.send(job(*args))
    except (MemoryError, RuntimeError) as error:
        text = str(error).partition("\n")[0]
        words = ("allocate", "bad_alloc", "out of memory")
        if not (isinstance(error, MemoryError) or any(w in text for w in words)):
            raise
        sender.send({"error": f"out of memory: {text}"})
    except KeyboardInterrupt:
        pass


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


def generate(name: str, nodes: int, seed: int, folder: Path) -> Result:
    """Generates a graph, and leaves it in a folder."""
    GRAPHS[name](100, seed)
    baseline = _resident_mib()
    memory = PeakMemory(torch.device("cpu"))
    begin, cpu_begin = time.perf_counter(), time.process_time()
    graph = GRAPHS[name](nodes, seed)
    seconds, cpu_seconds = (
        time.perf_counter() - begin,
        time.process_time() - cpu_begin,
    )
    peak = memory.mib()
    for part, array in graph._asdict().items():
        np.save(folder / f"{part}.npy", array)
    return {
        "edges": graph.edges,
        "seconds_per_step": seconds,
        "cpu_seconds_per_step": cpu_seconds,
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
    }


def train(
    model: str, seed: int, device: str, threads: int, keep: bool, folder: Path
) -> Result:
    """Trains a model on the graph in a folder for some steps."""
    # A forked process leaves without PyG's clean-up of the code it generates.
    tempfile.tempdir = str(folder)
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    target = torch.device(device)
    cuda = target.type == "cuda"
    # What is loaded by the first step of all, libraries above all, is no graph's cost.
    _step(model, *prepare(tree(2000, seed), seed, target))()
    kept = settle_memory(keep)
    baseline = 0.0 if cuda else _resident_mib()
    memory = PeakMemory(target)
    graph = Rows(*(np.load(folder / f"{part}.npy") for part in Rows._fields))
    x, adjacency, y = prepare(graph, seed, target)
    step = _step(model, x, adjacency, y)
    for _ in range(WARM_UP):
        step()
    seconds, cpu_seconds = _timed(step, target)
    peak = memory.mib()
    with torch.no_grad():
        product, _ = _timed(lambda: adjacency @ x, target)
    low, median, high = statistics.quantiles(seconds, n=4)
    return {
        "seconds_per_step": median,
        "quartiles": [low, high],
        "cpu_seconds_per_step": statistics.median(cpu_seconds),
        "steps": TIMED,
        "seconds_per_product": statistics.median(product),
        "baseline_mib": baseline,
        "peak_memory_mib": peak,
        "kernel": _kernel(adjacency),
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


def _timed(
    job: Callable[[], object], device: torch.device
) -> tuple[list[float], list[float]]:
    """Seconds of each of several calls, and of the processors in each."""
    out: list[float] = []
    cpu: list[float] = []
    for _ in range(TIMED):
        begin, cpu_begin = time.perf_counter(), time.process_time()
        job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        out.append(time.perf_counter() - begin)
        cpu.append(time.process_time() - cpu_begin)
    return out, cpu


def _resident_mib() -> float:
    """Memory of this process that is in use now."""
    if not STATM.exists():
        return 0.0
    return int(STATM.read_text().split()[1]) * resource.getpagesize() / 2**20


def _kernel(adjacency: Tensor) -> str:
    """What multiplies a sparse matrix by features."""
    library = "cuSPARSE" if adjacency.is_cuda else "PyTorch"
    if not adjacency.is_cuda and torch.backends.mkl.is_available():
        library = "MKL"
    indices = str(adjacency.crow_indices().dtype).removeprefix("torch.")
    return f"torch.sparse CSR, {indices} indices, {library}"
