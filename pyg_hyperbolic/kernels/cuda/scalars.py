"""Formulas for one row, or a block of them: those of :mod:`..scalars`, in Triton.

A GPU computes all branches for a block of rows, and picks.  So a branch may give any
number where it is not picked, but no error.  All is in float64.  A Radial comes as its
three numbers.
"""

import triton
import triton.language as tl

SCALED = tl.constexpr(150.0)  # from this a on E = a, below it E = 0
LARGEST = tl.constexpr(700.0)  # a power of e that float64 still holds (up to 709)
MINUS_INF = tl.constexpr(float("-inf"))
INF = tl.constexpr(float("inf"))


@triton.jit
def log1p(x):
    """log(1 + x) for x >= 0: the rounding of 1 + x is divided out again."""
    y = 1 + x
    return tl.where(y == 1, x, tl.log(y) * (x / tl.where(y == 1, 1.0, y - 1)))


@triton.jit
def sinhc_near(z):
    """sinh(a)/a for z = a^2 < 0.25."""
    out = 1 + z / 110 * (1 + z / 156 * (1 + z / 210))
    return 1 + z / 6 * (1 + z / 20 * (1 + z / 42 * (1 + z / 72 * out)))


@triton.jit
def radial(a):
    """The Radial of a: sinh(a)/a and cosh(a), both times e^-E, and E."""
    z = tl.where(a < 0.5, a * a, 0.0)
    sinhc = sinhc_near(z)
    half = sinhc_near(z / 4)
    cosh = 1 + z / 2 * half * half  # 1 + 2 sinh(a/2)^2
    t = tl.exp(tl.minimum(a, SCALED))
    large = tl.where(a < 0.5, 1.0, a)
    near, scaled = a < 0.5, ~(a <= SCALED)
    sinhc = tl.where(near, sinhc, (t - 1 / t) / (2 * large))
    cosh = tl.where(near, cosh, (t + 1 / t) / 2)
    # beyond, e^-2a is below rounding
    sinhc = tl.where(scaled, 0.5 / large, sinhc)
    return sinhc, tl.where(scaled, 0.5, cosh), tl.where(scaled, a, 0.0)


@triton.jit
def lift_slope(z, sinhc, cosh):
    """Derivative of sinh(a)/a with respect to z = a^2; times e^-E, as the others."""
    near = 1 / 6 + z * (1 / 60 + z * (1 / 1680 + z * (1 / 90720 + z / 7983360)))
    return tl.where(z > 0.05, (cosh - sinhc) / (2 * tl.where(z > 0.05, z, 1.0)), near)


@triton.jit
def stretch_near(z):
    """As :func:`stretch`, for small z."""
    value = 1 + z * (
        1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13))))
    )
    slope = 1 / 3 + z * (
        2 / 5 + z * (3 / 7 + z * (4 / 9 + z * (5 / 11 + z * (6 / 13))))
    )
    return value, slope


@triton.jit
def stretch(z, gap):
    """artanh(r)/r for r = sqrt(z), 1 - z = gap; its derivative with respect to z."""
    value, slope = stretch_near(z)
    near = z < 1e-2
    zz = tl.where(near, 1.0, z)
    r = tl.sqrt(zz)
    far = tl.log((1 + r) * (1 + r) / gap) / (2 * r)
    value = tl.where(near, value, far)
    return value, tl.where(near, slope, (1 / gap - far) / (2 * zz))


@triton.jit
def stretch_far(z, log_gap):
    """As :func:`stretch`, for the gap e^log_gap; the derivative comes times the gap."""
    value, slope = stretch_near(z)
    near, gap = z < 1e-2, tl.exp(log_gap)
    zz = tl.where(near, 1.0, z)
    r = tl.sqrt(zz)
    far = (log1p(r) - log_gap / 2) / r
    value = tl.where(near, value, far)
    return value, tl.where(near, slope * gap, (1 - far * gap) / (2 * zz))


