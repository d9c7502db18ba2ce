"""Independent references: textbook formulas in 50 digits and more, and geoopt."""

import math
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import geoopt
import mpmath as mp
import pytest
import torch
from torch import Tensor

# Enough for the difference of two points at radius 260: exp(-520) is 1e-226.
DIGITS = 300

Vector = list[mp.mpf]
Operation = Callable[[Vector, Vector, mp.mpf], Vector]


def vector(v: Tensor) -> Vector:
    return [mp.mpf(x) for x in v.detach().double().tolist()]


def norm(v: Vector) -> mp.mpf:
    return mp.sqrt(mp.fdot(v, v))


def minus(u: Vector, v: Vector) -> Vector:
    return [a - b for a, b in zip(u, v, strict=True)]


def radial(f: Callable[[mp.mpf], mp.mpf], x: Vector, s: mp.mpf) -> Vector:
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
        return norm(minus(u, v))
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
    mean = [mp.fdot(mass, column) / total for column in zip(*klein, strict=True)]
    return radial(mp.atanh, mean, s) if c else mean


def transport(u: Vector, v: Vector, c: mp.mpf) -> Vector:
    """v along u as it is, v across u times a / sinh a."""
    a = mp.sqrt(c) * norm(u)
    if a == 0:
        return v
    along = [mp.fdot(u, v) / mp.fdot(u, u) * x for x in u]
    across = minus(v, along)
    return [x + a / mp.sinh(a) * y for x, y in zip(along, across, strict=True)]


def moved(f: Operation, u: Vector, v: Vector, c: mp.mpf, by: float) -> mp.mpf:
    """How far f moves when each coordinate moves by ``by`` times the point's length.

    A distance far out is the logarithm of an angle: where the points are that close
    to one line, the point on the line is tried too.
    """
    start = f(u, v, c)
    out = mp.mpf(0)
    for i in range(2 * len(u)):
        change = mp.mpf(0)
        for sign in (1, -1):
            x, y = list(u), list(v)
            point = x if i < len(u) else y
            point[i % len(u)] += sign * by * norm(point)
            change = max(change, norm(minus(f(x, y, c), start)))
        out += change
    length = norm(v) / (norm(u) or 1)
    for sign in (1, -1):
        y = [sign * length * x for x in u]
        if norm(minus(y, v)) <= by * norm(v):
            out = max(out, norm(minus(f(u, y, c), start)))
    return out


@pytest.fixture
def exact() -> Iterator[SimpleNamespace]:
    """The reference functions, at a precision that no cancellation can use up."""
    with mp.workdps(DIGITS):
        yield SimpleNamespace(
            vector=vector,
            norm=norm,
            minus=minus,
            radial=radial,
            operations={
                "gyro_add": gyro_add,
                "dist": lambda u, v, c: [dist(u, v, c)],
                "transport": transport,
            },
            midpoint=midpoint,
            moved=moved,
            mp=mp,
        )


RADII = [0.0, 1e-12, 1e-4, 0.3, 1.0, 5.0, 15.0, 30.0, 80.0]
ANGLES = [0.0, 1e-8, 1e-3, 1.0, math.pi / 2, math.pi - 1e-4, math.pi]


@pytest.fixture
def pairs() -> Callable[[torch.dtype, float], tuple[Tensor, Tensor]]:
    """Points of a plane at all radii and angles; the first of a pair is at ``turn``."""

    def make(dtype: torch.dtype, turn: float) -> tuple[Tensor, Tensor]:
        grid = [torch.tensor(x, dtype=torch.float64) for x in (RADII, RADII, ANGLES)]
        r, q, theta = torch.cartesian_prod(*grid).unbind(-1)
        u, v = (
            (radius * torch.stack([angle.cos(), angle.sin()])).T.to(dtype)
            for radius, angle in ((r, torch.full_like(theta, turn)), (q, theta + turn))
        )
        return u, v

    return make


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
