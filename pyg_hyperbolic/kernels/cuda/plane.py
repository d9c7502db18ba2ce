"""Kernels of the gyro-sum in the plane of its two points, for a block of pairs.

Each pair has a row of products, see :mod:`.rows`.  The sum is that of p = sign u and v,
with the unit vectors e along p and f along the part x of v that is across it,
x = (v - base p) - lean p, where base is -1, 0 or 1, so that differences of near points
are exact.  All vectors that come out are combinations of p and x, and are given as
those of v + sign u and u: the difference of two equal points has to be 0.

A table has P * H rows, ``row``; a program takes BLOCK of them.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.scalars import curvature_slope, gyro_sum, radial

# Of each pair: squared lengths of u and v, base and lean of x, its square, and the
# difference of the first two; and how many columns these are.
UU, VV, BASE, LEAN, ACROSS, EXCESS, PRODUCTS = (tl.constexpr(n) for n in range(7))
LEAST = tl.constexpr(16 * 2.0**-52)
# The derivative at right angles to the plane from which on it shows whether of a
# gradient there is anything but roundings.
STEEP = tl.constexpr(100.0)
# Of each pair, backward, with the gradient g of the sum: coefficients of the gradient
# of u, a combination of v + sign u, u and g; of that of v, one of u + sign v, v and g;
# the gradients of c and of the weight; and the size of the weight, by which all but the
# gradient of the weight are multiplied.  And how many columns these are.
U_BOTH, U_U, U_G, V_BOTH, V_V, V_G = (tl.constexpr(n) for n in range(6))
OF_C, OF_W, TIMES, SLOPES = (tl.constexpr(n) for n in range(6, 10))


@triton.jit
def known(table, row, inside):
    """The products of a block of pairs; any numbers outside."""
    at = table + PRODUCTS * row
    return (
        tl.load(at + UU, mask=inside, other=1.0),
        tl.load(at + VV, mask=inside, other=1.0),
        tl.load(at + BASE, mask=inside, other=0.0),
        tl.load(at + LEAN, mask=inside, other=0.0),
        tl.load(at + ACROSS, mask=inside, other=1.0),
        tl.load(at + EXCESS, mask=inside, other=0.0),
    )


@triton.jit
def length_of_x(across, ru, base, lean):
    """The length of x, from its square, or 0 where it may be 0.

    Behind the origin and far out it counts however small it is; a vector that is made
    of v + sign u and u does not tell less than so many roundings of these from none.
    """
    noise = LEAST * ru * (tl.abs(base + 1) + tl.abs(lean))
    length = tl.sqrt(across)
    return tl.where((base + lean < 0) & (length <= noise), 0.0, length)


@triton.jit
def add(uu, vv, base, lean, across, excess, c):
    """The sum w = by_p p + by_x x, and all that its derivatives need.

    Returns:
        Both coefficients, which are no gradients; the length of w; the lengths of u (1
        where that is 0), v and x; S of u, S and C of v; and the fields of the Sum.
    """
    origin = uu == 0
    ru = tl.where(origin, 1.0, tl.sqrt(uu))
    rv, v2 = tl.sqrt(vv), length_of_x(across, ru, base, lean)
    root = tl.sqrt(c)
    sinhc_u, cosh_u, eu = radial(root * ru)
    sinhc_v, cosh_v, ev = radial(root * rv)
    along = (base + lean) * ru
    w = gyro_sum(ru, sinhc_u, cosh_u, eu, along, rv, sinhc_v, cosh_v, ev, v2, excess, c)
    length = tl.where(origin, rv, w[0])
    by_p = tl.where(origin, 0.0, length * w[1] / ru)
    by_x = tl.where(v2 > 0, length * w[2] / tl.where(v2 > 0, v2, 1.0), 0.0)
    by_x = tl.where(origin, 1.0, by_x)
    return by_p, by_x, length, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w


@triton.jit
def slopes(origin, base, lean, excess, c, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w,
           with_p, with_x, flat, limit):  # fmt: skip
    """Gradients of p and v, as g_p = p g + p_p p + p_x x, g_v = r g + v_p p + v_x x.

    Args:
        origin: Whether u is the origin.
        base: See :data:`BASE`.
        lean: See :data:`LEAN`.
        excess: See :data:`EXCESS`.
        c: Absolute value of the curvature.
        ru: See :func:`add`, as the following.
        rv: Length of v.
        v2: Length of x.
        sinhc_u: S of u.
        sinhc_v: S of v.
        cosh_v: C of v.
        w: The fields of the Sum.
        with_p: Product of its gradient g with p.
        with_x: Product of its gradient g with x.
        flat: Whether g is in the plane.
        limit: What derivatives may not exceed: an infinite one times 0 is NaN.

    Returns:
        p, p_p, p_x, r, v_p, v_x, and the gradient of c.
    """
    length, cos, sin, cos_v, sin_v = w[0], w[1], w[2], w[3], w[4]
    to_f = tl.where(v2 > 0, 1 / tl.where(v2 > 0, v2, 1.0), 0.0)
    g_e, g_f = with_p / ru, with_x * to_f
    along = cos * g_e + sin * g_f
    across = cos * g_f - sin * g_e
    hyp = tl.where(w[10] > 0, w[10], 1.0)
    shrink = tl.where(w[10] > 0, length / hyp * tl.exp(-w[11]), 1.0)
    turn = least(w[6], limit)
    p, r = tl.where(flat, 0.0, least(w[5], limit)), tl.where(flat, 0.0, turn)
    f_along = least(w[8], limit)
    f_across = -least(-least(w[9], limit), limit)
    u_e = cos * along - sin * w[7] * across
    u_f = f_along * along + f_across * across
    some = rv > 0
    length_v = tl.where(some, rv, 1.0)
    cos_uv = tl.where(some, (base + lean) * ru / length_v, 1.0)
    sin_uv = tl.where(some, v2 / length_v, 0.0)
    v_along = cos_v * along + sin_v * shrink * across
    v_across = cos_v * turn * across
    v_across -= tl.where(some, f_along * ru / length_v * along, 0.0)
    v_e = cos_uv * v_along - sin_uv * v_across
    v_f = sin_uv * v_along + cos_uv * v_across
    c_along, c_across = curvature_slope(
        length, cos, sin, cos_v, sin_v, w[7], w[10], w[11],
        ru, sinhc_u, rv, sinhc_v, v2, excess, c,
    )  # fmt: skip
    by_c = c_along * along + c_across * across
    # as u leaves the origin, w = v moves as far along v, b coth(b) times as far across
    wide = cosh_v / sinhc_v
    square = tl.where(some, rv * rv, 1.0)
    straight = tl.where(some, (1 - wide) * with_x / square, 0.0)
    return (
        tl.where(origin, wide, p),
        tl.where(origin, 0.0, (u_e - p * g_e) / ru),
        tl.where(origin, straight, (u_f - p * g_f) * to_f),
        tl.where(origin, 1.0, r),
        tl.where(origin, 0.0, (v_e - r * g_e) / ru),
        tl.where(origin, 0.0, (v_f - r * g_f) * to_f),
        tl.where(origin, 0.0, by_c),
    )


@triton.jit
def least(x, limit):
    """The smaller of both; NaN stays NaN."""
    return tl.where(x > limit, limit, x)


@triton.jit
def forward(table, c, weight, place, columns, sign: tl.constexpr, out, rows, heads,
            WEIGHTED: tl.constexpr, ORDERED: tl.constexpr,
            BLOCK: tl.constexpr):  # fmt: skip
    """Sums as Q (v + sign u) + R u: fills in Q and R, times the weight, [P * H, 2]."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside, k = row < rows, row % heads
    uu, vv, base, lean, across, excess = known(table, row, inside)
    by_p, by_x, _, _, _, _, _, _, _, _ = add(
        uu, vv, base, lean, across, excess, tl.load(c + k)
    )
    w = weight_of(weight, place, columns, row, k, heads, inside, WEIGHTED, ORDERED)
    rest = sign * (by_p - by_x * ((base + 1) + lean))
    tl.store(out + 2 * row, times(w, by_x), mask=inside)
    tl.store(out + 2 * row + 1, times(w, rest), mask=inside)