@triton.jit
def arsinhc(z, exponent):
    """f = arsinh(x)/x for x = sqrt(z) e^E, times e^E; and df/d(x^2), times e^3E."""
    near = (exponent == 0) & (z < 1e-2)
    y = tl.where(near, z, 0.0)
    value = 1 - y * (1 / 6 - y * (3 / 40 - y * (5 / 112 - y * (35 / 1152))))
    value -= y * y * y * y * y * (63 / 2816 - y * (231 / 13312))
    slope = 3 / 20 - y * (15 / 112 - y * (35 / 288 - y * (315 / 2816)))
    slope = -1 / 6 + y * slope + y * y * y * y * y * (693 / 6656)
    none = z == 0  # far out, and nothing is left
    w = tl.where(near | none, 1.0, z)
    x, unit = tl.sqrt(w), tl.exp(-exponent)
    cosh = tl.sqrt(unit * unit + w)
    far = (exponent + tl.log(x + cosh)) / x
    far = tl.where(exponent == 0, log1p(x + w / (1 + cosh)) / x, far)
    far_slope = (1 / cosh - far) / (2 * w)
    value = tl.where(near, value, tl.where(none, 0.0, far))
    return value, tl.where(near, slope, tl.where(none, 0.0, far_slope))


@triton.jit
def klein_slope(z, kappa, sech2):
    """(1/cosh(a)^2 - tanh(a)/a) / a^2, with z = a^2."""
    out = 2764 / 31185 - z * (87376 / 2027025)
    out = 34 / 105 - z * (496 / 2835 - z * out)
    out = 2 / 3 - z * (8 / 15 - z * out)
    return tl.where(z > 1e-2, (sech2 - kappa) / tl.where(z > 1e-2, z, 1.0), -out)


@triton.jit
def homogeneity(z, kappa, sech2):
    """(2a/sinh(2a) - 1) / a^2, with z = a^2."""
    y = 4 * z
    out = 73 / 3421440 - y * (1414477 / 653837184000)
    out = 31 / 15120 - y * (127 / 604800 - y * out)
    out = 1 / 6 - y * (7 / 360 - y * out)
    far = (sech2 / kappa - 1) / tl.where(z > 1e-2, z, 1.0)
    return tl.where(z > 1e-2, far, -4 * out)


@triton.jit
def sinh_over(x, s, difference):
    """sinh(x)/s for x = s difference."""
    small = tl.abs(x) < 0.5
    t = tl.exp(tl.minimum(tl.maximum(x, -LARGEST), LARGEST))
    far = (t - 1 / t) / (2 * tl.where(s > 0, s, 1.0))
    return tl.where(small, difference * sinhc_near(tl.where(small, x * x, 0.0)), far)


@triton.jit
def behind_origin(ru, sinhc_u, cosh_u, rv, sinhc_v, cosh_v, v2, s, both, shift,
                  near_line, difference, f_both):  # fmt: skip
    """The m1 and k1 of :func:`gyro_sum`, for v behind the origin."""
    x = s * difference
    far = (tl.exp(x - shift) - tl.exp(-x - shift)) / (2 * tl.where(s > 0, s, 1.0))
    sinh = tl.where(shift == 0, sinh_over(x, s, difference), far)
    # e^both may be out of range where the angle brings it back
    log_line = tl.log(tl.where(near_line > 0, near_line, 1.0))
    brought = tl.where(near_line > 0, tl.exp(both + log_line - shift), 0.0)
    f_line = tl.where(both > shift, brought, near_line * f_both)
    return (
        sinh + cosh_u * sinhc_v * rv * f_line,
        -sinh + sinhc_u * ru * cosh_v * f_line,
    )


