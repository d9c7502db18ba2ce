"""Loops of the weighted midpoint over a graph: DESIGN in docs/geometry.md.

Klein points k = tanh(a)/a v are measured from that of each target's heaviest neighbor,
written k_j - k_h = kappa_j (v_j - v_h) + (kappa_j - kappa_h) v_h, which is exactly zero
for equal points and as exact as the points themselves for all others.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import AHEAD, inner, loop, prefetch, scalar
from pyg_hyperbolic.kernels.scalars import homogeneity, klein_slope, radial

# Of each point: tanh(a)/a, cosh(a) e^-E, E, and its squared Klein radius over c.
KAPPA, COSH, EXPONENT, SQUARE = range(4)
NODE = 4
# Beyond this radius squares of differences leave float32; they are taken in float64.
_FAR = math.cosh(38.0)
_LARGEST = 700.0  # the largest power of e that float64 holds


class Center(NamedTuple):
    """What is known of one target's midpoint, but for the vector to it."""

    mass: float  # sum of w cosh(a), in units of the heaviest's weight and e^E
    inverse: float  # sum of w / cosh(a), in units of its weight and e^-least
    spread: float  # variance of the Klein points
    log_gap: float  # log(1 - the squared radius of the Klein midpoint)
    share: float  # of the sum of inverses in that gap; the rest is the variance's


@scalar
def square(x, j, k):
    """Squared length of a point."""
    out = 0.0
    for t in range(x.shape[2]):
        out += float(x[j, k, t]) * float(x[j, k, t])
    return out


@loop
def radii(lo, hi, x, c, node):
    """What edges need of each point."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            uu = square(x, j, k)
            f = radial(math.sqrt(c[k] * uu))
            kappa = f.sinhc / f.cosh
            node[j, k, KAPPA] = kappa
            node[j, k, COSH] = f.cosh
            node[j, k, EXPONENT] = f.exponent
            node[j, k, SQUARE] = kappa * kappa * uu


@inner
def place(order, e):
    """Where an edge stands in the user's list."""
    return order[e] if order.shape[0] > 0 else e


@inner
def weight_of(weight, order, e, k):
    """Weight of an edge, 1 where there are none; edges are in the order of targets."""
    if weight.shape[0] == 0:
        return 1.0
    return float(weight[place(order, e), k if weight.shape[1] > 1 else 0])


class Heaviest(NamedTuple):
    """The neighbor that counts most, and how far out neighbors are."""

    edge: int  # of the largest w cosh(a), -1 where there is none
    least: float  # the smallest exponent E of a neighbor
    far: bool  # whether differences leave float32


@scalar
def heaviest(i, k, ptr, source, order, weight, node):
    """Looks at the weights and radii of a target's neighbors."""
    best, best_mass, best_exponent = -1, 0.0, 0.0
    least, far = math.inf, False
    for e in range(ptr[i], ptr[i + 1]):
        w = weight_of(weight, order, e, k)
        if w <= 0:
            continue
        j = source[e]
        cosh, exponent = node[j, k, COSH], node[j, k, EXPONENT]
        mass = w * cosh
        least = min(least, exponent)
        far = far or cosh > _FAR or exponent > 0
        heavier = mass > best_mass
        if exponent != best_exponent:
            heavier = math.log(mass) + exponent > math.log(best_mass) + best_exponent
        if best < 0 or heavier:
            best, best_mass, best_exponent = e, mass, exponent
    return Heaviest(best, least, far)


@inner
def masses(ratio, cosh, exponent, top, least):
    """w cosh(a) and w / cosh(a) in the units of :class:`Center`, for w = ratio."""
    if top == 0 and exponent == 0:
        return ratio * cosh, ratio / cosh
    if ratio == 0:
        return 0.0, 0.0
    log, log_cosh = math.log(ratio), math.log(cosh) + exponent
    return math.exp(log + log_cosh - top), math.exp(min(log - log_cosh + least, _LARGEST))


@inner
def add_difference(x, j, h, k, kappa, rise, mass, total):
    """Adds mass (k_j - k_h) to a total, and returns the square of the difference."""
    kind = total.dtype.type
    kappa, rise, mass, out = kind(kappa), kind(rise), kind(mass), kind(0)
    for t in range(x.shape[2]):
        there = kind(x[h, k, t])
        z = kappa * (kind(x[j, k, t]) - there) + rise * there
        total[t] += mass * z
        out += z * z
    return float(out)


