"""Textbook formulas on lists of mpmath numbers: right in as many digits as they lose.

Points are normal coordinates; far out they lose about two digits a unit of radius.
"""

from collections.abc import Callable

import mpmath as mp
from torch import Tensor

Vector = list[mp.mpf]


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
