"""What hyperbolic geometry promises, on examples that Hypothesis looks for."""

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from pyg_hyperbolic.geometry import dist, gyro_add, midpoint, to_klein

EPS = torch.finfo(torch.float64).eps

few = settings(deadline=None, max_examples=40, derandomize=True, database=None)
numbers = st.integers(0, 2**32 - 1)
curvatures = st.sampled_from([0.0, 1e-6, 0.3, 1.0, 40.0])


@st.composite
def places(draw: st.DrawFn, n: int, reach: float = 3.0) -> tuple[Tensor, float]:
    """Points of three dimensions up to a radius in units of the curvature, and c.

    The directions are random; the radii are Hypothesis's, which tries 0 and both ends.
    """
    c = draw(curvatures)
    generator = torch.Generator().manual_seed(draw(numbers))
    directions = torch.randn(n, 3, dtype=torch.float64, generator=generator)
    directions = directions / directions.norm(dim=-1, keepdim=True)
    radius = st.just(0.0) | st.floats(1e-100, reach)  # a square is to be a number
    radii = draw(st.lists(radius, min_size=n, max_size=n))
    lengths = torch.tensor(radii, dtype=torch.float64) / (c**0.5 or 1)
    return lengths[:, None] * directions, c


def close(actual: Tensor, expected: Tensor, points: Tensor, c: float) -> None:
    """Equal to what the points' distances can cost, exp(2 radii) roundings."""
    radii = points.norm(dim=-1)
    loss = math.exp(min(2 * c**0.5 * radii.sum().item(), 30))
    atol = 20 * EPS * loss * radii.max().item()
    torch.testing.assert_close(actual, expected, rtol=0, atol=atol)


def boost(u: Tensor, c: float) -> Tensor:
    """The Lorentz boost that takes the origin to u, as a matrix."""
    a = c**0.5 * u.norm()
    n = u / u.norm() if a > 0 else u
    out = torch.eye(4, dtype=u.dtype)
    out[0, 0], out[0, 1:], out[1:, 0] = a.cosh(), a.sinh() * n, a.sinh() * n
    out[1:, 1:] += (a.cosh() - 1) * torch.outer(n, n)
    return out


@few
@given(places(2))
def test_left_cancellation(example: tuple[Tensor, float]) -> None:
    points, c = example
    u, v = points
    close(gyro_add(-u, gyro_add(u, v, c), c), v, points, c)


@few
@given(places(3, reach=2.0))
def test_gyro_associativity(example: tuple[Tensor, float]) -> None:
    """The gyration is what two boosts turn by, in matrices."""
    points, c = example
    u, v, w = points
    uv = gyro_add(u, v, c)
    turn = (boost(-uv, c) @ boost(u, c) @ boost(v, c))[1:, 1:]
    for out, expected in (
        (gyro_add(uv, turn @ w, c), gyro_add(u, gyro_add(v, w, c), c)),
        (gyro_add(turn @ v, turn @ u, c), turn @ gyro_add(v, u, c)),
        (uv, turn @ gyro_add(v, u, c)),  # gyro-commutativity
    ):
        close(out, expected, points, c)


@few
@given(places(3, reach=100.0), st.sampled_from([torch.float32, torch.float64]))
def test_triangle_inequality(example: tuple[Tensor, float], dtype: torch.dtype) -> None:
    points, c = example
    u, v, w = points.to(dtype)
    # Far out a rounding of an angle is a difference of distances of order 1/sqrt(c)
    # times itself, and not more than in proportion to the radius.
    slack = 1e3 * torch.finfo(dtype).eps * points.norm(dim=-1).max().item()
    assert dist(u, w, c) <= dist(u, v, c) + dist(v, w, c) + slack
    assert abs(dist(u, v, c) - dist(v, u, c)) <= slack
    assert dist(u, v, c) >= (u - v).norm() - slack  # curvature pushes points apart


@few
@given(places(6, reach=1.5), numbers)
def test_isometries_keep_distances_and_move_the_midpoint_along(
    example: tuple[Tensor, float], seed: int
) -> None:
    points, c = example
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(3, 3, dtype=torch.float64, generator=generator)
    turn, a, v = torch.linalg.qr(matrix)[0], points[0], points[1:]
    moved, weight = gyro_add(a, v @ turn, c), torch.rand(5, dtype=torch.float64)
    # Near each other, points lose relative to their radius, not to their distance.
    close(dist(moved[1:], moved[0], c), dist(v[1:], v[0], c), points, c)
    expected = gyro_add(a, midpoint(v, c, weight) @ turn, c)
    close(midpoint(moved, c, weight), expected, points, c)


@few
@given(places(5, reach=300.0), numbers)
def test_midpoint_is_inside_the_hull(example: tuple[Tensor, float], seed: int) -> None:
    """In the Klein ball hulls are Euclidean; a ball around any point is convex."""
    points, c = example
    v, q = points[:4], points[4]
    generator = torch.Generator().manual_seed(seed)
    size = 6 * torch.randn(4, dtype=torch.float64, generator=generator)
    weight = 10 ** size.clamp(-6, 6)
    middle = midpoint(v, c, weight)
    slack = 1e-9 * points.norm(dim=-1).max()
    assert dist(middle, q, c) <= dist(v, q, c).max() + slack
    normals = torch.randn(20, 3, dtype=torch.float64, generator=generator)
    inside, corners = normals @ to_klein(middle, c), normals @ to_klein(v, c).T
    slack = 1e-12 * normals.norm(dim=-1) * to_klein(v, c).norm(dim=-1).max()
    assert (inside <= corners.amax(dim=-1) + slack).all()
    assert (inside >= corners.amin(dim=-1) - slack).all()
