"""Points to take midpoints of: alone, on one line, opposite, near, of any weights."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch

from tests.numerics.cases import TURNED, rounded

RADII = [
    *(0.0, 1e-6, 1e-3, 0.1, 1.0, 3.0, 5.0, 8.0, 9.0, 12.0, 16.0),
    *(30.0, 100.0, 1e3),
]
SLOTS = 5  # points a row of the table has room for; the rest has the weight NaN


class Constellation(NamedTuple):
    """Weighted points, in double precision, and where they came from."""

    name: str
    radius: float
    points: list[list[float]]
    weights: list[float]
    c: float


def _at(radius: float, angle: float) -> tuple[float, float]:
    return radius * math.cos(angle + TURNED), radius * math.sin(angle + TURNED)


def _shapes(r: float) -> Iterator[tuple[str, list[tuple[float, float]], list[float]]]:
    rng = np.random.default_rng(0)
    yield "one", [_at(r, 0)], [0.3]
    yield "copies", [_at(r, 0)] * 4, [1.0, 0.2, 3.0, 0.5]
    yield (
        "nearly a line",
        [_at(r, 0), _at(0.9 * r, 1e-4), _at(0.5 * r, -1e-6)],
        [1, 2, 3],
    )
    yield "side by side", [_at(r, 0), _at(r, 1e-3)], [1, 1]
    yield "opposite", [_at(r, 0), (-_at(r, 0)[0], -_at(r, 0)[1])], [1, 1]
    yield "nearly opposite", [_at(r, 0), _at(r, math.pi - 1e-3)], [1, 1]
    yield "opposite, uneven", [_at(r, 0), _at(r, math.pi)], [1e-6, 1e6]
    yield "across", [_at(r, 0), _at(r, 1.5)], [1e6, 1e-6]
    yield "with the origin", [_at(r, 0), (0.0, 0.0)], [1e-6, 1e6]
    yield "near and far", [_at(r, 0), _at(0.3 * r, 2)], [1e-3, 1]
    near = [
        (_at(r, 0)[0] + x, _at(r, 0)[1] + y) for x, y in rng.normal(size=(4, 2)) * 1e-3
    ]
    yield "cluster", near, [1, 0.5, 2, 1]
    many = [
        _at(r * k, a) for k, a in zip(rng.random(5), 7 * rng.random(5), strict=True)
    ]
    yield "many", many, (10 ** rng.uniform(-6, 6, 5)).tolist()
    yield "many alike", many, [1, 0.3, 2, 0.7, 1]


def constellations(dtype: torch.dtype) -> list[Constellation]:
    """All of them, rounded to a dtype."""
    out = []
    for c in (0.0, 1e-6, 1.0, 1e3):
        unit = c**0.5 if c else 1.0
        for radius in RADII if c == 1 else RADII[2::3]:
            for name, points, weights in _shapes(radius / unit):
                if radius == 0 and name != "many alike":
                    continue
                numbers = (rounded(x, dtype) for x in (points, weights, c))
                out.append(Constellation(name, radius, *numbers))
    return out
