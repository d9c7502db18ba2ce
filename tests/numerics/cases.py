"""The pairs of points of the table: all regions in which a formula can go wrong."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch

CURVATURES = [0.0, 1e-12, 1e-6, 1e-2, 1.0, 10.0, 1e3]
# Radii in units of the curvature radius, sqrt(c) r; for c = 0 the radii themselves.
RADII = [0.0, 1e-12, 1e-6, 1e-3, 0.1, 1.0, 3.0, 10.0, 30.0, 88.0, 100.0, 1e3, 1e4]
UNEQUAL = [
    (1e-12, 1e-6),
    (1e-6, 1.0),
    (1.0, 1e-6),
    (1e-3, 0.1),
    (0.1, 1.0),
    (1.0, 3.0),
    (3.0, 1.0),
    (3.0, 10.0),
    (10.0, 3.0),
    (88.0, 30.0),
    (30.0, 88.0),
    (100.0, 88.0),
    (1.0, 100.0),
    (100.0, 1.0),
    (1e3, 1e-3),
    (1e-3, 1e3),
    (1e3, 1e4),
    (1e4, 1.0),
    (1.0, 1e4),
    (1e-12, 1e4),
]
ANGLES = [
    *(0.0, 1e-8, 1e-4, 1e-2, 1.0, math.pi / 2),
    *(3.0, math.pi - 1e-4, math.pi - 1e-8, math.pi),
]
# Off the axes no product of coordinates is 0, and every sum of them rounds.
TURNED = 0.7
# Points that close to each other: absolute, and in roundings of their radius.
NEARBY_RADII = [1e-3, 1.0, 10.0, 30.0, 100.0, 1e3]
DISTANCES = [1e-4, 3e-7, 0.0]


class Case(NamedTuple):
    """One pair, in double precision, and where it came from."""

    u: tuple[float, float]
    v: tuple[float, float]
    c: float
    label: tuple[float, float, float, float]  # radii, angle or distance, turn


def _direction(angle: float) -> tuple[float, float]:
    """Exact at the right angles, where rounded sines would leave the axes."""
    exact = {0.0: (1.0, 0.0), math.pi / 2: (0.0, 1.0), math.pi: (-1.0, 0.0)}
    return exact.get(angle, (math.cos(angle), math.sin(angle)))


def _at(radius: float, angle: float, turn: float) -> tuple[float, float]:
    (x, y), (cos, sin) = _direction(angle), _direction(turn)
    return radius * (x * cos - y * sin), radius * (x * sin + y * cos)


def _grid() -> Iterator[tuple[float, float, float, float]]:
    yield 0.0, 0.0, 0.0, TURNED
    for radius in RADII[1:]:
        yield 0.0, radius, 0.0, TURNED
        yield radius, 0.0, 0.0, TURNED
    for angle in ANGLES:
        for turn in (0.0, TURNED):
            for radius in RADII[1:]:
                yield radius, radius, angle, turn
        for radii in UNEQUAL:
            yield *radii, angle, TURNED


def _cases(dtype: torch.dtype) -> Iterator[Case]:
    eps = torch.finfo(dtype).eps
    for i, c in enumerate(CURVATURES):
        unit = c**0.5 if c else 1.0
        # The curvature is a unit of length: c = 0 and 1 see every pair, the others
        # a part of them each, which is enough to see what over- or underflows.
        whole = c in (0.0, 1.0)
        for j, (a, b, angle, turn) in enumerate(_grid()):
            if whole or (i + j) % 4 == 0:
                u, v = _at(a / unit, 0.0, turn), _at(b / unit, angle, turn)
                yield Case(u, v, c, (a, b, angle, turn))
        for radius in NEARBY_RADII if whole or c == 1e-2 else [10.0]:
            for distance in DISTANCES:
                away = distance or 8 * eps * radius
                for angle in (0.0, 0.8, math.pi / 2):
                    u = _at(radius / unit, 0.0, TURNED)
                    w = _at(away / unit, angle, TURNED)
                    for sign in (1, -1):
                        v = (sign * (u[0] + w[0]), sign * (u[1] + w[1]))
                        label = (radius, sign * radius, away, TURNED)
                        yield Case(u, v, c, label)


def rounded(numbers: Any, dtype: torch.dtype) -> Any:
    """Numbers, or lists of them, as a dtype has them."""
    return torch.tensor(numbers, dtype=torch.float64).to(dtype).double().tolist()


def cases(dtype: torch.dtype) -> list[Case]:
    """The pairs rounded to a dtype; none twice, none that it can't hold."""
    out: dict[tuple[float, ...], Case] = {}
    for case in _cases(dtype):
        u1, u2, v1, v2, c = key = tuple(rounded([*case.u, *case.v, case.c], dtype))
        if all(map(math.isfinite, key)):
            out.setdefault(key, Case((u1, u2), (v1, v2), c, case.label))
    return list(out.values())
