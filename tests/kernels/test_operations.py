"""Values and gradients of operations, against the geometry at all pairs of nodes."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, backend
from tests.kernels.cases import (
    DOUBLE,
    OPERATIONS,
    SOURCES,
    TARGETS,
    Case,
    case,
    expected,
)
from tests.where import each

RADII = [0.0, 1e-6, 0.1, 1.0, 3.0, 8.0, 20.0, 100.0, 300.0]
SPACES = [(radius, 1.0) for radius in RADII]
SPACES += [(r, c) for r in (1e-6, 1.0, 20.0, 100.0) for c in (0.0, 1e-6, 50.0)]
MIDPOINTS = {"midpoint", "midpoint_of_sums"}
WEIGHTED = {
    "midpoint": "weight",
    "midpoint_of_sums": "weight",
    "weighted_sum": "signed",
    "log_sum": "signed",
}
every = pytest.mark.parametrize("name", OPERATIONS)
weighted = pytest.mark.parametrize("name", WEIGHTED)
backends = pytest.mark.parametrize("by", ["cpu", "portable"])


def check(
    got: list[Tensor], true: list[Tensor], dtype: torch.dtype, factor: float = 1.0
) -> None:
    """Values, then gradients: relative to the largest entry of each tensor."""
    assert got[0].dtype == dtype
    value, gradient = (1e-12, 1e-10) if dtype == DOUBLE else (1e-6, 3e-5)
    gradient *= factor
    for bar, a, b in zip([value] + 9 * [gradient], got, true, strict=False):
        scale = b.abs().max().item()
        torch.testing.assert_close(a.double(), b, rtol=0, atol=bar * scale)


def close(got: list[Tensor], true: list[Tensor]) -> None:
    for a, b in zip(got, true, strict=True):
        bar = 1e-13 * b.abs().max().item()
        torch.testing.assert_close(a, b, rtol=0, atol=bar)


@every
@backends
@each(("radius", "c"), SPACES)
def test_values_and_gradients(
    name: str, radius: float, c: float, by: str, dtype: torch.dtype
) -> None:
    if by == "portable" and (dtype == DOUBLE) == (c == 1):
        return  # float32 where c is 1, float64 elsewhere
    given, grad, true = expected(name, radius, c)
    with backend(by):
        check(OPERATIONS[name].run(given.to(dtype), grad), true, dtype)


@each("c", [0.0, 1e-6, 50.0])
@pytest.mark.parametrize("name", sorted(OPERATIONS.keys() - MIDPOINTS))
def test_loops_where_cosh_is_beyond_all_numbers(
    name: str, c: float, dtype: torch.dtype
) -> None:
    """Where midpoints by the geometry itself have wrong gradients."""
    given, grad, true = expected(name, 300.0, c)
    with backend("cpu"):
        check(OPERATIONS[name].run(given.to(dtype), grad), true, dtype, factor=4)


@every
@backends
@each(("heads", "dtype"), [((), torch.float32), ((1,), DOUBLE), ((3,), DOUBLE)])
def test_heads(name: str, heads: tuple[int, ...], by: str, dtype: torch.dtype) -> None:
    given, grad, true = expected(name, 3.0, 1.0, heads)
    with backend(by):
        check(OPERATIONS[name].run(given.to(dtype), grad), true, dtype)


@every
def test_the_reference_is_the_portable_back_end_in_float64(name: str) -> None:
    given, grad, true = expected(name, 8.0, 1.0)
    with backend("reference"):
        got = OPERATIONS[name].run(given.to(torch.float32), grad)
    assert got[0].dtype == torch.float32
    for a, b in zip(got, true, strict=True):
        torch.testing.assert_close(a, b.to(a.dtype), rtol=1e-6, atol=0)


@weighted
@backends
@each("shape", ["none", "[E]", "[E, 1]"])
def test_weights_of_edges_are_those_of_all_heads(
    name: str, shape: str, by: str
) -> None:
    given, argument, operation = case(3.0), WEIGHTED[name], OPERATIONS[name]
    one = given.leaves[argument].detach()[:, 0]
    if shape == "none":
        one = torch.ones_like(one)
    all_heads = one[:, None].expand(-1, 2)
    with backend(by):
        true = operation.run(given.replace(**{argument: all_heads.requires_grad_()}))
        position = 1 + operation.arguments.index(argument)
        if shape == "none":
            inputs = [
                None if a == argument else given.leaves[a] for a in operation.arguments
            ]
            out = operation.fast(given, *inputs)
            wanted = [x for x in inputs if x is not None]
            got = [out, *torch.autograd.grad(out, wanted, out.detach().sin())]
            del true[position]
        else:
            one = one.view(-1, 1) if shape == "[E, 1]" else one
            got = operation.run(given.replace(**{argument: one.requires_grad_()}))
            true[position] = true[position].sum(-1).view(one.shape)
    close(got, true)


@every
@backends
def test_one_curvature_is_that_of_all_heads(name: str, by: str) -> None:
    given, operation = case(3.0), OPERATIONS[name]
    if "c" not in operation.arguments:
        return
    one = torch.tensor(0.7, dtype=DOUBLE)
    with backend(by):
        true = operation.run(given.replace(c=one.repeat(2).requires_grad_()))
        got = operation.run(given.replace(c=one.requires_grad_()))
        number = operation.fast(
            given, *(0.7 if a == "c" else given.leaves[a] for a in operation.arguments)
        )
    position = 1 + operation.arguments.index("c")
    true[position] = true[position].sum()
    close([*got, number.detach()], [*true, true[0]])


@weighted
@backends
def test_edges_in_the_order_of_targets_or_in_any_other(name: str, by: str) -> None:
    given, argument, operation = case(3.0), WEIGHTED[name], OPERATIONS[name]
    order = given.target.argsort(stable=True)
    weight = given.leaves[argument].detach()[order].requires_grad_()
    by_target = Case(given.source[order], given.target[order], given.leaves)
    with backend(by):
        true = operation.run(given)
        got = operation.run(by_target.replace(**{argument: weight}))
    position = 1 + operation.arguments.index(argument)
    true[position] = true[position][order]
    assert not torch.equal(given.target, by_target.target)
    close(got, true)


@weighted
@backends
def test_a_target_without_edges(name: str, by: str) -> None:
    given = case(3.0)
    with backend(by):
        out = OPERATIONS[name].fast(given, *given.at(OPERATIONS[name].arguments))
        grads = torch.autograd.grad(out[-1].sum(), given.at(OPERATIONS[name].arguments))
    assert torch.equal(out[-1], torch.zeros_like(out[-1]))
    assert all(torch.equal(grad, torch.zeros_like(grad)) for grad in grads)


@every
@backends
@each("heads", [(), (2,)])
@each("number", [0, 4])
def test_no_edges_or_no_points(
    name: str, number: int, heads: tuple[int, ...], by: str
) -> None:
    none = torch.empty(0, dtype=torch.long)
    leaves = {
        "x": torch.randn(number, *heads, 3),
        "other": torch.randn(number, *heads, 3),
        "target": torch.randn(TARGETS, *heads, 3),
        "bias": torch.randn(*heads, 3),
        "weight": torch.empty(0, *heads),
        "signed": torch.empty(0),
        "c": torch.tensor(1.0),
    }
    given = Case(none, none, leaves, number).to(torch.float32)
    inputs = given.at(OPERATIONS[name].arguments)
    with backend(by):
        out = OPERATIONS[name].fast(given, *inputs)
        grads = torch.autograd.grad(out.sum(), inputs)
    if not name.startswith("sum"):
        assert torch.equal(out, torch.zeros_like(out))
        assert all(torch.equal(grad, torch.zeros_like(grad)) for grad in grads)
    else:
        assert out.shape == (number, *heads, 3)


X, C = torch.randn(SOURCES, 2, 3), torch.ones(2)
GRAPH = Graph(torch.arange(5), torch.arange(5), SOURCES, TARGETS)
# Of heads and rows; the rest is in tests/wrong.
WRONG: list[tuple[str, Callable[[], Tensor]]] = [
    ("x", lambda: kernels.weighted_sum(X[None], GRAPH)),
    ("weight", lambda: kernels.weighted_sum(X, GRAPH, torch.ones(5, 3))),
    ("c", lambda: kernels.midpoint(X, GRAPH, torch.ones(3))),
    ("target", lambda: kernels.log_sum(X, X, GRAPH, C)),
    ("u", lambda: kernels.gyro_add(X[0, 0], X[0, 0], 1.0)),
    ("v", lambda: kernels.gyro_add(X, X[1:], C)),
]


@each(("argument", "f"), WRONG)
def test_bad_arguments_are_named(argument: str, f: Callable[[], Tensor]) -> None:
    with pytest.raises(ValueError, match=f"^'{argument}' must"):
        f()


@backends
@each("index", [-1, SOURCES])
@each("which", [0, 1])
def test_a_pair_beyond_the_points(which: int, index: int, by: str) -> None:
    pairs = [torch.tensor([0, 1]), torch.tensor([0, 1])]
    pairs[which][1] = index
    with backend(by), pytest.raises(IndexError):
        kernels.dist(X, X, C, *pairs)
