"""Curvatures that layers share, through copies and `to_hetero`."""

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import to_hetero

from pyg_hyperbolic import Curvature, curvature_report, tie_curvatures
from pyg_hyperbolic.nn import HGCN, HGCNConv
from tests.where import each

TYPES = ["a", "b"]
RELATIONS = [("a", "to", "b"), ("b", "to", "a"), ("a", "to", "a")]


class Net(torch.nn.Module):
    """Two layers that share a curvature, and a third with its own."""

    def __init__(self) -> None:
        super().__init__()
        shared = Curvature(0.7)
        self.first = HGCNConv(4, 4, normalize=False, curvature=shared)
        self.second = HGCNConv(4, 4, normalize=False, curvature=shared)
        self.third = HGCNConv(4, 2, normalize=False, curvature=0.7)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.first(x, edge_index).relu()
        return self.third(self.second(x, edge_index), edge_index)


def hetero(model: torch.nn.Module) -> torch.nn.Module:
    return to_hetero(model, (TYPES, RELATIONS))


def distinct(module: torch.nn.Module) -> set[Curvature]:
    return {child for child in module.modules() if isinstance(child, Curvature)}


def test_to_hetero_unties_and_one_call_ties_again() -> None:
    model = hetero(Net())
    assert len(distinct(model)) == 9
    assert tie_curvatures(model) == 7
    assert len(distinct(model)) == 2
    assert [len(line.names) for line in curvature_report(model)] == [6, 3]
    assert tie_curvatures(model) == 0
    twin = hetero(Net())
    tie_curvatures(twin)
    twin.load_state_dict(model.state_dict())
    # They are one parameter each, and learn from all layers.
    raws = [p for p in model.parameters() if p.dim() == 0]
    assert len(raws) == 2
    for module in model.modules():
        if isinstance(module, HGCNConv):
            torch.nn.init.normal_(module.bias)
    x = {name: torch.randn(3, 4) for name in TYPES}
    index = torch.tensor([[0, 1, 2, 2], [1, 2, 0, 1]])
    out = model(x, dict.fromkeys(RELATIONS, index))
    sum(value.square().sum() for value in out.values()).backward()
    assert all(raw.grad != 0 for raw in raws)
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert len({c().item() for c in distinct(model)}) == 2


@each(("shared", "number"), [(True, 1), (False, 2)])
def test_layers_of_a_model_are_tied_as_the_model_says(
    shared: bool, number: int
) -> None:
    model = hetero(HGCN(4, 4, 2, normalize=False, shared_curvature=shared))
    tie_curvatures(model)
    assert len(distinct(model)) == number


def test_copies_that_went_different_ways_are_an_error() -> None:
    model = hetero(Net())
    torch.nn.init.ones_(next(iter(distinct(model))).raw)
    with pytest.raises(ValueError, match=r"'module' has copies .* tie them before"):
        tie_curvatures(model)
    assert len(distinct(model)) == 9
