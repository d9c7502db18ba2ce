"""Cones beside their formulas in the Poincare ball, in 300 digits."""

import math
from collections.abc import Iterator

import mpmath
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import cone_angle, gyro_add, half_aperture
from tests.where import each

DOUBLE = torch.float64
RADII = [0.11, 0.5, 2.0, 9.0, 40.0, 170.0, 300.0]


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    """As many as the ball needs to tell its far points apart."""
    with mpmath.workdps(300):
        yield


def ball(v: list[float]) -> list[mpmath.mpf]:
    """Points of the unit ball, at c = 1."""
    x = [mpmath.mpf(t) for t in v]
    r = mpmath.sqrt(sum(t * t for t in x))
    return [mpmath.tanh(r / 2) / r * t for t in x]


def exact_aperture(v: list[float], inner: float) -> mpmath.mpf:
    """Eq. 25 of the paper, with K such that the aperture is a right angle at inner."""

    def share(r: mpmath.mpf) -> mpmath.mpf:
        return (1 - r * r) / r

    r = mpmath.sqrt(sum(t * t for t in ball(v)))
    return mpmath.asin(share(r) / share(mpmath.tanh(mpmath.mpf(inner) / 2)))


def exact_angle(u: list[float], v: list[float]) -> mpmath.mpf:
    """Eq. 28 of the paper."""
    x, y = ball(u), ball(v)
    xx, yy = sum(t * t for t in x), sum(t * t for t in y)
    xy = sum(s * t for s, t in zip(x, y, strict=True))
    away = mpmath.sqrt(sum((s - t) ** 2 for s, t in zip(x, y, strict=True)))
    top = xy * (1 + xx) - xx * (1 + yy)
    below = mpmath.sqrt(xx) * away * mpmath.sqrt(1 + xx * yy - 2 * xy)
    return mpmath.acos(top / below)


def polar(radius: float, angle: float) -> list[float]:
    return [radius * math.cos(angle), radius * math.sin(angle)]


@each("radius", RADII)
@each("c", [1e-4, 1.0, 7.0])
def test_apertures(radius: float, c: float) -> None:
    """At other curvatures all lengths are shorter by the root of c."""
    v, inner = polar(radius, 0.7), 0.1
    true = exact_aperture(v, inner)
    given = torch.tensor(v, dtype=DOUBLE) / c**0.5
    found = half_aperture(given, c, inner / c**0.5).item()
    assert abs(found - true) <= 1e-13 * true * max(radius, 1.0)


@each("radius", RADII)
@each("other", RADII)
def test_angles(radius: float, other: float) -> None:
    for turn in (1e-9, 1e-3, 1.0, 3.0):
        u, v = polar(radius, 0.4), polar(other, 0.4 + turn)
        true = exact_angle(u, v)
        pair = (torch.tensor(x, dtype=DOUBLE) for x in (u, v))
        found = cone_angle(*pair, 1.0).item()
        # of the turn between both coordinates hold as many digits
        assert abs(found - true) <= (1e-12 + 1e-15 / turn) * true


def test_the_flat_limit() -> None:
    u, v = torch.randn(2, 9, 3, dtype=DOUBLE).unbind()
    cos = torch.nn.functional.cosine_similarity(u, v - u, dim=-1)
    torch.testing.assert_close(cone_angle(u, v, 0.0), cos.acos())
    torch.testing.assert_close(half_aperture(u, 0.0), (0.1 / u.norm(dim=-1)).asin())
    torch.testing.assert_close(half_aperture(u, 1e-12), half_aperture(u, 0.0))


def test_cones_of_points_inside_are_inside() -> None:
    """The order is transitive: that is what apertures were chosen for."""
    c, inner = 1.0, 0.2
    u = torch.tensor([[0.9, 0.0]], dtype=DOUBLE).expand(4000, 2)

    def inside(u: Tensor, v: Tensor) -> Tensor:
        return cone_angle(u, v, c) <= half_aperture(u, c, inner)

    def outwards(u: Tensor) -> Tensor:
        turned = torch.nn.functional.normalize(u, dim=-1) + 0.2 * torch.randn_like(u)
        return gyro_add(u, 2 * torch.rand(len(u), 1, dtype=DOUBLE) * turned, c)

    v = outwards(u)
    w = outwards(v)
    both = inside(u, v) & inside(v, w)
    assert 100 < both.sum() < 2000 and inside(u, w)[both].all()


def test_where_there_is_no_angle() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, 2.0], [50.0, 0.0], [0.0, 0.0]], dtype=DOUBLE)
    y = torch.tensor([[1.0, 0.0], [1.0, 2.0], [90.0, 0.0], [0.0, 0.0]], dtype=DOUBLE)
    u, v = x.requires_grad_(), y.requires_grad_()
    c = torch.tensor(1.0, dtype=DOUBLE, requires_grad=True)
    angle, aperture = cone_angle(u, v, c), half_aperture(u, c)
    assert not angle.any()
    assert aperture[0] == aperture[3] == math.pi / 2
    grads = torch.autograd.grad((angle + aperture).sum(), (u, v, c))
    assert all(grad.isfinite().all() for grad in grads)


def test_gradients() -> None:
    u = torch.randn(4, 3, dtype=DOUBLE, requires_grad=True)
    v = torch.randn(4, 3, dtype=DOUBLE, requires_grad=True)
    c = torch.tensor(0.8, dtype=DOUBLE, requires_grad=True)
    assert torch.autograd.gradcheck(cone_angle, (u, v, c))
    assert torch.autograd.gradcheck(half_aperture, (u, c))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_dtypes(dtype: torch.dtype) -> None:
    u = torch.tensor([[3.0, 4.0], [300.0, 400.0]], dtype=dtype)
    angle, aperture = cone_angle(u, 2 * u, 1.0), half_aperture(u, 1.0)
    assert angle.dtype == aperture.dtype == dtype
    assert angle.isfinite().all() and (aperture >= 0).all()