@inner
def pull(x, j, h, k, kappa, rise, shift, beta, mass, twice, grad):
    """The gradient of k_j, added to grad[j]; and the dots that its mass needs.

    z is the difference of k_j to the midpoint, shift that of the midpoint to k_h.
    """
    kind = shift.dtype.type
    kappa, rise, mass, twice = kind(kappa), kind(rise), kind(mass), kind(twice)
    zz, zb = kind(0), kind(0)
    for t in range(x.shape[2]):
        there = kind(x[h, k, t])
        z = kappa * (kind(x[j, k, t]) - there) + rise * there - shift[t]
        zz += z * z
        zb += z * beta[t]
        grad[j, k, t] += grad.dtype.type(mass * beta[t] + twice * z)
    return float(zz), float(zb)


@scalar
def center(i, k, top, ptr, source, order, weight, x, node, c, shift):
    """The midpoint of a target's neighbors, as shift from that of the heaviest."""
    h, least = source[top.edge], top.least
    unit = weight_of(weight, order, top.edge, k)
    kappa, exponent = node[h, k, KAPPA], node[h, k, EXPONENT]
    shift[:] = 0
    total, inverse, squares = 0.0, 0.0, 0.0
    for e in range(ptr[i], ptr[i + 1]):
        j = source[e]
        w = weight_of(weight, order, e, k)
        m, i_m = masses(
            w / unit, node[j, k, COSH], node[j, k, EXPONENT], exponent, least
        )
        total += m
        inverse += i_m
        if j != h and w != 0:
            own = node[j, k, KAPPA]
            squares += m * add_difference(x, j, h, k, own, own - kappa, m, shift)
    away = 0.0
    for t in range(x.shape[2]):
        shift[t] /= total
        away += float(shift[t]) * float(shift[t])
    spread = max(squares / total - away, 0.0)
    log_inverse = math.log(inverse / total) - least - exponent
    gap = c * spread
    if log_inverse > -_LARGEST:
        part = math.exp(log_inverse)
        log_gap, share = math.log(part + gap), part / (part + gap)
    elif gap > 0:
        log_gap, share = math.log(gap), 0.0
    else:
        log_gap, share = log_inverse, 1.0
    return Center(total, inverse, spread, log_gap, share)


@scalar
def stretch(rr, log_gap, c):
    """artanh(r)/r for r = sqrt(c rr), 1 - r^2 = e^log_gap, and its slope.

    The slope is the derivative with respect to the gap 1 - r^2, times the gap.
    """
    z = c * rr
    if z < 1e-2:
        value = 1 + z * (1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13)))))
        slope = 1 / 3 + z * (2 / 5 + z * (3 / 7 + z * (4 / 9 + z * (5 / 11 + z * (6 / 13)))))
        return value, -slope * math.exp(log_gap)
    r = math.sqrt(z)
    value = (math.log1p(r) - log_gap / 2) / r
    return value, (value * math.exp(log_gap) - 1) / (2 * z)


@loop
def forward(lo, hi, ptr, source, order, weight, x, node, c, shift, wide, out):
    """Midpoints of the rows from lo to hi.

    Args:
        lo: First target.
        hi: Target behind the last.
        ptr: First edge of each target, [M + 1].
        source: Where the message of each edge comes from, [E].
        order: Where its weight stands, [E]; or [0] for the same place.
        weight: [E, H], [E, 1], or [0, 0] for none.
        x: Points, [N, H, d].
        node: See :func:`radii`.
        c: [H].
        shift: Space for one vector [d] of the dtype of points.
        wide: Space for one vector [d] in float64.
        out: [M, H, d].
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            if k == 0:
                for e in range(ptr[i] + AHEAD, min(ptr[i + 1] + AHEAD, source.shape[0])):
                    prefetch(x, source[e])
            top = heaviest(i, k, ptr, source, order, weight, node)
            if top.edge < 0:
                out[i, k, :] = 0
            elif top.far:
                finish(i, k, top, ptr, source, order, weight, x, node, c, wide, out)
            else:
                finish(i, k, top, ptr, source, order, weight, x, node, c, shift, out)


@scalar
def finish(i, k, top, ptr, source, order, weight, x, node, c, shift, out):
    """One midpoint."""
    at = center(i, k, top, ptr, source, order, weight, x, node, c[k], shift)
    h = source[top.edge]
    kappa = node[h, k, KAPPA]
    rr = 0.0
    for t in range(x.shape[2]):
        m = kappa * float(x[h, k, t]) + float(shift[t])
        rr += m * m
    value, _ = stretch(rr, at.log_gap, c[k])
    for t in range(x.shape[2]):
        out[i, k, t] = value * (kappa * float(x[h, k, t]) + float(shift[t]))


@loop
def backward(
    lo, hi, ptr, source, order, weight, x, node, c, grad, space, wide, by_klein, by_mass, by_weight, by_c
):
    """Gradients of the rows from lo to hi.

    Args:
        lo: See :func:`forward` for this and what follows.
        grad: Gradient of the midpoints, [M, H, d].
        space: Space for two vectors [2, d] of the dtype of points.
        wide: The same in float64.
        by_klein: Gradient of the Klein points, [N, H, d], added to.
        by_mass: [N, H, 2], added to: gradient of the logarithm of a point's mass, without
            the factor that all its edges share; and the gradient of its Klein point along
            itself.
        by_weight: [E, H], or [0, 0] where it is not needed.
        by_c: Twice the part of c's gradient that belongs to targets, [H], added to.
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            if k == 0:
                for e in range(ptr[i] + AHEAD, min(ptr[i + 1] + AHEAD, source.shape[0])):
                    prefetch(x, source[e])
                    prefetch(by_klein, source[e])
            top = heaviest(i, k, ptr, source, order, weight, node)
            if top.edge < 0:
                if by_weight.shape[0] > 0:
                    for e in range(ptr[i], ptr[i + 1]):
                        by_weight[place(order, e), k] = 0
            elif top.far:
                spread_gradient(
                    i, k, top, ptr, source, order, weight, x, node, c[k], grad,
                    wide[0], wide[1], by_klein, by_mass, by_weight, by_c,
                )  # fmt: skip
            else:
                spread_gradient(
                    i, k, top, ptr, source, order, weight, x, node, c[k], grad,
                    space[0], space[1], by_klein, by_mass, by_weight, by_c,
                )  # fmt: skip


