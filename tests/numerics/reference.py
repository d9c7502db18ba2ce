"""The operations and all their derivatives, in the plane, in 200 digits.

Far out, textbook formulas would need thousands of digits: a sum of points at radius
1e4 cancels from exp(2e4) to 1.  These forms do not cancel, because their differences
are taken of the inputs, which are exact: of two radii, and of two directions by the
cross product.  They are checked against the textbook's in enough digits.

A derivative is what a tiny imaginary step of an input leaves in the imaginary part.
It is as exact as the value: unlike a difference, it cancels nothing.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

import mpmath as mp

DIGITS = 200
STEP = mp.mpf(10) ** -100_000  # of which a square is nothing, as far out as points go
FAR = 0.25  # squared radius from which on a point's direction is used
SMALL = 1e-20  # the largest argument that series are used for
TERMS = 12  # SMALL^12: beyond 200 digits

Number = mp.mpf | mp.mpc
Vector = Sequence[Number]
Function = Callable[[tuple[Number, ...]], list[Number]]


def analytic(
    coefficient: Callable[[int], Number], closed: Callable[[Number], Number]
) -> Callable[[Number], Number]:
    """A function of z = a^2, from its power series near 0 and from a elsewhere."""
    with mp.workdps(DIGITS):
        series = [coefficient(n) for n in reversed(range(TERMS))]

    def f(z: Number) -> Number:
        return closed(mp.sqrt(z)) if abs(z) > SMALL else mp.polyval(series, z)

    return f


sinhc = analytic(lambda n: 1 / mp.factorial(2 * n + 1), lambda a: mp.sinh(a) / a)
arsinhc = analytic(
    lambda n: mp.binomial(2 * n, n) / ((-4) ** n * mp.mpf(2 * n + 1)),
    lambda a: mp.asinh(a) / a,
)
artanhc = analytic(lambda n: mp.mpf(1) / (2 * n + 1), lambda a: mp.atanh(a) / a)


def cosh(z: Number) -> Number:
    """The hyperbolic cosine of a."""
    return mp.cosh(mp.sqrt(z))


def coshm1c(z: Number) -> Number:
    """(cosh(a) - 1) / a^2."""
    return sinhc(z / 4) ** 2 / 2


def tanhc(z: Number) -> Number:
    """tanh(a) / a."""
    return sinhc(z) / cosh(z)


def dot(u: Vector, v: Vector) -> Number:
    """The scalar product."""
    return u[0] * v[0] + u[1] * v[1]


def cross(u: Vector, v: Vector) -> Number:
    """The cross product."""
    return u[0] * v[1] - u[1] * v[0]


def gyro_add(u: Vector, v: Vector, c: Number) -> list[Number]:
    """The boost of v by u: along u and across it, or as a sum of both near 0."""
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    z_u, z_v = c * uu, c * vv
    if mp.re(z_u) < FAR:
        p = sinhc(z_u) * cosh(z_v) + coshm1c(z_u) * sinhc(z_v) * c * uv
        q = sinhc(z_v)
        m = [p * u[i] + q * v[i] for i in (0, 1)]
        scale = arsinhc(c * dot(m, m))
        return [scale * k for k in m]
    length, s = mp.sqrt(uu), mp.sqrt(c)
    a = s * length
    if mp.re(uv) < 0 and mp.re(z_v) >= FAR:
        other = mp.sqrt(vv)
        sinh_b = mp.sinh(s * other)
        both = length * other
        x = cross(u, v)
        near_line = x * x / (both * (both - uv))  # 1 + cos of the angle
        along = mp.sinh(a - s * other) + mp.cosh(a) * sinh_b * near_line
        across = sinh_b * x / both
    else:
        along = mp.sinh(a) * cosh(z_v) + mp.cosh(a) * sinhc(z_v) * c * uv / a
        across = sinhc(z_v) * s * cross(u, v) / length
    scale = arsinhc(along * along + across * across) / (s * length)
    return [
        scale * (along * u[0] - across * u[1]),
        scale * (along * u[1] + across * u[0]),
    ]


@lru_cache  # most moves of one input leave most pairs of points as they are
def chord(u: Vector, v: Vector, c: Number) -> Number:
    """2 (cosh(s d) - 1) / c, the squared chord; for c = 0 the squared distance."""
    uu, vv, uv = dot(u, u), dot(v, v), dot(u, v)
    z_u, z_v = c * uu, c * vv
    if [*map(mp.re, u)] == [*map(mp.re, v)]:  # would be 0 to within 1e-200 alone
        return mp.mpf(0)
    if min(mp.re(z_u), mp.re(z_v)) < FAR:
        near = uu * coshm1c(z_u) * cosh(z_v) + vv * coshm1c(z_v)
        return 2 * (near - sinhc(z_u) * sinhc(z_v) * uv)
    a, b = mp.sqrt(z_u), mp.sqrt(z_v)
    both = mp.sqrt(uu) * mp.sqrt(vv)
    if mp.re(uv) > 0:
        x = cross(u, v)
        sine = x * x / (2 * both * (both + uv))
    else:
        sine = (1 - uv / both) / 2  # squared sine of half the angle
    return 4 * (mp.sinh((a - b) / 2) ** 2 + mp.sinh(a) * mp.sinh(b) * sine) / c


def sqdist(u: Vector, v: Vector, c: Number) -> list[Number]:
    """The squared distance."""
    y = chord(u, v, c)
    return [y * arsinhc(c * y / 4) ** 2]


def dist(u: Vector, v: Vector, c: Number) -> list[Number]:
    """The distance; where it is 0 and has no derivative, the derivative is 0."""
    return [mp.sqrt(square) for square in sqdist(u, v, c)]


def transport(u: Vector, v: Vector, c: Number) -> list[Number]:
    """v along u as it is, v across u times a / sinh a."""
    z = c * dot(u, u)
    shrink = 1 / sinhc(z)
    # (1 - 1/sinhc(z))/z = 1/6 - 7 z/360 + ..., of which a tiny z leaves no digits
    bend = (1 - shrink) / z if abs(z) > 1e-60 else mp.mpf(1) / 6 - 7 * z / 360
    along = bend * c * dot(u, v)
    return [shrink * v[i] + along * u[i] for i in (0, 1)]


def midpoint(points: Sequence[Vector], weights: Vector, c: Number) -> list[Number]:
    """The Lorentz centroid, its time component from the points' distances."""
    square = mp.fsum(weights) ** 2
    for i, u in enumerate(points):
        for j in range(i):
            square += c * weights[i] * weights[j] * chord(u, points[j], c)
    shares = [w * sinhc(c * dot(v, v)) for w, v in zip(weights, points, strict=True)]
    momentum = [mp.fdot(shares, x) / mp.sqrt(square) for x in zip(*points, strict=True)]
    scale = arsinhc(c * dot(momentum, momentum))
    return [scale * p for p in momentum]


