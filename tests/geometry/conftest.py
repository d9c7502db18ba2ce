"""Independent references: textbook formulas in 50 digits and more, and geoopt."""

from types import SimpleNamespace

import geoopt
import mpmath as mp
import pytest
import torch
from torch import Tensor

# Enough for the difference of two points at radius 95: exp(-190) is 1e-83.
DIGITS = 200

Vector = list[mp.mpf]


def vector(v: Tensor) -> Vector:
    return [mp.mpf(x) for x in v.detach().double().tolist()]


def norm(v: Vector) -> mp.mpf:
    return mp.sqrt(mp.fdot(v, v))


def radial(f, x: Vector, s: mp.mpf) -> Vector:
    """f(s |x|) / (s |x|) x."""
    a = s * norm(x)
    return [f(a) / a * xi for xi in x] if a else x


def mobius_add(x: Vector, y: Vector, c: mp.mpf) -> Vector:
    xx, yy, xy = mp.fdot(x, x), mp.fdot(y, y), mp.fdot(x, y)
    p, q = 1 + 2 * c * xy + c * yy, 1 - c * xx
    scale = 1 + 2 * c * xy + c * c * xx * yy
    return [(p * a + q * b) / scale for a, b in zip(x, y, strict=True)]


def gyro_add(u: Vector, v: Vector, c: mp.mpf) -> Vector:
    """The Moebius sum of the Poincare ball, in normal coordinates."""
    if c == 0:
        return [a + b for a, b in zip(u, v, strict=True)]
    s = mp.sqrt(c)
    x, y = (radial(lambda a: mp.tanh(a / 2), w, s) for w in (u, v))
    return radial(lambda a: 2 * mp.atanh(a), mobius_add(x, y, c), s)


def dist(u: Vector, v: Vector, c: mp.mpf) -> mp.mpf:
    """The hyperbolic law of cosines."""
    if c == 0:
        return norm([a - b for a, b in zip(u, v, strict=True)])
    s = mp.sqrt(c)
    a, b = s * norm(u), s * norm(v)
    cos = mp.fdot(u, v) * c / (a * b) if a and b else mp.mpf(0)
    cosh = mp.cosh(a) * mp.cosh(b) - mp.sinh(a) * mp.sinh(b) * cos
    return mp.acosh(max(cosh, mp.mpf(1))) / s


def midpoint(points: list[Vector], weights: list[mp.mpf], c: mp.mpf) -> Vector:
    """The Einstein midpoint: a mean of Klein points with their Lorentz factors."""
    s = mp.sqrt(c)
    if c == 0:
        mass, klein = weights, points
    else:
        mass = [w * mp.cosh(s * norm(v)) for w, v in zip(weights, points, strict=True)]
        klein = [radial(mp.tanh, v, s) for v in points]
    total = mp.fsum(mass)
    mean = [
        mp.fdot(mass, column) / total for column in zip(*klein, strict=True)
    ]
    return radial(mp.atanh, mean, s) if c else mean


@pytest.fixture
def exact():
    """The reference functions, at a precision that no cancellation can use up."""
    with mp.workdps(DIGITS):
        yield SimpleNamespace(
            vector=vector,
            norm=norm,
            gyro_add=gyro_add,
            dist=dist,
            midpoint=midpoint,
            mp=mp,
        )


@pytest.fixture(params=[0.05, 1.0, 2.5], ids=lambda c: f"c={c}")
def c(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture
def ball(c: float) -> geoopt.PoincareBall:
    """geoopt's Poincare ball; its ``expmap0(u)`` is the point of coordinates 2 u."""
    return geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))


@pytest.fixture
def lorentz(c: float) -> geoopt.Lorentz:
    """geoopt's hyperboloid, whose ``k`` is 1/c."""
    return geoopt.Lorentz(k=torch.tensor(1 / c, dtype=torch.float64))
