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

from pyg_hyperbolic import kernels
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HyboNetConv
from pyg_hyperbolic.testing import check_conv
from pyg_hyperbolic.testing.case import graph_in
from pyg_hyperbolic.testing.graphs import to_form
from tests.nn.reference import Graph, assert_equal, shaken
from tests.where import each

BACK = {"flow": "target_to_source"}
PLAIN = {"normalize": False}


@each(
    "options",
    [
        {"improved": True},
        {"add_self_loops": False},
        {"cached": True},
        {"aggr": "mean"},
        *(
            {"aggregation": aggregation, **PLAIN, **BACK}
            for aggregation in ("midpoint", "tangent", "local")
        ),
        *(
            {"aggregation": aggregation, "aggr": aggr, **PLAIN}
            for aggregation in ("tangent", "local")
            for aggr in ("mean", "max")
        ),
    ],
)
def test_every_form_gives_the_same(options: dict[str, Any]) -> None:
    check_conv(partial(HGCNConv, **options), only=["forms of graphs"])


def edge_indices(graph: Graph) -> Iterator[tuple[Tensor, EdgeIndex, Any]]:
    """Edges, the same as an EdgeIndex, and the order of its weights."""
    edge_index = graph.edge_index
    there_and_back = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3], [1, 0, 2, 1, 3, 2, 3, 0]])
    undirected = EdgeIndex(there_and_back, sparse_size=(6, 6), is_undirected=True)
    for i, order in enumerate(("row", "col")):
        yield there_and_back, *undirected.sort_by(order)
        perm = edge_index[i].argsort()
        yield edge_index, EdgeIndex(edge_index[:, perm], sort_order=order), perm
    yield edge_index, EdgeIndex(edge_index), slice(None)
    # Too small, it may lose no node.
    yield edge_index, *EdgeIndex(edge_index, sparse_size=(5, 5)).sort_by("col")


@each("normalize", [True, False])
@each("weights", ["none", "fixed", "learned"])
def test_undirected_unsized_and_too_small_edge_indices(
    graph: Graph, aggregation: str, weights: str, normalize: bool
) -> None:
    conv = shaken(HGCNConv(3, 4, aggregation=aggregation, normalize=normalize))
    for edge_index, other, perm in edge_indices(graph):
        x, weight = graph.x().requires_grad_(), None
        if weights != "none":  # not symmetric
            weight = graph.edge_weight[: edge_index.size(1)].clone()
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
    conv = shaken(HGCNConv(3, 4, normalize=False, aggregation=aggregation))
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
def no_tensor_of(size: int) -> Iterator[None]:
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


@each("form", ["edge_index", "csr", "coo", "edge_index_by_col"])
@each(
    "build",
    [
        *(
            partial(HGCNConv, aggregation=aggregation, normalize=normalize)
            for aggregation in ("midpoint", "tangent")
            for normalize in (True, False)
        ),
        partial(HGATConv, heads=2, concat=False),
        partial(HGATConv, heads=2, concat=False, score="distance"),
    ],
)
def test_aggregation_makes_no_tensor_of_edges_times_channels(
    build: Any, form: str
) -> None:
    n, channels = 5, 64
    edge_index = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T.contiguous()
    edge_index = edge_index[:, edge_index[0] != edge_index[1]]
    weight = torch.rand(edge_index.size(1), dtype=torch.float64)
    conv = shaken(build(2, channels))
    x = torch.randn(n, 2, dtype=torch.float64, requires_grad=True)
    edge_weight = None if isinstance(conv, HGATConv) else weight
    graph, given = graph_in(form, edge_weight, edge_index, (n, n))
    with no_tensor_of(edge_index.size(1) * channels):
        conv(x, graph, **given).sum().backward()
    # The watch does see what plain PyTorch makes.
    with (
        kernels.backend("portable"),
        pytest.raises(AssertionError, match=r"made \[\d+, (\d, )?64\]"),
        no_tensor_of(edge_index.size(1) * channels),
    ):
        conv(x, graph, **given)


@each("form", ["edge_index", "csr", "edge_index_by_col"])
@each(
    "build",
    [
        HGCNConv,
        partial(HGCNConv, aggregation="tangent"),
        partial(HGCNConv, aggregation="local"),
        HyboNetConv,
    ],
)
def test_cached_keeps_the_graph_and_only_the_graph(
    graph: Graph, build: Any, form: str
) -> None:
    conv, plain = build(3, 4, cached=True).double(), build(3, 4).double()
    edge_index, weight = graph.edge_index, graph.edge_weight
    first = to_form(edge_index, weight, form, (6, 6))
    other = to_form(edge_index[:, :5], weight[:5], form, (6, 6))

    def check(given: Any, seen: Any) -> None:
        """Whatever graph is given, the layer computes with the one it has seen."""
        x = graph.x()
        out = conv(x, *given)
        plain.load_state_dict(conv.state_dict())
        torch.testing.assert_close(out, plain(x, *seen))
        out.sum().backward()  # several passes go through the same graph

    check(given=first, seen=first)
    check(given=other, seen=first)
    shaken(conv)
    check(given=other, seen=first)
    conv._cached_edge_index = None  # as GCNConv's is emptied
    check(given=other, seen=other)
    conv.reset_parameters()
    check(given=first, seen=first)


def assert_same(conv: HGCNConv, other: HGCNConv, graph: Graph) -> None:
    """Two layers with one's parameters compute the same."""
    other.double().load_state_dict(conv.state_dict())
    given = graph.x(), graph.edge_index, graph.edge_weight
    torch.testing.assert_close(other(*given), conv(*given))


@each("aggr", ["sum", "mean"])
def test_midpoint_is_a_mean_whatever_aggr_says(graph: Graph, aggr: str) -> None:
    assert_same(shaken(HGCNConv(3, 4)), HGCNConv(3, 4, aggr=aggr), graph)


@each("aggr", ["mean", "max"])
def test_other_reductions_of_tangent_vectors(graph: Graph, aggr: str) -> None:
    conv = HGCNConv(3, 4, aggregation="tangent", aggr=aggr, **PLAIN, bias=False)
    x, weight = graph.x(), graph.edge_weight
    out = conv.double()(x, graph.edge_index, weight)
    h = x @ conv.lin.weight.T
    messages = torch.stack([weight[1] * h[0], weight[2] * h[1]])  # to node 2
    expected = messages.mean(dim=0) if aggr == "mean" else messages.amax(dim=0)
    torch.testing.assert_close(out[2], expected)


@each("aggregation", ["midpoint", "tangent"])
@each("channels", [4, 5, 6])
def test_decomposed_layers_change_nothing(
    graph: Graph, aggregation: str, channels: int
) -> None:
    build = partial(HGCNConv, 3, channels, aggregation=aggregation)
    assert_same(shaken(build()), build(decomposed_layers=2), graph)


def test_weights_that_change_are_seen(graph: Graph) -> None:
    conv, x = shaken(HGCNConv(3, 4, scale=True)), graph.x()
    weight = graph.edge_weight
    for _ in range(2):
        out = conv(x, graph.edge_index, weight)
        torch.testing.assert_close(out, conv(x, graph.edge_index, weight.clone()))
        weight.mul_(1.7)


def test_explainer_finds_an_edge_mask(graph: Graph) -> None:
    conv, x = HGCNConv(3, 4), graph.x(torch.float32)
    before = conv(x, graph.edge_index)
    explainer = Explainer(
        conv,
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
    torch.testing.assert_close(conv(x, graph.edge_index), before)