class Exact(NamedTuple):
    """Values [rows] and derivatives [rows][inputs]."""

    value: list[mp.mpf]
    jacobian: list[list[mp.mpf]]


def evaluate(f: Function, inputs: Sequence[float | mp.mpf]) -> Exact:
    """A function of a flat list of inputs, with all derivatives."""
    with mp.workdps(DIGITS):
        x = tuple(mp.mpf(k) for k in inputs)
        steps = [f((*x[:i], mp.mpc(k, STEP), *x[i + 1 :])) for i, k in enumerate(x)]
        slopes = [[mp.im(row) / STEP for row in step] for step in steps]
        return Exact(f(x), [list(row) for row in zip(*slopes, strict=True)])


def of_pair(f: Callable[[Vector, Vector, Number], list[Number]]) -> Function:
    """An operation of two points as a function of u_1, u_2, v_1, v_2, c."""
    return lambda x: f(x[:2], x[2:4], x[4])


OPERATIONS = {f.__name__: of_pair(f) for f in (gyro_add, sqdist, dist, transport)}


def of_points(n: int) -> Function:
    """The midpoint as a function of n points, n weights, and c."""

    def f(x: tuple[Number, ...]) -> list[Number]:
        points = [x[2 * i : 2 * i + 2] for i in range(n)]
        return midpoint(points, x[2 * n : 3 * n], x[-1])

    return f
