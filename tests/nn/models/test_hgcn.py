import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.nn.models import GCN

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.nn import HGCN, HGCNConv


def curvatures(model: HGCN) -> list[Curvature]:
    return [conv.curvature for conv in model.convs]


def test_is_its_layers_one_after_the_other(graph: Any, aggregation: str) -> None:
    model = HGCN(3, 8, 3, 2, act="tanh", aggregation=aggregation, curvature=0.5)
    assert [type(conv) for conv in model.convs] == 3 * [HGCNConv]
    assert {conv.aggregation for conv in model.convs} == {aggregation}
    x, weight = graph.x(torch.float32), graph.edge_weight.float()
    h = x
    for i, conv in enumerate(model.convs):
        h = conv(h, graph.edge_index, weight)
        h = h.tanh() if i < 2 else h
    torch.testing.assert_close(model(x, graph.edge_index, weight), h)
    assert h.shape == (6, 2)
    assert not torch.equal(model(x, graph.edge_index), h)  # the weights count


def test_at_the_origin_without_bias_it_is_gcn(graph: Any) -> None:
    model = HGCN(3, 8, 2, 4, aggregation="tangent", bias=False, curvature=2.0)
    euclidean = GCN(3, 8, 2, 4, bias=False)
    state = {k: v for k, v in model.state_dict().items() if "curvature" not in k}
    euclidean.load_state_dict(state)
    x, weight = graph.x(torch.float32), graph.edge_weight.float()
    torch.testing.assert_close(
        model(x, graph.edge_index, weight), euclidean(x, graph.edge_index, weight)
    )


@pytest.mark.parametrize("jk", [None, "last", "cat", "max", "lstm"])
@pytest.mark.parametrize("norm", [None, "batch_norm", "layer_norm"])
@pytest.mark.parametrize("act_first", [False, True])
def test_every_option_of_basic_gnn(
    graph: Any,
    assert_finite: Callable[..., None],
    jk: str | None,
    norm: str | None,
    act_first: bool,
) -> None:
    model = HGCN(3, 8, 2, 5, dropout=0.5, norm=norm, jk=jk, act_first=act_first)
    x = graph.x(torch.float32).requires_grad_()
    out = model(x, graph.edge_index)
    assert out.shape == (6, 5)
    out.sin().sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in model.parameters()))
    model.eval()
    assert torch.equal(model(x, graph.edge_index), model(x, graph.edge_index))


def test_the_output_is_as_wide_as_the_hidden_layers_by_default(graph: Any) -> None:
    model = HGCN(3, 8, 2)
    assert model(graph.x(torch.float32), graph.edge_index).shape == (6, 8)
    assert str(model) == "HGCN(3, 8, num_layers=2)"


def test_lazy_input_width(graph: Any) -> None:
    model = HGCN(-1, 8, 2, 4)
    assert model(graph.x(torch.float32), graph.edge_index).shape == (6, 4)
    assert model.convs[0].lin.weight.shape == (8, 3)


@pytest.mark.parametrize("given", [False, True])
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


@pytest.mark.parametrize("curvature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bad_curvature(curvature: float) -> None:
    with pytest.raises(
        ValueError, match=r"'curvature' must be a positive number: .*got"
    ):
        HGCN(3, 8, 2, curvature=curvature)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
def test_copies_give_the_same(graph: Any, shared: bool, way: str) -> None:
    def build() -> HGCN:
        return HGCN(3, 8, 2, 4, curvature=0.3, shared_curvature=shared)

    model, x = build(), graph.x(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    if way == "state_dict":
        twin = build()
        twin.load_state_dict(model.state_dict())
    else:
        twin = (
            copy.deepcopy(model)
            if way == "deepcopy"
            else pickle.loads(pickle.dumps(model))
        )
    assert torch.equal(twin(x, graph.edge_index), model(x, graph.edge_index))
    assert len({id(c) for c in curvatures(twin)}) == (1 if shared else 2)


def test_reset_parameters_resets_the_curvatures() -> None:
    model = HGCN(3, 8, 2, curvature=0.3)
    for curvature in curvatures(model):
        curvature.raw.data.add_(1.0)
    model.reset_parameters()
    assert [c().item() for c in curvatures(model)] == pytest.approx(
        [0.3, 0.3], rel=1e-6
    )


@pytest.mark.parametrize("parametrization", ["softplus", "sigmoid", "projected"])
def test_learns_distances_in_a_tree(
    parametrization: str, assert_finite: Callable[..., None]
) -> None:
    """The depth of each node of a binary tree, from random features."""
    n = 63
    child = torch.arange(1, n)
    edge_index = torch.stack([child, (child - 1) // 2])
    edge_index = torch.cat([edge_index, edge_index.flip(0)], dim=1)
    depth: Tensor = (torch.arange(n) + 1.0).log2().floor()
    x = torch.randn(n, 16)
    curvature = Curvature(1.0, parametrization=parametrization)
    model = HGCN(16, 16, 3, curvature=curvature)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    if parametrization == "projected":
        project_curvatures(optimizer, model)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = (model(x, edge_index).norm(dim=-1) - depth).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.15 * losses[0]
    assert_finite(*model.parameters())
    for curvature in curvatures(model):
        assert curvature().item() > 0
        assert curvature().item() != 1.0
