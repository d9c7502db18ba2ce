"""Compilers, export, fake tensors, autocast and half precision."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.backends.debugging import aot_eager
from torch._subclasses.fake_tensor import FakeTensorMode

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph
from tests.kernels.cases import OPERATIONS, SOURCES, TARGETS, Case, case
from tests.where import each

every = pytest.mark.parametrize("name", OPERATIONS)
# Which custom ops the compiled graph has.
OWN = {
    "sum_of_rows": ["gyro_add"],
    "sum_with_one": ["gyro_add"],
    "midpoint": ["by_target", "by_target", "midpoint"],
    "midpoint_of_sums": ["by_target", "by_target", "midpoint"],
    "weighted_sum": ["by_target", "by_target", "weighted_sum"],
    "log_sum": ["by_target", "log_sum"],
    "dist": ["dist"],
    "sqdist": ["dist"],
}


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


class Counting:
    """A compiler that keeps the graphs it is given."""

    def __init__(self) -> None:
        self.graphs: list[torch.fx.GraphModule] = []

    def __call__(self, graph: torch.fx.GraphModule, args: list[Any]) -> Any:
        self.graphs.append(copy.deepcopy(graph))
        return aot_eager(graph, args)

    def own(self) -> list[str]:
        """The names of the package's operations in the first graph."""
        targets = [str(node.target) for node in self.graphs[0].graph.nodes]
        return [t.split(".")[1] for t in targets if t.startswith("pyg_hyperbolic.")]


@every
@pytest.mark.compile
def test_compiled_into_one_graph_for_any_number_of_edges(name: str) -> None:
    torch.compiler.reset()
    f, compiler = function(name), Counting()
    compiled = torch.compile(f, fullgraph=True, dynamic=True, backend=compiler)
    for radius, number in ((1.0, 40), (20.0, 37)):
        given = inputs(name, radius, number)
        out, true = compiled(*given), f(*given)
        torch.testing.assert_close(out, true)
        grad = torch.randn_like(out)
        for a, b in zip(
            torch.autograd.grad(out, given[2:], grad),
            torch.autograd.grad(true, given[2:], grad),
            strict=True,
        ):
            torch.testing.assert_close(a, b)
    assert len(compiler.graphs) == 1
    assert compiler.own() == OWN[name]


@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - {"midpoint", "sqdist"}))
@pytest.mark.compile
def test_compiled_gradients_of_some_inputs(name: str) -> None:
    torch.compiler.reset()
    f, given = function(name), [x.detach() for x in inputs(name)]
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    given[-1].requires_grad_()
    (got,) = torch.autograd.grad(compiled(*given).sum(), given[-1])
    (true,) = torch.autograd.grad(f(*given).sum(), given[-1])
    torch.testing.assert_close(got, true)


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
    expected = f(*given)
    mode = FakeTensorMode()
    fake = [mode.from_tensor(x) for x in given]
    with mode:
        out = f(*fake)
        grads = torch.autograd.grad(out.sum(), fake[2:])
    assert out.shape == expected.shape and out.dtype == expected.dtype
    for grad, x in zip(grads, given[2:], strict=True):
        assert grad.shape == x.shape and grad.dtype == x.dtype


@every
@each("half", [torch.float16, torch.bfloat16])
def test_autocast_changes_nothing(name: str, half: torch.dtype) -> None:
    f, given = function(name), inputs(name)
    true = torch.autograd.grad(f(*given).sin().sum(), given[2:])
    with torch.autocast("cpu", dtype=half):
        out = f(*given)
        assert torch.equal(out, f(*given))
    for a, b in zip(torch.autograd.grad(out.sin().sum(), given[2:]), true, strict=True):
        assert torch.equal(a, b)


@every
@each("half", [torch.float16, torch.bfloat16])
@each("by", ["cpu", "portable"])
def test_half_precision_is_rounded_at_the_end(
    name: str, half: torch.dtype, by: str
) -> None:
    f, given = function(name), inputs(name)
    low = [x.detach().to(half) if x.is_floating_point() else x for x in given]
    wide = [x.float() if x.is_floating_point() else x for x in low]
    for x in low[2:] + wide[2:]:
        x.requires_grad_()
    with kernels.backend(by):
        out, true = f(*low), f(*wide)
        assert out.dtype == half
        assert torch.equal(out, true.to(half))
        grad = torch.randn_like(out)
        got = torch.autograd.grad(out, low[2:], grad)
        expected = torch.autograd.grad(true, wide[2:], grad.float())
    eps = torch.finfo(half).eps
    for a, b in zip(got, expected, strict=True):
        assert a.dtype == half
        torch.testing.assert_close(a, b.to(half), rtol=eps, atol=0)


def test_points_of_two_dtypes_are_computed_in_the_wider() -> None:
    u, v = torch.randn(5, 3), torch.randn(5, 3, dtype=torch.float64)
    out = kernels.gyro_add(u, v, 1.0)
    assert out.dtype == torch.float32
    assert torch.equal(out, kernels.gyro_add(u.double(), v, 1.0).float())
    weight = torch.full((5,), 1e-300, dtype=torch.float64)  # 0 in float32
    graph = Graph(torch.arange(5), torch.zeros(5).long(), SOURCES, TARGETS)
    x = torch.randn(SOURCES, 3)
    torch.testing.assert_close(
        kernels.midpoint(x, graph, 1.0, weight), kernels.midpoint(x, graph, 1.0)[:]
    )
