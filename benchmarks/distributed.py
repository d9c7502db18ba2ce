"""Node classification by several processes, each with its share of the training nodes.

``torchrun --standalone --nproc-per-node 2 -m benchmarks.distributed --dataset cora``

Every process encodes the whole graph and has the loss of its share of the training
nodes; DistributedDataParallel takes the mean of their gradients, curvatures included,
by gloo on CPUs and by NCCL on CUDA devices, one to each process.  All draw the same
random numbers, so that any number of processes trains as one would.  The first one
evaluates, and writes the results and the checkpoints: with ``--checkpoint FOLDER`` and
``--resume``, the command that is started again goes on where a process has failed, and
torchrun's ``--max-restarts 3`` starts it again.

With ``--neighbors 10 10``, where PyG's sampler is installed, an epoch is one step
instead: every process samples neighbors of a batch of its training nodes.
"""

import dataclasses
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch_geometric import typing
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from benchmarks import runs
from benchmarks.checkpoint import Checkpoint, State
from benchmarks.cli import changes, checkpoints, guarded, task_parser
from benchmarks.encoders import Graph, prepare_graph
from benchmarks.graphs import load_graph
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import Preset, preset
from benchmarks.report import table
from benchmarks.sweep import train, usable_device
from benchmarks.training import Evaluation

T = TypeVar("T")


class Share(NodeClassification):
    """The training nodes of one process, and the model that all of them train."""

    def __init__(
        self, data: Data, model: str, preset: Preset, device: torch.device
    ) -> None:
        super().__init__(data, model, preset, device)
        self.parallel = DistributedDataParallel(self.encoder)
        nodes = self.train_mask.nonzero().flatten()
        self.nodes = nodes[dist.get_rank() :: dist.get_world_size()]
        # The mean over processes is to be the mean over nodes, also of uneven shares.
        self.scale = dist.get_world_size() / nodes.numel()

    def loss(self) -> Tensor:
        """Cross-entropy of this process's nodes."""
        logits = self.parallel(self.graph)[self.nodes]
        return self.scale * cross_entropy(logits, self.y[self.nodes], reduction="sum")

    def evaluate(self) -> Evaluation:
        """Metrics by the first process: all have to stop at the same epoch."""
        return by_first(super().evaluate)


class SampledShare(Share):
    """Batches of the training nodes of one process, with some of their neighbors."""

    def __init__(
        self,
        data: Data,
        model: str,
        preset: Preset,
        device: torch.device,
        neighbors: list[int],
        batch_size: int,
    ) -> None:
        super().__init__(data, model, preset, device)
        _, edge_index, weight = prepare_graph(data, preset.adjacency)
        whole = Data(x=data.x, y=data.y, edge_index=edge_index, edge_weight=weight)
        self.loader = NeighborLoader(whole, neighbors)
        self.batch_size, self.device = batch_size, device

    def loss(self) -> Tensor:
        """Cross-entropy of a batch."""
        # What processes draw differs, and all go on alike after it.
        seed = int(torch.randint(2**62, ())) + dist.get_rank()
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            some = torch.randperm(self.nodes.numel())[: self.batch_size]
            batch = self.loader(self.nodes.cpu()[some]).to(self.device)
            graph = Graph(batch.x, batch.edge_index, batch.edge_weight)
            logits = self.parallel(graph)[: batch.batch_size]
            return cross_entropy(logits, batch.y[: batch.batch_size])


class SharedCheckpoint(Checkpoint):
    """A checkpoint that the first process writes, and reads for all."""

    def read(self) -> bytes | None:
        """The first process's file."""
        return by_first(super().read)

    def save(self, epoch: int, state: Callable[[], State]) -> None:
        """Keeps the state of the first process, which is that of all."""
        if dist.get_rank() == 0:
            super().save(epoch, state)


def by_first(make: Callable[[], T]) -> T:
    """Has the first process do something, and gives all of them what came out."""
    out = [make() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(out)
    return out[0]  # type: ignore[return-value]


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """Joins the processes that torchrun has started, each with a device of its own.

    Raises:
        ValueError: If there is no such device, or torchrun has not started this.
    """
    if "LOCAL_RANK" not in os.environ:
        raise ValueError(
            "there is no group of processes; start one with torchrun --standalone "
            "--nproc-per-node 2 -m benchmarks.distributed"
        )
    out = usable_device(device)
    if out.type == "cuda":
        out = usable_device(f"cuda:{os.environ['LOCAL_RANK']}")
    dist.init_process_group("nccl" if out.type == "cuda" else "gloo")
    try:
        yield out
    finally:
        dist.destroy_process_group()


def sweep(
    args: Namespace, device: torch.device, sampling: dict[str, Any]
) -> list[runs.Run]:
    """Runs every model with every seed that these many processes have not yet run."""
    path, task, size = args.out / "distributed.jsonl", Share.name, dist.get_world_size()
    log = path.with_suffix(".curvatures.jsonl") if dist.get_rank() == 0 else None
    known = by_first(lambda: {runs.key(run): run for run in runs.read(path)})
    first, kept = dist.get_rank() == 0, checkpoints(args)
    kind = partial(SampledShare, **sampling) if sampling else Share
    result = []
    for model in args.model:
        settings = preset(task, args.dataset, model)
        settings = dataclasses.replace(settings, **changes(args))
        for seed in args.seeds:
            run = runs.new_run(
                task=task,
                dataset=args.dataset,
                model=model,
                seed=seed,
                preset={**dataclasses.asdict(settings), **sampling},
                device=f"{size} x {device.type}",
            )
            if runs.key(run) not in known:
                run["id"] = runs.identity(run)
                data = by_first(lambda s=seed: _load(args, s))  # type: ignore[misc]
                file = None if kept is None else kept.of(run, SharedCheckpoint)
                train(kind, data, settings, run, device, log, file)
                known[runs.key(run)] = run
                if first:
                    runs.append(path, run)
                    if file is not None:
                        file.remove()
            result.append(known[runs.key(run)])
    return result


def _load(args: Namespace, seed: int) -> Data:
    return load_graph(args.dataset, Share.name, seed, args.data_root)


def _sampling(args: Namespace) -> dict[str, Any]:
    """How to sample, if at all.

    Raises:
        ValueError: If the batch size is not positive, or there is no sampler.
    """
    if args.batch_size < 1:
        raise ValueError(f"'--batch-size' must be positive (got {args.batch_size})")
    if not args.neighbors:
        return {}
    if not (typing.WITH_PYG_LIB or typing.WITH_TORCH_SPARSE):
        raise ValueError(
            "'--neighbors' needs PyG's sampler, which is in pyg-lib and torch-sparse, "
            "neither of which is installed; leave it out to train on the whole graph"
        )
    return {"neighbors": args.neighbors, "batch_size": args.batch_size}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one process of several, and returns its exit status."""
    options = task_parser(__doc__)
    options.add_argument(
        "--neighbors",
        nargs="+",
        type=int,
        metavar="NUMBER",
        help="neighbors to sample at each hop (default: train on the whole graph)",
    )
    options.add_argument(
        "--batch-size",
        type=int,
        default=128,
        help="training nodes of a process in a step, with --neighbors (default: 128)",
    )
    args = options.parse_args(argv)

    def job() -> None:
        sampling = _sampling(args)
        with process_group(args.device) as device:
            result = sweep(args, device, sampling)
            if dist.get_rank() == 0:
                print(table(result))

    return guarded(job)


if __name__ == "__main__":
    sys.exit(main())
