"""Points and weights where formulas lose their digits, or leave all numbers."""

import math

import mpmath as mp
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry, kernels
from pyg_hyperbolic.kernels import Graph, backend
from tests.kernels.cases import (
    DOUBLE,
    OPERATIONS,
    agree,
    all_backends,
    backends,
    case,
    derived,
    distance,
    every,
    leaf,
    log,
    star,
)
from tests.numerics import textbook
from tests.where import each

GRAD = torch.tensor([[1.0, -2.0, 0.5]], dtype=DOUBLE)


def at(radius: float, dtype: torch.dtype) -> Tensor:
    """A point in no direction of an axis."""
    return leaf(radius * torch.tensor([[2.0, -3.0, 6.0]], dtype=DOUBLE) / 7, dtype)


@backends
@each("radius", [0.0, 1e-6, 1.0, 34.0, 300.0, 3000.0])
def test_a_node_alone_with_itself(radius: float, by: str, dtype: torch.dtype) -> None:
    """Its midpoint is itself, and so is the gradient."""
    x, weight, c = at(radius, dtype), leaf([0.3], dtype), leaf(1.0)
    with backend(by):
        out, by_x, *rest = derived(
            lambda x, w, c: kernels.midpoint(x, star(1), c, w), (x, weight, c), GRAD
        )
    bar = 1e-13 if dtype == DOUBLE else 1e-6
    torch.testing.assert_close(out, x, rtol=bar, atol=0)
    torch.testing.assert_close(by_x.double(), GRAD, rtol=bar, atol=bar)
    assert all(grad.abs() <= bar * max(radius, 1) for grad in rest)


@each("radius", [0.1, 5.0, 14.0])
def test_a_bias_of_zero_has_its_gradient(radius: float, dtype: torch.dtype) -> None:
    """As at the start of training, of neighbors in one direction, too."""
    x = at(radius, dtype).detach() + 1e-6 * torch.randn(6, 3, dtype=dtype)
    bias, found = leaf(torch.zeros(3), dtype), []
    for by in ("cpu", "reference"):
        with backend(by):
            out = kernels.midpoint(x, star(6), 1.0, bias=bias)
            found.append(torch.autograd.grad(out.sum(), bias))
    agree(*found, 1e-4)


@all_backends
@each("radius", [0.0, 1e-6, 1.0, 30.0, 100.0, 300.0, 3000.0])
def test_points_that_are_equal(radius: float, by: str, dtype: torch.dtype) -> None:
    """Across the points, the log map grows with sinh(a)/a; along them as it is.

    The distance has the gradient zero.
    """
    u, v, c = at(radius, dtype), at(radius, dtype), leaf(1.0)
    with backend(by):
        out, by_u, by_v, by_c = derived(log, (u, v, c), GRAD)
        _, total = derived(lambda v: log(v, v, c), [v], GRAD)
        for f in ("dist", "sqdist"):
            for zero in derived(lambda *x, f=f: distance(f, *x), (u, v, c)):
                assert not zero.any()
    assert not out.any() and by_c == 0
    assert by_v.isfinite().all()
    torch.testing.assert_close(by_u, -by_v)
    assert total.abs().max() <= 1e-6 * by_v.abs().max()
    length = v.detach().double().norm()
    unit = v.detach().double() / length.clamp(min=1e-300)
    growth = length.sinh() / length if length > 0 else torch.ones(())
    if 0 < growth < 0.01 * torch.finfo(dtype).max:
        along = (GRAD * unit).sum() * unit
        true = along + growth * (GRAD - along)
        agree([by_v], [true], 1e-12 if dtype == DOUBLE else 3e-5)


PAIRS = {
    "gyro_add": (kernels.gyro_add, geometry.gyro_add),
    "log": (lambda u, v, c: log(-u, v, c), geometry.gyro_add),
    **{
        f: (
            lambda u, v, c, f=f: distance(f, -u, v, c)[:, None],
            lambda u, v, c, f=f: getattr(geometry, f)(-u, v, c)[:, None],
        )
        for f in ("dist", "sqdist")
    },
}


def both(
    f: str, u: Tensor, v: Tensor, dtype: torch.dtype, by: str
) -> list[tuple[Tensor, Tensor]]:
    """Results, then gradients, and the true ones, with a cotangent for each row."""
    inputs = [leaf(u, dtype), leaf(v, dtype), leaf(1.0)]
    (fast, slow), grad = PAIRS[f], torch.randn(len(u), 1).to(dtype).double()
    with backend(by):
        got = derived(lambda *x: grad.to(dtype) * fast(*x), inputs)
    true = derived(lambda *x: grad * slow(*x), [leaf(x) for x in inputs])
    return [*zip(got, true, strict=True)]


