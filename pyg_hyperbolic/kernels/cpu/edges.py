"""Loops along edges: weighted sums, sums of log maps, and distances."""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.gyro import add, at_origin, slopes
from pyg_hyperbolic.kernels.cpu.jit import AHEAD, inner, loop, prefetch
from pyg_hyperbolic.kernels.cpu.rows import ask_for, place, square, weight_of
from pyg_hyperbolic.kernels.scalars import Radial, radial


@loop
def sum_forward(lo, hi, edges, x, out):
    """Weighted sums of the rows from lo to hi; arguments as of the midpoint."""
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
def sum_backward(lo, hi, edges, x, grad, by_x, by_weight):
    """Gradients of :func:`sum_forward`; that of x is added to."""
    learned = by_weight.shape[0] > 0
    for i in range(lo, hi):
        ask_for(by_x, edges, i)
        if learned:
            ask_for(x, edges, i)
        for e in range(edges.ptr[i], edges.ptr[i + 1]):
            j = edges.source[e]
            for k in range(grad.shape[1]):
                w = grad.dtype.type(weight_of(edges, e, k))
                for t in range(grad.shape[2]):
                    by_x[j, k, t] += w * grad[i, k, t]
                if learned:
                    dot = grad.dtype.type(0)
                    for t in range(grad.shape[2]):
                        dot += grad[i, k, t] * x[j, k, t]
                    by_weight[place(edges, e), k] = dot


@loop
def radials(lo, hi, x, c, node):
    """sinh(a)/a, cosh(a) and E of each point, see :class:`Radial`."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            f = radial(math.sqrt(c[k] * square(x, j, k)))
            node[j, k, 0], node[j, k, 1], node[j, k, 2] = f.sinhc, f.cosh, f.exponent


@inner
def known(node, j, k):
    """The :class:`Radial` of a point from :func:`radials`."""
    return Radial(node[j, k, 0], node[j, k, 1], node[j, k, 2])


@loop
def log_forward(lo, hi, edges, x, target, c, at_x, at_target, out):
    """Weighted sums of log maps at the targets, (-u_i) (+) v_j."""
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
                along, across = w * row.by_u, w * row.by_x
                for t in range(x.shape[2]):
                    u = -np.float64(target[i, k, t])
                    out[i, k, t] += along * u + across * (
                        np.float64(x[j, k, t]) - row.share * u
                    )


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
    """Gradients of :func:`log_forward`; that of x is added to."""
    learned = by_weight.shape[0] > 0
    for i in range(lo, hi):
        ask_for(x, edges, i)
        ask_for(by_x, edges, i)
        by_target[i] = 0
        for k in range(x.shape[1]):
            g_u = 0.0
            for t in range(x.shape[2]):
                g_u -= np.float64(grad[i, k, t]) * np.float64(target[i, k, t])
            of_grad = 0.0
            for e in range(edges.ptr[i], edges.ptr[i + 1]):
                j = edges.source[e]
                w = weight_of(edges, e, k)
                if w == 0 and not learned:
                    continue
                at_u = known(at_target, i, k)
                row = add(target, i, -1.0, x, j, k, c[k], at_u, known(at_x, j, k))
                g_x = 0.0
                for t in range(x.shape[2]):
                    g_x += np.float64(grad[i, k, t]) * (
                        np.float64(x[j, k, t]) + row.share * np.float64(target[i, k, t])
                    )
                if learned:
                    by_weight[place(edges, e), k] = row.by_u * g_u + row.by_x * g_x
                s = (
                    slopes(row, at_u, g_u, g_x, c[k])
                    if row.ru > 0
                    else at_origin(row, g_x)
                )
                by_c[k] += w * s.c
                of_grad += w * s.p
                u_u, u_x = w * s.u_u, w * s.u_x
                r, v_u, v_x = w * s.r, w * s.v_u, w * s.v_x
                for t in range(x.shape[2]):
                    u = -np.float64(target[i, k, t])
                    z = np.float64(x[j, k, t]) - row.share * u
                    by_x[j, k, t] += r * np.float64(grad[i, k, t]) + v_u * u + v_x * z
                    by_target[i, k, t] -= u_u * u + u_x * z
            for t in range(x.shape[2]):
                by_target[i, k, t] -= of_grad * grad[i, k, t]


@loop
def dist_forward(lo, hi, first, second, squared, u, v, c, at_u, at_v, out):
    """Distances of the pairs from lo to hi, or their squares, [P, H]."""
    for e in range(lo, hi):
        if e + AHEAD < hi:
            prefetch(u, first[e + AHEAD])
            prefetch(v, second[e + AHEAD])
        i, j = first[e], second[e]
        for k in range(u.shape[1]):
            row = add(u, i, -1.0, v, j, k, c[k], known(at_u, i, k), known(at_v, j, k))
            length = row.w.length
            out[e, k] = length * length if squared else length


@loop
def dist_backward(
    lo, hi, first, second, squared, u, v, c, at_u, at_v, grad, by_u, by_v, by_c
):
    """Gradients of :func:`dist_forward`, added to."""
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
            at = known(at_u, i, k)
            row = add(u, i, -1.0, v, j, k, c[k], at, known(at_v, j, k))
            w = row.w
            if w.length == 0:  # the distance has no derivative there, its square has 0
                continue
            if squared:
                g *= 2 * w.length
            # the unit vector along w stands for a gradient
            if row.ru > 0:
                s = slopes(row, at, row.ru * w.cos, row.v2 * w.sin, c[k])
            else:
                s = at_origin(row, row.rv)
            along = w.cos / row.ru if row.ru > 0 else 0.0
            across = w.sin / row.v2 if row.v2 > 0 else 0.0
            if row.ru == 0:
                across = 1 / row.rv
            by_c[k] += g * s.c
            u_u, u_x = s.p * along + s.u_u, s.p * across + s.u_x
            v_u, v_x = s.r * along + s.v_u, s.r * across + s.v_x
            for t in range(u.shape[2]):
                p = -np.float64(u[i, k, t])
                x = np.float64(v[j, k, t]) - row.share * p
                by_u[i, k, t] -= g * (u_u * p + u_x * x)
                by_v[j, k, t] += g * (v_u * p + v_x * x)
