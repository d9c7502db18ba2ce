"""Charts and their gradients in every dtype, as near their boundaries as points go.

``tests/geometry/test_charts.py`` has what else there is to say about charts.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from tests.numerics.bars import GRADIENT, VALUE, check, error
from tests.numerics.make_tables import norm, number, ulp4

CURVATURES = [0.0, 1e-6, 1.0, 1e3]
RADII = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 3.0, 8.0, 15.0, 85.0, 1e3, 1e4]
# Shares of the ball's radius; from 0.999 on what is left of it, in roundings and more.
SHARES = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999]
TO_THE_EDGE = [4, 64, 1024]
DIRECTION = (0.6, -0.8)

Slope = Callable[[mp.mpf], tuple[mp.mpf, mp.mpf]]


def tanhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    """tanh(a)/a and its derivative by z = a^2."""
    if z == 0:
        return mp.mpf(1), -mp.mpf(1) / 3
    a = mp.sqrt(z)
    f = mp.tanh(a) / a
    return f, (mp.sech(a) ** 2 - f) / (2 * z)


def artanhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    if z == 0:
        return mp.mpf(1), mp.mpf(1) / 3
    a = mp.sqrt(z)
    f = mp.atanh(a) / a
    return f, (1 / (1 - z) - f) / (2 * z)


def sinhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    if z == 0:
        return mp.mpf(1), mp.mpf(1) / 6
    a = mp.sqrt(z)
    f = mp.sinh(a) / a
    return f, (mp.cosh(a) - f) / (2 * z)


class Chart(NamedTuple):
    """A map along the radius: x times a function of ``share`` c |x|^2."""

    f: Callable[[Tensor, Tensor], Tensor]
    radial: Slope
    factor: mp.mpf
    share: mp.mpf
    inverse: bool


half, quarter = mp.mpf(1) / 2, mp.mpf(1) / 4


def arsinhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    if z == 0:
        return mp.mpf(1), -mp.mpf(1) / 6
    a = mp.sqrt(z)
    f = mp.asinh(a) / a
    return f, (1 / mp.sqrt(1 + z) - f) / (2 * z)


CHARTS = {
    "to_poincare": Chart(geometry.to_poincare, tanhc, half, quarter, False),
    "to_klein": Chart(geometry.to_klein, tanhc, mp.mpf(1), mp.mpf(1), False),
    "from_poincare": Chart(geometry.from_poincare, artanhc, mp.mpf(2), mp.mpf(1), True),
    "from_klein": Chart(geometry.from_klein, artanhc, mp.mpf(1), mp.mpf(1), True),
    "to_lorentz": Chart(
        lambda v, c: geometry.to_lorentz(v, c)[..., 1:],
        sinhc,
        mp.mpf(1),
        mp.mpf(1),
        False,
    ),
    "to_proper_velocity": Chart(
        geometry.to_proper_velocity, sinhc, mp.mpf(1), mp.mpf(1), False
    ),
    "from_proper_velocity": Chart(
        geometry.from_proper_velocity, arsinhc, mp.mpf(1), mp.mpf(1), False
    ),
}


def exact(chart: Chart, x: Sequence[mp.mpf], c: mp.mpf) -> list[mp.mpf]:
    """The point, and its derivatives by x_1, x_2, c, row by row."""
    with mp.workdps(80):
        z = chart.share * c * (x[0] ** 2 + x[1] ** 2)
        f, slope = (chart.factor * k for k in chart.radial(z))
        slope *= chart.share  # by c |x|^2
        out = [f * k for k in x]
        for i in (0, 1):
            out += [2 * c * slope * x[i] * x[j] + (f if i == j else 0) for j in (0, 1)]
            out.append((x[0] ** 2 + x[1] ** 2) * slope * x[i])
        return out


def inputs(chart: Chart, dtype: torch.dtype) -> Iterator[list[float]]:
    eps = torch.finfo(dtype).eps
    lengths = [*SHARES, *(1 - k * eps for k in TO_THE_EDGE)] if chart.inverse else RADII
    for c in CURVATURES:
        c = torch.tensor(c).to(dtype).item()
        if c == 0 and chart is CHARTS["to_lorentz"]:
            continue
        for length in lengths:
            x = torch.tensor(DIRECTION, dtype=torch.float64) * length / (c**0.5 or 1)
            x = x.to(dtype).double().tolist()
            inside = c * (x[0] ** 2 + x[1] ** 2) < (1 - eps) ** 2 or not chart.inverse
            if inside and all(map(math.isfinite, x)):
                yield [*x, c]


def moved(chart: Chart, row: list[mp.mpf], by: float) -> list[mp.mpf]:
    """How far value and derivatives move: point, rows' derivatives by x, by c."""
    start = exact(chart, row[:2], row[2])
    out = [mp.mpf(0)] * 4
    for i in range(3):
        changes = []
        for sign in (1, -1):
            y = list(row)
            y[i] *= 1 + sign * by
            if not chart.inverse or y[2] * (y[0] ** 2 + y[1] ** 2) < 1:
                end = exact(chart, y[:2], y[2])
                d = [p - q for p, q in zip(start, end, strict=True)]
                parts = (d[:2], d[2:4], d[5:7], (d[4], d[7]))
                changes.append([norm(part) for part in parts])
        out = [s + max(k) for s, k in zip(out, zip(*changes, strict=True), strict=True)]
    return out


@pytest.mark.parametrize("name", CHARTS)
def test_values_and_gradients(name: str, dtype: torch.dtype) -> None:
    chart = CHARTS[name]
    rows = list(inputs(chart, dtype))
    x = torch.tensor(rows, dtype=torch.float64).to(dtype)
    point, c = x[:, :2].clone().requires_grad_(), x[:, 2].clone().requires_grad_()
    exactly = [[mp.mpf(k) for k in row] for row in rows]
    true = np.array(
        [[number(k) for k in exact(chart, row[:2], row[2])] for row in exactly]
    )
    slack = np.array(
        [[number(k) for k in moved(chart, row, ulp4(dtype))] for row in exactly]
    )
    out = chart.f(point, c)
    assert out.dtype == dtype
    got = out.detach().double().numpy()
    errors = [error("value", got, true[:, :2], slack[:, 0], dtype, VALUE)]
    by_c = []
    for k in (0, 1):
        slopes = torch.autograd.grad(out[:, k].sum(), (point, c), retain_graph=True)
        by_x, by_curvature = (slope.double().numpy() for slope in slopes)
        by_c.append(by_curvature)
        columns = slice(2 + 3 * k, 4 + 3 * k)
        title = f"d{k}/dx"
        errors.append(
            error(title, by_x, true[:, columns], slack[:, 1 + k], dtype, GRADIENT)
        )
    mine = np.stack(by_c, axis=-1)
    errors.append(error("d/dc", mine, true[:, [4, 7]], slack[:, 3], dtype, GRADIENT))
    labels = [f"x=({p:.9g}, {q:.9g}) c={c:.3g}" for p, q, c in rows]
    check(errors, labels, f"{name} in {dtype}")
