"""The midpoint, dense and as the aggregation of a layer, against its tables.

Bars: 1e-4 of the value in float32 up to a radius of 16, beyond it as for all results
that or what inputs moved by 4 ulp give.  A gradient may be off by ten times as much,
and is never exactly zero where the true one is not: all points pull at their midpoint.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.geometry import midpoint
from pyg_hyperbolic.kernels import portable
from pyg_hyperbolic.nn import HGCNConv
from tests.numerics.bars import Error, check, error
from tests.numerics.constellations import Constellation, constellations
from tests.numerics.make_midpoint_tables import table_row
from tests.numerics.make_tables import TABLES, ulp4
from tests.numerics.missed import MISSED

VALUE = {torch.float32: 1e-4, torch.float64: 1e-10}
GRADIENT = {torch.float32: 1e-3, torch.float64: 1e-9}

Table = dict[str, np.ndarray]
Inputs = tuple[Tensor, Tensor, Tensor]
Means = Callable[[Tensor, Tensor, Tensor], Tensor]


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.fixture
def known(dtype: torch.dtype) -> Table:
    name = str(dtype).removeprefix("torch.")
    with np.load(Path(TABLES) / f"midpoint_{name}.npz") as file:
        return dict(file)


def dense(points: Tensor, weights: Tensor, c: Tensor) -> Tensor:
    return midpoint(points, c, weights)


def layer(points: Tensor, weights: Tensor, c: Tensor) -> Tensor:
    """One layer a curvature, on one graph: a target for each midpoint."""
    out = torch.empty_like(points[:, 0])
    for value in c.unique():
        conv = HGCNConv(2, 2, normalize=False, bias=False, curvature=1.0)
        conv = conv.to(points.dtype)
        with torch.no_grad():
            conv.lin.weight.copy_(torch.eye(2))
        rows = (c == value).nonzero().squeeze(-1)
        conv.curvature = _Given(c[rows[0]])
        n, slots = len(rows), weights.size(1)
        there = (weights[rows] > 0).view(-1).nonzero().squeeze(-1)
        edge_index = torch.stack([n + there, there // slots])
        x = torch.cat([points.new_zeros(n, 2), points[rows].view(-1, 2)])
        edge_weight = weights[rows].view(-1)[there]
        out = out.index_put((rows,), conv(x, edge_index, edge_weight)[:n])
    return out


class _Given(Curvature):
    """A curvature that is what it is given, 0 included."""

    def __init__(self, c: Tensor) -> None:
        super().__init__(1.0, learnable=False)
        self.c = c

    def forward(self, points: Tensor | None = None) -> Tensor:
        return self.c


def scattered(points: Tensor, weights: Tensor, c: Tensor) -> Tensor:
    """All midpoints over one graph, each of a curvature of its own: a head."""
    slots = points.size(1)
    source, target = torch.arange(slots), torch.zeros(slots, dtype=torch.long)
    x, w = points.transpose(0, 1), weights.t()
    return portable.midpoint(x, None, w, c, source, target, 1)[0]


MEANS: dict[str, Means] = {"dense": dense, "scattered": scattered, "layer": layer}
means = pytest.mark.parametrize("name", MEANS)


def labels(dtype: torch.dtype) -> list[str]:
    return [
        f"{case.name}, radius {case.radius:g}, c={case.c:g}"
        for case in constellations(dtype)
    ]


def inputs(known: Table, dtype: torch.dtype) -> Inputs:
    """Points and weights; the empty places have the weight 0."""
    points, weights, c = (
        torch.from_numpy(np.nan_to_num(known[key])).to(dtype)
        for key in ("points", "weights", "c")
    )
    points = points.view(len(points), -1, 2).requires_grad_()
    return points, weights.requires_grad_(), c.squeeze(-1).requires_grad_()


def array(x: Tensor) -> np.ndarray:
    return x.detach().double().numpy()


@means
def test_values(name: str, dtype: torch.dtype, known: Table) -> None:
    out = MEANS[name](*inputs(known, dtype))
    assert out.dtype == dtype
    slack = known["slack"][:, 0]
    errors = [error("value", array(out), known["value"], slack, dtype, VALUE)]
    check(errors, labels(dtype), f"midpoint, {name}, in {dtype}")


@means
def test_gradients(name: str, dtype: torch.dtype, known: Table) -> None:
    given = inputs(known, dtype)
    out = MEANS[name](*given)
    slots = given[1].size(1)
    there = ~np.isnan(known["weights"])
    by_points = np.nan_to_num(known["by_points"]).reshape(-1, 2, 2 * slots)
    by_weights = np.nan_to_num(known["by_weights"]).reshape(-1, 2, slots)
    weights, radius = np.nan_to_num(known["weights"]), _radius(known)
    errors, cut, by_c = [], [], []
    for k in range(2):
        got = torch.autograd.grad(out[:, k].sum(), given, retain_graph=True)
        mine = array(got[0]).reshape(-1, 2 * slots)
        slack = known["slack"][:, 1 + k]
        title = f"d{k}/dv"
        errors.append(error(title, mine, by_points[:, k], slack, dtype, GRADIENT))
        cut.append(_cut(title, got[0], by_points[:, k], there, dtype))
        # By the logarithms of the weights, a multiple of which changes nothing.
        mine, true = weights * np.where(there, array(got[1]), 0), by_weights[:, k]
        true = true * weights
        slack = GRADIENT[dtype] * radius
        errors.append(error(f"d{k}/dw", mine, true, slack, dtype, GRADIENT))
        by_c.append(array(got[2]))
    # Alone a point is its midpoint whatever c; what rounding leaves of that zero is
    # measured by the derivative of a typical midpoint.
    c = known["c"][:, 0]
    with np.errstate(divide="ignore"):
        typical = radius * np.minimum(1 / c, radius**2)
    slack = known["slack"][:, 3] + GRADIENT[dtype] * typical
    mine = np.stack(by_c, axis=-1)
    if name != "layer":  # a layer has one curvature for all of its midpoints
        errors.append(error("d/dc", mine, known["by_c"], slack, dtype, GRADIENT))
    missed = MISSED.get(("midpoint", str(dtype).removeprefix("torch.")))
    title = f"gradient of midpoint, {name}, in {dtype}"
    check(errors + cut, labels(dtype), title, missed)


def _radius(known: Table) -> np.ndarray:
    points = np.nan_to_num(known["points"])
    lengths = np.linalg.norm(points.reshape(len(points), -1, 2), axis=-1)
    return lengths.max(axis=-1)


def _cut(
    title: str, got: Tensor, true: np.ndarray, there: np.ndarray, dtype: torch.dtype
) -> Error:
    """Points without any gradient, though the dtype can hold their true one."""
    mine = got.detach().double().norm(dim=-1).numpy()
    true = np.linalg.norm(true.reshape(*there.shape, 2), axis=-1)
    zero = (mine == 0) & there & (true > torch.finfo(dtype).smallest_normal)
    return Error(f"{title} cut", np.where(zero.any(axis=-1), np.inf, 0), mine, true)


def test_tables_hold_what_the_reference_gives(dtype: torch.dtype, known: Table) -> None:
    listed: list[Constellation] = constellations(dtype)
    assert len(listed) == len(known["c"])
    for i in np.random.default_rng(0).choice(len(listed), 8, replace=False):
        for key, numbers in table_row(listed[i], ulp4(dtype)).items():
            np.testing.assert_allclose(known[key][i], numbers, rtol=1e-9, err_msg=key)
