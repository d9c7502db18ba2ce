r"""Formulas for one row: numbers in, numbers out, in double precision.

Notation: c is the absolute value of the curvature and s its root; points u and v have
the lengths ru and rv, their distances from the origin, and a = s ru, b = s rv; z is the
square of an argument, in which even functions are series near 0.  Every formula is
written in lengths, not in multiples of 1/s, so that it is right at c = 0 as well.
Beyond a = 150 hyperbolic functions are kept as a number times e^E with E = a, so that
nothing overflows at any radius.
"""

import math
from typing import NamedTuple

from pyg_hyperbolic.kernels.cpu.jit import scalar

SCALED = 150.0  # from this a on E = a, below it E = 0
_LARGEST = 700.0  # a power of e that float64 still holds (up to 709)
_SMALL = 0.02  # the a^2 or b^2 from which on curvature_slope needs no series


class Radial(NamedTuple):
    """Functions of one radius."""

    sinhc: float  # sinh(a) / a, times e^-E
    cosh: float  # times e^-E
    exponent: float  # E


@scalar
def radial(a):
    """sinh(a)/a and cosh(a), with what they are scaled by."""
    if a < 0.5:
        z = a * a
        sinhc = cosh = 1.0
        for k in (14, 12, 10, 8, 6, 4, 2):
            sinhc = 1 + sinhc * z / (k * (k + 1))
            cosh = 1 + cosh * z / (k * (k - 1))
        return Radial(sinhc, cosh, 0.0)
    if a <= SCALED:
        t = math.exp(a)
        return Radial((t - 1 / t) / (2 * a), (t + 1 / t) / 2, 0.0)
    return Radial(0.5 / a, 0.5, a)  # e^-2a is below rounding


@scalar
def lift_slope(z, sinhc, cosh):
    """Derivative of sinh(a)/a with respect to z = a^2; times e^-E, as the others."""
    if z > 0.05:
        return (cosh - sinhc) / (2 * z)
    return 1 / 6 + z * (1 / 60 + z * (1 / 1680 + z * (1 / 90720 + z / 7983360)))


@scalar
def stretch(z, gap):
    """artanh(r)/r for r = sqrt(z), and its derivative with respect to z.

    The gap 1 - z is an argument because the caller knows it more exactly.
    """
    if z < 1e-2:
        return _stretch_near(z)
    r = math.sqrt(z)
    value = math.log((1 + r) * (1 + r) / gap) / (2 * r)
    return value, (1 / gap - value) / (2 * z)


@scalar
def stretch_far(z, log_gap):
    """As :func:`stretch`, for the gap e^log_gap; the derivative comes times the gap."""
    if z < 1e-2:
        value, slope = _stretch_near(z)
        return value, slope * math.exp(log_gap)
    r = math.sqrt(z)
    value = (math.log1p(r) - log_gap / 2) / r
    return value, (1 - value * math.exp(log_gap)) / (2 * z)


@scalar
def _stretch_near(z):
    value = 1 + z * (
        1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13))))
    )
    slope = 1 / 3 + z * (
        2 / 5 + z * (3 / 7 + z * (4 / 9 + z * (5 / 11 + z * (6 / 13))))
    )
    return value, slope


@scalar
def arsinhc(z, exponent):
    """f = arsinh(x)/x for x = sqrt(z) e^E, times e^E; and df/d(x^2), times e^3E.

    So f y is the first times e^-E y, for a vector y that is kept times e^-E.
    """
    if exponent == 0 and z < 1e-2:
        value = 1 - z * (1 / 6 - z * (3 / 40 - z * (5 / 112 - z * (35 / 1152))))
        value -= z * z * z * z * z * (63 / 2816 - z * 231 / 13312)
        slope = -1 / 6 + z * (
            3 / 20 - z * (15 / 112 - z * (35 / 288 - z * (315 / 2816)))
        )
        return value, slope + z * z * z * z * z * (693 / 6656)
    if z == 0:  # far out, and nothing is left
        return 0.0, 0.0
    x, unit = math.sqrt(z), math.exp(-exponent)
    cosh = math.sqrt(unit * unit + z)
    if exponent == 0:
        value = math.log1p(x + z / (1 + cosh)) / x
    else:
        value = (exponent + math.log(x + cosh)) / x
    return value, (1 / cosh - value) / (2 * z)


@scalar
def klein_slope(z, kappa, sech2):
    """(1/cosh(a)^2 - tanh(a)/a) / a^2: a Klein point moves less along itself.

    Args:
        z: a^2.
        kappa: tanh(a)/a, by which it moves across itself.
        sech2: 1/cosh(a)^2, by which it moves along itself.
    """
    if z > 1e-2:
        return (sech2 - kappa) / z
    out = 87376 / 2027025
    for k in (2764 / 31185, 496 / 2835, 34 / 105, 8 / 15, 2 / 3):
        out = k - z * out
    return -out