@all_backends
@each("radius", [0.1, 1.0, 8.0, 80.0])
@each("f", PAIRS)
def test_points_nearly_opposite_or_nearly_equal(
    f: str, radius: float, by: str, dtype: torch.dtype
) -> None:
    """Each row by itself; of near points all is in the differences, which are exact."""
    apart = torch.tensor([1e-2, 1e-3, 1e-4, 1e-5, 1e-6], dtype=DOUBLE)[:, None]
    u = radius * torch.nn.functional.normalize(torch.randn(5, 3, dtype=DOUBLE), dim=-1)
    v = -u + apart * radius * torch.randn(5, 3, dtype=DOUBLE)
    *vectors, (by_c, true_by_c) = both(f, u, v, dtype, by)
    bar = 8 * torch.finfo(dtype).eps * max(4, radius)  # e^a moves by a eps
    for a, b in vectors:
        assert ((a - b).norm(dim=-1) <= bar * b.norm(dim=-1)).all()
    # as much as it moves with a rounding of the points
    assert (by_c - true_by_c).abs() <= bar / apart.min() * true_by_c.abs()


@each("share", [-2.0, -1.5, -0.8, -0.4])
@each("f", PAIRS)
def test_points_nearly_on_one_ray_in_single_precision(f: str, share: float) -> None:
    """A parent and its child in a tree: products are fused into the differences."""
    u = 12 * torch.nn.functional.normalize(torch.randn(200, 3, dtype=DOUBLE), dim=-1)
    v = share * u + 1e-3 * torch.randn(200, 3, dtype=DOUBLE)
    for a, b in both(f, u, v, torch.float32, "cpu")[:-1]:
        error = (a - b).norm(dim=-1) / b.norm(dim=-1)
        assert error.median() <= 8 * torch.finfo(torch.float32).eps


@backends
@each("radius", [1e-3, 1.0, 20.0, 300.0, 1000.0])
@each(
    "points",
    [
        [[0.6, 0.8], [0.6 + 1e-9, 0.8]],
        [[0.6, 0.8], [0.6, 0.8 + 1e-12], [0.8, 0.6]],
        [[1.0, 0.0], [0.0, 0.5]],
        [[1.0, 0.0], [0.0, 0.01]],
        [[1.0, 0.0], [-0.999, 0.0]],
        [[0.0, 1.0], [0.0, 0.0]],
    ],
)
def test_midpoints_as_by_the_textbook(
    radius: float, points: list[list[float]], by: str
) -> None:
    """In as many digits as that loses."""
    x, number = leaf(radius * torch.tensor(points, dtype=DOUBLE)), len(points)
    weight = torch.linspace(1, 0.5, number, dtype=DOUBLE)
    with mp.workdps(100 + int(2 * radius)):
        rows, w = [textbook.vector(v) for v in x], textbook.vector(weight)
        true = [float(z) for z in textbook.midpoint(rows, w, mp.mpf(1))]
    with backend(by):
        out, grad = derived(
            lambda x: kernels.midpoint(x, star(number), 1.0, weight), [x]
        )
    torch.testing.assert_close(out[0], leaf(true).detach(), rtol=0, atol=1e-13 * radius)
    assert grad.isfinite().all()


@backends
@pytest.mark.parametrize(
    "name", ["midpoint", "midpoint_of_sums", "weighted_sum", "log_sum"]
)
@each("radius", [1.0, 20.0, 300.0])
def test_weights_of_all_sizes(
    name: str, radius: float, by: str, dtype: torch.dtype
) -> None:
    """Some are 0, some 1e-30, some 1e30; their gradients by their logarithms."""
    if radius > 80 and dtype != DOUBLE:
        return  # derivatives by weights of 0 are out of its range
    given, operation = case(radius), OPERATIONS[name]
    size = 10 ** (60 * torch.rand(40, 2) - 30)
    size[::6] = 0
    given = given.replace(weight=size, signed=size * torch.randn(40, 2).sign())
    true = operation.run_slowly(given)
    with backend(by):
        got = operation.run(given.to(dtype))
    assert all(x.isfinite().all() for x in got)
    for i, argument in enumerate(operation.arguments, start=1):
        if argument in ("weight", "signed"):
            got[i], true[i] = got[i] * size, true[i] * size
    agree(got, true, 1e-10 if dtype == DOUBLE else 3e-5)


