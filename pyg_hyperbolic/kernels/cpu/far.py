"""Loops of the weighted midpoint where neighbors are far out, see docs/geometry.md.

Klein points are measured from that of each target's heaviest neighbor h, and all masses
m = w cosh(a) are logarithms.  Differences are summed in units of the second heaviest
neighbor, whose mass may be e^-2000 of the heaviest one's and still decides the radius.
The gap is V = 1 - c |k|^2 of the midpoint's Klein point k, M the sum of the masses.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import inner, loop, scalar
from pyg_hyperbolic.kernels.cpu.klein import add_difference, compare, kappa_of, pull
from pyg_hyperbolic.kernels.cpu.rows import (
    COSH,
    EXPONENT,
    LIMIT_32,
    LIMIT_64,
    bounded,
    place,
    weight_of,
)
from pyg_hyperbolic.kernels.cpu.scalars import stretch_far

# Of each edge of a target, logarithms of w cosh(a), w / cosh(a), and cosh(a); then what
# is in klein.compare.
MASS, INVERSE, LOG_COSH = range(3)
COLUMNS = 8
_LARGEST = 700.0  # a power of e that float64 still holds (up to 709)
_RANGE = 600.0  # by how many powers of e a mass may be lighter than its unit


class Center(NamedTuple):
    """What is known of one target's midpoint, but for the vector to it."""

    total: float  # log M
    inverse: float  # logarithm of the sum of w / cosh(a)
    spread: float  # variance of the Klein points, over the gap
    log_gap: float  # log V
    share: float  # of the sum of inverses in the gap; the rest is the variance's
    unit: float  # logarithm of the mass that the shift is counted in


@scalar
def log_masses(i, k, edges, at, table):
    """Fills in the masses of a target's edges, see :data:`MASS`.

    Returns:
        The neighbor of the largest mass.
    """
    first, best, most = edges.ptr[i], edges.source[edges.ptr[i]], -math.inf
    for e in range(first, edges.ptr[i + 1]):
        w, j = weight_of(edges, e, k), edges.source[e]
        log = math.log(w) if w > 0 else -math.inf
        log_cosh = math.log(at[j, k, COSH]) + at[j, k, EXPONENT]
        table[e - first, MASS] = log + log_cosh
        table[e - first, INVERSE] = log - log_cosh
        table[e - first, LOG_COSH] = log_cosh
        if log + log_cosh > most:
            best, most = j, log + log_cosh
    return best


@scalar
def sum_masses(i, h, edges, table):
    """Logarithms of the sums of w cosh(a) and w / cosh(a), and the largest but h's."""
    most, most_inverse, second = -math.inf, -math.inf, -math.inf
    first, number = edges.ptr[i], edges.ptr[i + 1] - edges.ptr[i]
    for n in range(number):
        most = max(most, table[n, MASS])
        most_inverse = max(most_inverse, table[n, INVERSE])
        if edges.source[first + n] != h:
            second = max(second, table[n, MASS])
    total = total_inverse = 0.0
    for n in range(number):
        total += math.exp(table[n, MASS] - most)
        total_inverse += math.exp(table[n, INVERSE] - most_inverse)
    return most + math.log(total), most_inverse + math.log(total_inverse), second


@scalar
def compare_all(i, k, edges, table, x, at, c):
    """Fills in all columns of a target's edges; returns the heaviest neighbor."""
    h, first = log_masses(i, k, edges, at, table), edges.ptr[i]
    log_cosh = math.log(at[h, k, COSH]) + at[h, k, EXPONENT]
    for e in range(first, edges.ptr[i + 1]):
        j, n = edges.source[e], e - first
        if j != h:
            log_coshs = log_cosh + table[n, LOG_COSH]
            compare(x, j, h, k, c, kappa_of(at, j, k), log_coshs, table, n)
    return h


