"""The reference itself: against textbook formulas, differences, its tables."""

from collections.abc import Callable

import mpmath as mp
import numpy as np
import pytest

from tests.numerics import textbook
from tests.numerics.make_tables import MIDPOINTS, PAIRS, listed, table, table_row
from tests.numerics.reference import (
    OPERATIONS,
    Exact,
    Vector,
    evaluate,
    of_pair,
    of_points,
)

TEXTBOOK = {
    "gyro_add": of_pair(textbook.gyro_add),
    "dist": of_pair(lambda u, v, c: [textbook.dist(u, v, c)]),
    "sqdist": of_pair(lambda u, v, c: [textbook.dist(u, v, c) ** 2]),
    "transport": of_pair(textbook.transport),
}
PAIRS_OF_POINTS = {
    "equal": (0.6, 0.8, 0.6, 0.8000001),
    "opposite": (0.6, 0.8, -0.60000006, -0.8),
    "exactly opposite": (0.6, 0.8, -1.2, -1.6),
    "apart": (0.6, 0.8, 0.3, -2.0),
    "near and far": (1e-9, 2e-9, 0.3, -2.0),
    "far and near": (0.3, -2.0, 1e-9, 2e-9),
}
radii = pytest.mark.parametrize("radius", [1e-6, 1.0, 20.0])


def agree(
    exact: Exact, f: Callable[[Vector], Vector], x: Vector, radius: float
) -> None:
    """Value and derivatives, the latter as differences of the textbook."""
    with mp.workdps(int(300 + 8 * radius)):
        x = [mp.mpf(k) for k in x]
        value = f(x)
        scale = mp.fsum(map(abs, value))
        largest = max(abs(k) for row in exact.jacobian for k in row)
        for k, (mine, theirs) in enumerate(zip(exact.value, value, strict=True)):
            assert abs(mine - theirs) <= mp.mpf("1e-100") * scale
            for i, slope in enumerate(exact.jacobian[k]):
                true = mp.diff(lambda y, i=i, k=k: f([*x[:i], y, *x[i + 1 :]])[k], x[i])
                allowed = mp.mpf("1e-40") * abs(true)
                allowed += mp.mpf("1e-140") * largest  # where the derivative is zero
                assert abs(slope - true) <= allowed


@radii
@pytest.mark.parametrize("name", TEXTBOOK)
def test_reference_is_the_textbook_formula(name: str, radius: float) -> None:
    for points in PAIRS_OF_POINTS.values():
        x = [radius * k for k in points] + [0.7]
        agree(evaluate(OPERATIONS[name], x), TEXTBOOK[name], x, 3 * radius)


@radii
def test_midpoint_is_the_textbook_formula(radius: float) -> None:
    points = [0.6, 0.8, -0.6, -0.8, 0.60001, 0.8, 0.0, 0.1]
    x = [radius * k for k in points] + [1.0, 1e-3, 0.5, 2.0, 0.7]

    def f(x: Vector) -> Vector:
        rows = [x[2 * i : 2 * i + 2] for i in range(4)]
        return textbook.midpoint(rows, x[8:12], x[12])

    agree(evaluate(of_points(4), x), f, x, radius)


def test_zero_curvature_is_the_limit_of_small_curvatures() -> None:
    x = [0.6, 0.8, 0.3, -2.0]
    for f in OPERATIONS.values():
        flat, nearly = (evaluate(f, [*x, mp.mpf(c)]) for c in ("0", "1e-60"))
        for a, b in zip(flat, nearly, strict=True):
            for p, q in zip(np.ravel(a), np.ravel(b), strict=True):
                assert abs(p - q) < mp.mpf("1e-58")


@pytest.mark.parametrize("name", PAIRS + MIDPOINTS)
def test_tables_hold_what_the_reference_gives(name: str) -> None:
    known, (rows, by) = table(name), listed(name)
    assert {len(column) for column in known.values()} == {len(rows)}
    for i in np.random.default_rng(0).choice(len(rows), 4, replace=False):
        with np.errstate(over="ignore", under="ignore"):
            for key, numbers in table_row(rows[i], by).items():
                exact = np.array(numbers).astype(known[key].dtype)
                # what 200 digits leave of 0 is noise
                np.testing.assert_allclose(
                    known[key][i], exact, rtol=1e-7, atol=1e-150, err_msg=key
                )
