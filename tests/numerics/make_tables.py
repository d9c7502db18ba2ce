"""Writes the reference tables: python -m tests.numerics.make_tables [TABLE ...].

Takes some minutes a table.  One holds the inputs, rounded to its dtype, and for each
operation the values and derivatives at these very inputs, with how far each of them
moves when the inputs move by 4 ulp.
"""

import argparse
import math
import multiprocessing
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import mpmath as mp
import numpy as np
import torch

from tests.numerics.cases import Case, cases
from tests.numerics.constellations import SLOTS, Constellation, constellations
from tests.numerics.reference import (
    DIGITS,
    OPERATIONS,
    Exact,
    Function,
    evaluate,
    of_points,
)
from tests.numerics.textbook import minus, norm

PAIRS = ("float32", "float64", "bfloat16", "float16")
MIDPOINTS = ("midpoint_float32", "midpoint_float64")
TABLES = Path(__file__).parent / "tables"

Table = dict[str, np.ndarray]
Inputs = list[mp.mpf]
Row = dict[str, Sequence[mp.mpf | float]]


@cache
def table(name: str | torch.dtype) -> Table:
    """The table of pairs in a dtype, or that of a name."""
    name = str(name).removeprefix("torch.")
    with np.load(TABLES / f"{name}.npz") as file:
        return dict(file)


def ulp4(dtype: torch.dtype) -> float:
    """4 ulp of the dtype that is computed in, which for half precision is float32."""
    return 4 * min(torch.finfo(dtype).eps, torch.finfo(torch.float32).eps)


def moves(
    x: Sequence[float], by: float, pairs: Iterable[tuple[int, int]] = ()
) -> list[list[Inputs]]:
    """Inputs with one coordinate moved up and down, coordinate by coordinate.

    If points of a pair lie on one line to within such moves, the last moves put the
    second on it: far out gradients and even distances are very different there.
    """
    exact, out = [mp.mpf(k) for k in x], []
    for i, k in enumerate(exact):
        if k:
            ends = (k * (1 + by), k * (1 - by))
            out.append([[*exact[:i], end, *exact[i + 1 :]] for end in ends])
    for i, j in pairs:
        u1, u2, v1, v2 = *exact[2 * i : 2 * i + 2], *exact[2 * j : 2 * j + 2]
        cross = u1 * v2 - u2 * v1
        if cross and abs(cross) <= by * (abs(u1 * v2) + abs(u2 * v1)):
            share = (u1 * v1 + u2 * v2) / (u1 * u1 + u2 * u2)
            line = [share * u1, share * u2]
            out.append([[*exact[: 2 * j], *line, *exact[2 * j + 2 :]]])
    return out


def change(a: Exact, b: Exact, blocks: Sequence[slice]) -> list[mp.mpf]:
    """Lengths of differences: value, rows' derivatives by each block, and by c."""
    rows = [minus(*pair) for pair in zip(a.jacobian, b.jacobian, strict=True)]
    return [
        norm(minus(a.value, b.value)),
        *(norm(row[block]) for block in blocks for row in rows),
        norm([row[-1] for row in rows]),
    ]


def slack(
    f: Function, start: Exact, moved: list[list[Inputs]], blocks: Sequence[slice]
) -> Inputs:
    """How far all of these move, a move of each input after the other."""
    out = [mp.mpf(0) for _ in change(start, start, blocks)]
    for ends in moved:
        changes = [change(start, evaluate(f, end), blocks) for end in ends]
        out = [s + max(k) for s, *k in zip(out, *changes, strict=True)]
    return out


def pair_row(case: Case, by: float) -> Row:
    """All numbers of one pair of points."""
    x = [*case.u, *case.v, case.c]
    out: Row = {"x": x, "label": case.label}
    for name, f in OPERATIONS.items():
        start, blocks = evaluate(f, x), (slice(0, 2), slice(2, 4))
        out[f"{name}_value"] = start.value
        out[f"{name}_jacobian"] = [k for row in start.jacobian for k in row]
        out[f"{name}_slack"] = slack(f, start, moves(x, by, [(0, 1)]), blocks)
    return out


def midpoint_row(case: Constellation, by: float) -> Row:
    """All numbers of one midpoint, the points filled up with NaN."""
    n = len(case.points)
    x = [k for point in case.points for k in point] + case.weights + [case.c]
    f, pairs = of_points(n), [(i, j) for i in range(n) for j in range(i)]
    start, empty = evaluate(f, x), [math.nan] * (SLOTS - n)
    rows = start.jacobian
    return {
        "points": [*x[: 2 * n], *empty, *empty],
        "weights": [*case.weights, *empty],
        "c": [case.c],
        "value": start.value,
        "by_points": [k for row in rows for k in (*row[: 2 * n], *empty, *empty)],
        "by_weights": [k for row in rows for k in (*row[2 * n : 3 * n], *empty)],
        "by_c": [row[-1] for row in rows],
        "slack": slack(f, start, moves(x, by, pairs), [slice(0, 2 * n)]),
    }


def table_row(case: Case | Constellation, by: float) -> Row:
    """All numbers of one row of a table."""
    with mp.workdps(DIGITS):
        return (pair_row if isinstance(case, Case) else midpoint_row)(case, by)


def listed(name: str) -> tuple[list[Case] | list[Constellation], float]:
    """What a table has rows of, and how far their inputs move."""
    dtype = getattr(torch, name.removeprefix("midpoint_"))
    return (cases if name in PAIRS else constellations)(dtype), ulp4(dtype)


def make(name: str, processes: int) -> None:
    """Writes a table."""
    rows, by = listed(name)
    with multiprocessing.Pool(processes) as pool:
        made = pool.starmap(table_row, [(row, by) for row in rows], chunksize=4)
    exact = np.float64 if name.endswith("64") or name in MIDPOINTS else np.float32
    with np.errstate(over="ignore", under="ignore"):
        arrays = {
            key: np.array([row[key] for row in made]).astype(
                np.float32 if key == "label" else exact
            )
            for key in made[0]
        }
    np.savez_compressed(TABLES / f"{name}.npz", **arrays)  # type: ignore[arg-type]
    print(f"{name}: {len(rows)} rows")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", help=", ".join(PAIRS + MIDPOINTS))
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args()
    for chosen in args.tables or PAIRS + MIDPOINTS:
        make(chosen, args.processes)