@triton.jit
def weight_of(weight, order, columns, row, k, heads, inside, WEIGHTED: tl.constexpr,
              ORDERED: tl.constexpr):  # fmt: skip
    """Weights of pairs, 1 where there are none."""
    w = inside.to(tl.float64)
    if WEIGHTED:
        e = row // heads
        if ORDERED:
            e = tl.load(order + e, mask=inside, other=0).to(tl.int64)
        at = e * columns + tl.where(columns > 1, k, 0)
        w = tl.load(weight + at, mask=inside, other=0.0).to(tl.float64)
    return w


@triton.jit
def store_slopes(out, row, inside, sign, by, base, lean, p, p_p, p_x, r, v_p, v_x,
                 of_c):  # fmt: skip
    """Stores the columns U_BOTH to OF_C, each times ``by``."""
    at, opposite = out + SLOPES * row, (base + 1) + lean  # 0 for v = -p
    tl.store(at + U_BOTH, times(by, sign * p_x), mask=inside)
    tl.store(at + U_U, times(by, p_p - p_x * opposite), mask=inside)
    tl.store(at + U_G, times(by, sign * p), mask=inside)
    tl.store(at + V_BOTH, times(by, sign * (v_p - v_x * (base + lean))), mask=inside)
    tl.store(at + V_V, times(by, v_x * opposite - v_p), mask=inside)
    tl.store(at + V_G, times(by, r), mask=inside)
    tl.store(at + OF_C, times(by, of_c), mask=inside)


