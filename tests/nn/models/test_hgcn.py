"""What one model shows for all: options, shared curvatures, learning; and HNN."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.geometry import gyro_add
from pyg_hyperbolic.nn import HGCN, HNN
from tests.where import each


def curvatures(model: HGCN) -> list[Curvature]:
    return [conv.curvature for conv in model.convs]


@each(
    ("jk", "norm", "act_first"),
    [
        (None, "batch_norm", True),
        ("last", "layer_norm", False),
        ("cat", "batch_norm", False),
        ("max", None, True),
        ("lstm", "layer_norm", True),
        (None, None, False),
    ],
)
@each("kind", [HGCN, HNN])
def test_every_option_of_basic_gnn(
    graph: Any,
    assert_finite: Callable[..., None],
    kind: Any,
    jk: str | None,
    norm: str | None,
    act_first: bool,
) -> None:
    model = kind(-1, 8, 2, 5, dropout=0.5, norm=norm, jk=jk, act_first=act_first)
    x = graph.x(torch.float32).requires_grad_()
    out = model(x, graph.edge_index)
    assert out.shape == (6, 5)
    out.sin().sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in model.parameters()))
    model.eval()
    assert torch.equal(model(x, graph.edge_index), model(x, graph.edge_index))


def test_what_is_not_of_basic_gnn(graph: Any, aggregation: str) -> None:
    """The output is as wide as the hidden layers by default."""
    model = HGCN(3, 8, 2, aggregation=aggregation)
    assert {conv.aggregation for conv in model.convs} == {aggregation}
    assert model(graph.x(torch.float32), graph.edge_index).shape == (6, 8)
    assert str(model) == "HGCN(3, 8, num_layers=2)"


@each("given", [False, True])
def test_all_layers_share_one_curvature(graph: Any, given: bool) -> None:
    curvature: Any = Curvature(0.5) if given else 0.5
    model = HGCN(3, 8, 3, curvature=curvature, shared_curvature=True)
    shared = curvatures(model)[0]
    assert all(other is shared for other in curvatures(model))
    assert not given or shared is curvature
    assert sum("curvature" in name for name, _ in model.named_parameters()) == 1
    model(graph.x(torch.float32), graph.edge_index).sum().backward()
    assert shared.raw.grad is not None
    assert shared.raw.grad != 0


@each("parametrization", ["softplus", "sigmoid", "projected"])
def test_learns_distances_in_a_tree(
    parametrization: str, assert_finite: Callable[..., None]
) -> None:
    """The depth of each node of a binary tree, from random features."""
    n = 31
    child = torch.arange(1, n)
    edge_index = torch.stack([child, (child - 1) // 2])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    depth: Tensor = (torch.arange(n) + 1.0).log2().floor()
    x = torch.randn(n, 16)
    curvature = Curvature(1.0, parametrization=parametrization)
    model = HGCN(16, 16, 3, curvature=curvature)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    if parametrization == "projected":
        project_curvatures(optimizer, model)
    losses = []
    for _ in range(75):
        optimizer.zero_grad()
        loss = (model(x, edge_index).norm(dim=-1) - depth).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.15 * losses[0]
    assert_finite(*model.parameters())
    assert all(c().item() > 0 and c().item() != 1.0 for c in curvatures(model))


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
    shared = HNN(3, 8, 3, 4, shared_curvature=True)
    assert len({id(conv.curvature) for conv in shared.convs}) == 1
