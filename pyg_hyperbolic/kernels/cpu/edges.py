"""Loops along edges: weighted sums, and sums of log maps."""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.gyro import add, at_origin, in_plane, slopes
from pyg_hyperbolic.kernels.cpu.jit import inner, loop
from pyg_hyperbolic.kernels.cpu.rows import (
    COSH,
    EXPONENT,
    SINHC,
    SLOPE,
    SQUARE,
    ask_for,
    bounded,
    place,
    square,
    weight_of,
)
from pyg_hyperbolic.kernels.cpu.scalars import Radial, lift_slope, radial
from pyg_hyperbolic.kernels.cpu.split import rejection


@loop
def sum_forward(lo, hi, edges, x, out):
    """Weighted sums of neighbors' vectors x at the targets from lo to hi, [M, H, d]."""
    for i in range(lo, hi):
        ask_for(x, edges, i)
        out[i] = 0
        for e in range(edges.ptr[i], edges.ptr[i + 1]):
            j = edges.source[e]
            for k in range(x.shape[1]):
                w = x.dtype.type(weight_of(edges, e, k))
                for t in range(x.shape[2]):
                    out[i, k, t] += w * x[j, k, t]


@loop
def dots(lo, hi, edges, x, y, by_weight):
    """Products of neighbors' vectors x with those of their targets, y, [E, H].

    With the gradients of the sums for y these are the gradients of the weights.
    """
    for i in range(lo, hi):
        ask_for(x, edges, i)
        for e in range(edges.ptr[i], edges.ptr[i + 1]):
            j = edges.source[e]
            for k in range(x.shape[1]):
                dot = x.dtype.type(0)
                for t in range(x.shape[2]):
                    dot += y[i, k, t] * x[j, k, t]
                by_weight[place(edges, e), k] = dot


@loop
def radials(lo, hi, x, c, node):
    """Fills in what loops need of the radius of each point, [N, H, RADII]."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            xx = square(x, j, k)
            f = radial(math.sqrt(c[k] * xx))
            node[j, k, SINHC], node[j, k, COSH] = f.sinhc, f.cosh
            node[j, k, SLOPE] = lift_slope(c[k] * xx, f.sinhc, f.cosh)
            node[j, k, EXPONENT], node[j, k, SQUARE] = f.exponent, xx


@inner
def known(node, j, k):
    """The :class:`Radial` of a point from :func:`radials`."""
    return Radial(node[j, k, SINHC], node[j, k, COSH], node[j, k, EXPONENT])


@loop
def log_forward(lo, hi, edges, x, target, c, at_x, at_target, out):
    """Weighted sums of log maps at the targets from lo to hi, (-u_i) (+) x_j.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: The edges of the targets, and their weights.
        x: Points that edges leave from, [N, H, d].
        target: Points u that they lead to, [M, H, d].
        c: [H].
        at_x: See :func:`radials`, [N, H, RADII].
        at_target: The same of the targets, [M, H, RADII].
        out: Tangent vectors, transported to the origin, filled in, [M, H, d].
    """
    for i in range(lo, hi):
        ask_for(x, edges, i)
        out[i] = 0
        for k in range(x.shape[1]):
            for e in range(edges.ptr[i], edges.ptr[i + 1]):
                j = edges.source[e]
                w = weight_of(edges, e, k)
                if w == 0:
                    continue
                row = add(
                    target,
                    i,
                    -1.0,
                    x,
                    j,
                    k,
                    c[k],
                    known(at_target, i, k),
                    known(at_x, j, k),
                )
                by_u, by_z = w * row.by_u, w * row.by_x
                for t in range(x.shape[2]):
                    u = -np.float64(target[i, k, t])
                    z = rejection(
                        u, np.float64(x[j, k, t]), row.base, row.lean, row.rest
                    )
                    out[i, k, t] += by_u * u + by_z * z


@loop
def log_backward(
    lo,
    hi,
    edges,
    x,
    target,
    c,
    at_x,
    at_target,
    grad,
    by_x,
    by_target,
    by_weight,
    by_c,
):
    """Gradients of :func:`log_forward`, of which those of x and c are added to.

    That of the weights is [E, H], or [0, 0] where it is not needed.
    """
    learned = by_weight.shape[0] > 0
    for i in range(lo, hi):
        ask_for(x, edges, i)
        ask_for(by_x, edges, i)
        by_target[i] = 0
        for k in range(x.shape[1]):
            g_u = 0.0
            for t in range(x.shape[2]):
                g_u -= np.float64(grad[i, k, t]) * np.float64(target[i, k, t])
            for e in range(edges.ptr[i], edges.ptr[i + 1]):
                j = edges.source[e]
                w = weight_of(edges, e, k)
                if w == 0 and not learned:
                    continue
                at_u = known(at_target, i, k)
                row = add(target, i, -1.0, x, j, k, c[k], at_u, known(at_x, j, k))
                g_x = 0.0
                for t in range(x.shape[2]):
                    u = -np.float64(target[i, k, t])
                    z = rejection(
                        u, np.float64(x[j, k, t]), row.base, row.lean, row.rest
                    )
                    g_x += np.float64(grad[i, k, t]) * z
                if learned:
                    by_weight[place(edges, e), k] = row.by_u * g_u + row.by_x * g_x
                if row.ru > 0:
                    flat = in_plane(row, target, i, -1.0, x, j, k, grad, i, g_u, g_x)
                    s = slopes(row, at_u, g_u, g_x, flat, c[k])
                else:
                    s = at_origin(row, g_x)
                by_c[k] += w * s.c
                for t in range(x.shape[2]):
                    g, u = np.float64(grad[i, k, t]), -np.float64(target[i, k, t])
                    z = rejection(
                        u, np.float64(x[j, k, t]), row.base, row.lean, row.rest
                    )
                    by_x[j, k, t] += w * bounded(s.r * g + s.v_u * u + s.v_x * z, x)
                    by_target[i, k, t] -= w * bounded(
                        s.p * g + s.u_u * u + s.u_x * z, x
                    )