@scalar
def center(i, k, h, edges, table, x, c, shift):
    """The :class:`Center` of a target's neighbors, of which h is the heaviest.

    Fills in the shift, the sum of e^(MASS - unit) (k_j - k_h): with e^(unit - total) it
    leads from the Klein point k_h to that of the midpoint.
    """
    log_total, log_inverse, unit = sum_masses(i, h, edges, table)
    squares = 0.0
    while squares == 0 and unit > -math.inf:
        shift[:] = 0
        lighter = -math.inf
        for e in range(edges.ptr[i], edges.ptr[i + 1]):
            j, n = edges.source[e], e - edges.ptr[i]
            mass = table[n, MASS]
            if j == h or mass == -math.inf:
                continue
            if mass < unit - _RANGE:
                lighter = max(lighter, mass)
                continue
            m = math.exp(min(mass - unit, _RANGE))
            squares += m * add_difference(x, j, h, k, table, n, m, shift)
        if squares == 0:  # all are copies of the heaviest: what counts is lighter
            unit = lighter
    log_part = log_inverse - log_total
    if not squares > 0 or c == 0:
        shift[:] = 0
        return Center(log_total, log_inverse, 0.0, log_part, 1.0, 0.0)
    away = 0.0
    for t in range(x.shape[2]):
        away += shift[t] * shift[t]
    # 1 minus the square of the mean difference, over the mean square
    rest = 1 - away / squares * math.exp(unit - log_total)
    log_spread = math.log(squares * max(rest, 1e-16)) + unit - log_total
    most = max(log_part, log_spread + math.log(c))
    part, bent = math.exp(log_part - most), c * math.exp(log_spread - most)
    log_gap = most + math.log(part + bent)
    spread = math.exp(log_spread - log_gap)
    share = part / (part + bent)
    return Center(log_total, log_inverse, spread, log_gap, share, unit)


@loop
def forward(lo, hi, edges, x, at, c, left, table, shift, out):
    """Midpoints of those targets from lo to hi that are left.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: The edges of the targets, and their weights.
        x: Points, [N, H, d].
        at: See :data:`~pyg_hyperbolic.kernels.cpu.rows.RADII`, [N, H, RADII].
        c: [H].
        left: Not 0 for targets that are left, [M, H].
        table: Room for the edges of one target, [*, 8].
        shift: Room for one vector, [d].
        out: Midpoints, filled in where a target is left, [M, H, d].
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            if left[i, k] == 0:
                continue
            h = compare_all(i, k, edges, table, x, at, c[k])
            mid = center(i, k, h, edges, table, x, c[k], shift)
            kappa, scale = kappa_of(at, h, k), math.exp(mid.unit - mid.total)
            rr = 0.0
            for t in range(x.shape[2]):
                m = kappa * np.float64(x[h, k, t]) + shift[t] * scale
                rr += m * m
            value, _ = stretch_far(c[k] * rr, mid.log_gap)
            for t in range(x.shape[2]):
                m = kappa * np.float64(x[h, k, t]) + shift[t] * scale
                out[i, k, t] = value * m


@loop
def backward(
    lo, hi, edges, x, at, c, left, grad, table, space,
    by_klein, by_mass, by_weight, by_c,
):  # fmt: skip
    """Gradients of :func:`forward`.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: See :func:`forward`.
        x: See :func:`forward`.
        at: See :func:`forward`.
        c: [H].
        left: See :func:`forward`.
        grad: Gradient of the midpoints, [M, H, d].
        table: Room for the edges of one target, [*, 8].
        space: Room for two vectors, [2, d].
        by_klein: Gradient of the Klein points, [N, H, d], added to.
        by_mass: Gradient of log cosh(a) of each point, and the product of its Klein
            point with the gradient of that, [N, H, 2], added to.
        by_weight: Gradient of weights, [E, H], or [0, 0] where it is not needed.
        by_c: The part of c's gradient that belongs to targets, [H], added to.
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            if left[i, k] != 0:
                gradient(
                    i, k, edges, x, at, c[k], grad, table, space[0], space[1],
                    by_klein, by_mass, by_weight, by_c,
                )  # fmt: skip


