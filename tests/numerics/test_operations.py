"""Operations and charts against exact values and gradients, in every dtype.

Charts are met as near their boundaries as points go; ``tests/geometry/test_charts.py``
has what else there is to say about them.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import mpmath as mp
import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from pyg_hyperbolic.geometry import dist, exp, gyro_add, log, sqdist, transport
from tests.numerics.bars import check, errors
from tests.numerics.make_tables import PAIRS, moves, slack, table, ulp4
from tests.numerics.missed import MISSED
from tests.numerics.reference import (
    Number,
    Vector,
    arsinhc,
    artanhc,
    evaluate,
    sinhc,
    tanhc,
)

Operation = Callable[[Tensor, Tensor, Tensor], Tensor]
OPERATIONS: dict[str, Operation] = {
    "gyro_add": gyro_add,
    "exp": exp,
    "log": lambda u, v, c: log(-u, v, c),  # so that it has the table of the sum
    "dist": dist,
    "sqdist": sqdist,
    "transport": transport,
}
dtypes = pytest.mark.parametrize("dtype", [getattr(torch, x) for x in PAIRS], ids=PAIRS)


@dtypes
@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str, dtype: torch.dtype) -> None:
    known = table(dtype)
    x = torch.from_numpy(known["x"]).to(dtype)
    given = {"u": x[:, :2], "v": x[:, 2:4], "c": x[:, 4]}
    given = {key: x.clone().requires_grad_() for key, x in given.items()}
    out = OPERATIONS[name](*given.values())
    assert out.dtype == dtype
    entry = "gyro_add" if name in ("exp", "log") else name
    true = [known[f"{entry}_{what}"] for what in ("value", "jacobian", "slack")]
    labels = [
        f"c={x[4]:.3g} radii {a:.3g} {b:.3g} angle or distance {t:.9g} "
        f"u=({x[0]:.9g}, {x[1]:.9g}) v=({x[2]:.9g}, {x[3]:.9g})"
        for x, (a, b, t, _) in zip(known["x"], known["label"], strict=True)
    ]
    missed = MISSED.get((name, str(dtype).removeprefix("torch.")))
    check(errors(out, given, true), labels, f"{name} in {dtype}", missed)


@pytest.mark.parametrize("name", OPERATIONS)
@pytest.mark.parametrize("where", range(3), ids=["u", "v", "c"])
def test_what_is_not_a_number_is_not_made_one(name: str, where: int) -> None:
    """A number in place of a NaN would hide from its user that training broke."""
    given = [torch.tensor([0.3, 0.4]), torch.tensor([0.5, -0.2]), torch.tensor(1.0)]
    given[where] = given[where] * torch.nan
    assert OPERATIONS[name](*given).isnan().all()


CURVATURES = [0.0, 1e-6, 1.0, 1e3]
RADII = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 3.0, 8.0, 15.0, 85.0, 1e3, 1e4]
# Shares of the ball's radius; from 0.999 on what is left of it, in roundings and more.
SHARES = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 0.5, 0.9, 0.999]
TO_THE_EDGE = [4, 64, 1024]
DIRECTION = (0.6, -0.8)


class Chart(NamedTuple):
    """A map along the radius: x times ``factor`` times a function of ``share`` z."""

    f: Operation
    radial: Callable[[Number], Number]
    factor: float = 1.0
    share: float = 1.0

    def exact(self, x: Vector) -> Vector:
        """The point of x_1, x_2, c."""
        f = self.radial(self.share * x[2] * (x[0] ** 2 + x[1] ** 2))
        return [self.factor * f * k for k in x[:2]]

    def inside(self, x: Vector, margin: float = 0.0) -> bool:
        """Whether it is a point of the chart, if it is one's argument."""
        square = x[2] * (x[0] ** 2 + x[1] ** 2)
        return self.radial is not artanhc or square < (1 - margin) ** 2


CHARTS = {
    "to_poincare": Chart(geometry.to_poincare, tanhc, 0.5, 0.25),
    "to_klein": Chart(geometry.to_klein, tanhc),
    "from_poincare": Chart(geometry.from_poincare, artanhc, 2.0),
    "from_klein": Chart(geometry.from_klein, artanhc),
    "to_lorentz": Chart(lambda v, c: geometry.to_lorentz(v, c)[..., 1:], sinhc),
    "to_proper_velocity": Chart(geometry.to_proper_velocity, sinhc),
    "from_proper_velocity": Chart(geometry.from_proper_velocity, arsinhc),
}


def points(chart: Chart, dtype: torch.dtype) -> Iterator[list[float]]:
    eps, lengths = torch.finfo(dtype).eps, RADII
    if chart.radial is artanhc:
        lengths = [*SHARES, *(1 - k * eps for k in TO_THE_EDGE)]
    for c in CURVATURES:
        c = torch.tensor(c).to(dtype).item()
        if c == 0 and chart is CHARTS["to_lorentz"]:
            continue
        for length in lengths:
            x = torch.tensor(DIRECTION, dtype=torch.float64) * length / (c**0.5 or 1)
            row = [*x.to(dtype).double().tolist(), c]
            if all(map(math.isfinite, row)) and chart.inside(row, eps):
                yield row


@dtypes
@pytest.mark.parametrize("name", CHARTS)
def test_charts(name: str, dtype: torch.dtype) -> None:
    chart, by = CHARTS[name], ulp4(dtype)
    rows, known = list(points(chart, dtype)), []
    with mp.workdps(200):
        for row in rows:
            true = evaluate(chart.exact, row)
            ends = [[x for x in both if chart.inside(x)] for both in moves(row, by)]
            moved = slack(chart.exact, true, ends, [slice(0, 2)])
            known.append([true.value, true.jacobian, moved])
    x = torch.tensor(rows, dtype=torch.float64).to(dtype)
    given = {"x": x[:, :2], "c": x[:, 2]}
    given = {key: x.clone().requires_grad_() for key, x in given.items()}
    out = chart.f(*given.values())
    assert out.dtype == dtype
    labels = [f"x=({p:.9g}, {q:.9g}) c={c:.3g}" for p, q, c in rows]
    true = [np.array(column, dtype=float) for column in zip(*known, strict=True)]
    check(errors(out, given, true), labels, f"{name} in {dtype}")
