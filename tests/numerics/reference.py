"""The operations and all their derivatives, in the plane, in 200 digits.

Far out, textbook formulas would need thousands of digits: a sum of points at radius
1e4 cancels from exp(2e4) to 1.  These forms do not cancel, because their differences
are taken of the inputs, which are exact: of two radii, and of two directions by the
cross product.  They are checked against the textbook's in enough digits.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import mpmath as mp

from tests.numerics.duals import (
    Dual,
    arsinhc,
    cosh,
    coshm1c,
    sinh_cosh,
    sinhc,
    sqrt,
    variables,
)

DIGITS = 200
FAR = 0.25  # squared radius from which on a point's direction is used

Point = Sequence[Dual]
Operation = Callable[[Point, Point, Dual], list[Dual]]


def dot(u: Point, v: Point) -> Dual:
    """The scalar product."""
    return u[0] * v[0] + u[1] * v[1]


def cross(u: Point, v: Point) -> Dual:
    """The cross product."""
    return u[0] * v[1] - u[1] * v[0]


def gyro_add(u: Point, v: Point, c: Dual) -> list[Dual]:
    """The boost of v by u: along u and across it, or as a sum of both near 0."""
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    z_u, z_v = c * uu, c * vv
    if z_u.x < FAR:
        p = sinhc(z_u) * cosh(z_v) + coshm1c(z_u) * sinhc(z_v) * c * uv
        q = sinhc(z_v)
        m = [p * u[i] + q * v[i] for i in (0, 1)]
        scale = arsinhc(c * dot(m, m))
        return [scale * k for k in m]
    length, s = sqrt(uu), sqrt(c)
    a = s * length
    sinh_a, cosh_a = sinh_cosh(a)
    if uv.x < 0 and z_v.x >= FAR:
        other = sqrt(vv)
        sinh_b, _ = sinh_cosh(s * other)
        both = length * other
        x = cross(u, v)
        near_line = x * x / (both * (both - uv))  # 1 + cos of the angle
        along = sinh_cosh(a - s * other)[0] + cosh_a * sinh_b * near_line
        across = sinh_b * x / both
    else:
        along = sinh_a * cosh(z_v) + cosh_a * sinhc(z_v) * c * uv / a
        across = sinhc(z_v) * s * cross(u, v) / length
    scale = arsinhc(along * along + across * across) / (s * length)
    return [
        scale * (along * u[0] - across * u[1]),
        scale * (along * u[1] + across * u[0]),
    ]


def chord(u: Point, v: Point, c: Dual) -> Dual:
    """2 (cosh(s d) - 1) / c, the squared chord; for c = 0 the squared distance."""
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    z_u, z_v = c * uu, c * vv
    if (u[0].x, u[1].x) == (v[0].x, v[1].x):  # would be 0 to within 1e-200 alone
        return uv.chain(mp.mpf(0), mp.mpf(0))
    if min(z_u.x, z_v.x) < FAR:
        near = uu * coshm1c(z_u) * cosh(z_v) + vv * coshm1c(z_v)
        return 2 * (near - sinhc(z_u) * sinhc(z_v) * uv)
    a, b = sqrt(z_u), sqrt(z_v)
    both = sqrt(uu) * sqrt(vv)
    if uv.x > 0:
        x = cross(u, v)
        sine = x * x / (2 * both * (both + uv))
    else:
        sine = (1 - uv / both) / 2  # squared sine of half the angle
    radial = sinh_cosh((a - b) / 2)[0]
    return 4 * (radial * radial + sinh_cosh(a)[0] * sinh_cosh(b)[0] * sine) / c


def sqdist(u: Point, v: Point, c: Dual) -> list[Dual]:
    """The squared distance."""
    y = chord(u, v, c)
    scale = arsinhc(c * y / 4)
    return [y * scale * scale]


def dist(u: Point, v: Point, c: Dual) -> list[Dual]:
    """The distance; where it is 0 and has no derivative, the derivative is 0."""
    (square,) = sqdist(u, v, c)
    if square.x == 0:
        return [square.chain(mp.mpf(0), mp.mpf(0))]
    return [sqrt(square)]


def transport(u: Point, v: Point, c: Dual) -> list[Dual]:
    """v along u as it is, v across u times a / sinh a."""
    z = c * dot(u, u)
    shrink = _inverse(sinhc(z))
    # (1 - 1/S(z))/z = 1/6 - 7 z/360 + ...
    series = mp.mpf(1) / 6, -mp.mpf(7) / 360
    bend = (1 - shrink) / z if z.x else z.chain(*series)
    along = bend * c * dot(u, v)
    return [shrink * v[i] + along * u[i] for i in (0, 1)]


def _inverse(z: Dual) -> Dual:
    inverse = 1 / z.x
    return z.chain(inverse, -inverse * inverse)


def midpoint(points: Sequence[Point], weights: Sequence[Dual], c: Dual) -> list[Dual]:
    """The Lorentz centroid, its time component from the points' distances."""
    n = len(points)
    total = sum(weights[1:], weights[0])
    square = total * total
    for i in range(n):
        for j in range(i):
            square += c * weights[i] * weights[j] * chord(points[i], points[j], c)
    shares = [w * sinhc(c * dot(v, v)) for w, v in zip(weights, points, strict=True)]
    inverse = _inverse(sqrt(square))
    momentum = [
        inverse * sum(s * v[i] for s, v in zip(shares, points, strict=True))
        for i in (0, 1)
    ]
    scale = arsinhc(c * dot(momentum, momentum))
    return [scale * p for p in momentum]


OPERATIONS: dict[str, Operation] = {
    "gyro_add": gyro_add,
    "sqdist": sqdist,
    "dist": dist,
    "transport": transport,
}


class Exact(NamedTuple):
    """Values [rows] and derivatives [rows][inputs]."""

    value: list[mp.mpf]
    jacobian: list[list[mp.mpf]]


def evaluate(f: Callable[[list[Dual]], list[Dual]], inputs: Sequence[mp.mpf]) -> Exact:
    """A function of a flat list of inputs, with all derivatives."""
    with mp.workdps(DIGITS):
        out = f(variables([mp.mpf(x) for x in inputs]))
        return Exact([row.x for row in out], [list(row.d) for row in out])


def of_pair(name: str) -> Callable[[list[Dual]], list[Dual]]:
    """An operation of two points as a function of u_1, u_2, v_1, v_2, c."""
    f = OPERATIONS[name]
    return lambda x: f(x[:2], x[2:4], x[4])


def of_points(n: int) -> Callable[[list[Dual]], list[Dual]]:
    """The midpoint as a function of n points, n weights, and c."""

    def f(x: list[Dual]) -> list[Dual]:
        points = [x[2 * i : 2 * i + 2] for i in range(n)]
        return midpoint(points, x[2 * n : 3 * n], x[-1])

    return f
