"""Values and gradients of operations, against the geometry at all pairs of nodes."""

from collections.abc import Callable, Iterator

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
    agree,
    all_backends,
    backends,
    case,
    every,
    expected,
)
from tests.where import each

SPACES = [(r, 1.0, (2,)) for r in (0.0, 1e-6, 0.1, 1.0, 3.0, 8.0, 20.0, 100.0, 300.0)]
SPACES += [
    (radius, c, (2,))
    for radius in (1e-6, 1.0, 20.0, 100.0, 300.0)
    for c in (0.0, 1e-6, 50.0)
]
HEADS = [(3.0, 1.0, ()), (3.0, 1.0, (1,)), (3.0, 1.0, (3,))]
WEIGHTED = {
    "midpoint": "weight",
    "midpoint_of_sums": "weight",
    "weighted_sum": "signed",
    "log_sum": "signed",
}


@every
@backends
@each(("radius", "c", "heads"), SPACES + HEADS)
def test_values_and_gradients(
    name: str, radius: float, c: float, heads: tuple[int, ...], by: str
) -> None:
    given, grad, true = expected(name, radius, c, heads)
    # float32 of the plain back end where c is 1, and float64 elsewhere
    dtypes = [torch.float32, DOUBLE]
    if by == "portable":
        dtypes = dtypes[:1] if c == 1 else dtypes[1:]
    beyond = radius == 300 and c != 1  # cosh is beyond all numbers
    if beyond and (by == "portable" or name.startswith("midpoint")):
        return  # the geometry itself has wrong gradients of midpoints there
    for dtype in dtypes:
        with backend(by):
            got = OPERATIONS[name].run(given.to(dtype), grad)
        assert got[0].dtype == dtype
        value, gradient = (1e-12, 1e-10) if dtype == DOUBLE else (1e-6, 3e-5)
        agree(got, true, value, 4 * gradient if beyond else gradient)
        if name in WEIGHTED:  # nobody sends to the last target
            assert not got[0][-1].any()


@every
def test_the_reference_is_the_portable_back_end_in_float64(name: str) -> None:
    given, grad, true = expected(name, 8.0, 1.0)
    with backend("reference"):
        got = OPERATIONS[name].run(given.to(torch.float32), grad)
    assert got[0].dtype == torch.float32
    rounded = [b.to(a.dtype) for a, b in zip(got, true, strict=True)]
    torch.testing.assert_close(got, rounded, rtol=1e-6, atol=0)


Function = Callable[..., Tensor]


def ways(name: str, given: Case) -> Iterator[tuple[list[Tensor], Function, Function]]:
    """A leaf of another shape, the operation of it, and of what it stands for."""
    operation, weight = OPERATIONS[name], WEIGHTED.get(name, "")

    def at(case: Case = given, **other: Tensor | float | None) -> Tensor:
        leaves = given.leaves | other
        return operation.fast(case, *(leaves[x] for x in operation.arguments))

    if "c" in operation.arguments:
        c = torch.tensor(0.7, dtype=DOUBLE)
        yield [c], lambda c: at(c=c), lambda c: at(c=c.expand(2))
        yield [], lambda: at(c=0.7), lambda: at(c=c)
    if weight:
        values = given.leaves[weight].detach()
        for one in (values[:, 0], values[:, :1]):
            yield (
                [one],
                lambda w: at(**{weight: w}),
                lambda w: at(**{weight: w.view(-1, 1).expand(-1, 2)}),
            )
        ones = torch.ones_like(values)
        yield [], lambda: at(**{weight: None}), lambda: at(**{weight: ones})
        order = given.target.argsort(stable=True)
        assert not torch.equal(order, torch.arange(len(order)))
        by_target = Case(given.source[order], given.target[order], {})
        yield (
            [values],
            lambda w: at(by_target, **{weight: w[order]}),
            lambda w: at(**{weight: w}),
        )


@every
@backends
def test_arguments_of_other_shapes_and_edges_in_any_order(name: str, by: str) -> None:
    """One curvature, one weight for all heads or none; edges by target or not."""
    given = case(3.0)
    rest = [given.leaves[x] for x in OPERATIONS[name].arguments]
    rest = [x for x in rest if x.dim() > 2]  # points
    for changed, *both in ways(name, given):
        leaves = [x.clone().requires_grad_() for x in changed]
        with backend(by):
            outs = [f(*leaves) for f in both]
            grads = [torch.autograd.grad(x.sin().sum(), leaves + rest) for x in outs]
        agree([outs[0], *grads[0]], [outs[1], *grads[1]], 1e-13)


@every
@all_backends
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
    with backend(by):
        out, *grads = OPERATIONS[name].run(given)
    if name.startswith("sum"):
        assert out.shape == (number, *heads, 3)
    else:
        assert not any(x.any() for x in (out, *grads))


X, C = torch.randn(SOURCES, 2, 3), torch.ones(2)
GRAPH = Graph(torch.arange(5), torch.arange(5), SOURCES, TARGETS)
# Of heads and rows; the rest is in tests/wrong.
WRONG: list[tuple[str, Callable[[], Tensor]]] = [
    ("x", lambda: kernels.weighted_sum(X[None], GRAPH)),
    ("weight", lambda: kernels.weighted_sum(X, GRAPH, torch.ones(5, 3))),
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
