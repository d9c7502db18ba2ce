"""Loops of the weighted midpoint over a graph, see docs/geometry.md.

Klein points k = tanh(a)/a v are measured from that of each target's heaviest neighbor,
written k_j - k_h = kappa_j (v_j - v_h) + (kappa_j - kappa_h) v_h, which is exactly zero
for equal points and as exact as the points themselves for all others.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import AHEAD, inner, loop, prefetch, scalar
from pyg_hyperbolic.kernels.cpu.rows import place, square, weight_of
from pyg_hyperbolic.kernels.scalars import homogeneity, klein_slope, radial

# Of each point: tanh(a)/a, cosh(a) e^-E, E, and its squared Klein radius over c.
KAPPA, COSH, EXPONENT, SQUARE = range(4)
NODE = 4
# Beyond the first radius float32 can't tell points on one ray from each other;
# differences are taken in float64.  Beyond the second their squares leave float32.
_WIDE = math.cosh(12.0)
_FAR = math.cosh(38.0)
_LARGEST = 700.0  # the largest power of e that float64 holds
# Gradients beyond these powers of e, which points have far out, stay there: numbers.
_LIMIT_32, _LIMIT_64 = 75.0, 300.0
_ROOM = 600.0  # that the heaviest mass is above 1, beyond that radius


class Center(NamedTuple):
    """What is known of one target's midpoint, but for the vector to it."""

    total: float  # sum of w cosh(a), in units of the heaviest's weight and e^top
    inverse: float  # sum of w / cosh(a), in units of its weight and e^-least
    spread: float  # variance of the Klein points, over the gap
    log_gap: float  # log(1 - the squared radius of the Klein midpoint)
    share: float  # of the sum of inverses in that gap; the rest is the variance's


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


class Heaviest(NamedTuple):
    """The neighbor that counts most, and how far out neighbors are."""

    edge: int  # of the largest w cosh(a), -1 where there is none
    exponent: float  # of its mass; less, far out, so that light masses are in range
    least: float  # the smallest exponent E of a neighbor
    wide: bool  # whether differences are to be taken in float64
    far: bool  # whether squares of them leave float32, or masses float64


@scalar
def heaviest(i, k, edges, node):
    """Looks at the weights and radii of a target's neighbors."""
    best, best_mass, best_exponent = -1, 0.0, 0.0
    least, wide, far = math.inf, False, False
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        w = weight_of(edges, e, k)
        if w <= 0:
            continue
        j = edges.source[e]
        cosh, exponent = node[j, k, COSH], node[j, k, EXPONENT]
        mass = w * cosh
        least = min(least, exponent)
        wide = wide or cosh > _WIDE
        far = far or cosh > _FAR or exponent > 0
        heavier = mass > best_mass
        if exponent != best_exponent:
            heavier = math.log(mass) + exponent > math.log(best_mass) + best_exponent
        if best < 0 or heavier:
            best, best_mass, best_exponent = e, mass, exponent
    if far:
        best_exponent -= min(_ROOM, 2 * best_exponent)
    return Heaviest(best, best_exponent, least, wide, far)


@scalar
def log_masses(ratio, cosh, exponent):
    """Logarithms of w cosh(a) and w / cosh(a) for w = ratio."""
    log = math.log(ratio) if ratio > 0 else -math.inf
    log_cosh = math.log(cosh) + exponent
    return log + log_cosh, log - log_cosh


@scalar
def masses(ratio, cosh, exponent, top, far):
    """w cosh(a) and w / cosh(a) for w = ratio, in the units of :class:`Center`.

    Whether a target is far is told by types, None or a number: a test would have
    compilers compute all logarithms in advance.
    """
    if far is None:
        return ratio * cosh, ratio / cosh
    mass, inverse = log_masses(ratio, cosh, exponent)
    return math.exp(mass - top.exponent), math.exp(min(inverse + top.least, _LARGEST))


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
    return np.float64(out)


@inner
def pull(x, j, h, k, kappa, rise, shift, scale, beta, mass, twice, grad):
    """The gradient of k_j, added to grad[j]; and the dots that its mass needs.

    z is the difference of k_j to the midpoint, shift times scale that of the midpoint
    to k_h.
    """
    kind = beta.dtype.type
    kappa, rise, mass, twice = kind(kappa), kind(rise), kind(mass), kind(twice)
    scale = kind(scale)
    zz, zb = kind(0), kind(0)
    for t in range(x.shape[2]):
        there = kind(x[h, k, t])
        z = kappa * (kind(x[j, k, t]) - there) + rise * there - scale * kind(shift[t])
        zz += z * z
        zb += z * beta[t]
        grad[j, k, t] += grad.dtype.type(mass * beta[t] + twice * z)
    return np.float64(zz), np.float64(zb)


