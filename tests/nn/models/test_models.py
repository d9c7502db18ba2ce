"""What every model owes, on whichever layer it stands."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import torch

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.geometry import gyro_add
from pyg_hyperbolic.nn import (
    HGAT,
    HGCN,
    HNN,
    HGATConv,
    HGCNConv,
    HGraphSAGE,
    HSAGEConv,
    HyboNet,
    HyboNetConv,
)
from tests.nn.reference import Graph
from tests.where import each

FAMILY: dict[Any, type] = {
    HGAT: HGATConv,
    HGCN: HGCNConv,
    HGraphSAGE: HSAGEConv,
    HyboNet: HyboNetConv,
}
every = each("kind", FAMILY)
Finite = Callable[..., None]


@every
def test_is_its_layers_one_after_the_other(graph: Graph, kind: Any) -> None:
    model = kind(3, 8, 3, 2, act="tanh", curvature=0.5)
    assert [type(conv) for conv in model.convs] == 3 * [FAMILY[kind]]
    x, weight = graph.x(torch.float32), graph.edge_weight.float()
    given = {"edge_weight": weight} if kind.supports_edge_weight else {}
    h = x
    for i, conv in enumerate(model.convs):
        h = conv(h, graph.edge_index, **given)
        h = h.tanh() if i < 2 else h
    torch.testing.assert_close(model(x, graph.edge_index, **given), h)
    if given:  # the weights count
        assert not torch.equal(model(x, graph.edge_index), h)
    assert str(model) == f"{kind.__name__}(3, 2, num_layers=3)"


def test_hnn_is_its_layers_and_no_edge_counts() -> None:
    model = HNN(3, 8, 2, 4, curvature=0.6).double()
    for conv in model.convs:
        torch.nn.init.normal_(conv.bias)
    x, edge_index = torch.randn(5, 3).double(), torch.tensor([[0, 1], [1, 2]])
    first, second = model.convs
    h = gyro_add(x @ first.lin.weight.t(), first.bias, first.curvature()).relu()
    h = h @ second.lin.weight.t()
    expected = gyro_add(h, second.bias, second.curvature())
    torch.testing.assert_close(model(x, edge_index), expected)
    torch.testing.assert_close(model(x, edge_index[:, :0]), expected)


@each(
    "options",
    [
        {"norm": "batch_norm", "act_first": True},
        {"norm": "layer_norm", "jk": "last"},
        {"norm": "batch_norm", "jk": "cat"},
        {"jk": "max", "act_first": True},
        {"norm": "layer_norm", "jk": "lstm", "act_first": True},
        {},
    ],
)
@each("kind", [HGCN, HNN])
def test_every_option_of_basic_gnn(
    graph: Graph, assert_finite: Finite, kind: Any, options: dict[str, Any]
) -> None:
    model = kind(-1, 8, 2, 5, dropout=0.5, **options)
    x = graph.x(torch.float32).requires_grad_()
    out = model(x, graph.edge_index)
    assert out.shape == (6, 5)
    out.sin().sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in model.parameters()))
    model.eval()
    assert torch.equal(model(x, graph.edge_index), model(x, graph.edge_index))


def test_options_of_layers_are_passed_on(graph: Graph) -> None:
    """The output is as wide as the hidden layers by default."""
    model = HGCN(3, 8, 2, aggregation="local")
    assert {conv.aggregation for conv in model.convs} == {"local"}
    assert model(graph.x(torch.float32), graph.edge_index).shape == (6, 8)
    assert str(model) == "HGCN(3, 8, num_layers=2)"


def share_of_loss(model: Any, loss: Callable[[], torch.Tensor], steps: int) -> float:
    """How much is left of a loss after some steps."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    if any(conv.curvature.parametrization == "projected" for conv in model.convs):
        project_curvatures(optimizer, model)
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        losses.append(loss())
        losses[-1].backward()
        optimizer.step()
    return (losses[-1] / losses[0]).item()


@every
def test_learns(graph: Graph, kind: Any, assert_finite: Finite) -> None:
    model, target = kind(-1, 8, 2, 4), torch.randn(6, 4)
    x = graph.x(torch.float32)
    left = share_of_loss(
        model, lambda: (model(x, graph.edge_index) - target).square().mean(), 60
    )
    assert left < 0.7
    assert_finite(*model.parameters())
    for name, parameter in copy.deepcopy(model).named_parameters():
        assert type(parameter) is torch.nn.Parameter, name
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.any(), name


@each("parametrization", ["softplus", "sigmoid", "projected"])
def test_learns_distances_in_a_tree(
    parametrization: str, assert_finite: Finite
) -> None:
    """The depth of each node of a binary tree, from random features."""
    child, x = torch.arange(1, 31), torch.randn(31, 16)
    edge_index = torch.stack([child, (child - 1) // 2])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    depth = (torch.arange(31) + 1.0).log2().floor()
    model = HGCN(16, 16, 3, curvature=Curvature(1.0, parametrization=parametrization))
    left = share_of_loss(
        model, lambda: (model(x, edge_index).norm(dim=-1) - depth).square().mean(), 75
    )
    assert left < 0.15
    assert_finite(*model.parameters())
    c = model.convs[0].curvature().item()
    assert c > 0 and c != 1.0


@each("shared", [False, True])
@every
def test_copies(graph: Graph, kind: Any, shared: bool) -> None:
    options: dict[str, Any] = {"curvature": 0.3, "shared_curvature": shared}
    model, x = kind(3, 8, 2, 4, **options), graph.x(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    twin = kind(3, 8, 2, 4, **options)
    twin.load_state_dict(model.state_dict())
    for other in (twin, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(x, graph.edge_index), model(x, graph.edge_index))
        assert len({id(conv.curvature) for conv in other.convs}) == 2 - shared