@scalar
def gradient(
    i, k, edges, x, at, c, grad, table, shift, beta,
    by_klein, by_mass, by_weight, by_c,
):  # fmt: skip
    """What one target adds to the gradients of its neighbors and weights, and of c.

    Below, beta is the gradient of the midpoint's Klein point at a fixed gap, and z the
    difference of a neighbor's Klein point to it.
    """
    learned = by_weight.shape[0] > 0
    h = compare_all(i, k, edges, table, x, at, c)
    mid = center(i, k, h, edges, table, x, c, shift)
    kappa, scale = kappa_of(at, h, k), math.exp(mid.unit - mid.total)
    rr = along = 0.0
    for t in range(x.shape[2]):
        m = kappa * np.float64(x[h, k, t]) + shift[t] * scale
        rr += m * m
        along += m * np.float64(grad[i, k, t])
    value, slope = stretch_far(c * rr, mid.log_gap)
    for t in range(x.shape[2]):
        beta[t] = value * grad[i, k, t]
    by_gap = -along * slope  # derivative with respect to the gap, times the gap
    by_c[k] += by_gap * mid.spread
    log_limit = LIMIT_32 if x.itemsize == 4 else LIMIT_64
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        j, w = edges.source[e], weight_of(edges, e, k)
        if w == 0 and not learned:
            continue
        n = e - edges.ptr[i]
        log_cosh = table[n, LOG_COSH]
        log_mass, log_inverse = table[n, MASS], table[n, INVERSE]
        if w == 0:  # then its mass is that of a weight 1, of which only this is needed
            log_mass, log_inverse = log_cosh, -log_cosh
        # m / M, m / (M V), and the part of the gap that its inverse has; the first may
        # underflow where the second does not.
        one = math.exp(min(log_mass - mid.total, _LARGEST))
        log_over = log_mass - mid.total - mid.log_gap
        over_gap = math.exp(min(log_over, log_limit))
        inverse = mid.share * math.exp(min(log_inverse - mid.inverse, _LARGEST))
        mass, twice = (one, 2 * c * by_gap * over_gap) if w != 0 else (0.0, 0.0)
        if j == h:
            step = 0.0
            if w != 0:
                log_step = log_over + mid.unit - mid.total
                step = 2 * c * by_gap * math.exp(min(log_step, _LARGEST))
            zz, zb = pull_heaviest(h, k, shift, scale, beta, mass, step, x, by_klein)
        else:
            zz, zb = pull(
                x, j, h, k, table, n, shift, scale, beta, mass, twice, by_klein
            )
        # c m z^2 / (M V), at most the number of neighbors if this one counts: more is
        # of a mass out of range.
        bent, most = 0.0, 20.0 if w != 0 else _LARGEST
        if zz > 0:
            bent = math.exp(min(log_over + math.log(c * zz), most))
        by_one = one * (zb - by_gap) + by_gap * bent
        by_inverse = by_gap * inverse
        if w != 0:
            by_mass[j, k, 0] += by_one - by_inverse
            # gradient times k_j, where 2 z k_j = k_j^2 + z^2 - k^2
            along_own = one * (along * value + zb)
            flat = math.exp(-2 * log_cosh)
            if flat > 0.7:
                along_own += by_gap * (over_gap * (1 - flat - c * rr) + bent)
            else:
                # at most 1: the part of the gap that its inverse has
                flat = math.exp(min(log_over - 2 * log_cosh, 0.0))
                along_own += by_gap * (one + bent - flat)
            by_mass[j, k, 1] += along_own
        if learned:
            found = (by_one + by_inverse) / (w if w != 0 else 1.0)
            # out of range for an edge of weight 0 from a point far beyond all others
            in_range = w != 0 or abs(found) < 1e290
            by_weight[place(edges, e), k] = found if in_range else 0.0


@inner
def pull_heaviest(h, k, shift, scale, beta, mass, step, x, grad):
    """As :func:`pull` for the heaviest itself, for which z is -scale shift.

    The step is the product of twice and scale, each of which may be out of range.
    """
    zz = zb = 0.0
    for t in range(grad.shape[2]):
        z = -shift[t] * scale
        zz += z * z
        zb += z * beta[t]
        grad[h, k, t] += bounded(mass * beta[t] - step * shift[t], x)
    return zz, zb
