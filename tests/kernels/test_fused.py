"""Operations with derivatives written by hand, against those of the tables."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import gyro_add, midpoint
from pyg_hyperbolic.geometry.fused import bias_lift, bias_sum, drop

DOUBLE = torch.float64
Function = Callable[..., Tensor]


def points(radius: float, c: float, number: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Rows of up to a radius, the origin and minus the bias among them; bias; c."""
    unit = c**-0.5 if c else 1.0
    v = torch.nn.functional.normalize(torch.randn(number + 1, 5, dtype=DOUBLE), dim=-1)
    v = v * (radius * unit * torch.rand(number + 1, 1, dtype=DOUBLE))
    h, b = v[1:], v[0]
    h[0], h[1], h[2] = 0, -b, -b + 1e-9 * h[3]
    return (
        h.requires_grad_(),
        b.clone().requires_grad_(),
        torch.tensor(c, dtype=DOUBLE, requires_grad=True),
    )


def hyperboloid(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Rows (cosh a, sinh(a)/a v) of the sum's points, in textbook form."""
    v = gyro_add(h, b, c)
    a = c.sqrt() * v.norm(dim=-1, keepdim=True)
    shrink = torch.where(a > 1e-6, a.sinh() / a, 1 + a.square() / 6)
    return torch.cat([a.cosh(), shrink * v], dim=-1)


def mean(h: Tensor, b: Tensor, c: Tensor, weight: Tensor) -> Tensor:
    return drop(weight @ bias_lift(h, b, c), c)


def expected_mean(h: Tensor, b: Tensor, c: Tensor, weight: Tensor) -> Tensor:
    return midpoint(gyro_add(h, b, c).expand(len(weight), -1, -1), c, weight)


def compare(
    f: Function, g: Function, inputs: tuple[Tensor, ...], *more: Tensor, bar: float
) -> None:
    """Values row by row, and gradients, relative to the largest of each."""
    out, true = f(*inputs, *more), g(*inputs, *more)
    scale = true.norm(dim=-1).max()
    assert (out - true).norm(dim=-1).max() <= bar * scale
    grad = torch.randn_like(out)
    for a, b in zip(
        torch.autograd.grad(out, inputs, grad),
        torch.autograd.grad(true, inputs, grad),
        strict=True,
    ):
        assert (a - b).abs().max() <= 20 * bar * b.abs().max()


REGIONS = [
    *[(radius, c) for radius in (1e-6, 1e-2, 0.3, 1.0, 2.4) for c in (1e-3, 1.0, 50.0)],
    *[(radius, 0.0) for radius in (1e-6, 1.0, 100.0)],
    *[(radius, 1e-10) for radius in (1e-6, 1.0)],
    *[(radius, 1.0) for radius in (4.0, 7.9)],
]


@pytest.mark.parametrize(("radius", "c"), REGIONS)
def test_sum(radius: float, c: float) -> None:
    inputs = points(radius, c)
    bar = 1e-13 * math.exp(radius) if c > 1e-9 else 1e-13
    compare(bias_sum, gyro_add, inputs, bar=min(bar, 1e-11))


@pytest.mark.parametrize(("radius", "c"), REGIONS[:-1])
def test_hyperboloid_rows(radius: float, c: float) -> None:
    inputs = points(min(radius, 2.5) if c else radius, c)
    out, true = bias_lift(*inputs), hyperboloid(*inputs)
    assert out.shape == (40, 6)
    torch.testing.assert_close(
        out, true, rtol=1e-12, atol=1e-12 * true.abs().max().item()
    )


@pytest.mark.parametrize(("radius", "c"), REGIONS[:-1])
def test_mean(radius: float, c: float) -> None:
    weight = torch.rand(7, 40, dtype=DOUBLE)
    inputs = points(min(radius, 2.9) if c else radius, c)
    compare(mean, expected_mean, inputs, weight, bar=1e-12)


@pytest.mark.parametrize("radius", [0.1, 1.0, 2.4, 5.0])
def test_single_precision(radius: float) -> None:
    """1e-5, and 1e-4 for gradients, wherever float32 is taken for enough."""
    h, b, c = points(radius, 1.0, number=200)
    weight = torch.rand(50, 200, dtype=DOUBLE).pow(8)
    exact = expected_mean(h, b, c, weight)
    grad = torch.randn_like(exact)
    true = torch.autograd.grad(exact, (h, b, c), grad)
    single = [x.detach().float().requires_grad_() for x in (h, b, c)]
    rows = bias_lift(*single)
    assert rows is not None
    assert rows.dtype == (torch.float32 if radius < 1.25 else torch.float64)
    out = drop(weight.to(rows.dtype) @ rows, single[2]).float()
    assert ((out - exact).norm(dim=-1) <= 1e-5 * exact.norm(dim=-1)).all()
    got = torch.autograd.grad(out, single, grad.float())
    for a, b in zip(got, true, strict=True):
        assert (a - b).norm() <= 1e-4 * b.norm()


def test_far_out_is_left_to_the_careful_forms() -> None:
    h, b, c = points(30.0, 1.0)
    assert bias_lift(h, b, c) is None
    assert torch.equal(bias_sum(h, b, c), gyro_add(h, b, c))
    for bad in (math.nan, math.inf):
        with torch.no_grad():
            h[0, 0] = bad
        assert bias_lift(h, b, c) is None
        assert not bias_sum(h, b, c)[0].isfinite().all()


def test_a_sum_over_no_points_is_the_origin() -> None:
    sums = torch.zeros(3, 5, dtype=DOUBLE, requires_grad=True)
    out = drop(sums, torch.tensor(0.7, dtype=DOUBLE))
    assert torch.equal(out, torch.zeros(3, 4, dtype=DOUBLE))
    out.sum().backward()
    assert sums.grad.isfinite().all()


@pytest.mark.parametrize("c", [0.0, 0.7])  # for 0 not by c: it would be negative
def test_first_and_second_derivatives(c: float) -> None:
    h = torch.randn(3, 2, dtype=DOUBLE, requires_grad=True)
    b = torch.randn(2, dtype=DOUBLE, requires_grad=True)
    at = torch.tensor(c, dtype=DOUBLE, requires_grad=c > 0)
    rows = bias_lift(h, b, at).detach().requires_grad_()
    for f, inputs in (
        (bias_sum, (h, b, at)),
        (bias_lift, (h, b, at)),
        (drop, (rows, at)),
    ):
        assert torch.autograd.gradcheck(f, inputs)
        assert torch.autograd.gradgradcheck(f, inputs)


def test_batches_dtypes_and_autocast() -> None:
    h, b, c = torch.randn(2, 6, 4), torch.randn(4), torch.tensor(0.5)
    assert bias_sum(h, b, c).shape == (2, 6, 4)
    assert bias_lift(h, b, c).shape == (2, 6, 5)
    assert drop(bias_lift(h, b, c), c).shape == (2, 6, 4)
    expected, rows = bias_sum(h, b, c), bias_lift(h, b, c)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(bias_sum(h, b, c), expected)
        assert torch.equal(bias_lift(h, b, c), rows)
    half = h.bfloat16()
    assert bias_sum(half, b, c).dtype == torch.bfloat16
    torch.testing.assert_close(
        bias_sum(half, b, c), bias_sum(half.float(), b, c).bfloat16()
    )


def test_what_is_kept_for_the_backward_pass() -> None:
    """The points alone, and numbers of which each row has a few."""
    n, d = 300, 64
    h, b, c = torch.randn(n, d) / 9, torch.randn(d) / 9, torch.tensor(1.0)
    inputs = [x.requires_grad_() for x in (h, b, c)]
    for f in (bias_sum, bias_lift):
        kept: dict[int, int] = {}

        def note(x: Tensor, kept: dict[int, int] = kept) -> Tensor:
            kept[x.untyped_storage().data_ptr()] = x.untyped_storage().nbytes()
            return x

        with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
            f(*inputs)
        assert sum(kept.values()) <= 4 * (n * d + d + 4 * n + 9)