@scalar
def spread_gradient(
    i, k, top, ptr, source, order, weight, x, node, c, grad,
    shift, beta, by_klein, by_mass, by_weight, by_c,
):  # fmt: skip
    """The gradient of one midpoint, handed to its neighbors."""
    learned = by_weight.shape[0] > 0
    at = center(i, k, top, ptr, source, order, weight, x, node, c, shift)
    h = source[top.edge]
    kappa, most = node[h, k, KAPPA], node[h, k, EXPONENT]
    unit = weight_of(weight, order, top.edge, k)
    rr = along = 0.0
    for t in range(x.shape[2]):
        m = kappa * float(x[h, k, t]) + float(shift[t])
        rr += m * m
        along += m * float(grad[i, k, t])
    value, slope = stretch(rr, at.log_gap, c)
    for t in range(x.shape[2]):
        beta[t] = value * grad[i, k, t]
    by_gap = along * slope  # derivative with respect to the gap, times the gap
    over_gap = math.exp(min(-at.log_gap, _LARGEST))
    gap = math.exp(at.log_gap)
    by_gamma = by_gap * over_gap
    by_c[k] += 2 * by_gamma * at.spread
    for e in range(ptr[i], ptr[i + 1]):
        w = weight_of(weight, order, e, k)
        if w == 0 and not learned:
            continue
        j = source[e]
        cosh, exponent, own = node[j, k, COSH], node[j, k, EXPONENT], node[j, k, KAPPA]
        one, one_inverse = masses(1.0 / unit, cosh, exponent, most, top.least)
        m = w * one / at.mass
        zz, zb = pull(
            x, j, h, k, own, own - kappa, shift, beta, m, 2 * c * by_gamma * m, by_klein
        )
        by_own = zb + by_gap * (c * zz * over_gap - 1)
        by_inverse = by_gap * at.share * one_inverse / at.inverse
        by_mass[j, k, 0] += m * by_own - w * by_inverse
        # the part of the difference z along k_j, from squares
        if c * node[j, k, SQUARE] < 0.3:
            beyond = c * (node[j, k, SQUARE] - rr)
        else:
            sech = math.exp(-exponent) / cosh
            beyond = gap - sech * sech
        along_own = along * value + zb + by_gamma * (beyond + c * zz)
        by_mass[j, k, 1] += m * along_own
        if learned:
            found = one / at.mass * by_own + by_inverse
            # for an edge of weight 0 to a point far beyond all others it is out of range
            in_range = w != 0 or found - found == 0
            by_weight[place(order, e), k] = found if in_range else 0.0


@loop
def pull_back(lo, hi, x, node, c, by_klein, by_mass, by_c):
    """Gradients of points from those of their Klein points and masses, in place."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            uu = square(x, j, k)
            z = c[k] * uu
            dot = 0.0
            for t in range(x.shape[2]):
                dot += float(by_klein[j, k, t]) * float(x[j, k, t])
            kappa, by_log = node[j, k, KAPPA], by_mass[j, k, 0]
            sech = math.exp(-node[j, k, EXPONENT]) / node[j, k, COSH]
            radial_part = c[k] * (klein_slope(z, kappa, sech * sech) * dot + kappa * by_log)
            for t in range(x.shape[2]):
                by_klein[j, k, t] = kappa * by_klein[j, k, t] + radial_part * x[j, k, t]
            by_c[k] += uu * (
                homogeneity(z, kappa, sech * sech) * by_mass[j, k, 1] + kappa * by_log
            )
