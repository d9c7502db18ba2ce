r"""Loops of the weighted midpoint as a sum of lifted points, see docs/geometry.md.

A point v is lifted to (S v, C) with S = sinh(a)/a and C = cosh(a).  The sum of lifted
neighbors, divided by its last number, is the Klein point k of their midpoint, and its
gap 1 - c |k|^2 tells the radius.  With a bias b the neighbor u (+) b is lifted to

    (alpha u + S_b b, C_u C_b + h), alpha = S_u (C_b + h / (1 + C_u)), h = c S_u S_b u.b

Summed in float64 the gap is exact to 1e-16: enough unless the neighbors are far out and
all in one direction.  Such targets are recognized, and left to
:mod:`~pyg_hyperbolic.kernels.cpu.far`.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import inner, loop, scalar
from pyg_hyperbolic.kernels.cpu.rows import ask_for, place, square, weight_of
from pyg_hyperbolic.kernels.cpu.scalars import lift_slope, radial, stretch

# Of the lift of each point: alpha, the last number C_u C_b + h, and C_u C_b, the size
# of what may cancel in that.
ALPHA, COSH, SIZE = range(3)
# The least gaps with enough digits in float64, for points in float32 and in float64.
_LEAST_32, _LEAST_64 = 1e-9, 1e-2
# Sums of last numbers out of this range lose digits.
_SMALLEST, _LARGEST = 1e-200, 1e200


@loop
def lift_bias(bias, c, at_b, shift):
    """What lifting needs of a bias, of each head.

    Args:
        bias: A point that is added to all others, [1, H, d].
        c: [H].
        at_b: Its :class:`Radial`, filled in, [H, 3].
        shift: What it adds to each lifted point, S_b b, filled in, [H, d].
    """
    for k in range(bias.shape[1]):
        f = radial(math.sqrt(c[k] * square(bias, 0, k)))
        at_b[k, 0], at_b[k, 1], at_b[k, 2] = f.sinhc, f.cosh, f.exponent
        for t in range(bias.shape[2]):
            shift[k, t] = f.sinhc * bias[0, k, t]


@loop
def lift(lo, hi, u, bias, at_b, c, at):
    """Fills in what edges need of each point.

    Args:
        lo: First point.
        hi: Point behind the last.
        u: Points, [N, H, d].
        bias: See :func:`lift_bias`.
        at_b: See :func:`lift_bias`.
        c: [H].
        at: See :data:`ALPHA`, filled in, [N, H, 3]; the size is infinite where S and C
            come times e^-E.
    """
    for j in range(lo, hi):
        for k in range(u.shape[1]):
            uu = dot = 0.0
            for t in range(u.shape[2]):
                value = np.float64(u[j, k, t])
                uu += value * value
                dot += value * np.float64(bias[0, k, t])
            at_u = radial(math.sqrt(c[k] * uu))
            h = c[k] * at_u.sinhc * at_b[k, 0] * dot
            size = at_u.cosh * at_b[k, 1]
            at[j, k, ALPHA] = at_u.sinhc * (at_b[k, 1] + h / (1 + at_u.cosh))
            at[j, k, COSH] = size + h
            in_range = at_u.exponent == 0 and at_b[k, 2] == 0
            at[j, k, SIZE] = size if in_range else math.inf


@inner
def add_neighbors(i, k, edges, u, at, shift, sums):
    """Fills in the sum of the neighbors' lifted points.

    Args:
        i: The target.
        k: The head.
        edges: All edges, and their weights.
        u: See :func:`lift`.
        at: See :func:`lift`.
        shift: See :func:`lift_bias`.
        sums: The sum, but for its last number, filled in, [d].

    Returns:
        Its last number, and the size of what may cancel in that.
    """
    sums[:] = 0
    total = size = shifts = 0.0
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        j, w = edges.source[e], weight_of(edges, e, k)
        own = w * at[j, k, ALPHA]
        for t in range(u.shape[2]):
            sums[t] += own * np.float64(u[j, k, t])
        total += w * at[j, k, COSH]
        reach = at[j, k, SIZE]  # an infinite one counts even at a weight of 0
        size += w * reach if reach < math.inf else reach
        shifts += w
    for t in range(u.shape[2]):
        sums[t] += shifts * shift[k, t]
    return total, size


@inner
def klein(sums, total, size, c, least):
    """Divides a sum by its last number, in place: the Klein point of the midpoint.

    Returns:
        Its squared length, its gap, and whether that is exact enough.
    """
    rr, scale = 0.0, 1 / total
    for t in range(sums.shape[0]):
        sums[t] *= scale
        rr += sums[t] * sums[t]
    gap = 1 - c * rr
    # Written so that NaN counts as exact, and users get to see it.
    lost = gap * total <= least * size or total < _SMALLEST or total > _LARGEST
    return rr, gap, not lost


@loop
def forward(lo, hi, edges, u, at, shift, c, sums, out, left):
    """Midpoints of the targets from lo to hi, and which are left to do.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: The edges of the targets, and their weights.
        u: See :func:`lift`.
        at: See :func:`lift`.
        shift: See :func:`lift_bias`.
        c: [H].
        sums: Room for one vector, [d].
        out: Midpoints, filled in for targets that are not left, [M, H, d].
        left: Set to 1 for targets whose gap is not exact enough, else to 0, [M, H].
    """
    least = _LEAST_32 if u.itemsize == 4 else _LEAST_64
    for i in range(lo, hi):
        ask_for(u, edges, i)
        for k in range(u.shape[1]):
            total, size = add_neighbors(i, k, edges, u, at, shift, sums)
            left[i, k] = 0
            if total == 0:  # no neighbor
                out[i, k] = 0
                continue
            rr, gap, exact = klein(sums, total, size, c[k], least)
            if exact:
                value, _ = stretch(c[k] * rr, gap)
                for t in range(u.shape[2]):
                    out[i, k, t] = value * sums[t]
            else:
                left[i, k] = 1


# Of each target's sum: 1 over its last number, and the gradient of the last number.
SCALE, OF_TOTAL = range(2)


@loop
def backward_targets(
    lo, hi, edges, u, at, shift, c, grad, sums, of_klein, of_sum, by_weight, by_c, left
):  # fmt: skip
    """Gradients of sums of lifted points, as those of their Klein points.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: See :func:`forward`.
        u: See :func:`lift`.
        at: See :func:`lift`.
        shift: See :func:`lift_bias`.
        c: [H].
        grad: Gradient of the midpoints, [M, H, d].
        sums: Room for one vector, [d].
        of_klein: Gradient of the Klein points, filled in, [M, H, d]; 0 where a target
            is left.  In float64, as its radial part may be huge, and little of that is
            left for points.
        of_sum: See :data:`SCALE`, filled in, [M, H, 2].
        by_weight: Gradient of weights, filled in, [E, H]; or [0, 0] where it is not
            needed.
        by_c: The part of c's gradient at fixed sums, [H], added to.
        left: See :func:`forward`.
    """
    least = _LEAST_32 if u.itemsize == 4 else _LEAST_64
    for i in range(lo, hi):
        ask_for(u, edges, i)
        for k in range(u.shape[1]):
            total, size = add_neighbors(i, k, edges, u, at, shift, sums)
            rr, gap, exact = klein(sums, total, size, c[k], least)
            left[i, k] = total != 0 and not exact
            if total == 0 or not exact:
                of_klein[i, k] = 0
                of_sum[i, k] = 0
            else:
                along = 0.0
                for t in range(u.shape[2]):
                    along += sums[t] * np.float64(grad[i, k, t])
                value, slope = stretch(c[k] * rr, gap)
                by_c[k] += slope * rr * along
                radial_part = 2 * c[k] * slope * along
                for t in range(u.shape[2]):
                    of_klein[i, k, t] = value * grad[i, k, t] + radial_part * sums[t]
                of_sum[i, k, SCALE] = 1 / total
                of_sum[i, k, OF_TOTAL] = -(value * along + radial_part * rr) / total
            if by_weight.shape[0] > 0:
                of_weights(
                    i, k, edges, u, at, shift, of_klein[i, k], of_sum[i, k], by_weight
                )  # fmt: skip


@inner
def of_weights(i, k, edges, u, at, shift, of_klein, of_sum, by_weight):
    """Fills in gradients of a target's weights: its sum's times each lifted point."""
    base = 0.0
    for t in range(u.shape[2]):
        base += of_klein[t] * shift[k, t]
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        j, dot = edges.source[e], 0.0
        for t in range(u.shape[2]):
            dot += of_klein[t] * np.float64(u[j, k, t])
        by_weight[place(edges, e), k] = (
            of_sum[SCALE] * (at[j, k, ALPHA] * dot + base)
            + at[j, k, COSH] * of_sum[OF_TOTAL]
        )


class Back(NamedTuple):
    """How the gradient g of a lifted point's vector leads to u, b and c."""

    alpha: float  # the gradient of u is alpha g + along u + by_dot b
    along: float
    by_dot: float  # and part of that of b is by_dot u
    by_sinhc_b: float
    by_cosh_b: float
    by_c: float