@triton.jit
def times(by, x):
    """The product; 0 times what overflows is 0."""
    return tl.where(by == 0, 0.0, by * x)


@triton.jit
def backward(table, products, c, weight, place, columns, sign: tl.constexpr,
             limit: tl.constexpr, out, rows, heads,
             WEIGHTED: tl.constexpr, ORDERED: tl.constexpr,
             BLOCK: tl.constexpr):  # fmt: skip
    """Gradients of sums, from the products of g with p and x, [P * H, 3].

    And from whether it is in the plane of both.
    """
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside, k = row < rows, row % heads
    curvature = tl.load(c + k)
    uu, vv, base, lean, across, excess = known(table, row, inside)
    by_p, by_x, _, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w = add(
        uu, vv, base, lean, across, excess, curvature
    )
    with_p = tl.load(products + 3 * row, mask=inside, other=0.0)
    with_x = tl.load(products + 3 * row + 1, mask=inside, other=0.0)
    flat = tl.load(products + 3 * row + 2, mask=inside, other=0.0) != 0
    p, p_p, p_x, r, v_p, v_x, by_c = slopes(
        uu == 0, base, lean, excess, curvature, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w,
        with_p, with_x, flat & ((w[5] > STEEP) | (w[6] > STEEP)), limit,
    )  # fmt: skip
    by = weight_of(weight, place, columns, row, k, heads, inside, WEIGHTED, ORDERED)
    store_slopes(out, row, inside, sign, by, base, lean, p, p_p, p_x, r, v_p, v_x, by_c)
    tl.store(out + SLOPES * row + OF_W, by_p * with_p + by_x * with_x, mask=inside)
    tl.store(out + SLOPES * row + TIMES, tl.abs(by), mask=inside)


@triton.jit
def distance(table, c, out, rows, heads, SQUARED: tl.constexpr, BLOCK: tl.constexpr):
    """Lengths of the sums (-u) (+) v, or their squares, [P * H]."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    uu, vv, base, lean, across, excess = known(table, row, inside)
    _, _, length, _, _, _, _, _, _, _ = add(
        uu, vv, base, lean, across, excess, tl.load(c + row % heads)
    )
    tl.store(out + row, length * length if SQUARED else length, mask=inside)


@triton.jit
def distance_backward(table, grad, c, limit: tl.constexpr, out, rows, heads,
                      SQUARED: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Gradients of these, with the unit vector along the sum for g.

    As it is a combination of p and x itself, the columns of g are 0.
    """
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = row < rows
    curvature = tl.load(c + row % heads)
    uu, vv, base, lean, across, excess = known(table, row, inside)
    _, _, length, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w = add(
        uu, vv, base, lean, across, excess, curvature
    )
    g = tl.load(grad + row, mask=inside, other=0.0).to(tl.float64)
    if SQUARED:
        g *= 2 * length
    # the distance has no derivative at equal points, its square has 0
    g = tl.where(length == 0, 0.0, g)
    origin = uu == 0
    p, p_p, p_x, r, v_p, v_x, by_c = slopes(
        origin, base, lean, excess, curvature, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w,
        ru * w[1], tl.where(origin, rv, v2 * w[2]), True, limit,
    )  # fmt: skip
    unit = tl.where(origin, 1 / tl.where(rv > 0, rv, 1.0), 0.0)
    store_slopes(
        out, row, inside, -1.0, g, base, lean, 0 * g, p_p, p * unit + p_x,
        0 * g, v_p, r * unit + v_x, by_c,
    )  # fmt: skip
    tl.store(out + SLOPES * row + TIMES, 0 * uu + 1, mask=inside)
