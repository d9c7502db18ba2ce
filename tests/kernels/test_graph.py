"""Graphs in all forms, and what is remembered of them."""

import gc
from collections.abc import Callable
from itertools import pairwise
from weakref import ref

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, graph_of, remembered
from pyg_hyperbolic.kernels.cpu.midpoint import _work
from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.where import each

SIZE = (6, 5)  # nobody sends to node 2 of the second kind
FLOWS = ["source_to_target", "target_to_source"]


def edge_index() -> Tensor:
    return torch.tensor([[5, 0, 3, 0, 1, 4, 0], [4, 0, 1, 3, 1, 0, 4]])


class Made:
    """Something that has been made."""


def rows_of(graph: Graph) -> list[list[tuple[int, int]]]:
    """For each target its edges: source and place in the user's list."""
    ptr, source, order = graph.rows()
    if order.numel() == 0:
        order = torch.arange(source.numel())
    pairs = list(zip(source.tolist(), order.tolist(), strict=True))
    return [pairs[a:b] for a, b in pairwise(ptr)]


@each("dtype", [torch.int64, torch.int32])
@each("sort", [False, True])
def test_rows_have_the_edges_of_each_target(sort: bool, dtype: torch.dtype) -> None:
    source, target = edge_index().to(dtype)
    if sort:
        order = target.argsort(stable=True)
        source, target = source[order], target[order]
    graph = Graph(source, target, *SIZE)
    ends = list(zip(source.tolist(), target.tolist(), strict=True))
    expected = [[(j, e) for e, (j, k) in enumerate(ends) if k == i] for i in range(5)]
    assert rows_of(graph) == expected
    assert graph.rows() is graph.rows()
    ptr, ordered, order = graph.rows()
    assert order.numel() == (0 if sort else 7)
    again = Graph.of_rows(ptr, ordered, SIZE[0])
    assert [[j for j, _ in row] for row in rows_of(again)] == [
        [j for j, _ in row] for row in expected
    ]


@pytest.mark.parametrize("of_rows", [False, True])
def test_columns_have_the_edges_of_each_source(of_rows: bool) -> None:
    source, target = edge_index()
    graph = Graph(source, target, *SIZE)
    if of_rows:
        ptr, source, order = graph.rows()
        target = target[order]
        graph = Graph.of_rows(ptr, source, SIZE[0])
    ptr, targets, order = graph.columns()
    assert ptr.numel() == SIZE[0] + 1 and graph.columns() is graph.columns()
    for j, (a, b) in enumerate(pairwise(ptr)):
        places = (source == j).nonzero().flatten()
        assert order[a:b].tolist() == places.tolist()
        assert targets[a:b].tolist() == target[places].tolist()


@each("sizes", [(0, 0), (3, 0), (0, 3), (3, 4)])
def test_rows_without_edges(sizes: tuple[int, int]) -> None:
    none = torch.empty(0, dtype=torch.long)
    ptr, source, _ = Graph(none, none, *sizes).rows()
    assert ptr.tolist() == [0] * (sizes[1] + 1) and source.numel() == 0


@each(("end", "value"), [(0, -1), (0, 6), (1, -1), (1, 5), (0, 10**12)])
def test_indices_out_of_range_are_named(end: int, value: int) -> None:
    ends = edge_index()
    ends[end, 3] = value
    name = ["source", "target"][end]
    expected = (
        rf"^'edge_index' must hold {name} indices from 0 to {SIZE[end] - 1} \(got"
    )
    with pytest.raises(ValueError, match=expected):
        Graph(*ends, *SIZE).rows()


def test_a_sparse_matrix_of_fewer_columns_than_it_has_indices() -> None:
    ptr, source = torch.tensor([0, 1, 2]), torch.tensor([0, 6])
    with pytest.raises(ValueError, match=r"^'edge_index' must hold source indices"):
        Graph.of_rows(ptr, source, 6).rows()


