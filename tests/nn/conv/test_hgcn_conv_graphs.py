"""Graphs in forms that `check_conv` has not, what is kept of them, and reductions."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric import EdgeIndex
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import Sequential

from pyg_hyperbolic import kernels
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HyboNetConv
from pyg_hyperbolic.testing import check_conv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.nn.reference import Graph, assert_equal
from tests.where import each


def build(*args: Any, kind: Any = HGCNConv, **kwargs: Any) -> Any:
    conv = kind(*args, **kwargs).double()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return conv


@pytest.mark.parametrize(
    "options",
    [{"improved": True}, {"add_self_loops": False}, {"cached": True}],
    ids=str,
)
def test_every_form_is_normalized_alike(options: dict[str, Any]) -> None:
    check_conv(partial(HGCNConv, **options), only=["forms of graphs"])


def other_forms(graph: Graph, flow: str) -> Iterator[tuple[Tensor, EdgeIndex, Any]]:
    """Edges, the same as an EdgeIndex, and the order of its weights."""
    edge_index = graph.edge_index
    if flow == "target_to_source":  # `check_conv` has these in the other direction
        for name in FORMS[2:]:
            yield edge_index, *graph.form(name, torch.arange(9))
        return
    there_and_back = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3], [1, 0, 2, 1, 3, 2, 3, 0]])
    undirected = EdgeIndex(there_and_back, sparse_size=(6, 6), is_undirected=True)
    for i, order in enumerate(("row", "col")):
        yield there_and_back, *undirected.sort_by(order)
        perm = edge_index[i].argsort()
        yield edge_index, EdgeIndex(edge_index[:, perm], sort_order=order), perm
    yield edge_index, EdgeIndex(edge_index), slice(None)
    # Too small, it may lose no node.
    yield edge_index, *EdgeIndex(edge_index, sparse_size=(5, 5)).sort_by("col")


# Every two settings meet in one of these; what they have to do with others is nothing.
@each(
    ("aggregation", "normalize", "weights"),
    [
        ("midpoint", True, "none"),
        ("midpoint", False, "fixed"),
        ("midpoint", True, "learned"),
        ("tangent", False, "none"),
        ("tangent", True, "fixed"),
        ("tangent", False, "learned"),
        ("local", True, "none"),
        ("local", False, "fixed"),
        ("local", True, "learned"),
    ],
)
@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
def test_edge_index_in_other_forms(
    graph: Graph, flow: str, aggregation: str, normalize: bool, weights: str
) -> None:
    conv = build(3, 4, aggregation=aggregation, normalize=normalize, flow=flow)
    all_weights = graph.edge_weight
    for edge_index, other, perm in other_forms(graph, flow):
        x, weight = graph.x().requires_grad_(), None
        if weights != "none":  # not symmetric
            weight = all_weights[: edge_index.size(1)].clone()
            weight.requires_grad_(weights == "learned")
        for _ in range(2):  # the second time with what PyG has cached meanwhile
            out = conv(x, other, None if weight is None else weight[perm])
            expected = conv(x, edge_index, weight)
            assert_equal(conv, out, expected, 1e-11, x=x, edge_weight=weight)


def test_two_sets_of_nodes_without_a_size_or_features_of_targets(
    aggregation: str,
) -> None:
    """One node of each set has no edge."""
    edge_index = torch.tensor([[0, 1, 1, 2, 0], [0, 0, 1, 1, 1]])
    weight = torch.rand(5, dtype=torch.float64) + 0.2
    x, y = torch.randn(4, 3).double(), torch.randn(3, 3).double()
    conv = build(3, 4, normalize=False, aggregation=aggregation)
    expected = conv((x, y), edge_index, weight)
    for row, order in enumerate(("row", "col")):
        perm = edge_index[row].argsort()
        unsized = EdgeIndex(edge_index[:, perm], sort_order=order)
        for _ in range(2):
            out = conv((x, y), unsized, weight[perm])
            torch.testing.assert_close(out, expected)
    if aggregation != "local":
        out = conv((x, None), edge_index, weight, size=(4, 3))
        torch.testing.assert_close(out, expected)
        conv.flow = "target_to_source"
        expected = conv((x, y), edge_index, weight)
        out = conv((None, y), edge_index, weight, size=(4, 3))
        torch.testing.assert_close(out, expected)


@contextmanager
def _no_tensor_of(size: int) -> Iterator[None]:
    """Fails if an operation, forward or backward, makes a tensor of so many numbers."""

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            out = func(*args, **(kwargs or {}))
            for tensor in out if isinstance(out, tuple | list) else (out,):
                if isinstance(tensor, Tensor) and not isinstance(tensor, EdgeIndex):
                    large = tensor.layout == torch.strided and tensor.numel() >= size
                    assert not large, f"{func} made {list(tensor.shape)}"
            return out

    with Watch():
        yield


@each(
    ("kind", "options", "form"),
    [
        *(
            (HGCNConv, {"aggregation": aggregation, "normalize": normalize}, form)
            for aggregation in ("midpoint", "tangent")
            for normalize, form in (
                (True, "edge_index"),
                (False, "csr"),
                (True, "coo"),
                (False, "edge_index_by_col"),
            )
        ),
        *(
            (HGATConv, {"score": score, "heads": 2, "concat": False}, "edge_index")
            for score in ("tangent", "distance")
        ),
    ],
)
def test_aggregation_makes_no_tensor_of_edges_times_channels(
    kind: Any, options: dict[str, Any], form: str
) -> None:
    n, channels = 5, 64
    edge_index = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T.contiguous()
    edge_index = edge_index[:, edge_index[0] != edge_index[1]]
    weight = torch.rand(edge_index.size(1), dtype=torch.float64)
    conv = build(2, channels, kind=kind, **options)
    x = torch.randn(n, 2, dtype=torch.float64, requires_grad=True)
    given = {} if kind is HGATConv else {"edge_weight": weight}
    graph, beside = to_form(edge_index, given.get("edge_weight"), form, (n, n))
    moved = {} if beside is None else {"edge_weight": beside}
    with _no_tensor_of(edge_index.size(1) * channels):
        conv(x, graph, **moved).sum().backward()
    # The watch does see what plain PyTorch makes.
    with (
        kernels.backend("portable"),
        pytest.raises(AssertionError, match=r"made \[\d+, (\d, )?64\]"),
        _no_tensor_of(edge_index.size(1) * channels),
    ):
        conv(x, edge_index, **given)


@each("form", ["edge_index", "csr", "edge_index_by_col"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (HGCNConv, {}),
        (HGCNConv, {"aggregation": "tangent"}),
        (HGCNConv, {"aggregation": "local"}),
        (HyboNetConv, {}),
    ],
)
def test_cached_keeps_the_graph_and_only_the_graph(
    graph: Graph,
    kind: Any,
    options: dict[str, Any],
    form: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    conv, plain = build(3, 4, kind=kind, cached=True, **options), kind(3, 4, **options)
    plain, x = plain.double(), graph.x()
    given = graph.form(form, graph.edge_weight)
    graph.edge_index = graph.edge_index[:, :5]
    other = graph.form(form, graph.edge_weight[:5])

    def as_without(*given: Any) -> Tensor:
        out = conv(*given)
        plain.load_state_dict(conv.state_dict())
        torch.testing.assert_close(out, plain(*given))
        out.sum().backward()  # several passes go through the same graph
        return out

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("normalized again")

    first = as_without(x, *given)
    with monkeypatch.context() as patch:
        patch.setattr("pyg_hyperbolic.nn.conv.normalized.gcn_normalize", refuse)
        assert torch.equal(conv(x, *other), first)
        with pytest.raises(AssertionError, match="normalized again"):
            plain(x, given[0].clone(), *given[1:])
    with torch.no_grad():
        next(conv.parameters()).mul_(1.7)
    as_without(2 * x, *given)
    conv._cached_edge_index = None  # as GCNConv's is emptied
    as_without(x, *other)
    conv.reset_parameters()
    assert conv._cached_edge_index is None
    as_without(x, *given)


@each("weighted", [False, True])
def test_midpoint_is_a_mean_whatever_aggr_says(graph: Graph, weighted: bool) -> None:
    x, w = graph.x(), graph.edge_weight if weighted else None
    expected = None
    for aggr in ("add", "sum", "mean"):
        torch.manual_seed(0)
        conv = build(3, 4, aggr=aggr)
        for form in ("edge_index", "csr", "edge_index_by_col"):
            out = conv(x, *graph.form(form, w))
            expected = out if expected is None else expected
            torch.testing.assert_close(out, expected)


@each("aggregation", ["tangent", "local"])
@each("aggr", ["mean", "max"])
def test_other_reductions(graph: Graph, aggregation: str, aggr: str) -> None:
    conv = build(3, 4, aggregation=aggregation, aggr=aggr, normalize=False, bias=False)
    x, w = graph.x(), graph.edge_weight
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
    graph: Graph, aggregation: str, channels: int
) -> None:
    conv = build(3, channels, aggregation=aggregation)
    pieces = build(3, channels, aggregation=aggregation, decomposed_layers=2)
    pieces.load_state_dict(conv.state_dict())
    given = graph.x(), graph.edge_index, graph.edge_weight
    torch.testing.assert_close(pieces(*given), conv(*given))


def test_weights_that_change_are_seen(graph: Graph) -> None:
    conv, x, weight = build(3, 4, scale=True), graph.x(), graph.edge_weight
    for _ in range(2):
        out = conv(x, graph.edge_index, weight)
        torch.testing.assert_close(out, conv(x, graph.edge_index, weight.clone()))
        weight.mul_(1.7)


def test_explainer_finds_an_edge_mask(graph: Graph) -> None:
    model = Sequential("x, edge_index", [(HGCNConv(3, 4), "x, edge_index -> x")])
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
