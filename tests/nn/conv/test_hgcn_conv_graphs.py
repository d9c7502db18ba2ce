"""Sparse matrices, EdgeIndex and pairs of node sets give what plain indices give."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch_geometric import EdgeIndex

from pyg_hyperbolic import kernels
from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.testing import check_conv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.where import each

Gradients = Callable[..., dict[str, Tensor]]


# Every two settings meet in one of these; what they have to do with others is nothing.
PAIRS = pytest.mark.parametrize(
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


def build(*args: Any, **kwargs: Any) -> HGCNConv:
    conv = HGCNConv(*args, **kwargs).double()
    torch.nn.init.normal_(conv.bias)
    return conv


def assert_same(
    conv: HGCNConv,
    graph: Any,
    gradients: Gradients,
    form: Callable[[Tensor | None], tuple[Tensor, Tensor | None]],
    weights: str,
) -> None:
    """Same output and gradients in the given form as with plain indices."""
    x = graph.x().requires_grad_()
    weight = None if weights == "none" else graph.edge_weight
    if weight is not None and weights == "learned":
        weight.requires_grad_()
    expected = conv(x, graph.edge_index, weight)
    wanted = gradients(conv, expected, x=x, edge_weight=weight)
    out = conv(x, *form(weight))
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    actual = gradients(conv, out, x=x, edge_weight=weight)
    torch.testing.assert_close(actual, wanted, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    "options",
    [{"improved": True}, {"add_self_loops": False}, {"cached": True}],
    ids=str,
)
def test_every_form_is_normalized_alike(options: dict[str, Any]) -> None:
    check_conv(partial(HGCNConv, **options), only=["forms of graphs"])


def other_forms(graph: Any) -> dict[str, tuple[Tensor, EdgeIndex, Tensor | None]]:
    """Edges, the same in a form that `FORMS` has not, and the order of weights."""
    there_and_back = torch.tensor([[0, 1, 1, 2, 2, 3, 0, 3], [1, 0, 2, 1, 3, 2, 3, 0]])
    undirected = EdgeIndex(there_and_back, sparse_size=(6, 6), is_undirected=True)
    out: dict[str, Any] = {}
    for i, order in enumerate(("row", "col")):
        out[f"undirected by {order}"] = there_and_back, *undirected.sort_by(order)
        perm = graph.edge_index[i].argsort()
        unsized = EdgeIndex(graph.edge_index[:, perm], sort_order=order)
        out[f"unsized by {order}"] = graph.edge_index, unsized, perm
    unsized = EdgeIndex(graph.edge_index)
    return out | {"unsized": (graph.edge_index, unsized, None)}


@PAIRS
def test_edge_index_in_other_forms(
    graph: Any, gradients: Gradients, aggregation: str, normalize: bool, weights: str
) -> None:
    conv = build(3, 4, aggregation=aggregation, normalize=normalize)
    all_weights = graph.edge_weight
    for edge_index, other, perm in other_forms(graph).values():
        graph.edge_index = edge_index
        graph.edge_weight = all_weights[: edge_index.size(1)].detach()  # not symmetric

        def form(
            weight: Tensor | None, other: Any = other, perm: Any = perm
        ) -> tuple[Tensor, Tensor | None]:
            given = weight if weight is None or perm is None else weight[perm]
            return other, given

        for _ in range(2):  # the second time with what PyG has cached meanwhile
            assert_same(conv, graph, gradients, form, weights)


@PAIRS
def test_edge_index_in_target_to_source_flow(
    graph: Any, gradients: Gradients, aggregation: str, normalize: bool, weights: str
) -> None:
    options: dict[str, Any] = {"aggregation": aggregation, "normalize": normalize}
    conv = build(3, 4, **options, flow="target_to_source")
    for name in FORMS[2:]:
        assert_same(
            conv, graph, gradients, lambda w, name=name: graph.form(name, w), weights
        )


@each("weights", ["none", "fixed"])
def test_edge_index_that_is_too_small_loses_no_node(
    graph: Any, aggregation: str, weights: str
) -> None:
    conv = build(3, 4, aggregation=aggregation, normalize=False)
    x, weight = graph.x(), graph.edge_weight if weights == "fixed" else None
    edge_index, perm = EdgeIndex(graph.edge_index, sparse_size=(5, 5)).sort_by("col")
    out = conv(x, edge_index, None if weight is None else weight[perm])
    torch.testing.assert_close(out, conv(x, graph.edge_index, weight))


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


@each("aggregation", ["midpoint", "tangent"])
@each(
    ("normalize", "form"),
    [(True, "edge_index"), (False, "csr"), (True, "coo"), (False, "edge_index_by_col")],
)
def test_aggregation_makes_no_tensor_of_edges_times_channels(
    aggregation: str, normalize: bool, form: str
) -> None:
    n, channels = 5, 64
    edge_index = torch.cartesian_prod(torch.arange(n), torch.arange(n)).T.contiguous()
    edge_index = edge_index[:, edge_index[0] != edge_index[1]]
    weight = torch.rand(edge_index.size(1), dtype=torch.float64)
    conv = build(2, channels, aggregation=aggregation, normalize=normalize)
    torch.nn.init.normal_(conv.bias, std=0.1)
    x = torch.randn(n, 2, dtype=torch.float64, requires_grad=True)
    graph, edge_weight = to_form(edge_index, weight, form, (n, n))
    with _no_tensor_of(edge_index.size(1) * channels):
        conv(x, graph, edge_weight).sum().backward()
    # The watch does see what plain PyTorch makes.
    with (
        kernels.backend("portable"),
        pytest.raises(AssertionError, match=r"made \[\d+, (1, )?64\]"),
        _no_tensor_of(edge_index.size(1) * channels),
    ):
        conv(x, edge_index, weight)


def bipartite() -> tuple[Tensor, Tensor]:
    """Four nodes and three; one of each has no edge."""
    edge_index = torch.tensor([[0, 1, 1, 2, 0], [0, 0, 1, 1, 1]])
    return edge_index, torch.rand(5, dtype=torch.float64) + 0.2


@each("weighted", [False, True])
@each("flow", ["source_to_target", "target_to_source"])
def test_two_sets_of_nodes_equal_the_dense_reference(
    reference: Callable[..., Tensor],
    gradients: Gradients,
    aggregation: str,
    flow: str,
    weighted: bool,
) -> None:
    conv = build(3, 4, normalize=False, aggregation=aggregation, flow=flow)
    edge_index, weight = bipartite()
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    y = torch.randn(3, 3, dtype=torch.float64, requires_grad=True)
    out = conv((x, y), edge_index, weight if weighted else None)
    dense = torch.zeros(3, 4, dtype=torch.float64)
    dense[edge_index[1], edge_index[0]] = weight if weighted else 1.0
    if flow == "source_to_target":
        expected = reference(conv, x, dense, y)
    else:
        expected = reference(conv, y, dense.T, x)
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(
        gradients(conv, out, x=x, y=y), gradients(conv, expected, x=x, y=y)
    )


def test_targets_without_features_and_edge_index_without_a_size(
    aggregation: str,
) -> None:
    edge_index, weight = bipartite()
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
