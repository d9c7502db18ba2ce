"""Independent references: textbook formulas in 50 digits and more, and geoopt."""

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import geoopt
import mpmath as mp
import pytest
import torch
from torch import Tensor

from tests.numerics.textbook import (
    dist,
    gyro_add,
    midpoint,
    minus,
    moved,
    norm,
    radial,
    transport,
    vector,
)

# Enough for the difference of two points at radius 260: exp(-520) is 1e-226.
DIGITS = 300


@pytest.fixture
def exact() -> Iterator[SimpleNamespace]:
    """The reference functions, at a precision that no cancellation can use up."""
    with mp.workdps(DIGITS):
        yield SimpleNamespace(
            vector=vector,
            norm=norm,
            minus=minus,
            radial=radial,
            operations={
                "gyro_add": gyro_add,
                "dist": lambda u, v, c: [dist(u, v, c)],
                "transport": transport,
            },
            midpoint=midpoint,
            moved=moved,
            mp=mp,
        )


RADII = [0.0, 1e-12, 1e-4, 0.3, 1.0, 5.0, 15.0, 30.0, 80.0]
ANGLES = [0.0, 1e-8, 1e-3, 1.0, math.pi / 2, math.pi - 1e-4, math.pi]


@pytest.fixture
def pairs() -> Callable[[torch.dtype, float], tuple[Tensor, Tensor]]:
    """Points of a plane at all radii and angles; the first of a pair is at ``turn``."""

    def make(dtype: torch.dtype, turn: float) -> tuple[Tensor, Tensor]:
        grid = [torch.tensor(x, dtype=torch.float64) for x in (RADII, RADII, ANGLES)]
        r, q, theta = torch.cartesian_prod(*grid).unbind(-1)
        u, v = (
            (radius * torch.stack([angle.cos(), angle.sin()])).T.to(dtype)
            for radius, angle in ((r, torch.full_like(theta, turn)), (q, theta + turn))
        )
        return u, v

    return make


@pytest.fixture(params=[0.05, 1.0, 2.5], ids=lambda c: f"c={c}")
def c(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture
def ball(c: float) -> geoopt.PoincareBall:
    """geoopt's Poincare ball; its ``expmap0(u)`` is the point of coordinates 2 u."""
    return geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))


@pytest.fixture
def lorentz(c: float) -> geoopt.Lorentz:
    """geoopt's hyperboloid, whose ``k`` is 1/c."""
    return geoopt.Lorentz(k=torch.tensor(1 / c, dtype=torch.float64))
