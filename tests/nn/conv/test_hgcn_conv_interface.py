from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module
from torch_geometric import EdgeIndex
from torch_geometric.explain import Explainer, GNNExplainer

from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.testing.graphs import FORMS
from tests.where import each


def build(*args: Any, **kwargs: Any) -> HGCNConv:
    conv = HGCNConv(*args, **kwargs).double()
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    return conv


def test_cached_keeps_the_graph_and_only_the_graph(
    graph: Any, aggregation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = build(3, 4, cached=True, aggregation=aggregation)
    plain = build(3, 4, aggregation=aggregation)
    plain.load_state_dict(conv.state_dict())
    x, w = graph.x(), graph.edge_weight
    first = conv(x, graph.edge_index, w)
    torch.testing.assert_close(first, plain(x, graph.edge_index, w))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("normalized again")

    with monkeypatch.context() as patch:
        patch.setattr("pyg_hyperbolic.nn.conv.normalized.gcn_normalize", refuse)
        assert torch.equal(conv(x, graph.edge_index, w), first)
        with pytest.raises(AssertionError, match="normalized again"):
            plain(x, graph.edge_index.clone(), w)
        # Other features and parameters go through the same graph.
        torch.nn.init.normal_(conv.lin.weight)
        out = conv(2 * x, graph.edge_index, w)
    plain.load_state_dict(conv.state_dict())
    torch.testing.assert_close(out, plain(2 * x, graph.edge_index, w))

    conv.reset_parameters()
    plain.load_state_dict(conv.state_dict())
    smaller = graph.edge_index[:, :5]
    torch.testing.assert_close(conv(x, smaller), plain(x, smaller))


def test_cached_graph_serves_several_backward_passes(
    graph: Any, aggregation: str
) -> None:
    conv = build(3, 4, cached=True, aggregation=aggregation)
    edge_index, perm = EdgeIndex(graph.edge_index, sparse_size=(6, 6)).sort_by("col")
    for form in (graph.edge_index, edge_index):
        conv.reset_parameters()
        for _ in range(3):
            conv(graph.x(), form, graph.edge_weight).sum().backward()
    assert perm.numel() == 9


@each("weighted", [False, True])
def test_midpoint_is_a_mean_whatever_aggr_says(graph: Any, weighted: bool) -> None:
    x, w = graph.x(), graph.edge_weight if weighted else None
    outs = []
    for aggr in ("add", "sum", "mean"):
        torch.manual_seed(0)
        conv = build(3, 4, aggr=aggr)
        outs += [conv(x, graph.edge_index, w)]
        outs += [conv(x, *graph.form("csr", w))]
        outs += [conv(x, *graph.form("edge_index_by_col", w))]
    for out in outs[1:]:
        torch.testing.assert_close(out, outs[0])


@each("aggregation", ["tangent", "local"])
@each("aggr", ["mean", "max"])
def test_other_reductions(graph: Any, aggregation: str, aggr: str) -> None:
    conv = build(3, 4, aggregation=aggregation, aggr=aggr, normalize=False, bias=False)
    x, w = graph.x(), graph.edge_weight
    with torch.no_grad():
        out = conv(x, graph.edge_index, w)
        for form in FORMS:
            torch.testing.assert_close(conv(x, *graph.form(form, w)), out)
    if aggregation == "tangent":
        h = x @ conv.lin.weight.T
        messages = torch.stack([w[1] * h[0], w[2] * h[1]])  # to node 2
        expected = messages.mean(dim=0) if aggr == "mean" else messages.amax(dim=0)
        torch.testing.assert_close(out[2], expected)


@each("aggregation", ["midpoint", "tangent"])
@each("channels", [4, 5, 6])
def test_decomposed_layers_change_nothing(
    graph: Any, aggregation: str, channels: int
) -> None:
    conv = build(3, channels, aggregation=aggregation)
    pieces = build(3, channels, aggregation=aggregation, decomposed_layers=2)
    pieces.load_state_dict(conv.state_dict())
    x, w = graph.x(), graph.edge_weight
    expected = conv(x, graph.edge_index, w)
    torch.testing.assert_close(pieces(x, graph.edge_index, w), expected)


def test_a_node_without_neighbors_stays_where_it_is(
    graph: Any,
    assert_close: Callable[..., None],
    dtype: torch.dtype,
    aggregation: str,
) -> None:
    conv = HGCNConv(3, 3, bias=False, aggregation=aggregation).to(dtype)
    torch.nn.init.eye_(conv.lin.weight)
    x = graph.x(dtype)
    x = 8 * x / x.norm(dim=-1, keepdim=True)
    out = conv(x, graph.edge_index)
    factor = 1.0 if dtype == torch.float32 else 1e4  # 1 - tanh(8) is 1e-7
    assert_close(out[5], x[5], factor=factor)


def test_explainer_finds_an_edge_mask(graph: Any) -> None:
    class Classifier(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = HGCNConv(3, 4)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(x, edge_index)

    model = Classifier()
    x = graph.x(torch.float32)
    before = model(x, graph.edge_index)
    explainer = Explainer(
        model,
        algorithm=GNNExplainer(epochs=2),
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    mask = explainer(x, graph.edge_index).edge_mask
    assert mask.shape == (9,)
    assert mask.isfinite().all()
    assert mask.unique().numel() > 1
    torch.testing.assert_close(model(x, graph.edge_index), before)
