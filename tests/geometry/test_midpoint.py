"""Laws and other libraries; exact values: tests/numerics."""

import geoopt
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import from_poincare, midpoint, to_poincare
from pyg_hyperbolic.geometry.midpoint import drop, lift
from tests.where import each

RADII = [0.0, 1e-12, 1e-4, 0.3, 1.0, 3.0, 5.0, 8.0, 9.0, 12.0, 16.0, 30.0, 100.0, 1e3]


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


@each("radius", RADII)
@each("n", [1, 2, 7])
def test_midpoint_of_copies_of_a_point_is_the_point(
    n: int, radius: float, dtype: torch.dtype
) -> None:
    v = torch.nn.functional.normalize(points(200, 1, 3), dim=-1)
    v = (radius * v).to(dtype)
    weight = torch.rand(200, n, dtype=dtype) + 0.1
    rtol = 1e-5 if dtype == torch.float32 or radius > 5 else 1e-11
    for w in (weight, None):
        out = midpoint(v.expand(-1, n, -1), 1.0, w)
        torch.testing.assert_close(out, v[:, 0], rtol=0, atol=rtol * radius)
    opposite = midpoint(torch.cat([v, -v], dim=1), 1.0)
    assert opposite.abs().max() <= 1e-15 * max(radius, 1)


def test_midpoint_agrees_with_geoopt(c: float, ball: geoopt.PoincareBall) -> None:
    v, weight = points(8, 5, 3), torch.rand(8, 5, dtype=torch.float64)
    for w in (weight, None):
        expected = ball.weighted_midpoint(to_poincare(v, c), w, reducedim=[-2])
        torch.testing.assert_close(midpoint(v, c, w), from_poincare(expected, c))


@each("scale", [1e-30, 1e-3, 7.0, 1e30])
def test_ratios_of_weights_count_and_their_order_does_not(
    scale: float, c: float, dtype: torch.dtype
) -> None:
    """And points of weight zero are none."""
    v, weight = points(5, 3).to(dtype), torch.rand(5, dtype=dtype)
    out, order = midpoint(v, c, weight), torch.randperm(5)
    v, weight = torch.cat([v, 4 * v]), torch.cat([weight, 0 * weight])
    moved = torch.cat([order, order + 5])
    got = midpoint(v[moved], c, scale * weight[moved])
    torch.testing.assert_close(got, out)
    same = torch.full((10,), scale, dtype=dtype)
    torch.testing.assert_close(midpoint(v, c, same), midpoint(v, c))


def test_midpoint_of_nothing_is_the_origin(c: float) -> None:
    assert torch.equal(midpoint(torch.empty(2, 0, 3), c), torch.zeros(2, 3))
    assert midpoint(torch.empty(0, 2, 3), c).shape == (0, 3)
    v, weight = points(4, 3).requires_grad_(), torch.zeros(4, requires_grad=True)
    out = midpoint(v, c, weight)
    assert torch.equal(out, torch.zeros_like(out))
    for gradient in torch.autograd.grad(out.sum(), (v, weight)):
        assert gradient.isfinite().all()


def test_summing_the_lifted_columns_is_the_midpoint(c: float) -> None:
    v, weight = points(9, 3), torch.rand(9).double()
    index = torch.tensor([2, 0, 0, 2, 2, 0, 2, 3, 2])
    columns, shift = lift(v, c)
    sums = torch.zeros(4, 5, dtype=torch.float64)
    out = drop(sums.index_add(0, index, weight[:, None] * columns), shift, c)
    for i in range(4):
        mine = index == i
        torch.testing.assert_close(out[i], midpoint(v[mine], c, weight[mine]))
    assert torch.equal(out[1], torch.zeros(3).double())


def test_one_common_factor_keeps_far_points_in_range() -> None:
    v = torch.tensor([[1e3, 0.0], [0.0, 1e3], [5.0, 0.0]])
    columns, shift = lift(v, 1.0)
    assert columns.isfinite().all()
    assert shift > 0
    out = midpoint(v[:2], 1.0).norm()
    # Half the right angle's side: tanh(a) cos(45 degrees), a far out.
    torch.testing.assert_close(out, torch.tensor(0.5**0.5).atanh())
