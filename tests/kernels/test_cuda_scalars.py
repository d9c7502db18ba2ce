"""Formulas of one row in Triton, against those of the CPU's gyro."""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="needs Triton")
import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cpu import far, gyro, klein, lifted, lorentz
from pyg_hyperbolic.kernels.cuda import scalars
from tests.kernels.cases import silent

pytestmark = silent
RADII = [0.0, 1e-8, 1e-3, 0.1, 0.14, 0.3, 0.6, 2.0, 11.0, 40.0, 149.0, 151.0, 1e3]


@triton.jit
def _apply(x, out, f: tl.constexpr, inputs: tl.constexpr, n: tl.constexpr):
    row = tl.arange(0, n)
    values = f(*[tl.load(x + k * n + row) for k in range(inputs)])
    for k, value in enumerate(values if isinstance(values, tuple) else (values,)):
        tl.store(out + k * n + row, value)


def check(
    f: Any,
    true: Callable[..., Any],
    rows: Sequence[Sequence[float]],
    bar: float,
    least: Callable[..., float] = lambda *row: 0.0,
) -> None:
    """All rows at once, relative to the formula's values, and to least in each row."""
    n = triton.next_power_of_2(len(rows))
    padded = [*rows, *([rows[-1]] * (n - len(rows)))]
    x = torch.tensor(padded, dtype=torch.float64).T.contiguous()
    found = [true(*row) for row in padded]
    expected = torch.tensor(found, dtype=torch.float64).view(n, -1).T
    out = torch.empty_like(expected.contiguous())
    _apply[(1,)](x, out, f, len(x), n)
    size = torch.tensor([least(*row) for row in padded], dtype=torch.float64)
    same = (out - expected).abs() <= bar * torch.maximum(expected.abs(), size)
    wrong = (~(same | (out == expected))).nonzero().tolist()
    assert not wrong, [(padded[i], out[k, i], expected[k, i]) for k, i in wrong[:3]]


def test_functions_of_one_radius() -> None:
    rows = [[a] for a in RADII]
    check(scalars.radial, gyro.radial, rows, 1e-15)
    near = [[a * a, *gyro.radial(a)[:2]] for a in RADII if a < 150]
    check(scalars.lift_slope, lifted.lift_slope, near, 1e-15)
    flat = [[a * a, (math.tanh(a) / a if a else 1), 1 / math.cosh(a) ** 2]
            for a in RADII if a < 150]  # fmt: skip
    check(scalars.klein_slope, klein.klein_slope, flat, 1e-14)
    check(scalars.homogeneity, klein.homogeneity, flat, 1e-14)
    shifts = [0.0, 151.0, 500.0]
    scaled = [[z, e] for z in (0.0, 1e-9, 9e-3, 2e-2, 1.0, 50.0) for e in shifts]
    check(scalars.arsinhc, lorentz.arsinhc, scaled, 1e-15)


def test_radii_of_klein_points() -> None:
    gaps = [[math.tanh(a) ** 2, 1 / math.cosh(a) ** 2] for a in RADII if a < 15]
    check(scalars.stretch, lifted.stretch, gaps, 1e-14)
    logs = [[math.tanh(a) ** 2, 2 * (math.log(2) - a - math.log1p(math.exp(-2 * a)))]
           for a in RADII]  # fmt: skip
    check(scalars.stretch_far, far.stretch_far, logs, 1e-14)


def sums(c: float) -> list[list[float]]:
    """Arguments of gyro-sums at many radii and angles, some nearly or quite 0 or pi."""
    rows = []
    for ru, rv, angle in itertools.product(
        RADII[1:], RADII, [0.0, 1e-9, 1e-3, 1.0, 2.5, math.pi - 1e-6, math.pi]
    ):
        u, v = gyro.radial(math.sqrt(c) * ru), gyro.radial(math.sqrt(c) * rv)
        across = rv * (0.0 if angle == math.pi else math.sin(angle))
        excess = (ru - rv) * (ru + rv)
        rows.append([ru, *u, rv * math.cos(angle), rv, *v, across, excess, c])
    return rows


def slow(*x: float) -> tuple[Any, Any]:
    """A gyro-sum, and its slope with respect to c."""
    ru, v1, rv, v2, excess, c = x[0], x[4], x[5], *x[9:]
    u, v = gyro.Radial(*x[1:4]), gyro.Radial(*x[6:9])
    w = gyro.gyro_sum(ru, u, v1, rv, v, v2, excess, c)
    return w, gyro.curvature_slope(w, ru, u, rv, v, v2, excess, c)


@triton.jit
def _slope(ru, su, cu, eu, v1, rv, sv, cv, ev, v2, excess, c):
    w = scalars.gyro_sum(ru, su, cu, eu, v1, rv, sv, cv, ev, v2, excess, c)
    return scalars.curvature_slope(
        w[0], w[1], w[2], w[3], w[4], w[7], w[10], w[11], ru, su, rv, sv, v2, excess, c
    )


@pytest.mark.parametrize("c", [0.0, 0.01, 1.0])
def test_gyro_sums_and_their_slopes(c: float) -> None:
    """Slopes are differences of lengths over c, but near the origin."""

    def least(*x: float) -> float:
        radius = max(x[0], x[5])
        return 1e-4 * min(radius**3, radius / max(c, 1e-99))

    check(scalars.gyro_sum, lambda *x: slow(*x)[0], sums(c), 1e-11)
    check(_slope, lambda *x: slow(*x)[1], sums(c), 1e-9, least)