@scalar
def of_lifted(uu, dot, sinhc_b, cosh_b, c, by_alpha, by_cosh):
    """Gradients of a lifted point, from those of alpha and of its last number.

    Args:
        uu: Squared length of u.
        dot: Product of u and b.
        sinhc_b: S of b.
        cosh_b: C of b.
        c: Absolute value of the curvature.
        by_alpha: Gradient of alpha.
        by_cosh: Gradient of the last number, C_u C_b + h.
    """
    at_u = radial(math.sqrt(c * uu))
    sinhc, cosh, part = at_u.sinhc, at_u.cosh, 1 / (1 + at_u.cosh)
    h = c * sinhc * sinhc_b * dot
    unit = cosh_b + h * part  # alpha over S_u
    by_h = by_alpha * sinhc * part + by_cosh
    by_sinhc = by_alpha * unit + by_h * c * sinhc_b * dot
    by_cosh_u = by_cosh * cosh_b - by_alpha * sinhc * h * part * part
    by_square = by_sinhc * lift_slope(c * uu, sinhc, cosh) + by_cosh_u * sinhc / 2
    return Back(
        sinhc * unit,
        2 * c * by_square,
        by_h * c * sinhc * sinhc_b,
        by_h * c * sinhc * dot,
        by_alpha * sinhc + by_cosh * cosh,
        uu * by_square + by_h * sinhc * sinhc_b * dot,
    )


