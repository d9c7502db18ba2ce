"""Laws, other libraries, shapes and dtypes; exact values: tests/numerics."""

import geoopt
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import from_poincare, midpoint, to_poincare
from pyg_hyperbolic.geometry.midpoint import drop, lift
from tests.where import each

RADII = [0.0, 1e-12, 1e-4, 0.3, 1.0, 3.0, 5.0, 8.0, 9.0, 12.0, 16.0, 30.0, 100.0, 1e3]


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def spread(n: int, radius: float) -> Tensor:
    """Points in all directions, the farthest at the radius."""
    v = points(n, 3)
    v = v * torch.rand(n, 1, dtype=torch.float64)
    return v / v.norm(dim=-1).max() * radius


@each("radius", RADII)
@each("n", [1, 2, 7])
def test_midpoint_of_copies_of_a_point_is_the_point(
    n: int, radius: float, dtype: torch.dtype
) -> None:
    v = points(200, 1, 3)
    v = (radius * v / v.norm(dim=-1, keepdim=True)).to(dtype)
    weight = torch.rand(200, n, dtype=dtype) + 0.1
    rtol = 1e-5 if dtype == torch.float32 or radius > 5 else 1e-11
    close = {"rtol": 0, "atol": rtol * radius}
    torch.testing.assert_close(midpoint(v.expand(-1, n, -1), 1.0), v[:, 0], **close)
    out = midpoint(v.expand(-1, n, -1), 1.0, weight)
    torch.testing.assert_close(out, v[:, 0], **close)


@each("radius", RADII)
def test_midpoint_of_opposite_points_is_the_origin(
    radius: float, c: float, dtype: torch.dtype
) -> None:
    v = spread(1, radius).to(dtype)
    out = midpoint(torch.cat([v, -v]), c)
    assert torch.equal(out, torch.zeros_like(out))


def test_midpoint_agrees_with_geoopt(c: float, ball: geoopt.PoincareBall) -> None:
    v, weight = points(8, 5, 3), torch.rand(8, 5, dtype=torch.float64)
    for w in (weight, None):
        expected = ball.weighted_midpoint(to_poincare(v, c), w, reducedim=[-2])
        torch.testing.assert_close(midpoint(v, c, w), from_poincare(expected, c))


@each("scale", [1e-30, 1e-3, 7.0, 1e30])
def test_midpoint_depends_on_the_ratios_of_the_weights_alone(
    scale: float, c: float, dtype: torch.dtype
) -> None:
    v, weight = points(5, 3).to(dtype), torch.rand(5, dtype=dtype)
    torch.testing.assert_close(midpoint(v, c, scale * weight), midpoint(v, c, weight))
    same = torch.full((5,), scale, dtype=dtype)
    torch.testing.assert_close(midpoint(v, c, same), midpoint(v, c))


def test_order_does_not_matter(c: float) -> None:
    v, weight, order = points(7, 3), torch.rand(7).double(), torch.randperm(7)
    out = midpoint(v[order], c, weight[order])
    torch.testing.assert_close(out, midpoint(v, c, weight))


def test_points_of_weight_zero_are_dropped(c: float, dtype: torch.dtype) -> None:
    v, weight = points(6, 3).to(dtype), torch.rand(6, dtype=dtype)
    v[1::2] *= 4
    weight[1::2] = 0
    expected = midpoint(v[::2], c, weight[::2])
    torch.testing.assert_close(midpoint(v, c, weight), expected)


def test_midpoint_of_nothing_is_the_origin(c: float) -> None:
    assert torch.equal(midpoint(torch.empty(2, 0, 3), c), torch.zeros(2, 3))
    assert midpoint(torch.empty(0, 2, 3), c).shape == (0, 3)
    v, weight = points(4, 3).requires_grad_(), torch.zeros(4, requires_grad=True)
    out = midpoint(v, c, weight)
    assert torch.equal(out, torch.zeros_like(out))
    for gradient in torch.autograd.grad(out.sum(), (v, weight)):
        assert gradient.isfinite().all()


def test_without_curvature_it_is_the_weighted_mean() -> None:
    v, weight = points(8, 5, 3), torch.rand(8, 5).double()
    expected = (weight[..., None] * v).sum(1) / weight.sum(1, keepdim=True)
    torch.testing.assert_close(midpoint(v, 0.0, weight), expected)
    torch.testing.assert_close(midpoint(v, 1e-12, weight), expected)
    torch.testing.assert_close(midpoint(v, 0.0), v.mean(1))


def test_summing_the_lifted_columns_is_the_midpoint(c: float) -> None:
    v, weight = points(9, 3), torch.rand(9).double()
    index = torch.tensor([2, 0, 0, 2, 2, 0, 2, 3, 2])
    sums = torch.zeros(4, 5, dtype=torch.float64)
    columns, shift = lift(v, c)
    sums = sums.index_add(0, index, weight[:, None] * columns)
    out = drop(sums, shift, c)
    for i in range(4):
        mine = index == i
        expected = midpoint(v[mine], c, weight[mine])
        torch.testing.assert_close(out[i], expected)
    assert torch.equal(out[1], torch.zeros(3).double())


def test_one_common_factor_keeps_far_points_in_range() -> None:
    v = torch.tensor([[1e3, 0.0], [0.0, 1e3], [5.0, 0.0]])
    columns, shift = lift(v, 1.0)
    assert columns.isfinite().all()
    assert shift > 0
    out = midpoint(v[:2], 1.0).norm()
    # Half the right angle's side: tanh(a) cos(45 degrees), a far out.
    torch.testing.assert_close(out, torch.tensor(0.5**0.5).atanh())


@each("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_single_precision(half: torch.dtype) -> None:
    v, weight = (4 * points(8, 5, 3)).to(half), torch.rand(8, 5).to(half)
    out = midpoint(v, 0.7, weight)
    assert out.dtype == half
    expected = midpoint(v.float(), 0.7, weight.float())
    torch.testing.assert_close(out, expected.to(half))


@each("shape", [(), (4,), (3, 1), (3, 4)])
def test_curvature_may_differ_between_the_midpoints(shape: tuple[int, ...]) -> None:
    v, weight = points(3, 4, 5, 2), torch.rand(3, 4, 5).double()
    c = torch.rand(shape, dtype=torch.float64)
    out = midpoint(v, c, weight)
    assert out.shape == (3, 4, 2)
    for i in range(3):
        for j in range(4):
            number = c.expand(3, 4)[i, j].item()
            torch.testing.assert_close(
                out[i, j], midpoint(v[i, j], number, weight[i, j])
            )
