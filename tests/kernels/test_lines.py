"""Points on one line through the origin: what rounding leaves beside it is no angle."""

import mpmath as mp
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, backend
from tests.kernels.cases import (
    DOUBLE,
    all_backends,
    backends,
    derived,
    distance,
    leaf,
    log,
)
from tests.where import each

# On an axis and a diagonal products are exact; on this line those of few digits are.
SKEW = [0.375, 0.625, -0.875]


@backends
@each("radius", [1.0, 8.0, 300.0])
def test_one_dimension_is_a_line(radius: float, by: str, dtype: torch.dtype) -> None:
    u, v = (leaf(x, dtype) for x in radius * torch.randn(2, 9, 1, dtype=dtype))
    bar = (1e-13 if dtype == DOUBLE else 1e-6) * radius
    for f, line in (
        (kernels.gyro_add, lambda u, v: u + v),
        (log, lambda u, v: v - u),
        (lambda *x: distance("dist", *x)[:, None], lambda u, v: (v - u).abs()),
    ):
        with backend(by):
            out, *got, by_c = derived(f, (u, v, leaf(1.0)))
        true, *grads = derived(line, (u, v))
        torch.testing.assert_close(out, true, rtol=0, atol=bar)
        assert by_c.abs() <= 5 * bar * radius
        if radius < 10:
            torch.testing.assert_close(got, grads, rtol=0, atol=5e-3)


@all_backends
@pytest.mark.parametrize("radius", [20.0, 100.0, 300.0])
@each("line", [[1.0, 0.0], [1.0, 0.0, -1.0, 1.0], SKEW])
def test_points_on_one_line_far_out(
    line: list[float], radius: float, by: str, dtype: torch.dtype
) -> None:
    """Anywhere on it, and not a rounding beside it, of which the sum would be far off.

    So are derivatives along it; those across, maybe beyond all numbers, are finite.
    """
    places = radius * (3 * torch.rand(8) - 1.5)
    place = torch.tensor([radius, -radius, radius / 2, radius + 1, *places])
    place = place[:4] if by == "cuda" else place  # the interpreter is slow
    place = (16 * place).round() / 16
    x = place.to(dtype)[:, None] * torch.tensor(line, dtype=dtype)
    u, v = (
        leaf(y, dtype) for y in (x.repeat(len(x), 1), x.repeat_interleave(len(x), 0))
    )
    along = torch.nn.functional.normalize((u - v).detach(), dim=-1)
    bar = 8 * torch.finfo(dtype).eps * max(radius, 32)
    inputs = u, v, leaf(1.0)
    for f in (lambda u, v, c: kernels.gyro_add(-u, v, c), log):
        with backend(by):
            w, *found = derived(f, inputs)
            _, *grads, by_c = derived(f, inputs, -along)
        torch.testing.assert_close(w, (v - u).detach())
        assert all(grad.isfinite().all() for grad in found)
        # plain PyTorch makes a rounding of a cotangent across the line as much as e^a
        if by != "portable" or len(line) == line.count(0.0) + 1:
            torch.testing.assert_close(grads, [along, -along], rtol=0, atol=bar)
        assert by_c.abs() <= bar * radius
    with backend(by):
        out, *grads, by_c = derived(
            lambda *x: distance("dist", *x), inputs, torch.ones(len(u))
        )
    torch.testing.assert_close(out, (u - v).detach().norm(dim=-1))
    torch.testing.assert_close(grads, [along, -along], rtol=0, atol=bar)
    assert by_c.abs() <= bar * radius


@each("radii", [(39156.6, 60058.9), (5e4, 4e4), (3e4, 3e4)])
def test_gradients_of_far_points_on_one_line_are_numbers(
    radii: tuple[float, float], dtype: torch.dtype
) -> None:
    """Antipodal to the last digit: 0 across the line, times what overflows."""
    line = torch.tensor([[0.5, -0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0]], dtype=dtype)
    u, v = (r * line for r in radii)
    for other in (-v, v):
        inputs = leaf(u, dtype), leaf(other, dtype), leaf(1.0)
        assert all(x.isfinite().all() for x in derived(kernels.gyro_add, inputs))


def truth(places: Tensor, weight: Tensor) -> list[list[float]]:
    """The midpoint m of places on a line, where sum(w sinh(x - m)) is 0.

    And its derivatives with respect to the places, the weights and c.
    """
    x, w = ([mp.mpf(t) for t in row.tolist()] for row in (places, weight))
    m = mp.atanh(mp.fdot(w, map(mp.sinh, x)) / mp.fdot(w, map(mp.cosh, x)))
    pull = [b * mp.cosh(a - m) for a, b in zip(x, w, strict=True)]
    total = mp.fsum(pull)
    by_w = [mp.sinh(a - m) / total for a in x]
    by_c = mp.fdot(pull, [a - m for a in x]) / (2 * total)
    found = ([m], [a / total for a in pull], by_w, [by_c])
    return [[float(a) for a in part] for part in found]


@all_backends
@pytest.mark.parametrize("radius", [5.0, 50.0, 300.0])
@each("line", [[1.0], [1.0, 0.0, -1.0, 1.0], SKEW])
@each("sides", [1, 2])
def test_midpoints_on_one_line(
    line: list[float], radius: float, sides: int, by: str, dtype: torch.dtype
) -> None:
    """All digits, and all derivatives, where an ulp across the line is a long way."""
    number = 2 if by == "cuda" else 20  # the interpreter is slow
    places = radius * (torch.rand(number, 3) + 0.5)
    places[:, 0] *= 3 - 2 * sides
    places = (16 * places).round() / 16
    along, weight = torch.tensor(line, dtype=dtype), torch.rand(number, 3).to(dtype)
    x, length = places.to(dtype)[..., None] * along, along.double().norm()
    with mp.workdps(50 + 3 * int(radius)):
        rows = zip(places.to(dtype).double() * length, weight.double(), strict=True)
        parts = zip(*(truth(*row) for row in rows), strict=True)
        m, by_x, by_w, by_c = (torch.tensor(part, dtype=DOUBLE) for part in parts)
    unit, ends = along.double() / length, torch.arange(number).repeat_interleave(3)
    graph = Graph(torch.arange(3 * number), ends, 3 * number, number)

    def f(x: Tensor, weight: Tensor, c: Tensor) -> Tensor:
        return kernels.midpoint(x.flatten(0, 1), graph, c, weight.flatten())

    inputs = leaf(x, dtype), leaf(weight, dtype), leaf(1.0)
    with backend(by):
        out, *grads = derived(f, inputs, unit.expand(number, -1))
        found = derived(f, inputs)
    bar = 8 * torch.finfo(dtype).eps * max(radius, 64)  # e^a moves by a eps
    torch.testing.assert_close(out.double(), m * unit, rtol=bar, atol=bar)
    true = [by_x[..., None] * unit, by_w, by_c.sum()]
    for got, expected, atol in zip(grads, true, (bar, bar, bar * radius), strict=True):
        torch.testing.assert_close(got.double(), expected, rtol=bar, atol=atol)
    assert all(x.isfinite().all() for x in found)
