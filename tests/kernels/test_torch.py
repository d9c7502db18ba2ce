"""Compilers, export, fake tensors, autocast and half precision."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend
from torch._subclasses.fake_tensor import FakeTensorMode

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph
from tests.kernels.cases import (
    OPERATIONS,
    SOURCES,
    TARGETS,
    Case,
    backends,
    case,
    derived,
    every,
)
from tests.where import each

halves = each("half", [torch.float16, torch.bfloat16])


def function(name: str) -> Callable[..., Tensor]:
    """Of edges, and of what has gradients."""
    return lambda source, target, *x: OPERATIONS[name].fast(
        Case(source, target, {}), *x
    )


def inputs(name: str, radius: float = 1.0, number: int = 40) -> list[Tensor]:
    """In float32, with so many edges."""
    given = case(radius).to(torch.float32)
    values = [given.source, given.target, *given.at(OPERATIONS[name].arguments)]
    return [x.detach()[:number].clone().requires_grad_(x.requires_grad) for x in values]


@each("index", [torch.int32, torch.int64])
@each("order", ["any", "sorted", "no edges"])
def test_edges_are_grouped_as_a_compiler_expects(
    order: str, index: torch.dtype
) -> None:
    given = case()
    source, target = given.source.to(index), given.target.to(index)
    if order != "any":
        target = target.sort().values
    if order == "no edges":
        source, target = source[:0], target[:0]
    nodes = source.new_empty(SOURCES, 0), source.new_empty(TARGETS, 0)
    group = torch.ops.pyg_hyperbolic.by_target.default
    torch.library.opcheck(
        group, (source, target, *nodes), test_utils=("test_schema", "test_faketensor")
    )


@every
@pytest.mark.compile
def test_compiled_into_one_graph_for_any_number_of_edges(name: str) -> None:
    torch.compiler.reset()
    f, compiler = function(name), CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(f, fullgraph=True, dynamic=True, backend=compiler)
    for radius, number in ((1.0, 40), (20.0, 37)):
        source, target, *given = inputs(name, radius, number)
        both = (derived(partial(g, source, target), given) for g in (compiled, f))
        torch.testing.assert_close(*both)
    (graph,) = compiler.graphs
    calls = [str(node.target) for node in graph.graph.nodes]
    own = [x for x in calls if x.startswith("pyg_hyperbolic.") and "by_target" not in x]
    assert len(own) == 1, calls


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"midpoint", "sqdist"}))
@pytest.mark.compile
def test_compiled_gradients_of_some_inputs(name: str) -> None:
    torch.compiler.reset()
    f, given = function(name), [x.detach() for x in inputs(name)]
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    last = [given.pop().requires_grad_()]
    torch.testing.assert_close(
        *(derived(partial(g, *given), last) for g in (compiled, f))
    )


class Layer(torch.nn.Module):
    def forward(
        self, x: Tensor, edge_index: Tensor, c: Tensor, weight: Tensor
    ) -> Tensor:
        graph = Graph(edge_index[0], edge_index[1], x.size(0), x.size(0))
        out = kernels.midpoint(x, graph, c, weight, x[0])
        out = kernels.gyro_add(out, kernels.log_sum(x, x, graph, c), c)
        out = out + kernels.weighted_sum(x, graph, weight)
        return kernels.dist(out, x, c, edge_index[0], edge_index[1])


@pytest.mark.compile
def test_exported_with_any_number_of_nodes_and_edges() -> None:
    edges, nodes = (torch.export.Dim(name, min=2) for name in ("edges", "nodes"))
    shapes = {
        "x": {0: nodes},
        "edge_index": {1: edges},
        "c": None,
        "weight": {0: edges},
    }

    def graph(n: int, e: int) -> tuple[Tensor, ...]:
        ends = torch.randint(n, (2, e))
        return torch.randn(n, 3), ends, torch.tensor(0.8), torch.rand(e)

    program = torch.export.export(Layer(), graph(6, 20), dynamic_shapes=shapes)
    for n, e in ((6, 20), (11, 33)):
        given = graph(n, e)
        torch.testing.assert_close(program.module()(*given), Layer()(*given))


@every
def test_fake_tensors_have_shapes_and_dtypes_alone(name: str) -> None:
    f, given = function(name), inputs(name)
    mode = FakeTensorMode()
    fake = [mode.from_tensor(x) for x in given]
    with mode:
        out = f(*fake)
        grads = torch.autograd.grad(out.sum(), fake[2:])
    for got, true in zip((out, *grads), (f(*given), *given[2:]), strict=True):
        assert (got.shape, got.dtype) == (true.shape, true.dtype)


@every
@halves
def test_autocast_changes_nothing(name: str, half: torch.dtype) -> None:
    source, target, *given = inputs(name)
    f = partial(function(name), source, target)
    true = derived(f, given)
    with torch.autocast("cpu", dtype=half):
        got = derived(f, given)
    torch.testing.assert_close(got, true, rtol=0, atol=0)


@every
@halves
@backends
def test_half_precision_is_rounded_at_the_end(
    name: str, half: torch.dtype, by: str
) -> None:
    source, target, *given = inputs(name)
    f = partial(function(name), source, target)
    low = [x.detach().to(half).requires_grad_() for x in given]
    wide = [x.detach().float().requires_grad_() for x in low]
    with kernels.backend(by):
        got, true = derived(f, low), derived(f, wide)
    assert {x.dtype for x in got} == {half}
    true = [x.to(half) for x in true]
    assert torch.equal(got[0], true[0])
    eps = torch.finfo(half).eps
    torch.testing.assert_close(got, true, rtol=eps, atol=0)


def test_points_of_two_dtypes_are_computed_in_the_wider() -> None:
    u, v = torch.randn(5, 3), torch.randn(5, 3, dtype=torch.float64)
    out = kernels.gyro_add(u, v, 1.0)
    assert out.dtype == torch.float32
    assert torch.equal(out, kernels.gyro_add(u.double(), v, 1.0).float())
    weight = torch.full((5,), 1e-300, dtype=torch.float64)  # 0 in float32
    graph = Graph(torch.arange(5), torch.zeros(5).long(), SOURCES, TARGETS)
    x = torch.randn(SOURCES, 3)
    torch.testing.assert_close(
        kernels.midpoint(x, graph, 1.0, weight), kernels.midpoint(x, graph, 1.0)
    )