@triton.jit
def gyro_sum(ru, sinhc_u, cosh_u, eu, v1, rv, sinhc_v, cosh_v, ev, v2, excess, c):
    """The gyro-sum w of a point u, not the origin, and a point v.

    Arguments are those of the formula of the same name, results the fields of its Sum.
    """
    s, both = tl.sqrt(c), eu + ev
    behind = (v1 < 0) & (rv > 0)
    length_v = tl.where(rv > 0, rv, 1.0)
    near_line = tl.where(
        behind, v2 * v2 / (length_v * tl.where(behind, rv - v1, 1.0)), 0.0
    )
    difference = tl.where(behind, excess / (ru + rv), 0.0)
    log_line = tl.log(tl.where(near_line > 0, near_line, 1.0))
    log_angle = tl.log(tl.where(v2 > 0, v2 / length_v, 1.0))
    shift = s * tl.abs(difference)
    shift = tl.where(near_line > 0, tl.maximum(shift, both + log_line), shift)
    beside = tl.maximum(eu, ev) + log_angle
    shift = tl.where(v2 > 0, tl.maximum(shift, beside), shift)
    shift = tl.where(behind, shift, both)
    shift = tl.where(both > 0, tl.maximum(shift, 0.0), 0.0)
    # e to the power of exponents minus the shift
    f_both = tl.exp(tl.minimum(both - shift, LARGEST))
    f_u = tl.exp(tl.minimum(eu - shift, LARGEST))
    f_v = tl.exp(tl.minimum(ev - shift, LARGEST))
    unit = tl.exp(-shift)

    b1, bk1 = behind_origin(ru, sinhc_u, cosh_u, rv, sinhc_v, cosh_v, v2, s, both,
                            shift, near_line, difference, f_both)  # fmt: skip
    cos_uv = tl.where(rv > 0, v1 / length_v, 1.0)
    a1 = (ru * sinhc_u * cosh_v + cosh_u * sinhc_v * v1) * f_both
    ak1 = (cosh_u * sinhc_v * rv + sinhc_u * ru * cosh_v * cos_uv) * f_both
    m1, k1 = tl.where(behind, b1, a1), tl.where(behind, bk1, ak1)
    sin_uv = tl.where(rv > 0, v2 / length_v, 0.0)
    m2, k2 = sinhc_v * v2 * f_v, sinhc_u * ru * sin_uv * f_u
    hyp = tl.sqrt(m1 * m1 + m2 * m2)
    none = hyp == 0  # w is the origin, where all directions are alike
    size = tl.where(none, 1.0, hyp)
    cosh = tl.sqrt(unit * unit + c * size * size)

    x = s * size
    scaled = shift > 0
    near = 1 - x * x * (1 / 6 - x * x * (3 / 40 - x * x * (5 / 112)))
    root = tl.where(x > 0, x, 1.0)
    scale = tl.where(x < 1e-3, near, log1p(x + x * x / (1 + cosh)) / root)
    length = scale * size
    u_across = scale * cosh
    far = (shift + tl.log(tl.where(scaled, x + cosh, 1.0))) / tl.where(s > 0, s, 1.0)
    length = tl.where(scaled, far, length)
    scale = tl.where(scaled, far / size, scale)
    u_across = tl.where(scaled, far * cosh / size, u_across)
    r = sinhc_v * scale * f_v
    cos, sin, cos_v, sin_v = m1 / size, m2 / size, k1 / size, k2 / size

    f_along = sinhc_u * sinhc_v * (v2 / size) * f_both
    by_lengths = behind & ((s * ru > 0.5) | (ru > 0.5 * rv))
    half = ru * sinhc_u / (cosh_u + tl.exp(-eu))  # tanh(a/2)/s
    cosh_minus_1 = c * half * ru * sinhc_u
    p = scale * (sinhc_u * cosh_v + cosh_minus_1 * sinhc_v * v1 / ru) * f_both
    inner = cosh_v * half + sinhc_v * v1
    f_across = sinhc_u * scale / size * (cosh * inner * f_both + half * f_u * unit)
    p = tl.where(by_lengths, (length * cos - r * v1) / ru, p)
    f_across = tl.where(by_lengths, (length - r * rv * cos_v) / ru, f_across)

    grow = sinhc_v * tl.exp(tl.minimum(ev, 560.0))
    return (
        tl.where(none, 0.0, length),
        tl.where(none, 1.0, cos),
        tl.where(none, 0.0, sin),
        tl.where(none, -1.0, cos_v),
        tl.where(none, 0.0, sin_v),
        tl.where(none, grow, p),
        tl.where(none, grow, r),
        tl.where(none, 1.0, u_across),
        tl.where(none, 0.0, f_along),
        tl.where(none, grow, f_across),
        hyp,
        tl.where(none, 0.0, shift),
    )