@scalar
def homogeneity(z, kappa, sech2):
    """(2a/sinh(2a) - 1) / a^2, arguments as of :func:`klein_slope`.

    As the radius grows by a percent, the Klein point grows by 2a/sinh(2a) percent.
    """
    if z > 1e-2:
        return (sech2 / kappa - 1) / z
    y, out = 4 * z, 1414477 / 653837184000
    for k in (73 / 3421440, 127 / 604800, 31 / 15120, 7 / 360, 1 / 6):
        out = k - y * out
    return -4 * out


class Sum(NamedTuple):
    r"""w = u (+) v in the plane of u and v, and how it moves with them.

    The plane has the unit vectors e along u and f across it, on the side of v; those
    along and across w are e and f turned by the angle from u to w.
    """

    length: float  # of w
    cos: float  # of the angle from u to w; and how far w moves along itself as u does
    sin: float
    cos_v: float  # of the angle at w between the directions away from 0 and from u
    sin_v: float
    p: float  # derivative of w with respect to u, at right angles to the plane
    r: float  # with respect to v, at right angles to the plane
    u_across: float  # w moves across itself by -sin times this as u moves along itself
    f_along: float  # how far w moves along itself as u moves across itself, along f
    f_across: float  # and across itself
    hyp: float  # sinh(s |w|)/s times e^-shift
    shift: float


@scalar
def gyro_sum(ru, u, v1, rv, v, v2, excess, c):
    """The gyro-sum of a point u and a point v.

    Args:
        ru: Length of u, not 0.
        u: Its :class:`Radial`.
        v1: Part of v along u.
        rv: Length of v.
        v: Its :class:`Radial`.
        v2: Part of v across u, >= 0.
        excess: ru^2 - rv^2, summed from (u + v)(u - v) by coordinate.
        c: Absolute value of the curvature.
    """
    s = math.sqrt(c)
    eu, ev = u.exponent, v.exponent
    both = eu + ev
    behind = v1 < 0 and rv > 0
    near_line = 0.0  # for v behind the origin: 1 + cos of the angle between u and v
    difference = 0.0
    if behind:
        near_line = v2 * v2 / (rv * (rv - v1))
        difference = excess / (ru + rv)  # ru - rv
    shift = 0.0
    if both > 0:
        if behind:
            shift = s * abs(difference)
            if v2 > 0:
                shift = max(shift, both + math.log(near_line))
                shift = max(shift, max(eu, ev) + math.log(v2 / rv))
        else:
            shift = both
        shift = max(shift, 0.0)
    f_both = f_u = f_v = unit = 1.0  # e to the power of the exponents minus the shift
    if both > 0 or shift > 0:
        f_both = math.exp(min(both - shift, _LARGEST))
        f_u = math.exp(min(eu - shift, _LARGEST))
        f_v = math.exp(min(ev - shift, _LARGEST))
        unit = math.exp(-shift)

    # Both (m1, m2) and (k1, k2) have the length sinh(s |w|)/s, times e^-shift: at the
    # angle from u to w, and at the angle at w.
    if behind:
        x = s * difference
        if shift == 0:
            sinh = math.sinh(x) / s if s > 0 else difference
        else:
            sinh = (math.exp(x - shift) - math.exp(-x - shift)) / (2 * s)
        # e^both may be out of range where the angle brings it back
        f_line = near_line * f_both
        if both > shift:
            f_line = 0.0 if v2 == 0 else math.exp(both + math.log(near_line) - shift)
        m1 = sinh + u.cosh * v.sinhc * rv * f_line
        k1 = -sinh + u.sinhc * ru * v.cosh * f_line
    else:
        cos = v1 / rv if rv > 0 else 1.0
        m1 = (ru * u.sinhc * v.cosh + u.cosh * v.sinhc * v1) * f_both
        k1 = (u.cosh * v.sinhc * rv + u.sinhc * ru * v.cosh * cos) * f_both
    m2 = v.sinhc * v2 * f_v
    k2 = u.sinhc * ru * (v2 / rv if rv > 0 else 0.0) * f_u
    hyp = math.sqrt(m1 * m1 + m2 * m2)  # exponents keep squares in range
    if hyp == 0:  # w is the origin, where all directions are alike
        grow = v.sinhc * math.exp(min(ev, 560.0))
        return Sum(0.0, 1.0, 0.0, -1.0, 0.0, grow, grow, 1.0, 0.0, grow, 0.0, 0.0)

    cosh = math.sqrt(unit * unit + c * hyp * hyp)
    if shift > 0:
        length = (shift + math.log(s * hyp + cosh)) / s
        scale = length / hyp
        u_across = length * s * cosh / (s * hyp)
    else:
        x = s * hyp
        if x < 1e-3:
            scale = 1 - x * x * (1 / 6 - x * x * (3 / 40 - x * x * (5 / 112)))
        else:
            scale = math.log1p(x + x * x / (1 + cosh)) / x
        length = scale * hyp
        u_across = scale * cosh
    r = v.sinhc * scale * f_v
    cos, sin, cos_v, sin_v = m1 / hyp, m2 / hyp, k1 / hyp, k2 / hyp

    f_along = u.sinhc * v.sinhc * (v2 / hyp) * f_both
    if behind and (s * ru > 0.5 or ru > 0.5 * rv):
        p = (length * cos - r * v1) / ru
        f_across = (length - r * rv * cos_v) / ru
    else:
        half = ru * u.sinhc / (u.cosh + math.exp(-eu))  # tanh(a/2)/s
        cosh_minus_1 = c * half * ru * u.sinhc
        p = scale * (u.sinhc * v.cosh + cosh_minus_1 * v.sinhc * v1 / ru) * f_both
        inner = v.cosh * half + v.sinhc * v1
        f_across = u.sinhc * scale / hyp * (cosh * inner * f_both + half * f_u * unit)
    return Sum(
        length, cos, sin, cos_v, sin_v, p, r, u_across, f_along, f_across, hyp, shift
    )