@scalar
def center(i, k, top, far, edges, x, node, c, shift):
    """The midpoint of a target's neighbors.

    The shift that is filled in is from the Klein point of the heaviest, times the
    total.
    """
    h = edges.source[top.edge]
    per_unit = 1 / weight_of(edges, top.edge, k)
    kappa = node[h, k, KAPPA]
    shift[:] = 0
    total, inverse, squares = 0.0, 0.0, 0.0
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        j = edges.source[e]
        if k == 0 and e + AHEAD < edges.source.shape[0]:
            prefetch(x, edges.source[e + AHEAD])
        w = weight_of(edges, e, k)
        m, i_m = masses(w * per_unit, node[j, k, COSH], node[j, k, EXPONENT], top, far)
        total += m
        inverse += i_m
        if j != h and w != 0:
            own = node[j, k, KAPPA]
            squares += m * add_difference(x, j, h, k, own, own - kappa, m, shift)
    away, per_total = 0.0, 1 / total
    for t in range(x.shape[2]):
        step = np.float64(shift[t]) * per_total
        away += step * step
    if far is None:
        part = inverse * per_total
        spread = max(squares * per_total - away, 0.0)
        gap = part + c * spread
        return Center(total, inverse, spread / gap, math.log(gap), part / gap)
    log_total = math.log(total)
    log_part = math.log(inverse) - log_total - top.least - top.exponent
    if not squares > 0 or c == 0:
        return Center(total, inverse, 0.0, log_part, 1.0)
    log_spread = math.log(squares) - log_total
    if away > 0:
        rest = 1 - math.exp(math.log(away) - log_spread)
        log_spread += math.log(max(rest, 1e-16))
    most = max(log_part, log_spread + math.log(c))
    part, bent = math.exp(log_part - most), c * math.exp(log_spread - most)
    log_gap = most + math.log(part + bent)
    return Center(
        total, inverse, math.exp(log_spread - log_gap), log_gap, part / (part + bent)
    )


@scalar
def stretch(rr, log_gap, c):
    """artanh(r)/r for r = sqrt(c rr), 1 - r^2 = e^log_gap, and its slope.

    The slope is the derivative with respect to the gap 1 - r^2, times the gap.
    """
    z = c * rr
    if z < 1e-2:
        value = 1 + z * (
            1 / 3 + z * (1 / 5 + z * (1 / 7 + z * (1 / 9 + z * (1 / 11 + z / 13))))
        )
        slope = 1 / 3 + z * (
            2 / 5 + z * (3 / 7 + z * (4 / 9 + z * (5 / 11 + z * (6 / 13))))
        )
        return value, -slope * math.exp(log_gap)
    r = math.sqrt(z)
    value = (math.log1p(r) - log_gap / 2) / r
    return value, (value * math.exp(log_gap) - 1) / (2 * z)


# What a forward pass keeps of each midpoint, but for the shift.
STEP, TOTAL, INVERSE, SPREAD, LOG_GAP, SHARE = range(6)
KEPT = 6