@loop
def backward_points(
    lo, hi, edges, u, bias, at_b, c, of_klein, of_sum, sums, by_u, by_bias, by_c
):  # fmt: skip
    """Gradients of the points from lo to hi, from those of the sums they are part of.

    Args:
        lo: First point.
        hi: Point behind the last.
        edges: The edges that leave from the points: their sources are targets here.
        u: See :func:`lift`.
        bias: See :func:`lift_bias`.
        at_b: See :func:`lift_bias`.
        c: [H].
        of_klein: See :func:`backward_targets`.
        of_sum: See :func:`backward_targets`.
        sums: Room for one vector, [d].
        by_u: Gradient of the points, filled in, [N, H, d].
        by_bias: Gradient of the bias at fixed S_b and C_b, and those of S_b and C_b,
            [H, d + 2], added to.
        by_c: Gradient of c at fixed S_b and C_b, [H], added to.
    """
    d = u.shape[2]
    for j in range(lo, hi):
        ask_for(of_klein, edges, j)
        for k in range(u.shape[1]):
            sums[:], by_cosh = 0, 0.0
            for e in range(edges.ptr[j], edges.ptr[j + 1]):
                i, w = edges.source[e], weight_of(edges, e, k)
                by_cosh += w * of_sum[i, k, OF_TOTAL]
                share = w * of_sum[i, k, SCALE]
                for t in range(d):
                    sums[t] += share * of_klein[i, k, t]
            uu = dot = by_alpha = 0.0
            for t in range(d):
                value = np.float64(u[j, k, t])
                uu += value * value
                dot += value * np.float64(bias[0, k, t])
                by_alpha += value * sums[t]
            sinhc_b, cosh_b = at_b[k, 0], at_b[k, 1]
            back = of_lifted(uu, dot, sinhc_b, cosh_b, c[k], by_alpha, by_cosh)
            by_sinhc_b = back.by_sinhc_b
            for t in range(d):
                by_sinhc_b += sums[t] * np.float64(bias[0, k, t])
            for t in range(d):
                by_bias[k, t] += sinhc_b * sums[t] + back.by_dot * np.float64(
                    u[j, k, t]
                )
            for t in range(d):
                by_u[j, k, t] = (
                    back.alpha * sums[t]
                    + back.along * np.float64(u[j, k, t])
                    + back.by_dot * np.float64(bias[0, k, t])
                )
            by_bias[k, d] += by_sinhc_b
            by_bias[k, d + 1] += back.by_cosh_b
            by_c[k] += back.by_c


@loop
def backward_bias(bias, at_b, c, by_bias, by_c):
    """Adds to the gradients of the bias and of c their part through S_b and C_b."""
    d = bias.shape[2]
    for k in range(bias.shape[1]):
        uu, sinhc = square(bias, 0, k), at_b[k, 0]
        by_square = (
            by_bias[k, d] * lift_slope(c[k] * uu, sinhc, at_b[k, 1])
            + by_bias[k, d + 1] * sinhc / 2
        )
        by_c[k] += uu * by_square
        for t in range(d):
            by_bias[k, t] += 2 * c[k] * by_square * bias[0, k, t]
