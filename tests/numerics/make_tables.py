"""Writes the reference tables: python -m tests.numerics.make_tables [DTYPE ...].

Takes one or two minutes a dtype.  A table holds the inputs, rounded to the dtype, and
for each operation the values and derivatives at these very inputs, with how far each
of them moves when the inputs move by 4 ulp.
"""

import argparse
import math
import multiprocessing
from collections.abc import Sequence
from pathlib import Path

import mpmath as mp
import numpy as np
import torch

from tests.numerics.cases import Case, cases
from tests.numerics.reference import DIGITS, Exact, evaluate, of_pair

DTYPES = ("float32", "float64", "bfloat16", "float16")
TABLES = Path(__file__).parent / "tables"
OPERATIONS = ("gyro_add", "sqdist", "transport")  # the distance follows from its square

Array = np.ndarray


def ulp4(dtype: torch.dtype) -> float:
    """4 ulp of the dtype that is computed in, which for half precision is float32."""
    return 4 * min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)


def moves(x: Sequence[float], by: float) -> list[list[list[mp.mpf]]]:
    """Inputs (u, v, c) with one coordinate moved up and down, coordinate by coordinate.

    If points lie on one line to within such moves, the last move puts them on it: far
    out the gradient and even the distance are very different there.
    """
    out = []
    exact = [mp.mpf(k) for k in x]
    for i, k in enumerate(exact):
        if k:
            pair = [
                [*exact[:i], k * (1 + sign * by), *exact[i + 1 :]] for sign in (1, -1)
            ]
            out.append(pair)
    u1, u2, v1, v2, c = exact
    cross = u1 * v2 - u2 * v1
    if cross and abs(cross) <= by * (abs(u1 * v2) + abs(u2 * v1)):
        share = (u1 * v1 + u2 * v2) / (u1 * u1 + u2 * u2)
        out.append([[u1, u2, share * u1, share * u2, c]])
    return out


def norm(x: Sequence[mp.mpf]) -> mp.mpf:
    """Euclidean length."""
    return mp.sqrt(mp.fsum(k * k for k in x))


def change(a: Exact, b: Exact) -> list[mp.mpf]:
    """Lengths of differences: value, rows' derivatives by u and by v, and by c."""
    rows = [
        [p - q for p, q in zip(*pair, strict=True)]
        for pair in zip(a.jacobian, b.jacobian, strict=True)
    ]
    return [
        norm([p - q for p, q in zip(a.value, b.value, strict=True)]),
        *(norm(row[:2]) for row in rows),
        *(norm(row[2:4]) for row in rows),
        norm([row[4] for row in rows]),
    ]


def root(square: Exact) -> Exact:
    """The distance from its square."""
    d = mp.sqrt(square.value[0])
    scale = 1 / (2 * d) if d else mp.mpf(0)
    return Exact([d], [[scale * k for k in square.jacobian[0]]])


def table_row(case: Case, by: float) -> dict[str, list[float]]:
    """All numbers of one case."""
    x = [*case.u, *case.v, case.c]
    out = {"x": x, "label": list(case.label)}
    with mp.workdps(DIGITS):
        moved = moves(x, by)
        for name in OPERATIONS:
            f = of_pair(name)
            start = evaluate(f, x)
            ends = [[evaluate(f, y) for y in pair] for pair in moved]
            add(out, name, start, ends)
            if name == "sqdist":
                add(out, "dist", root(start), [[root(y) for y in p] for p in ends])
    return out


def add(out: dict[str, list[float]], name: str, start: Exact, ends: list) -> None:
    """The numbers of one operation."""
    slack = [mp.mpf(0)] * len(change(start, start))
    for pair in ends:
        changes = zip(*(change(start, end) for end in pair), strict=True)
        slack = [s + max(c) for s, c in zip(slack, changes, strict=True)]
    out[f"{name}_value"] = [number(k) for k in start.value]
    out[f"{name}_jacobian"] = [number(k) for row in start.jacobian for k in row]
    out[f"{name}_slack"] = [number(k) for k in slack]


def number(x: mp.mpf) -> float:
    """Rounded to double precision, to infinity where it is too large."""
    if mp.fabs(x) >= mp.mpf(2) ** 1024:
        return math.copysign(math.inf, x)
    return float(x)


def _row(job: tuple[Case, float]) -> dict[str, list[float]]:
    return table_row(*job)


def make(name: str, processes: int) -> None:
    """Writes the table of one dtype."""
    dtype = getattr(torch, name)
    jobs = [(case, ulp4(dtype)) for case in cases(dtype)]
    with multiprocessing.Pool(processes) as pool:
        rows = pool.map(_row, jobs, chunksize=16)
    exact = np.float64 if name == "float64" else np.float32
    arrays: dict[str, Array] = {}
    with np.errstate(over="ignore", under="ignore"):
        for key in rows[0]:
            column = np.array([row[key] for row in rows])
            arrays[key] = column.astype(np.float32 if key == "label" else exact)
    TABLES.mkdir(exist_ok=True)
    np.savez_compressed(TABLES / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    print(f"{name}: {len(rows)} cases")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dtypes", nargs="*", metavar="DTYPE", help=", ".join(DTYPES))
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    for chosen in args.dtypes or DTYPES:
        make(chosen, args.processes)