# Coefficients of arcosh(1 + h) sqrt(2h + h^2) in powers of h, from h^2 on.
_F2, _F3, _F4, _F5, _F6, _F7 = 1 / 3, -1 / 15, 2 / 105, -2 / 315, 8 / 3465, -8 / 9009


@scalar
def curvature_slope(w, ru, u, rv, v, v2, excess, c):
    r"""Derivative of w = u (+) v with respect to c: along w, and across it.

    By homogeneity, w(k u, k v; c) = k w(u, v; k^2 c), it is (D - w) / 2c, with the
    derivative D of w(k u, k v; c) with respect to k at k = 1.  Near the origin nearly
    everything of that cancels; there a series is used whose first term is the value at
    c = 0.  Here w is the :class:`Sum`, for the other arguments see :func:`gyro_sum`.
    """
    if w.length == 0 or ru == 0 or rv == 0:
        return 0.0, 0.0
    zu, zv = c * ru * ru, c * rv * rv
    if max(zu, zv) >= _SMALL:
        along = ru * w.cos + rv * w.cos_v - w.length
        shrink = w.length / w.hyp * math.exp(-w.shift)
        across = rv * w.sin_v * shrink - ru * w.sin * w.u_across
        return along / (2 * c), across / (2 * c)
    half_u, half_v = ru * ru / 2 * _coshm1c(zu), rv * rv / 2 * _coshm1c(zv)
    half_w = w.length * w.length / 2 * _coshm1c(c * w.length * w.length)
    # (cosh - 1)/c is same + cross at a + b, half_w at s |w|, same - cross at a - b
    same = half_u + half_v + c * half_u * half_v
    cross = ru * rv * u.sinhc * v.sinhc
    third = _third_difference(c * (same + cross), c * half_w, c * (same - cross))
    wide = ru * v2 * u.sinhc * v.sinhc
    along = wide * wide / (2 * w.hyp) * third
    # divided difference: excess times it is (sinh(a)/a - sinh(b)/b)/c
    rise = (zu * zu * (zu + zv) + zv * zv * (zu + zv)) / 362880
    rise += (zu * (zu + zv) + zv * zv) / 5040 + (zu + zv) / 120 + 1 / 6
    turn = excess * rise - v.sinhc * half_w
    return along, w.length * ru * v2 / (2 * w.hyp * w.hyp) * turn


@scalar
def _coshm1c(z):
    """(cosh(a) - 1) 2 / a^2 for small z = a^2."""
    return 1 + z / 12 * (1 + z / 30 * (1 + z / 56 * (1 + z / 90)))


@scalar
def _third_difference(x, y, z):
    """Second divided difference of arcosh(1 + h) sqrt(2h + h^2) at three small h."""
    out = _F2
    # complete homogeneous polynomials of x, of x and y, of all three
    px = pxy = pxyz = 1.0
    for f in (_F3, _F4, _F5, _F6, _F7):
        px *= x
        pxy = px + y * pxy
        pxyz = pxy + z * pxyz
        out += f * pxyz
    return out
