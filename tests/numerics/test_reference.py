"""The reference itself: against textbook formulas, differences, geoopt, its tables."""

from collections.abc import Callable

import geoopt
import mpmath as mp
import numpy as np
import pytest
import torch

from tests.numerics import textbook
from tests.numerics.cases import Case, cases
from tests.numerics.make_tables import table_row, ulp4
from tests.numerics.reference import Exact, evaluate, of_pair, of_points

Table = dict[str, np.ndarray]
Vector = list[mp.mpf]


def _pair(f: Callable[..., Vector]) -> Callable[[Vector], Vector]:
    return lambda x: f(x[:2], x[2:4], x[4])


TEXTBOOK = {
    "gyro_add": _pair(textbook.gyro_add),
    "dist": _pair(lambda u, v, c: [textbook.dist(u, v, c)]),
    "sqdist": _pair(lambda u, v, c: [textbook.dist(u, v, c) ** 2]),
    "transport": _pair(textbook.transport),
}
PAIRS = {
    "equal": ((0.6, 0.8), (0.6, 0.8000001)),
    "opposite": ((0.6, 0.8), (-0.60000006, -0.8)),
    "exactly opposite": ((0.6, 0.8), (-1.2, -1.6)),
    "apart": ((0.6, 0.8), (0.3, -2.0)),
    "near and far": ((1e-9, 2e-9), (0.3, -2.0)),
    "far and near": ((0.3, -2.0), (1e-9, 2e-9)),
}
RADII = [1e-6, 1.0, 20.0]


def agree(
    exact: Exact, f: Callable[[Vector], Vector], x: Vector, radius: float
) -> None:
    """Value and derivatives, the latter as central differences of the textbook."""
    with mp.workdps(int(300 + 8 * radius)):
        x = [mp.mpf(k) for k in x]
        value = f(x)
        scale = mp.fsum(map(abs, value))
        for mine, theirs in zip(exact.value, value, strict=True):
            assert abs(mine - theirs) <= mp.mpf("1e-100") * scale
        step = mp.mpf(10) ** -int(80 + 2 * radius)
        largest = max(abs(k) for row in exact.jacobian for k in row)
        for i in range(len(x)):
            up, down = list(x), list(x)
            up[i] += step
            down[i] -= step
            slopes = [(p - q) / (2 * step) for p, q in zip(f(up), f(down), strict=True)]
            allowed = mp.mpf("1e-40") * mp.fsum(map(abs, slopes))
            allowed += mp.mpf("1e-140") * largest  # where the derivative is zero
            for row, theirs in zip(exact.jacobian, slopes, strict=True):
                assert abs(row[i] - theirs) <= allowed


@pytest.mark.parametrize("radius", RADII)
@pytest.mark.parametrize("name", TEXTBOOK)
def test_reference_is_the_textbook_formula(name: str, radius: float) -> None:
    for u, v in PAIRS.values():
        x = [radius * k for k in (*u, *v)] + [0.7]
        agree(evaluate(of_pair(name), x), TEXTBOOK[name], x, 3 * radius)


@pytest.mark.parametrize("radius", RADII)
def test_midpoint_is_the_textbook_formula(radius: float) -> None:
    points = [(0.6, 0.8), (-0.6, -0.8), (0.60001, 0.8), (0.0, 0.1)]
    x = [radius * k for point in points for k in point] + [1.0, 1e-3, 0.5, 2.0, 0.7]

    def f(x: Vector) -> Vector:
        rows = [x[2 * i : 2 * i + 2] for i in range(4)]
        return textbook.midpoint(rows, x[8:12], x[12])

    agree(evaluate(of_points(4), x), f, x, radius)


def test_zero_curvature_is_the_limit_of_small_curvatures() -> None:
    x = [0.6, 0.8, 0.3, -2.0]
    for name in TEXTBOOK:
        flat = evaluate(of_pair(name), [*x, 0])
        nearly = evaluate(of_pair(name), [*x, mp.mpf("1e-60")])
        for a, b in zip(flat, nearly, strict=True):
            for p, q in zip(np.ravel(a), np.ravel(b), strict=True):
                assert abs(p - q) < mp.mpf("1e-58")


def test_values_are_those_of_geoopt() -> None:
    torch.manual_seed(0)
    for c in (0.1, 1.0, 3.0):
        ball = geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))
        for u, v in torch.randn(10, 2, 2, dtype=torch.float64):
            x, y = ball.expmap0(u / 2), ball.expmap0(v / 2)
            inputs = [*u.tolist(), *v.tolist(), c]
            expected = 2 * ball.logmap0(ball.mobius_add(x, y))
            mine = [float(k) for k in evaluate(of_pair("gyro_add"), inputs).value]
            assert mine == pytest.approx(expected.tolist(), rel=1e-11)
            mine = [float(k) for k in evaluate(of_pair("dist"), inputs).value]
            assert mine == pytest.approx([ball.dist(x, y).item()], rel=1e-11)


def test_tables_hold_what_the_reference_gives(
    dtype: torch.dtype, table: Callable[[torch.dtype], Table]
) -> None:
    known, listed = table(dtype), cases(dtype)
    assert len(listed) == len(known["x"])
    assert {float(k) for k in known["x"][:, 4]} >= {0.0, 1.0}
    for i in np.random.default_rng(0).choice(len(listed), 8, replace=False):
        case: Case = listed[i]
        assert [*case.u, *case.v, case.c] == known["x"][i].tolist()
        with np.errstate(over="ignore", under="ignore"):
            for key, numbers in table_row(case, ulp4(dtype)).items():
                exact = np.array(numbers).astype(known[key].dtype)
                np.testing.assert_allclose(known[key][i], exact, rtol=1e-7, err_msg=key)
