"""Writes the midpoints' tables: python -m tests.numerics.make_midpoint_tables."""

import math
import multiprocessing
from collections.abc import Sequence

import mpmath as mp
import numpy as np
import torch

from tests.numerics.constellations import SLOTS, Constellation, constellations
from tests.numerics.make_tables import TABLES, norm, number, ulp4
from tests.numerics.reference import DIGITS, Exact, evaluate, of_points

DTYPES = ("float32", "float64")


def moves(x: Sequence[float], n: int, by: float) -> list[list[list[mp.mpf]]]:
    """Inputs moved coordinate by coordinate, and pairs of points put on one line."""
    exact = [mp.mpf(k) for k in x]
    out = []
    for i, k in enumerate(exact):
        if k:
            ends = (k * (1 + by), k * (1 - by))
            out.append([[*exact[:i], end, *exact[i + 1 :]] for end in ends])
    for i in range(n):
        for j in range(i):
            u1, u2, v1, v2 = *exact[2 * i : 2 * i + 2], *exact[2 * j : 2 * j + 2]
            cross = u1 * v2 - u2 * v1
            if cross and abs(cross) <= by * (abs(u1 * v2) + abs(u2 * v1)):
                share = (u1 * v1 + u2 * v2) / (u1 * u1 + u2 * u2)
                line = [share * u1, share * u2]
                out.append([[*exact[: 2 * j], *line, *exact[2 * j + 2 :]]])
    return out


def change(a: Exact, b: Exact, n: int) -> list[mp.mpf]:
    """Lengths of differences: value, rows' derivatives by the points, and by c."""
    rows = [
        [p - q for p, q in zip(*pair, strict=True)]
        for pair in zip(a.jacobian, b.jacobian, strict=True)
    ]
    return [
        norm([p - q for p, q in zip(a.value, b.value, strict=True)]),
        *(norm(row[: 2 * n]) for row in rows),
        norm([row[-1] for row in rows]),
    ]


def table_row(case: Constellation, by: float) -> dict[str, list[float]]:
    """All numbers of one midpoint, the points filled up with NaN."""
    n = len(case.points)
    x = [k for point in case.points for k in point] + case.weights + [case.c]
    f = of_points(n)
    with mp.workdps(DIGITS):
        start = evaluate(f, x)
        slack = [mp.mpf(0)] * 4
        for pair in moves(x, n, by):
            changes = zip(
                *(change(start, evaluate(f, y), n) for y in pair), strict=True
            )
            slack = [s + max(k) for s, k in zip(slack, changes, strict=True)]
        rows = [[number(k) for k in row] for row in start.jacobian]
    empty = [math.nan] * (SLOTS - n)
    return {
        "points": [*x[: 2 * n], *empty, *empty],
        "weights": [*case.weights, *empty],
        "c": [case.c],
        "value": [number(k) for k in start.value],
        "by_points": [k for row in rows for k in (*row[: 2 * n], *empty, *empty)],
        "by_weights": [k for row in rows for k in (*row[2 * n : 3 * n], *empty)],
        "by_c": [row[-1] for row in rows],
        "slack": [number(k) for k in slack],
    }


def _row(job: tuple[Constellation, float]) -> dict[str, list[float]]:
    return table_row(*job)


def make(name: str, processes: int = 1) -> None:
    """Writes the table of one dtype."""
    dtype = getattr(torch, name)
    jobs = [(case, ulp4(dtype)) for case in constellations(dtype)]
    with multiprocessing.Pool(processes) as pool:
        rows = pool.map(_row, jobs, chunksize=4)
    arrays = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    np.savez_compressed(TABLES / f"midpoint_{name}.npz", **arrays)  # type: ignore[arg-type]
    print(f"{name}: {len(rows)} midpoints")


if __name__ == "__main__":
    for chosen in DTYPES:
        make(chosen)
