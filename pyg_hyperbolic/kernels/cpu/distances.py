"""Loops of distances of pairs of points.

The hyperbolic cosine X = C_u C_v - c S_u S_v u.v of sqrt(c) times a distance, with
S = sinh(a)/a and C = cosh(a), is exact to 1e-16 C_u C_v in float64.  For points in
float32 that is enough unless they are close to each other, or to the origin; these
pairs, points far out, and points in float64 take the gyro-sum.
"""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.edges import known
from pyg_hyperbolic.kernels.cpu.gyro import add, at_origin, slopes
from pyg_hyperbolic.kernels.cpu.jit import AHEAD, loop, prefetch, scalar
from pyg_hyperbolic.kernels.cpu.rows import SLOPE, SQUARE, bounded
from pyg_hyperbolic.kernels.cpu.split import rejection

# For float32 too few digits are left of X - 1 below the first times C_u C_v, and of the
# derivative with respect to c where (X - 1) (C_u C_v - 1) is below the second.
_CLOSE, _SMALL = 1e-8, 1e-7


@scalar
def above_one(u, v, c, dot):
    """X - 1, or -1 where it has too few digits; u and v are Radials, dot is u.v."""
    size = u.cosh * v.cosh
    out = size - c * u.sinhc * v.sinhc * dot - 1
    exact = out > _CLOSE * size and out * (size - 1) > _SMALL
    return out if exact and u.exponent == 0 and v.exponent == 0 else -1.0


@loop
def dist_forward(lo, hi, first, second, squared, u, v, c, at_u, at_v, out):
    """Distances of the pairs from lo to hi, or their squares.

    Args:
        lo: First pair.
        hi: Pair behind the last.
        first: Index in u of each pair's first point, [P].
        second: Index in v of its second point, [P].
        squared: Whether to fill in squares.
        u: Points, [N, H, d].
        v: Points, [M, H, d].
        c: [H].
        at_u: See :data:`~pyg_hyperbolic.kernels.cpu.rows.RADII`, [N, H, RADII].
        at_v: The same of v, [M, H, RADII].
        out: Filled in, [P, H].
    """
    narrow = u.itemsize == 4
    for e in range(lo, hi):
        if e + AHEAD < hi:
            prefetch(u, first[e + AHEAD])
            prefetch(v, second[e + AHEAD])
        i, j = first[e], second[e]
        for k in range(u.shape[1]):
            one, other, rest = known(at_u, i, k), known(at_v, j, k), -1.0
            if narrow:
                dot = 0.0
                for t in range(u.shape[2]):
                    dot += np.float64(u[i, k, t]) * np.float64(v[j, k, t])
                rest = above_one(one, other, c[k], dot)
            if rest > 0:
                length = math.log(1 + rest + math.sqrt(rest * (rest + 2)))
                length /= math.sqrt(c[k])
            else:
                length = add(u, i, -1.0, v, j, k, c[k], one, other).w.length
            out[e, k] = length * length if squared else length


@loop
def dist_backward(
    lo, hi, first, second, squared, u, v, c, at_u, at_v, grad, by_u, by_v, by_c
):
    """Gradients of :func:`dist_forward`, all of which are added to."""
    narrow = u.itemsize == 4
    for e in range(lo, hi):
        if e + AHEAD < hi:
            for array in (u, by_u):
                prefetch(array, first[e + AHEAD])
            for array in (v, by_v):
                prefetch(array, second[e + AHEAD])
        i, j = first[e], second[e]
        for k in range(u.shape[1]):
            g = np.float64(grad[e, k])
            if g == 0:
                continue
            one, other, rest = known(at_u, i, k), known(at_v, j, k), -1.0
            dot = 0.0
            if narrow:
                for t in range(u.shape[2]):
                    dot += np.float64(u[i, k, t]) * np.float64(v[j, k, t])
                rest = above_one(one, other, c[k], dot)
            if not rest > 0:
                along_sum(i, j, k, squared, u, v, c, one, other, g, by_u, by_v, by_c)
                continue
            root = math.sqrt(rest * (rest + 2))
            length = math.log(1 + rest + root) / math.sqrt(c[k])
            if squared:
                g *= 2 * length
            # derivatives of X with respect to c u.u, c v.v and, but for its sign, c u.v
            both, product = c[k] * dot, one.sinhc * other.sinhc
            by_uu = one.sinhc * other.cosh / 2 - at_u[i, k, SLOPE] * other.sinhc * both
            by_vv = other.sinhc * one.cosh / 2 - at_v[j, k, SLOPE] * one.sinhc * both
            step = g / (root * math.sqrt(c[k]))
            squares = at_u[i, k, SQUARE] * by_uu + at_v[j, k, SQUARE] * by_vv
            by_c[k] += step * (squares - product * dot)
            by_c[k] -= g * length / (2 * c[k])
            step *= c[k]
            of_u, of_v, across = 2 * step * by_uu, 2 * step * by_vv, step * product
            for t in range(u.shape[2]):
                p, q = np.float64(u[i, k, t]), np.float64(v[j, k, t])
                by_u[i, k, t] += of_u * p - across * q
                by_v[j, k, t] += of_v * q - across * p


@scalar
def along_sum(i, j, k, squared, u, v, c, at, at_v, g, by_u, by_v, by_c):
    """Gradients of one distance as the length of the sum (-u) (+) v."""
    row = add(u, i, -1.0, v, j, k, c[k], at, at_v)
    w = row.w
    if w.length == 0:  # the distance has no derivative there, its square has 0
        return
    if squared:
        g *= 2 * w.length
    # the gradient of the length of w is the unit vector along w
    if row.ru > 0:
        s = slopes(row, at, row.ru * w.cos, row.v2 * w.sin, True, c[k])
        u_x, v_x = s.u_x, s.v_x
    else:
        s = at_origin(row, row.rv)
        u_x, v_x = s.p / row.rv + s.u_x, s.r / row.rv
    by_c[k] += g * s.c
    for t in range(u.shape[2]):
        p = -np.float64(u[i, k, t])
        x = rejection(p, np.float64(v[j, k, t]), row.base, row.lean, row.rest)
        by_u[i, k, t] -= bounded(g * (s.u_u * p + u_x * x), u)
        by_v[j, k, t] += bounded(g * (s.v_u * p + v_x * x), u)
