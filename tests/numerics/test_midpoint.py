"""The midpoint, dense and over a graph, against its tables.

Bars: 1e-4 of the value in float32 up to a radius of 16, beyond it as for all results
that or what inputs moved by 4 ulp give.  A gradient may be off by ten times as much,
and is never exactly zero where the true one is not: all points pull at their midpoint.
"""

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.geometry import midpoint
from tests.numerics.bars import Error, array, check, error, gradients
from tests.numerics.constellations import constellations
from tests.numerics.make_tables import table
from tests.numerics.missed import MISSED

VALUE = {torch.float32: 1e-4, torch.float64: 1e-10}
GRADIENT = {torch.float32: 1e-3, torch.float64: 1e-9}


def over_a_graph(points: Tensor, weights: Tensor, c: Tensor) -> Tensor:
    """All midpoints over one graph, each of a curvature of its own: a head."""
    slots = points.size(1)
    graph = kernels.Graph(torch.arange(slots), torch.zeros(slots).long(), slots, 1)
    return kernels.midpoint(points.transpose(0, 1), graph, c, weights.t())[0]


@pytest.mark.parametrize("by", ["dense", "portable", "cpu"])
def test_values_and_gradients(by: str, dtype: torch.dtype) -> None:
    known = table(f"midpoint_{str(dtype).removeprefix('torch.')}")
    there = ~np.isnan(known["weights"])
    known = {key: np.nan_to_num(x) for key, x in known.items()}
    n, slots = there.shape
    # The empty places have the weight 0.
    points, weights, c = (
        torch.from_numpy(known[key]).to(dtype) for key in ("points", "weights", "c")
    )
    given = points.view(n, slots, 2), weights, c.squeeze(-1)
    given = [x.requires_grad_() for x in given]
    if by == "dense":
        out = midpoint(given[0], given[2], given[1])
    else:
        with kernels.backend(by):
            out = over_a_graph(*given)
    assert out.dtype == dtype
    slack = known["slack"]
    errors = [error("value", array(out), known["value"], slack[:, 0], dtype, VALUE)]
    true_points = known["by_points"].reshape(n, 2, slots, 2)
    true_weights = known["by_weights"].reshape(n, 2, slots)
    weights = known["weights"]
    radius = np.linalg.norm(known["points"].reshape(n, -1, 2), axis=-1).max(axis=-1)
    by_points, by_weights, by_c = gradients(out, given)
    for k in range(2):
        mine, true = by_points[:, k], true_points[:, k]
        moved, flat = slack[:, 1 + k], (n, 2 * slots)
        got = mine.reshape(flat), true.reshape(flat)
        errors.append(error(f"d{k}/dv", *got, moved, dtype, GRADIENT))
        errors.append(cut(f"d{k}/dv cut", mine, true, there, dtype))
        # By the logarithms of the weights, a multiple of which changes nothing.
        got = (
            weights * np.where(there, by_weights[:, k], 0),
            weights * true_weights[:, k],
        )
        moved = GRADIENT[dtype] * radius
        errors.append(error(f"d{k}/dw", *got, moved, dtype, GRADIENT))
    # Alone a point is its midpoint whatever c; what rounding leaves of that zero is
    # measured by the derivative of a typical midpoint.
    with np.errstate(divide="ignore"):
        typical = radius * np.minimum(1 / known["c"][:, 0], radius**2)
    moved = slack[:, 3] + GRADIENT[dtype] * typical
    errors.append(error("d/dc", by_c, known["by_c"], moved, dtype, GRADIENT))
    labels = [
        f"{x.name}, radius {x.radius:g}, c={x.c:g}" for x in constellations(dtype)
    ]
    missed = MISSED.get(("midpoint", str(dtype).removeprefix("torch.")))
    check(errors, labels, f"midpoint, {by}, in {dtype}", missed)


def cut(
    title: str,
    mine: np.ndarray,
    true: np.ndarray,
    there: np.ndarray,
    dtype: torch.dtype,
) -> Error:
    """Points without any gradient, though the dtype can hold their true one."""
    mine, true = (np.linalg.norm(x, axis=-1) for x in (mine, true))
    zero = (mine == 0) & there & (true > torch.finfo(dtype).smallest_normal)
    return Error(title, np.where(zero.any(axis=-1), np.inf, 0), mine, true)