@loop
def forward(lo, hi, edges, x, node, c, wide, out, shift, kept):
    """Midpoints of the rows from lo to hi.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: The edges of the targets, and their weights.
        x: Points, [N, H, d].
        node: See :func:`radii`.
        c: [H].
        wide: Space for one vector [d] in float64.
        out: [M, H, d].
        shift: From the heaviest neighbor's Klein point, [M, H, d]; not of far targets.
        kept: What else a backward pass needs, [M, H, KEPT].  Its first number is -1
            where there is no neighbor, -2 for far targets, computed again there, and
            -3 and less where differences are taken in float64.
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            top = heaviest(i, k, edges, node)
            if top.edge < 0:
                out[i, k, :] = 0
                kept[i, k, STEP] = -1
            elif top.far:
                at = center(i, k, top, 1, edges, x, node, c[k], wide)
                finish(i, k, top, edges, x, node, c, wide, at, out)
                kept[i, k, STEP] = -2
            elif top.wide:
                at = center(i, k, top, None, edges, x, node, c[k], wide)
                finish(i, k, top, edges, x, node, c, wide, at, out)
                for t in range(x.shape[2]):
                    shift[i, k, t] = wide[t]
                keep(kept[i, k], edges.ptr[i] - 3 - top.edge, at)
            else:
                own = shift[i, k]
                at = center(i, k, top, None, edges, x, node, c[k], own)
                finish(i, k, top, edges, x, node, c, own, at, out)
                keep(kept[i, k], top.edge - edges.ptr[i], at)


@inner
def keep(of, step, at):
    """What a backward pass needs of a midpoint."""
    of[STEP] = step
    of[TOTAL], of[INVERSE], of[SPREAD] = at.total, at.inverse, at.spread
    of[LOG_GAP], of[SHARE] = at.log_gap, at.share


@scalar
def finish(i, k, top, edges, x, node, c, shift, at, out):
    """The vector to one midpoint; divides the shift by the total where that is due."""
    h = edges.source[top.edge]
    kappa, per_total = node[h, k, KAPPA], 1 / at.total
    if not top.far:
        for t in range(x.shape[2]):
            shift[t] *= shift.dtype.type(per_total)
        per_total = 1.0
    rr = 0.0
    for t in range(x.shape[2]):
        m = kappa * np.float64(x[h, k, t]) + np.float64(shift[t]) * per_total
        rr += m * m
    value, _ = stretch(rr, at.log_gap, c[k])
    for t in range(x.shape[2]):
        m = kappa * np.float64(x[h, k, t]) + np.float64(shift[t]) * per_total
        out[i, k, t] = value * m


@loop
def backward(
    lo, hi, edges, x, node, c, grad, shift, kept, space, wide,
    by_klein, by_mass, by_weight, by_c,
):  # fmt: skip
    """Gradients of the rows from lo to hi.

    Args:
        lo: First target.
        hi: Target behind the last.
        edges: The edges of the targets, and their weights.
        x: Points, [N, H, d].
        node: See :func:`radii`.
        c: [H].
        grad: Gradient of the midpoints, [M, H, d].
        shift: See :func:`forward`.
        kept: See :func:`forward`.
        space: Space for one vector [d] of the dtype of points.
        wide: Space for two vectors [2, d] in float64.
        by_klein: Gradient of the Klein points, [N, H, d], added to.
        by_mass: [N, H, 2], added to: gradient of the logarithm of a point's mass,
            without the factor that all its edges share; and the gradient of its Klein
            point along itself.
        by_weight: [E, H], or [0, 0] where it is not needed.
        by_c: Twice the part of c's gradient that belongs to targets, [H], added to.
    """
    for i in range(lo, hi):
        for k in range(x.shape[1]):
            of = kept[i, k]
            if of[STEP] == -1:
                if by_weight.shape[0] > 0:
                    for e in range(edges.ptr[i], edges.ptr[i + 1]):
                        by_weight[place(edges, e), k] = 0
            elif of[STEP] == -2:
                top = heaviest(i, k, edges, node)
                at = center(i, k, top, 1, edges, x, node, c[k], wide[0])
                spread_gradient(
                    i, k, top, at, 1, edges, x, node, c[k], grad,
                    wide[0], wide[1], by_klein, by_mass, by_weight, by_c,
                )  # fmt: skip
            else:
                step = np.int64(of[STEP])
                step = step if step >= 0 else -3 - step
                top = Heaviest(edges.ptr[i] + step, 0.0, 0.0, False, False)
                at = Center(
                    np.float64(of[TOTAL]),
                    np.float64(of[INVERSE]),
                    np.float64(of[SPREAD]),
                    np.float64(of[LOG_GAP]),
                    np.float64(of[SHARE]),
                )
                if of[STEP] < 0:
                    spread_gradient(
                        i, k, top, at, None, edges, x, node, c[k], grad,
                        shift[i, k], wide[1], by_klein, by_mass, by_weight, by_c,
                    )  # fmt: skip
                else:
                    spread_gradient(
                        i, k, top, at, None, edges, x, node, c[k], grad,
                        shift[i, k], space, by_klein, by_mass, by_weight, by_c,
                    )  # fmt: skip


@scalar
def spread_gradient(
    i, k, top, at, far, edges, x, node, c, grad,
    shift, beta, by_klein, by_mass, by_weight, by_c,
):  # fmt: skip
    """The gradient of one midpoint, handed to its neighbors."""
    learned = by_weight.shape[0] > 0
    h = edges.source[top.edge]
    kappa, per_total = node[h, k, KAPPA], 1 / at.total
    per_unit = 1 / weight_of(edges, top.edge, k)
    scale = 1.0  # what is missing to the shift
    if far is not None:
        scale = per_total
    rr = along = 0.0
    for t in range(x.shape[2]):
        m = kappa * np.float64(x[h, k, t]) + np.float64(shift[t]) * scale
        rr += m * m
        along += m * np.float64(grad[i, k, t])
    value, slope = stretch(rr, at.log_gap, c)
    for t in range(x.shape[2]):
        beta[t] = value * grad[i, k, t]
    by_gap = along * slope  # derivative with respect to the gap, times the gap
    gap = math.exp(at.log_gap)
    log_scale = math.log(at.total) + at.log_gap
    by_c[k] += 2 * by_gap * at.spread
    limit = _LIMIT_32 if x.itemsize == 4 else _LIMIT_64
    for e in range(edges.ptr[i], edges.ptr[i + 1]):
        if k == 0 and e + AHEAD < edges.source.shape[0]:
            prefetch(x, edges.source[e + AHEAD])
            prefetch(by_klein, edges.source[e + AHEAD])
        w = weight_of(edges, e, k)
        if w == 0 and not learned:
            continue
        j = edges.source[e]
        cosh, exponent, own = node[j, k, COSH], node[j, k, EXPONENT], node[j, k, KAPPA]
        # An edge of weight 0 has no part in anything but the gradient of its weight.
        ratio = w * per_unit if w != 0 else per_unit
        one, one_inverse = masses(ratio, cosh, exponent, top, far)
        one *= per_total
        if far is not None:
            # over the gap: of light neighbors in range where neither of both is
            log_cosh = math.log(cosh) + exponent
            log_over = math.log(ratio) + log_cosh - top.exponent - log_scale
            over_gap = math.exp(min(log_over, limit))
            sech2_over_gap = math.exp(min(log_over - 2 * log_cosh, 0.0))
        else:
            over_gap = one / gap
            sech2_over_gap = over_gap / (cosh * cosh)
        mass, twice = (one, 2 * c * by_gap * over_gap) if w != 0 else (0.0, 0.0)
        if far is not None and j == h:
            step = 2 * c * by_gap * mass * math.exp(min(-log_scale, _LARGEST))
            zz, zb = pull_heaviest(h, k, shift, scale, beta, mass, step, by_klein)
        else:
            zz, zb = pull(
                x, j, h, k, own, own - kappa, shift, scale, beta, mass, twice, by_klein
            )
        # At most the number of neighbors: more is of a mass that is out of range.
        bent = min(c * over_gap * zz, 1e9)
        # By the logarithms of the mass w cosh(a) and of its inverse w / cosh(a).
        by_one = one * (zb - by_gap) + by_gap * bent
        by_inverse = by_gap * at.share * one_inverse / at.inverse
        if w != 0:
            by_mass[j, k, 0] += by_one - by_inverse
        # the part of the difference z along k_j, from squares
        along_own = one * (along * value + zb)
        if c * node[j, k, SQUARE] < 0.3:
            along_own += by_gap * over_gap * c * (node[j, k, SQUARE] - rr + zz)
        else:
            along_own += by_gap * (one + bent - sech2_over_gap)
        if w != 0:
            by_mass[j, k, 1] += along_own
        if learned:
            found = (by_one + by_inverse) / (w if w != 0 else 1.0)
            # out of range for an edge of weight 0 to a point far beyond all others
            in_range = w != 0 or abs(found) < 1e290
            by_weight[place(edges, e), k] = found if in_range else 0.0


@inner
def pull_heaviest(h, k, shift, scale, beta, mass, step, grad):
    """As :func:`pull` for the heaviest itself, whose difference is minus the shift."""
    kind = grad.dtype.type
    most = math.exp(_LIMIT_32 if grad.itemsize == 4 else _LIMIT_64)
    zz = zb = 0.0
    for t in range(grad.shape[2]):
        z = -np.float64(shift[t]) * scale
        zz += z * z
        zb += z * np.float64(beta[t])
        own = mass * np.float64(beta[t]) - step * np.float64(shift[t])
        grad[h, k, t] += kind(min(max(own, -most), most))
    return zz, zb


@loop
def pull_back(lo, hi, x, node, c, by_klein, by_mass, by_c):
    """Gradients of points from those of their Klein points and masses, in place."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            uu = square(x, j, k)
            z = c[k] * uu
            dot = 0.0
            for t in range(x.shape[2]):
                dot += np.float64(by_klein[j, k, t]) * np.float64(x[j, k, t])
            kappa, by_log = node[j, k, KAPPA], by_mass[j, k, 0]
            sech = math.exp(-node[j, k, EXPONENT]) / node[j, k, COSH]
            radial_part = c[k] * (
                klein_slope(z, kappa, sech * sech) * dot + kappa * by_log
            )
            for t in range(x.shape[2]):
                by_klein[j, k, t] = kappa * by_klein[j, k, t] + radial_part * x[j, k, t]
            by_c[k] += uu * (
                homogeneity(z, kappa, sech * sech) * by_mass[j, k, 1] + kappa * by_log
            )
