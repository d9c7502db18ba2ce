"""Cones beside their formulas in the Poincare ball, in 300 digits."""

import math

import mpmath as mp
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import cone_angle, gyro_add, half_aperture
from tests.numerics.textbook import Vector, minus, norm, radial
from tests.where import each

DOUBLE = torch.float64
RADII = [0.11, 0.5, 2.0, 9.0, 40.0, 170.0, 300.0]


def ball(v: list[float]) -> Vector:
    """Points of the unit ball, at c = 1."""
    return radial(lambda a: mp.tanh(a / 2), [mp.mpf(t) for t in v], mp.mpf(1))


def exact_aperture(v: list[float], inner: float) -> mp.mpf:
    """Eq. 25 of the paper, with K such that the aperture is a right angle at inner."""

    def share(r: mp.mpf) -> mp.mpf:
        return (1 - r * r) / r

    return mp.asin(share(norm(ball(v))) / share(mp.tanh(mp.mpf(inner) / 2)))


def exact_angle(u: list[float], v: list[float]) -> mp.mpf:
    """Eq. 28 of the paper."""
    x, y = ball(u), ball(v)
    xx, yy, xy = mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y)
    top = xy * (1 + xx) - xx * (1 + yy)
    below = norm(x) * norm(minus(x, y)) * mp.sqrt(1 + xx * yy - 2 * xy)
    return mp.acos(top / below)


def polar(radius: float, angle: float) -> list[float]:
    return [radius * math.cos(angle), radius * math.sin(angle)]


@each("radius", RADII)
@each("c", [1e-4, 1.0, 7.0])
def test_apertures(radius: float, c: float) -> None:
    """At other curvatures all lengths are shorter by the root of c."""
    v, inner = polar(radius, 0.7), 0.1
    given = torch.tensor(v, dtype=DOUBLE) / c**0.5
    found = half_aperture(given, c, inner / c**0.5).item()
    with mp.workdps(300):  # as many as the ball needs to tell its far points apart
        true = exact_aperture(v, inner)
        assert abs(found - true) <= 1e-13 * true * max(radius, 1.0)


@each("radius", RADII)
@each("other", RADII)
def test_angles(radius: float, other: float) -> None:
    for turn in (1e-9, 1e-3, 1.0, 3.0):
        u, v = polar(radius, 0.4), polar(other, 0.4 + turn)
        pair = (torch.tensor(x, dtype=DOUBLE) for x in (u, v))
        found = cone_angle(*pair, 1.0).item()
        with mp.workdps(300):
            true = exact_angle(u, v)
            # of the turn between both coordinates hold as many digits
            assert abs(found - true) <= (1e-12 + 1e-15 / turn) * true


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
    u = torch.tensor([[0.0, 0.0], [1.0, 2.0], [50.0, 0.0], [0.0, 0.0]], dtype=DOUBLE)
    v = torch.tensor([[1.0, 0.0], [1.0, 2.0], [90.0, 0.0], [0.0, 0.0]], dtype=DOUBLE)
    u, v, c = (x.requires_grad_() for x in (u, v, torch.tensor(1.0, dtype=DOUBLE)))
    angle, aperture = cone_angle(u, v, c), half_aperture(u, c)
    assert not angle.any()
    assert aperture[0] == aperture[3] == math.pi / 2
    grads = torch.autograd.grad((angle + aperture).sum(), (u, v, c))
    assert all(grad.isfinite().all() for grad in grads)
