"""What every model owes, on whichever layer it stands."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.typing
from torch_geometric import transforms as T
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.geometry import to_poincare
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
from pyg_hyperbolic.nn.models.base import HyperbolicGNN
from tests.where import each

# Nothing is sampled here, and no sampler has to be installed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using '.*' without a 'pyg-lib' installation"),
]

FAMILY: dict[type[HyperbolicGNN], type] = {
    HGAT: HGATConv,
    HGCN: HGCNConv,
    HGraphSAGE: HSAGEConv,
    HyboNet: HyboNetConv,
}


@pytest.fixture(params=FAMILY, ids=lambda model: model.__name__)
def kind(request: pytest.FixtureRequest) -> type[HyperbolicGNN]:
    return request.param


def test_is_its_layers_one_after_the_other(
    graph: Any, kind: type[HyperbolicGNN]
) -> None:
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


@each("shared", [False, True])
def test_curvatures(graph: Any, kind: type[HyperbolicGNN], shared: bool) -> None:
    model = kind(-1, 8, 3, curvature=Curvature(0.5) if shared else 0.5)
    out = model(graph.x(torch.float32), graph.edge_index)
    out.square().sum().backward()
    known = {id(c): c for c in model.modules() if isinstance(c, Curvature)}
    assert len(known) == (1 if shared else 3)
    assert all(c.raw.grad.abs() > 0 for c in known.values())


def test_hidden_layers_have_gradients_and_plain_parameters(
    graph: Any, kind: type[HyperbolicGNN]
) -> None:
    model = kind(3, 8, 3, 2, act="tanh")
    model(graph.x(torch.float32), graph.edge_index).sin().sum().backward()
    for name, parameter in copy.deepcopy(model).named_parameters():
        assert type(parameter) is torch.nn.Parameter, name
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any() or "weight" not in name, name


def test_dropout_keeps_points_points(graph: Any, kind: type[HyperbolicGNN]) -> None:
    """On the ball, dividing by 1 - p leads out of it: here every vector is a point."""
    model = kind(3, 8, 2, 2, dropout=0.8, curvature=4.0)
    out = model(50 * graph.x(torch.float32), graph.edge_index)
    ball = to_poincare(out.double(), 4.0)
    assert out.isfinite().all() and (ball.norm(dim=-1) < 0.5 + 1e-9).all()


def test_learns(
    graph: Any, kind: type[HyperbolicGNN], assert_finite: Callable[..., None]
) -> None:
    model = kind(3, 8, 2, 4)
    x, target = graph.x(torch.float32), torch.randn(6, 4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(x, graph.edge_index) - target).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert_finite(*model.parameters())


@each("shared", [False, True])
def test_copies_and_resets(graph: Any, kind: type[HyperbolicGNN], shared: bool) -> None:
    options: dict[str, Any] = {"curvature": 0.3, "shared_curvature": shared}
    model, x = kind(3, 8, 2, 4, **options), graph.x(torch.float32)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    twin = kind(3, 8, 2, 4, **options)
    twin.load_state_dict(model.state_dict())
    copies = [twin, copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    for other in copies:
        out = other(x, graph.edge_index)
        assert torch.equal(out, model(x, graph.edge_index))
        assert len({id(conv.curvature) for conv in other.convs}) == 2 - shared
    twin.reset_parameters()
    found = [conv.curvature().item() for conv in twin.convs]
    assert found == pytest.approx([0.3, 0.3], rel=1e-6)


@each(("flow", "cache"), [("source_to_target", True), ("target_to_source", False)])
def test_inference_by_layers_is_that_of_the_whole_graph(
    data: Data, check: Any, kind: type[HyperbolicGNN], flow: str, cache: bool
) -> None:
    model = kind(3, 8, 3, 4, flow=flow, norm="batch_norm", jk="last")
    model(data.x, data.edge_index)
    check(model.eval(), cache=cache)
    bare = data.clone()
    bare.edge_weight = None
    check(model, bare, cache=cache)


def test_inference_of_a_lazy_model(
    data: Data, check: Any, kind: type[HyperbolicGNN]
) -> None:
    model = kind(-1, 8, 2, 4).eval()
    out = model.inference(NeighborLoader(data, [-1], batch_size=6))
    assert out.shape == (len(data.x), 4)
    check(model)


@each("attr", ["edge_weight", None])
def test_inference_on_a_sparse_adjacency(
    data: Data, check: Any, kind: type[HyperbolicGNN], attr: str | None
) -> None:
    if not torch_geometric.typing.WITH_TORCH_SPARSE:
        pytest.skip("SparseTensor needs torch-sparse, which is not installed")
    given = data.clone()
    given.edge_weight = data.edge_weight if attr else None
    check(kind(3, 8, 2, 4).eval(), T.ToSparseTensor(attr=attr)(given))


def test_inference_where_layers_see_different_graphs(check: Any) -> None:
    model = HyboNet(3, 8, 3, 4).eval()
    model.convs[1].improved = True
    model.convs[2].add_self_loops = False
    check(model, cache=True)


@each(
    ("options", "flow"),
    [
        ({}, "source_to_target"),
        ({"fill_value": "add"}, "target_to_source"),
        ({"heads": 2}, "source_to_target"),
    ],
)
def test_inference_with_features_of_edges(
    data: Data, flow: str, options: dict[str, Any]
) -> None:
    data.edge_attr = torch.randn(data.num_edges, 5)
    model = HGAT(3, 8, 3, 4, edge_dim=5, flow=flow, **options).eval()
    expected = model(data.x, data.edge_index, edge_attr=data.edge_attr)
    out = model.inference(NeighborLoader(data, [-1], batch_size=6))
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


@each("options", [{}, {"norm": "batch_norm"}, {"jk": "last"}])
def test_inference_of_a_model_without_a_graph(
    data: Data, options: dict[str, Any]
) -> None:
    model = HNN(3, 8, 3, 4, **options).eval()
    out = model.inference(NeighborLoader(data, [-1], batch_size=6))
    torch.testing.assert_close(out, model(data.x, data.edge_index))
