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
@given(places(3))
def test_laws_of_the_gyro_sum(example: tuple[Tensor, float]) -> None:
    """The gyration is what two boosts turn by, in matrices."""
    points, c = example
    u, v, w = points
    uv = gyro_add(u, v, c)
    close(gyro_add(-u, uv, c), v, points[:2], c)  # left cancellation
    turn = (boost(-uv, c) @ boost(u, c) @ boost(v, c))[1:, 1:]
    for out, expected in (
        (gyro_add(uv, turn @ w, c), gyro_add(u, gyro_add(v, w, c), c)),
        (gyro_add(turn @ v, turn @ u, c), turn @ gyro_add(v, u, c)),
        (uv, turn @ gyro_add(v, u, c)),  # gyro-commutativity
    ):
        close(out, expected, points, c)


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
