"""Graphs in all forms, and what is remembered of them."""

import gc
from collections.abc import Callable
from weakref import ref

import numpy as np
import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, graph_of, remembered
from pyg_hyperbolic.kernels.cpu.midpoint import _work
from pyg_hyperbolic.kernels.graph import Rows
from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.where import each

SIZE = (6, 5)  # nobody sends to node 2 of the second kind
FLOWS = ["source_to_target", "target_to_source"]


def edge_index() -> Tensor:
    return torch.tensor([[5, 0, 3, 0, 1, 4, 0], [4, 0, 1, 3, 1, 0, 4]])


class Made:
    """Something that has been made."""


def check(rows: Rows, of: Tensor, others: Tensor, number: int) -> None:
    """Edges of each node, in the order of their places in the user's list."""
    ptr, ends, order = rows
    places = order if order.numel() else torch.arange(len(ends))
    first = torch.bincount(of, minlength=number).cumsum(0)
    assert ptr.tolist() == [0, *first.tolist()]
    assert places.tolist() == of.argsort(stable=True).tolist()
    assert ends.tolist() == others[places].tolist()


@each("dtype", [torch.int64, torch.int32])
@each("sort", [False, True])
def test_edges_of_each_target_and_of_each_source(
    sort: bool, dtype: torch.dtype
) -> None:
    source, target = edge_index().to(dtype)
    if sort:
        order = target.argsort(stable=True)
        source, target = source[order], target[order]
    graph = Graph(source, target, *SIZE)
    ptr, ordered, order = graph.rows()
    assert order.numel() == (0 if sort else 7)
    by_rows = Graph.of_rows(ptr, ordered, SIZE[0])
    for one, ends in (
        (graph, (source, target)),
        (by_rows, (ordered, target.sort().values)),
    ):
        check(one.rows(), *reversed(ends), SIZE[1])
        check(one.columns(), *ends, SIZE[0])
        assert one.rows() is one.rows() and one.columns() is one.columns()


@each("sizes", [(0, 0), (3, 0), (0, 3), (3, 4)])
def test_rows_without_edges(sizes: tuple[int, int]) -> None:
    none = torch.empty(0, dtype=torch.long)
    ptr, source, _ = Graph(none, none, *sizes).rows()
    assert ptr.tolist() == [0] * (sizes[1] + 1) and source.numel() == 0


@each(("end", "value"), [(0, -1), (0, 6), (1, -1), (1, 5), (0, 10**12)])
def test_indices_out_of_range_are_named(end: int, value: int) -> None:
    ends, name = edge_index(), ["source", "target"][end]
    ends[end, 3] = value
    wrong = rf"^'edge_index' must hold {name} indices from 0 to {SIZE[end] - 1} \(got"
    with pytest.raises(ValueError, match=wrong):
        Graph(*ends, *SIZE).rows()
    if end == 0:  # of a sparse matrix of fewer columns than it has indices, too
        ptr = torch.tensor([0, 1, 2])
        with pytest.raises(ValueError, match=wrong):
            Graph.of_rows(ptr, torch.tensor([0, value]), SIZE[0]).rows()


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
    leaves = [x] if weight is None else [x, weight]
    true = (adjacency.t() if forward else adjacency) @ x
    grads = torch.autograd.grad(true.sin().sum(), leaves)
    for _ in range(2):  # the second time from memory
        graph, w = graph_of(given, values, SIZE, flow)
        assert (graph.num_sources, graph.num_targets) == (number, SIZE[forward])
        out = kernels.weighted_sum(x, graph, w)
        torch.testing.assert_close(out, true)
        got = torch.autograd.grad(out.sin().sum(), leaves, retain_graph=True)
        torch.testing.assert_close(got, grads)


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
        check(after.rows(), given[1], given[0], SIZE[1])


def test_what_is_made_depends_on_settings_and_on_other_tensors() -> None:
    tensor, weight = torch.rand(3), torch.rand(3)
    given = tensor, (weight, None), "a", Made
    made = remembered(*given)
    assert remembered(*given) is made
    for other in (
        (tensor, (weight, None), "b"),
        (tensor, (None, weight), "a"),
        (tensor, (weight.clone(), None), "a"),
        (weight, (tensor, None), "a"),
        (EdgeIndex(edge_index(), sparse_size=SIZE), (), "a"),
    ):
        first = remembered(*other, Made)
        assert first is not made and remembered(*other, Made) is first
        assert remembered(*given) is made
    for changed in (weight, tensor):
        changed.mul_(2)
        before, made = made, remembered(*given)
        assert made is not before


@torch.inference_mode()
def in_inference() -> Tensor:
    return torch.rand(3)


@each(
    "make",
    [
        lambda: torch.rand(3, requires_grad=True),
        lambda: torch.rand(3, requires_grad=True) * 2,
        in_inference,
    ],
)
def test_nothing_is_remembered_of_tensors_whose_changes_are_not_seen(
    make: Callable[[], Tensor],
) -> None:
    tensor, other = make(), torch.rand(3)
    for given in ((tensor, (), "a", Made), (other, (tensor,), "a", Made)):
        assert remembered(*given) is not remembered(*given)


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


def test_work_of_a_large_graph_of_32_bit_indices_does_not_overflow() -> None:
    ptr = np.array([0, 2**31 - 1], np.int32)
    assert _work(ptr, heads=8, width=64) > 2**31


def test_nothing_of_a_layer_is_kept_in_inference_mode_or_in_a_transformation() -> None:
    conv, x = HGCNConv(3, 4, scale=True, normalize=False).double(), torch.randn(6, 3)
    edge_index, x = torch.tensor([[0, 1, 2], [1, 2, 3]]), x.double()
    with torch.inference_mode():
        conv(x, edge_index)
    weight = torch.rand(3, dtype=torch.float64)
    grad = torch.func.grad(lambda w: conv(x, edge_index, w).sum())(weight)
    given = weight.clone().requires_grad_()
    (expected,) = torch.autograd.grad(conv(x, edge_index, given).sum(), given)
    torch.testing.assert_close(grad, expected)
    many = torch.vmap(lambda w: conv(x, edge_index, w))(torch.stack([weight, weight]))
    torch.testing.assert_close(many[1], conv(x, edge_index, weight))
    conv(x, edge_index).sum().backward()
    assert conv.lin.weight.grad is not None
    conv = HGCNConv(3, 4, cached=True).double()
    torch.func.grad(lambda x: conv(x, edge_index).sum())(x)
    assert conv(x, edge_index).isfinite().all()
