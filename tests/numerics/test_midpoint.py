"""The midpoint, dense and over a graph, against its tables.

Gradients by weights are by their logarithms, as a multiple of weights changes nothing.
None is exactly zero where the true one is not: all points pull at their midpoint.
"""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.geometry import midpoint
from tests.numerics.bars import GRADIENT, check, errors
from tests.numerics.constellations import constellations
from tests.numerics.make_tables import table


def over_a_graph(points: Tensor, c: Tensor, weights: Tensor) -> Tensor:
    """All midpoints over one graph, each of a curvature of its own: a head."""
    slots = points.size(1)
    graph = kernels.Graph(torch.arange(slots), torch.zeros(slots).long(), slots, 1)
    return kernels.midpoint(points.transpose(0, 1), graph, c, weights.t())[0]


@pytest.mark.parametrize("by", ["dense", "portable", "cpu"])
def test_values_and_gradients(by: str, dtype: torch.dtype) -> None:
    known = table(f"midpoint_{str(dtype).removeprefix('torch.')}")
    there = ~np.isnan(known["weights"])
    n, slots = there.shape
    # Empty places have the weight 0, whose derivative may be out of range.
    known = {key: np.nan_to_num(x) for key, x in known.items()}
    points, weights, c = (
        torch.from_numpy(known[key]).to(dtype) for key in ("points", "weights", "c")
    )
    given = {
        "v": points.view(n, slots, 2),
        "w": torch.ones_like(weights),  # times which weights are taken
        "c": c.squeeze(-1),
    }
    v, factor, c = (x.requires_grad_() for x in given.values())
    f = midpoint if by == "dense" else over_a_graph
    with nullcontext() if by == "dense" else kernels.backend(by):
        out = f(v, c, torch.where(torch.from_numpy(there), weights * factor, 0.0))
    assert out.dtype == dtype

    by_points = known["by_points"].reshape(n, 2, 2 * slots)
    by_weights = known["by_weights"].reshape(n, 2, slots) * known["weights"][:, None]
    by_c = known["by_c"][..., None]
    jacobian = np.concatenate([by_points, by_weights, by_c], axis=-1)
    value, *of_points, of_c = known["slack"].T
    radius = np.linalg.norm(known["points"].reshape(n, -1, 2), axis=-1).max(axis=-1)
    of_weights = 2 * [GRADIENT[dtype] * radius]
    # Alone a point is its midpoint whatever c; what rounding leaves of that zero is
    # measured by the derivative of a typical midpoint.
    with np.errstate(divide="ignore"):
        typical = radius * np.minimum(1 / known["c"][:, 0], radius**2)
    slack = [value, *of_points, *of_weights, of_c + GRADIENT[dtype] * typical]

    found = errors(out, given, (known["value"], jacobian, np.stack(slack, axis=-1)))
    for error in found:
        if error.name in ("d0/dv", "d1/dv"):
            shape = (n, slots, 2)
            mine = np.linalg.norm(error.got.reshape(shape), axis=-1)
            true = np.linalg.norm(error.true.reshape(shape), axis=-1)
            cut = (mine == 0) & there & (true > torch.finfo(dtype).smallest_normal)
            error.ratio[cut.any(axis=-1)] = np.inf
    labels = [
        f"{x.name}, radius {x.radius:g}, c={x.c:g}" for x in constellations(dtype)
    ]
    check(found, labels, f"midpoint, {by}, in {dtype}")