@triton.jit
def coshm1c(z):
    """(cosh(a) - 1) 2 / a^2 for small z = a^2."""
    return 1 + z / 12 * (1 + z / 30 * (1 + z / 56 * (1 + z / 90)))


@triton.jit
def third_difference(x, y, z):
    """Second divided difference of arcosh(1 + h) sqrt(2h + h^2) at three small h."""
    px = x
    pxy = px + y
    pxyz = pxy + z
    out = 1 / 3 - pxyz / 15
    px *= x
    pxy = px + y * pxy
    pxyz = pxy + z * pxyz
    out += pxyz * (2 / 105)
    px *= x
    pxy = px + y * pxy
    pxyz = pxy + z * pxyz
    out -= pxyz * (2 / 315)
    px *= x
    pxy = px + y * pxy
    pxyz = pxy + z * pxyz
    out += pxyz * (8 / 3465)
    px *= x
    pxy = px + y * pxy
    pxyz = pxy + z * pxyz
    return out - pxyz * (8 / 9009)


@triton.jit
def curvature_slope(
    length, cos, sin, cos_v, sin_v, u_across, hyp, shift,
    ru, sinhc_u, rv, sinhc_v, v2, excess, c,
):  # fmt: skip
    """Derivative of w = u (+) v with respect to c: along w, and across it."""
    zero = (length == 0) | (ru == 0) | (rv == 0)
    size = tl.where(hyp == 0, 1.0, hyp)
    zu, zv = c * ru * ru, c * rv * rv
    far = tl.maximum(zu, zv) >= 0.02
    shrink = length / size * tl.exp(-shift)
    twice = 2 * tl.where(far, c, 1.0)
    far_along = (ru * cos + rv * cos_v - length) / twice
    far_across = (rv * sin_v * shrink - ru * sin * u_across) / twice
    # (cosh - 1)/c is same + cross at a + b, half_w at s |w|, same - cross at a - b
    zu, zv = tl.where(far, 0.0, zu), tl.where(far, 0.0, zv)
    half_u, half_v = ru * ru / 2 * coshm1c(zu), rv * rv / 2 * coshm1c(zv)
    half_w = length * length / 2 * coshm1c(tl.where(far, 0.0, c * length * length))
    same = half_u + half_v + c * half_u * half_v
    cross = ru * rv * sinhc_u * sinhc_v
    small = tl.where(far, 0.0, c)
    third = third_difference(
        small * (same + cross), small * half_w, small * (same - cross)
    )
    wide = ru * v2 * sinhc_u * sinhc_v
    along = wide * wide / (2 * size) * third
    # divided difference: excess times it is (sinh(a)/a - sinh(b)/b)/c
    rise = (zu * zu * (zu + zv) + zv * zv * (zu + zv)) / 362880
    rise += (zu * (zu + zv) + zv * zv) / 5040 + (zu + zv) / 120 + 1 / 6
    turn = excess * rise - sinhc_v * half_w
    across = length * ru * v2 / (2 * size * size) * turn
    along, across = tl.where(far, far_along, along), tl.where(far, far_across, across)
    return tl.where(zero, 0.0, along), tl.where(zero, 0.0, across)
