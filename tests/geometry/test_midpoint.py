"""Laws of both means, another library, and sums of columns; values: tests/numerics."""

from collections.abc import Callable

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from pyg_hyperbolic.geometry import (
    frechet_mean,
    from_poincare,
    gyro_add,
    midpoint,
    to_poincare,
)
from pyg_hyperbolic.geometry.midpoint import drop, lift
from tests.where import each

Mean = Callable[..., Tensor]
both = pytest.mark.parametrize("mean", [midpoint, frechet_mean])


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


@both
@each(("radius", "c"), [(1e-30, 1.0), (1.0, 0.0), (50.0, 1.0), (1e3, 1.0)])
def test_means_that_are_known(mean: Mean, radius: float, c: float) -> None:
    v, weight = radius * normalize(points(4, 3), dim=-1), torch.rand(4).double()
    close = {"rtol": 1e-10, "atol": 1e-10 * radius}
    torch.testing.assert_close(mean(v[:1].expand(5, 3), c), v[0], **close)
    opposite = mean(torch.cat([v, -v]), c)
    torch.testing.assert_close(opposite, torch.zeros(3).double(), **close)
    weight[1::2] = 0
    expected = mean(v[::2], c, weight[::2])
    torch.testing.assert_close(mean(v, c, weight), expected, **close)
    assert torch.equal(mean(v, c, 0 * weight), torch.zeros(3).double())


@both
def test_of_nothing_it_is_the_origin_and_of_no_number_none(mean: Mean) -> None:
    assert torch.equal(mean(torch.empty(2, 0, 3), 1.0), torch.zeros(2, 3))
    assert mean(torch.empty(0, 2, 3), 1.0).shape == (0, 3)
    v = points(2, 4, 3)
    v[0, 0, 0] = torch.nan
    out = mean(v, 1.0)
    assert out[0].isnan().all() and torch.equal(out[1], mean(v[1], 1.0))
    assert mean(v[1], torch.tensor(torch.nan)).isnan().all()


@both
@each("scale", [1e-30, 1.0, 1e30])
def test_moves_with_its_points_whatever_the_size_of_weights(
    mean: Mean, scale: float
) -> None:
    """Turned and taken elsewhere, in whatever order."""
    v, weight, order = points(3, 4, 5, 3), torch.rand(4, 5).double(), torch.randperm(5)
    turn, a, c = torch.linalg.qr(points(3, 3))[0], points(3), points(3, 1).exp()
    moved = gyro_add(a, v @ turn, c[..., None])[..., order, :]
    out = mean(moved, c, scale * weight[:, order])
    expected = gyro_add(a, mean(v, c, weight) @ turn, c)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


def test_midpoint_agrees_with_geoopt(c: float, ball: geoopt.PoincareBall) -> None:
    v, weight = points(8, 5, 3), torch.rand(8, 5, dtype=torch.float64)
    for w in (weight, None):
        expected = ball.weighted_midpoint(to_poincare(v, c), w, reducedim=[-2])
        torch.testing.assert_close(midpoint(v, c, w), from_poincare(expected, c))


def test_summing_the_lifted_columns_is_the_midpoint(c: float) -> None:
    """Far out they are finite: ``test_functions.py``."""
    v, weight = points(9, 3), torch.rand(9).double()
    index = torch.tensor([2, 0, 0, 2, 2, 0, 2, 3, 2])
    columns, shift = lift(v, c)
    sums = torch.zeros(4, 5, dtype=torch.float64)
    out = drop(sums.index_add(0, index, weight[:, None] * columns), shift, c)
    for i in range(4):
        mine = index == i
        torch.testing.assert_close(out[i], midpoint(v[mine], c, weight[mine]))
    assert torch.equal(out[1], torch.zeros(3).double())