@each("weighted", [True, False])
@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("form", ["edge_index", *FORMS])
def test_all_forms_give_the_same(form: str, flow: str, weighted: bool) -> None:
    ends = edge_index()
    weight = torch.rand(7, dtype=torch.float64).requires_grad_() if weighted else None
    given, values = to_form(ends, weight, form, SIZE)
    forward = flow == "source_to_target"
    number = SIZE[not forward]
    x = torch.randn(number, 3, dtype=torch.float64, requires_grad=True)
    adjacency = torch.zeros(SIZE, dtype=torch.float64)
    ones = torch.ones(7, dtype=torch.float64) if weight is None else weight
    adjacency = adjacency.index_put((ends[0], ends[1]), ones, accumulate=True)
    true = (adjacency.t() if forward else adjacency) @ x
    for _ in range(2):  # the second time from memory
        graph, w = graph_of(given, values, SIZE, flow)
        assert (graph.num_sources, graph.num_targets) == (number, SIZE[forward])
        out = kernels.weighted_sum(x, graph, w)
        torch.testing.assert_close(out, true)
        leaves = [x] if weight is None else [x, weight]
        grad = torch.randn_like(out)
        for a, b in zip(
            torch.autograd.grad(out, leaves, grad, retain_graph=True),
            torch.autograd.grad(true, leaves, grad, retain_graph=True),
            strict=True,
        ):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize(
    "form", ["edge_index", "edge_index_by_col", "edge_index_by_row"]
)
def test_a_graph_is_made_once(form: str, flow: str) -> None:
    given, _ = to_form(edge_index(), None, form, SIZE)
    graph = graph_of(given, None, SIZE, flow)[0]
    assert graph_of(given, None, SIZE, flow)[0] is graph
    assert graph_of(given, torch.rand(7), SIZE, flow)[0] is graph
    other = FLOWS[FLOWS[0] == flow]
    assert graph_of(given, None, SIZE[::-1], other)[0] is not graph
    larger = graph_of(given, None, (9, 9), flow)[0]
    assert larger is not graph and larger.num_targets == 9
    assert graph_of(given.clone(), None, SIZE, flow)[0] is not graph


def test_a_change_of_the_index_is_noticed() -> None:
    given = edge_index()
    for change in (
        lambda: given[1].fill_(0),
        lambda: given.copy_(edge_index()),
        lambda: given.__setitem__((0, 0), 2),
        lambda: given.resize_(2, 3),
        lambda: given.set_(edge_index() + 0),
        lambda: setattr(given, "data", edge_index()[:, :4]),
    ):
        before = graph_of(given, None, SIZE, FLOWS[0])[0]
        assert graph_of(given, None, SIZE, FLOWS[0])[0] is before
        before.rows()
        change()
        after = graph_of(given, None, SIZE, FLOWS[0])[0]
        assert after is not before
        assert rows_of(after) == rows_of(Graph(*given.clone(), *SIZE))


def test_what_is_made_depends_on_settings_and_on_other_tensors() -> None:
    tensor, weight = torch.rand(3), torch.rand(3)
    made = remembered(tensor, (weight, None), "a", Made)
    assert remembered(tensor, (weight, None), "a", Made) is made
    assert remembered(tensor, (weight, None), "b", Made) is not made
    assert remembered(tensor, (None, weight), "a", Made) is not made
    assert remembered(tensor, (weight.clone(), None), "a", Made) is not made
    assert remembered(weight, (tensor, None), "a", Made) is not made
    assert remembered(tensor, (weight, None), "a", Made) is made
    weight[0] = 7
    assert remembered(tensor, (weight, None), "a", Made) is not made
    made = remembered(tensor, (), "a", Made)
    tensor.mul_(2)
    assert remembered(tensor, (), "a", Made) is not made


FORGOTTEN: dict[str, Callable[[], Tensor]] = {
    "a gradient": lambda: torch.rand(3, requires_grad=True),
    "a graph of gradients": lambda: torch.rand(3, requires_grad=True) * 2,
    "inference": lambda: _in_inference(),
}


