"""The hook that projects curvatures, on a model that two processes train."""

from pathlib import Path

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.nn import HGCNConv
from tests.processes import run_group

LOW, HIGH = BOUNDS = (0.5, 1.5)


class Pulled(torch.nn.Module):
    """Two layers that share a curvature, and a loss that pulls it somewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.curvature = Curvature(1.0, parametrization="projected", bounds=BOUNDS)
        self.first = HGCNConv(4, 4, curvature=self.curvature)
        self.second = HGCNConv(4, 4, curvature=self.curvature)

    def forward(self, x: Tensor, edge_index: Tensor, pull: float) -> Tensor:
        x = self.second(self.first(x, edge_index), edge_index)
        return x.norm(dim=-1).mean() + pull * self.curvature()


def train(rank: int, folder: Path) -> None:
    """Leaves the curvature and its gradient after every step."""
    distributed.init_process_group("gloo")
    torch.manual_seed(0)  # the same layers in both processes
    model = DistributedDataParallel(Pulled())
    curvature = model.module.curvature
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3)
    handle = project_curvatures(optimizer, model)
    torch.manual_seed(rank)  # and other data
    found = []
    for step in range(10):
        x, edge_index = torch.randn(9, 4), torch.randint(9, (2, 20))
        optimizer.zero_grad()
        model(x, edge_index, 2.0 if step < 5 else -2.0).backward()
        optimizer.step()
        assert curvature.raw.grad is not None
        found.append((curvature().item(), curvature.raw.grad.item()))
    handle.remove()
    torch.save(torch.tensor(found), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_both_processes_have_the_same_curvature_within_its_bounds(
    tmp_path: Path,
) -> None:
    assert run_group(train, 2, tmp_path) == [0, 0]
    first, second = (
        torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)
    )
    assert torch.equal(first, second)
    c, gradient = first.T
    assert c.min() == LOW and c.max() == HIGH
    assert (gradient != 0).all()
    assert c[5] > c[4]  # a step inwards is taken in full
