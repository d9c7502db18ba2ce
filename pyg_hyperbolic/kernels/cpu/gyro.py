"""Loops of the gyro-sum: of points with a bias, along edges, and as a distance.

Every row is computed in the plane of its two points: with the unit vectors e along the
first, u, and f along the part x of the second, v, that is across it.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import difference, loop, scalar
from pyg_hyperbolic.kernels.cpu.rows import bounded, square
from pyg_hyperbolic.kernels.cpu.scalars import (
    Radial,
    Sum,
    curvature_slope,
    gyro_sum,
    radial,
)
from pyg_hyperbolic.kernels.cpu.split import LEAST, rejection, split

# From this derivative at right angles to the plane on roundings of a gradient show.
STEEP = 100.0


class Row(NamedTuple):
    """Two points and their sum."""

    ru: float
    rv: float
    v1: float  # part of v along u
    v2: float  # part of v across u
    base: float  # see Split, as the next three
    lean: float
    rest: float
    excess: float
    radial_v: Radial
    w: Sum
    by_u: float  # w = by_u u + by_x x; these two are no gradients
    by_x: float
    limit: float  # what derivatives may not exceed in the dtype of the points


@scalar
def add(u, i, sign, v, j, k, c, at_u, at_v):
    """The sum of sign u[i], which is the u of the row, and v[j].

    Args:
        u: First points, [*, H, d].
        i: Which of them.
        sign: 1 or -1.
        v: Second points, [*, H, d].
        j: Which of them.
        k: The head.
        c: Absolute value of the curvature.
        at_u: :class:`Radial` of the first.
        at_v: :class:`Radial` of the second.
    """
    uu, vv, excess, base, lean, rest, square = split(u, i, sign, v, j, k, u)
    ru, rv = math.sqrt(uu), math.sqrt(vv)
    if uu == 0:  # w = v, and its derivatives are those of at_origin
        w = Sum(rv, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, rv, 0.0)
        return Row(0.0, rv, rv, 0.0, 0.0, 0.0, 0.0, excess, at_v, w, 0.0, 1.0, 1e250)
    v2 = math.sqrt(square)
    v1 = (base + lean + rest) * ru
    w = gyro_sum(ru, at_u, v1, rv, at_v, v2, excess, c)
    return Row(
        ru,
        rv,
        v1,
        v2,
        base,
        lean,
        rest,
        excess,
        at_v,
        w,
        w.length * w.cos / ru,
        w.length * w.sin / v2 if v2 > 0 else 0.0,
        1e30 if u.itemsize == 4 else 1e250,
    )


@scalar
def at_radius(x, j, k, c):
    """The Radial of a point."""
    return radial(math.sqrt(c * square(x, j, k)))


class Slopes(NamedTuple):
    """Gradients of u and v as g_u = p g + u_u u + u_x x, g_v = r g + v_u u + v_x x.

    Here g is the gradient of the sum, and c that of the curvature.
    """

    p: float
    u_u: float
    u_x: float
    r: float
    v_u: float
    v_x: float
    c: float


@scalar
def in_plane(row, u, i, side, v, j, k, grad, n, with_u, with_x):
    """Whether nothing but roundings of a gradient, grad[n], is across the plane.

    Of opposite points derivatives there are up to e^a: they would make of roundings
    more than all that the gradient is in the plane.  The products of the gradient with
    u and x are given.
    """
    if not max(row.w.p, row.w.r) > STEEP:
        return False
    by_u = with_u / (row.ru * row.ru)
    by_x = with_x / (row.v2 * row.v2) if row.v2 > 0 else 0.0
    gg = beside = 0.0
    for t in range(u.shape[2]):
        p, g = side * np.float64(u[i, k, t]), np.float64(grad[n, k, t])
        x = rejection(p, np.float64(v[j, k, t]), row.base, row.lean, row.rest)
        y = difference(difference(g, by_u * p), by_x * x)
        gg += g * g
        beside += y * y
    noise = LEAST * np.finfo(u.dtype).eps
    return beside <= noise * noise * gg


@scalar
def slopes(row, at_u, with_u, with_x, flat, c):
    """Gradients of a sum from the products of its gradient g with u and x.

    In the plane they come from the parts of g along w and across it; at right angles
    to the plane they are p g and r g, or nothing if g is flat: in the plane.
    """
    w = row.w
    g_e = with_u / row.ru
    g_f = with_x / row.v2 if row.v2 > 0 else 0.0
    along = w.cos * g_e + w.sin * g_f
    across = w.cos * g_f - w.sin * g_e
    shrink = w.length / w.hyp * math.exp(-w.shift) if w.hyp > 0 else 1.0
    # Out of range they may be infinite, and infinity times 0 is NaN.
    p, r = min(w.p, row.limit), min(w.r, row.limit)
    turn = r
    if flat:
        p = r = 0.0
    f_along = min(w.f_along, row.limit)
    f_across = min(max(w.f_across, -row.limit), row.limit)
    u_e = w.cos * along - w.sin * w.u_across * across
    u_f = f_along * along + f_across * across
    cos, sin = (row.v1 / row.rv, row.v2 / row.rv) if row.rv > 0 else (1.0, 0.0)
    v_along = w.cos_v * along + w.sin_v * shrink * across
    v_across = w.cos_v * turn * across
    if row.rv > 0:
        v_across -= f_along * row.ru / row.rv * along
    v_e = cos * v_along - sin * v_across
    v_f = sin * v_along + cos * v_across
    by_c = 0.0
    if row.rv > 0 and w.length > 0:
        c_along, c_across = curvature_slope(
            w, row.ru, at_u, row.rv, row.radial_v, row.v2, row.excess, c
        )
        by_c = c_along * along + c_across * across
    to_e, to_f = 1 / row.ru, 1 / row.v2 if row.v2 > 0 else 0.0
    return Slopes(
        p,
        (u_e - p * g_e) * to_e,
        (u_f - p * g_f) * to_f,
        r,
        (v_e - r * g_e) * to_e,
        (v_f - r * g_f) * to_f,
        by_c,
    )


@scalar
def at_origin(row, with_v):
    """As :func:`slopes`, where u is the origin, and x is v.

    As u moves away, w = v moves as far along v, and b coth(b) times as far across v.
    """
    wide = row.radial_v.cosh / row.radial_v.sinhc
    along = (1 - wide) * with_v / (row.rv * row.rv) if row.rv > 0 else 0.0
    return Slopes(wide, 0.0, along, 1.0, 0.0, 0.0, 0.0)


@loop
def add_forward(lo, hi, u, v, c, out):
    """Sums u (+) v of the rows from lo to hi; v is [N, H, d] as u, or [1, H, d]."""
    for k in range(u.shape[1]):
        for i in range(lo, hi):
            j = i if v.shape[0] > 1 else 0
            if i == lo or j > 0:
                at_v = at_radius(v, j, k, c[k])
            row = add(u, i, 1.0, v, j, k, c[k], at_radius(u, i, k, c[k]), at_v)
            kind = u.dtype.type
            by_u, by_x = kind(row.by_u), kind(row.by_x)
            base, lean, rest = kind(row.base), kind(row.lean), kind(row.rest)
            for t in range(u.shape[2]):
                p = u[i, k, t]
                x = rejection(p, v[j, k, t], base, lean, rest)
                out[i, k, t] = by_u * p + by_x * x


@loop
def add_backward(lo, hi, u, v, c, grad, by_u, by_v, by_c):
    """Gradients of :func:`add_forward`; those of v and c are added to."""
    for k in range(u.shape[1]):
        for i in range(lo, hi):
            j = i if v.shape[0] > 1 else 0
            if i == lo or j > 0:
                at_v = at_radius(v, j, k, c[k])
            at_u = at_radius(u, i, k, c[k])
            row = add(u, i, 1.0, v, j, k, c[k], at_u, at_v)
            with_u = with_x = 0.0
            for t in range(u.shape[2]):
                p, g = np.float64(u[i, k, t]), np.float64(grad[i, k, t])
                with_u += g * p
                q = np.float64(v[j, k, t])
                with_x += g * rejection(p, q, row.base, row.lean, row.rest)
            if row.ru > 0:
                flat = in_plane(row, u, i, 1.0, v, j, k, grad, i, with_u, with_x)
                s = slopes(row, at_u, with_u, with_x, flat, c[k])
            else:
                s = at_origin(row, with_x)
            by_c[k] += s.c
            for t in range(u.shape[2]):
                p, g = np.float64(u[i, k, t]), np.float64(grad[i, k, t])
                q = np.float64(v[j, k, t])
                x = rejection(p, q, row.base, row.lean, row.rest)
                by_u[i, k, t] = bounded(s.p * g + s.u_u * p + s.u_x * x, u)
                by_v[j, k, t] += bounded(s.r * g + s.v_u * p + s.v_x * x, u)
