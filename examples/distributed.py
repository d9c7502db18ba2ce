"""Node classification by several processes, each with its share of the training nodes.

``torchrun --standalone --nproc-per-node 2 -m examples.distributed --folder runs``

Every process encodes the whole graph and has the loss of its share of the training
nodes; DistributedDataParallel takes the mean of their gradients, curvatures included,
by gloo on CPUs and by NCCL on CUDA devices, one to each process.  All draw the same
random numbers, so that any number of processes trains as one would.  The first one
evaluates, and writes the checkpoints: the same command goes on where a process has
failed, and torchrun's ``--max-restarts 3`` starts it again.

With ``--neighbors 10 10``, where PyG's sampler is installed, an epoch is one step
instead: every process samples neighbors of a batch of its training nodes.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import torch
import torch_geometric.transforms as T
from torch import Tensor
from torch import distributed as dist
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel
from torch_geometric import seed_everything, typing
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from examples.checkpoints import Checkpoint, Interval, State, fit, restored
from pyg_hyperbolic.datasets import DiseaseTree
from pyg_hyperbolic.nn import HGCN

R = TypeVar("R")


class Share:
    """The training nodes of one process, and the model that all of them train."""

    def __init__(self, data: Data, model: torch.nn.Module) -> None:
        self.data, self.model = data, model
        self.parallel = DistributedDataParallel(model)
        nodes = data.train_mask.nonzero().flatten()
        self.nodes = nodes[dist.get_rank() :: dist.get_world_size()]
        # The mean over processes is to be the mean over nodes, also of uneven shares.
        self.scale = dist.get_world_size() / nodes.numel()

    def logits(self, data: Data) -> Tensor:
        """Of all nodes of a graph."""
        return self.parallel(data.x, data.edge_index, data.edge_weight)

    def loss(self) -> Tensor:
        """Cross-entropy of this process's nodes."""
        logits, y = self.logits(self.data)[self.nodes], self.data.y[self.nodes]
        return self.scale * cross_entropy(logits, y, reduction="sum")

    def score(self) -> float:
        """Validation accuracy by the first process: all have to go on alike."""

        def accuracy() -> float:
            data, mask = self.data, self.data.val_mask
            out = self.model(data.x, data.edge_index, data.edge_weight)[mask]
            return (out.argmax(dim=-1) == data.y[mask]).float().mean().item()

        return by_first(accuracy)


class SampledShare(Share):
    """Batches of the training nodes of one process, with some of their neighbors."""

    def __init__(
        self,
        data: Data,
        model: torch.nn.Module,
        neighbors: list[int],
        batch_size: int,
    ) -> None:
        super().__init__(data, model)
        self.loader = NeighborLoader(data.cpu(), neighbors)
        self.batch_size, self.device = batch_size, self.nodes.device

    def loss(self) -> Tensor:
        """Cross-entropy of a batch."""
        # What processes draw differs, and all go on alike after it.
        seed = int(torch.randint(2**62, ())) + dist.get_rank()
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            some = torch.randperm(self.nodes.numel())[: self.batch_size]
            batch = self.loader(self.nodes.cpu()[some]).to(self.device)
            logits = self.logits(batch)[: batch.batch_size]
            return cross_entropy(logits, batch.y[: batch.batch_size])


class SharedCheckpoint(Checkpoint):
    """A checkpoint that the first process writes, and reads for all."""

    def load(self) -> State | None:
        content = by_first(
            lambda: self.path.read_bytes() if self.path.exists() else None
        )
        return None if content is None else restored(content)

    def save(self, epoch: int, state: Callable[[], State]) -> None:
        if dist.get_rank() == 0:
            super().save(epoch, state)


def by_first(make: Callable[[], R]) -> R:
    """Has the first process do something, and gives all of them what came out."""
    out = [make() if dist.get_rank() == 0 else None]
    dist.broadcast_object_list(out)
    return out[0]  # type: ignore[return-value]


@contextmanager
def process_group(device: str) -> Iterator[torch.device]:
    """Joins the processes that torchrun has started, each with a device of its own.

    Raises:
        ValueError: If torchrun has not started this.
    """
    if "LOCAL_RANK" not in os.environ:
        raise ValueError(
            "there is no group of processes; start one with torchrun --standalone "
            "--nproc-per-node 2 -m examples.distributed"
        )
    out = torch.device(device)
    if out.type == "cuda":
        out = torch.device(f"cuda:{os.environ['LOCAL_RANK']}")
        torch.cuda.set_device(out)
    dist.init_process_group("nccl" if out.type == "cuda" else "gloo")
    try:
        yield out
    finally:
        dist.destroy_process_group()


def main(argv: Sequence[str] | None = None, data: Data | None = None) -> State:
    """Runs one process of several; returns the best epoch."""
    options = argparse.ArgumentParser(description=__doc__)
    add = options.add_argument
    add("--device", default="cpu", help="cpu or cuda")
    add("--epochs", type=int, default=200)
    add("--dropout", type=float, default=0.2)
    add("--folder", type=Path, help="where a checkpoint is kept")
    add("--every", type=Interval.parse, default=Interval(minutes=5), help="50 or 5min")
    add("--neighbors", nargs="+", type=int, help="to sample at each hop")
    add("--batch-size", type=int, default=128, help="with --neighbors")
    args = options.parse_args(argv)
    if args.batch_size < 1:
        raise ValueError(f"'--batch-size' must be positive (got {args.batch_size})")
    if args.neighbors and not (typing.WITH_PYG_LIB or typing.WITH_TORCH_SPARSE):
        raise ValueError(
            "'--neighbors' needs PyG's sampler, which is in pyg-lib and torch-sparse, "
            "neither of which is installed; leave it out to train on the whole graph"
        )
    with process_group(args.device) as device:
        seed_everything(0)
        # Weights of the whole graph: a batch doesn't know its nodes' degrees.
        whole = T.GCNNorm()(DiseaseTree()[0] if data is None else data).to(device)
        model = HGCN(whole.num_features, 16, 2, 2, args.dropout, normalize=False)
        model.to(device)
        share = Share(whole, model)
        if args.neighbors:
            share = SampledShare(whole, model, args.neighbors, args.batch_size)
        checkpoint = None
        if args.folder is not None:
            checkpoint = SharedCheckpoint(args.folder / "shared.pt", args.every)
        best = fit(model, share.loss, share.score, args.epochs, checkpoint, lr=0.05)
        if dist.get_rank() == 0:
            print(f"validation accuracy {best['score']:.3f} at epoch {best['epoch']}")
        return best


if __name__ == "__main__":
    main()