@backends
@each("radius", [0.1, 1.0, 2.0, 20.0, 200.0])
def test_an_edge_of_weight_0_is_none(radius: float, by: str) -> None:
    """Not even a second one from the neighbor that counts most."""
    given = case(radius)
    x, weight, c = given.at(("x", "weight", "c"))
    kept = torch.arange(40) % 3 > 0
    some = Graph(given.source[kept], given.target[kept], 9, 8)
    more = Graph(given.source.repeat(2), given.target.repeat(2), 9, 8)
    w = torch.cat([kept[:, None] * (weight + 0.1), 0 * weight]).detach()
    results = []
    # with weights that learn, a loop looks at edges of weight 0 too
    for graph, values in ((some, w[:40][kept]), (more, w), (more, leaf(w))):
        with backend(by):
            out = kernels.midpoint(x, graph, c, values)
        results.append([out, *torch.autograd.grad(out.sin().sum(), (x, c))])
    for other in results[1:]:
        torch.testing.assert_close(other, results[0], rtol=1e-9, atol=1e-12)
        torch.testing.assert_close(other[0], results[0][0], rtol=0, atol=1e-13 * radius)


@backends
@each("radius", [0.1, 1.0, 20.0])
def test_a_weight_of_0_has_the_derivative_of_a_tiny_one(radius: float, by: str) -> None:
    given, found = case(radius), []
    x, weight, c = given.at(("x", "weight", "c"))
    kept = torch.arange(40) % 3 > 0
    for least in (0.0, 1e-12 * math.exp(-2 * radius)):
        w = leaf(torch.where(kept[:, None], weight + 0.1, least))
        with backend(by):
            out = kernels.midpoint(x, given.graph, c, w)
        found.append(torch.autograd.grad(out.sin().sum(), w)[0])
    torch.testing.assert_close(found[0], found[1], rtol=1e-6, atol=1e-9)


@backends
@each("scale", [1e-280, 1e-30, 1e30, 1e250, 0.0])
def test_weights_near_the_ends_of_all_numbers(scale: float, by: str) -> None:
    """With no weight but zeros the midpoint is the origin."""
    given = case(2.0)
    scaled = given.replace(weight=leaf(scale * given.leaves["weight"]))
    operation = OPERATIONS["midpoint_of_sums"]
    with backend(by):
        out, *grads = operation.run(scaled)
        true = operation.run(given)[0]
    if scale == 0:
        assert not any(x.any() for x in (out, *grads))
    else:
        torch.testing.assert_close(out, true)
        assert grads[1].isfinite().all() and grads[1].any()


def test_zero_weights_far_beyond_the_others_are_no_infinity() -> None:
    x = leaf([[1.0, 0.0], [300.0, 0.0], [0.0, 900.0]], torch.float32)
    weight, c = leaf([1.0, 0.0, 0.0], torch.float32), leaf(1.0, torch.float32)
    with backend("portable"):
        out, *grads = derived(
            lambda x, w, c: kernels.midpoint(x, star(3), c, w), (x, weight, c)
        )
    torch.testing.assert_close(out[0], x[0])
    assert all(grad.isfinite().all() for grad in grads)


@backends
@every
def test_what_is_not_a_number_is_not_made_one(name: str, by: str) -> None:
    operation = OPERATIONS[name]
    for argument in operation.arguments:
        given = case(1.0)
        for x in given.leaves.values():
            x.detach()[x.detach() == 0] = 0.1  # whose sums do not depend on c
        given = given.replace(**{argument: torch.nan * given.leaves[argument]})
        with backend(by):
            out = operation.fast(given, *given.at(operation.arguments))
        assert out[:-1].isnan().all(), argument


@each("far", [20.0, 160.0])
def test_a_weight_of_0_has_its_derivative_however_far_its_point(far: float) -> None:
    """It is as large as the mass that the point would have."""
    x = torch.tensor([[0.3, 0.1], [-0.2, 0.4], [far, 3.0]], dtype=DOUBLE)
    with backend("cpu"):
        _, got = derived(
            lambda w: kernels.midpoint(x, star(3), 1.0, w).sum(),
            [leaf([1.0, 0.5, 0.0])],
        )
    with mp.workdps(400):
        points, step = [textbook.vector(v) for v in x], mp.mpf(10) ** -120
        before, after = (
            mp.fsum(textbook.midpoint(points, [mp.mpf(1), mp.mpf("0.5"), w], mp.mpf(1)))
            for w in (mp.mpf(0), step)
        )
        true = float((after - before) / step)
    assert got[2].item() == pytest.approx(true, rel=1e-9)