def _in_inference() -> Tensor:
    with torch.inference_mode():
        return torch.rand(3)


@pytest.mark.parametrize("kind", FORGOTTEN)
def test_nothing_is_remembered_of_tensors_whose_changes_are_not_seen(kind: str) -> None:
    tensor, other = FORGOTTEN[kind](), torch.rand(3)
    assert remembered(tensor, (), "a", Made) is not remembered(tensor, (), "a", Made)
    made = remembered(other, (tensor,), "a", Made)
    assert remembered(other, (tensor,), "a", Made) is not made


@pytest.mark.parametrize("form", ["edge_index", *FORMS])
@pytest.mark.parametrize("flow", FLOWS)
def test_a_graph_goes_with_its_tensor(flow: str, form: str) -> None:
    """At once, without the help of the garbage collector."""
    gc.disable()
    try:
        given, _ = to_form(edge_index(), None, form, SIZE)
        graph = graph_of(given, None, SIZE, flow)[0]
        graph.rows()
        seen, tensor = ref(graph), ref(given)
        del graph
        assert form in ("csr", "coo") or seen() is not None
        del given
        assert tensor() is None and seen() is None
    finally:
        gc.enable()


def test_what_is_made_of_a_tensor_does_not_pile_up() -> None:
    """As weights that are computed anew in each step would have it."""
    tensor, seen = torch.rand(3), []
    weights = [torch.rand(3) for _ in range(20)]  # at 20 addresses
    for weight in weights:
        made = remembered(tensor, (weight,), "a", Made)
        seen.append(ref(made))
    del made, weight
    weights.clear()
    remembered(tensor, (torch.rand(3),), "a", Made)
    assert sum(made() is not None for made in seen) <= 1


def test_a_second_tensor_at_the_place_of_the_first_is_not_taken_for_it() -> None:
    first, memory, places = torch.rand(3), np.zeros(3), []
    for i in range(9):
        memory[:] = i
        tensor = torch.from_numpy(memory)
        places.append(id(tensor))
        assert torch.equal(remembered(tensor, (), "a", tensor.clone), tensor)
        assert torch.equal(remembered(first, (tensor,), "b", tensor.clone), tensor)
        del tensor
    assert len(set(places)) < 9


def test_an_edge_index_that_knows_its_order_is_remembered() -> None:
    given = EdgeIndex(edge_index(), sparse_size=SIZE)
    made = remembered(given, (), "a", Made)
    assert remembered(given, (), "a", Made) is made
    assert remembered(given.sort_by("col")[0], (), "a", Made) is not made


def test_work_of_a_large_graph_of_32_bit_indices_does_not_overflow() -> None:
    ptr = np.array([0, 2**31 - 1], np.int32)
    assert _work(ptr, heads=8, width=64) > 2**31


def test_what_is_made_in_inference_mode_is_not_kept() -> None:
    conv, x = HGCNConv(3, 4, scale=True), torch.randn(6, 3)
    edge_index = torch.tensor([[0, 1, 2], [1, 2, 3]])
    with torch.inference_mode():
        conv(x, edge_index)
    conv(x, edge_index).sum().backward()
    assert conv.lin.weight.grad is not None


def test_weights_of_a_transformation_are_not_kept() -> None:
    conv, x = HGCNConv(3, 4, scale=True, normalize=False).double(), torch.randn(6, 3)
    edge_index, x = torch.tensor([[0, 1, 2], [1, 2, 3]]), x.double()
    weight = torch.rand(3, dtype=torch.float64)
    grad = torch.func.grad(lambda w: conv(x, edge_index, w).sum())(weight)
    given = weight.clone().requires_grad_()
    (expected,) = torch.autograd.grad(conv(x, edge_index, given).sum(), given)
    torch.testing.assert_close(grad, expected)
    many = torch.vmap(lambda w: conv(x, edge_index, w))(torch.stack([weight, weight]))
    torch.testing.assert_close(many[1], conv(x, edge_index, weight))
