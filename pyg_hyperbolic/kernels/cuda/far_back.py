"""Kernels of the gradients of :mod:`.far`, without atomics.

The formulas are those of ``gradient`` in :mod:`pyg_hyperbolic.kernels.cpu.far`.  What
the gradients of neighbors need of each target is stored; each neighbor then sums over
its own targets.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.far import (
    LOG_COSH,
    apart,
    center,
    log_masses,
    log_weight,
    neighbor,
    neighbors,
)
from pyg_hyperbolic.kernels.cuda.neighbors import ends_of
from pyg_hyperbolic.kernels.cuda.pieces import (
    piece,
    row_of,
    store_piece,
    sums_of_pieces,
)
from pyg_hyperbolic.kernels.cuda.plane import STEEP, add, known, slopes
from pyg_hyperbolic.kernels.cuda.rows import block, bounded, in_plane
from pyg_hyperbolic.kernels.cuda.scalars import (
    LARGEST,
    homogeneity,
    klein_slope,
    stretch_far,
)

# The most that log(c m z^2 / (M V)) may be of a neighbor that counts.
MOST_BENT = tl.constexpr(20.0)
# Of each target: its heaviest neighbor; logarithms of the sums of w cosh(a) and
# w / cosh(a), of the gap, and of the mass that the shift is counted in; the share of
# the inverses in the gap; artanh(r)/r; the derivative with respect to the gap, times
# the gap; the product of the gradient with the Klein midpoint, and the square of this.
HEAVIEST, TOTAL, INVERSE, LOG_GAP, UNIT, SHARE = (tl.constexpr(n) for n in range(6))
VALUE, BY_GAP, ALONG, RR, TARGET = (tl.constexpr(n) for n in range(6, 11))


@triton.jit
def edge_gradient(
    w, mass, log_cosh, z, beta, total, log_gap, by_gap, c, log_limit,
):  # fmt: skip
    """What the gradients of neighbors need of a block of edges.

    Of an edge of weight 0 the mass m is that of a weight 1, and only the gradient of
    the weight counts.  Here z is the difference of its Klein point to the midpoint's.
    Arguments of targets are those of one, or one of each edge.

    Returns:
        m / M, m / (M V), and the logarithm of the latter; c m z^2 / (M V), and the
        product of z with beta; and the gradient of the logarithm of w cosh(a).
    """
    some = w != 0
    mass = tl.where(some, mass, log_cosh)
    one = tl.exp(tl.minimum(mass - total, LARGEST))
    log_over = mass - total - log_gap
    over_gap = tl.exp(tl.minimum(log_over, log_limit))
    zz, zb = tl.sum(z * z, 1), tl.sum(z * beta, 1)
    log_square = tl.log(tl.where(zz > 0, c * zz, 1.0))
    most = tl.where(some, MOST_BENT, LARGEST)
    bent = tl.where(zz > 0, tl.exp(tl.minimum(log_over + log_square, most)), 0.0)
    by_one = one * (zb - by_gap) + by_gap * bent
    return one, over_gap, log_over, bent, zb, by_one


@triton.jit
def inverse_gradient(w, inverse, log_cosh, total_inverse, share, by_gap):
    """The gradient of the logarithm of w / cosh(a), as in :func:`edge_gradient`."""
    inverse = tl.where(w != 0, inverse, -log_cosh)
    return by_gap * share * tl.exp(tl.minimum(inverse - total_inverse, LARGEST))


@triton.jit
def backward_targets(
    left, ptr, source, order, weight, columns, u, bias, node, c, heads, width, grad,
    log_limit: tl.constexpr, targets, shifts, by_weight, by_c, LEARNED: tl.constexpr,
    ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """What the gradients of neighbors need of those targets that are left.

    Fills in, where a target is left: targets, [M * H, 10], see :data:`TARGET`; shifts
    to the midpoint, [M, H, d]; by_weight, [E, H], if LEARNED; and by_c, [M, H].
    """
    i, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    row, inside = i * heads + k, channel < width
    if tl.load(left + row) != 0:
        b = tl.load(bias + k * width + channel, mask=inside, other=0.0).to(tl.float64)
        curvature = tl.load(c + k)
        (
            h, log_cosh_h, mean, shift, total, inverse_sum, log_gap, share, spread,
            unit,
        ) = center(
            i, k, ptr, source, order, weight, columns, u, b, node, curvature, heads,
            width, ORDERED, WEIGHTED, BLOCK_E, BLOCK_D,
        )  # fmt: skip
        at = row * width + channel
        g = tl.load(grad + at, mask=inside, other=0.0).to(tl.float64)
        rr, along = tl.sum(mean * mean, 0), tl.sum(mean * g, 0)
        value, slope = stretch_far(curvature * rr, log_gap)
        by_gap = -along * slope
        out = targets + TARGET * row
        tl.store(out + HEAVIEST, h.to(tl.float64))
        tl.store(out + TOTAL, total)
        tl.store(out + INVERSE, inverse_sum)
        tl.store(out + LOG_GAP, log_gap)
        tl.store(out + UNIT, unit)
        tl.store(out + SHARE, share)
        tl.store(out + VALUE, value)
        tl.store(out + BY_GAP, by_gap)
        tl.store(out + ALONG, along)
        tl.store(out + RR, rr)
        tl.store(shifts + at, shift, mask=inside)
        tl.store(by_c + row, by_gap * spread)
        if LEARNED:
            there = neighbor(u, b, node, h * heads + k, channel, width)[0]
            moved, beta = shift * tl.exp(unit - total), value * g
            first, last = (
                tl.load(ptr + i).to(tl.int64),
                tl.load(ptr + i + 1).to(tl.int64),
            )
            for start in range(first, last, BLOCK_E):
                e = start + tl.arange(0, BLOCK_E)
                j, place, w, mass, inverse, log_cosh = log_masses(
                    e, last, k, source, order, weight, columns, node, heads, ORDERED,
                    WEIGHTED,
                )  # fmt: skip
                inside_row = e < last
                v, own = neighbors(
                    u, b, node, j * heads + k, inside_row, channel, width
                )
                z = apart(v, own, log_cosh, there[None, :], log_cosh_h, curvature)
                z = tl.where((j == h)[:, None], 0.0, z) - moved[None, :]
                found = edge_gradient(
                    w, mass, log_cosh, z, beta[None, :], total, log_gap, by_gap,
                    curvature, log_limit,
                )  # fmt: skip
                by_inverse = inverse_gradient(
                    w, inverse, log_cosh, inverse_sum, share, by_gap
                )
                by_log = (found[5] + by_inverse) / tl.where(w != 0, w, 1.0)
                # out of range at a weight of 0 of a point far beyond all others
                out_of_range = (w == 0) & ~(tl.abs(by_log) < 1e290)
                by_log = tl.where(out_of_range, 0.0, by_log)
                tl.store(by_weight + place * heads + k, by_log, mask=inside_row)


@triton.jit
def backward_points(
    any_left, left, ptr, source, order, weight, columns, u, bias, node, table, c, heads,
    width, grad, log_limit: tl.constexpr, limit: tl.constexpr, most: tl.constexpr,
    targets, shifts, partial, longest, by_u, by_bias, by_c, rows, share_of_rows,
    BIASED: tl.constexpr, ORDERED: tl.constexpr, WEIGHTED: tl.constexpr,
    LONG: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Adds to the gradients of some points their part from those targets that are left.

    The edges are those that leave from the points: their sources are targets here.
    Each program fills in its share of the gradients of the bias, [*, H, d], and of c,
    [*, H].
    """
    n, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    inside, curvature = channel < width, tl.load(c + k)
    b = tl.load(bias + k * width + channel, mask=inside, other=0.0).to(tl.float64)
    of_bias, of_c = tl.zeros([BLOCK_D], tl.float64), curvature * 0
    if tl.load(any_left) != 0:
        for j in range(n * share_of_rows, tl.minimum((n + 1) * share_of_rows, rows)):
            row = j * heads + k
            first, last, end = row_of(j, ptr, longest, LONG)
            by_klein, by_log, by_own, some = of_neighbor(
                j, k, first, end, left, source, order, weight, columns, u, b, node,
                curvature, heads, width, grad, log_limit, most, targets, shifts,
                ORDERED, WEIGHTED, BLOCK_E, BLOCK_D,
            )  # fmt: skip
            if LONG:
                more, more_log, more_own, more_some = sums_of_pieces(
                    first, last, k, partial, longest, heads, BLOCK_D
                )
                by_klein, by_log = by_klein + more, by_log + more_log
                by_own, some = by_own + more_own, some + more_some
            if some > 0:
                v, kappa = neighbor(u, b, node, row, channel, width)
                vv = tl.sum(v * v, 0)
                z, sech = curvature * vv, tl.exp(-tl.load(node + 4 * row + LOG_COSH))
                dot = tl.sum(by_klein * v, 0)
                radial_part = curvature * (
                    klein_slope(z, kappa, sech * sech) * dot + kappa * by_log
                )
                g = bounded(kappa * by_klein + radial_part * v, most)
                of_c += (
                    vv
                    / 2
                    * (homogeneity(z, kappa, sech * sech) * by_own + kappa * by_log)
                )
                at = row * width + channel
                p = tl.load(u + at, mask=inside, other=0.0).to(tl.float64)
                if BIASED:
                    uu, bb, base, lean, across, excess = known(table, row, row >= 0)
                    _, _, _, ru, rv, v2, sinhc_u, sinhc_v, cosh_v, w = add(
                        uu, bb, base, lean, across, excess, curvature
                    )
                    x = (b - base * p) - lean * p
                    g_p, g_x = tl.sum(g * p, 0), tl.sum(g * x, 0)
                    by_x = tl.where(v2 > 0, g_x / tl.where(v2 > 0, v2 * v2, 1.0), 0.0)
                    flat = in_plane(g, (g_p / (ru * ru)) * p, by_x * x, by_u, 0)
                    flat &= (w[5] > STEEP) | (w[6] > STEEP)
                    s = slopes(
                        uu == 0, base, lean, excess, curvature, ru, rv, v2, sinhc_u,
                        sinhc_v, cosh_v, w, g_p, g_x, flat, limit,
                    )  # fmt: skip
                    of_c += s[6]
                    of_bias += bounded(s[3] * g + s[4] * p + s[5] * x, most)
                    g = bounded(s[0] * g + s[1] * p + s[2] * x, most)
                before = tl.load(by_u + at, mask=inside, other=0.0).to(tl.float64)
                tl.store(by_u + at, before + g, mask=inside)
    tl.store(by_bias + (n * heads + k) * width + channel, of_bias, mask=inside)
    tl.store(by_c + n * heads + k, of_c)


@triton.jit
def pieces_of_points(
    any_left, left, ptr, source, order, weight, columns, first_row, last_row, partial,
    longest, number, u, bias, node, c, heads, width, grad, log_limit: tl.constexpr,
    most: tl.constexpr, targets, shifts, ORDERED: tl.constexpr, WEIGHTED: tl.constexpr,
    BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """:func:`of_neighbor` over pieces of long rows, see :mod:`.pieces`."""
    k, channel = tl.program_id(2), tl.arange(0, BLOCK_D)
    j, first, last, slot = piece(ptr, first_row, last_row, longest, number)
    if (tl.load(any_left) != 0) & (first < last):
        at = bias + k * width + channel
        b = tl.load(at, mask=channel < width, other=0.0).to(tl.float64)
        by_klein, by_log, by_own, some = of_neighbor(
            j, k, first, last, left, source, order, weight, columns, u, b, node,
            tl.load(c + k), heads, width, grad, log_limit, most, targets, shifts,
            ORDERED, WEIGHTED, BLOCK_E, BLOCK_D,
        )  # fmt: skip
        store_piece(slot * heads + k, partial, by_klein, by_log, by_own, some, BLOCK_D)


@triton.jit
def of_neighbor(
    j, k, first, last, left, source, order, weight, columns, u, b, node, c, heads,
    width, grad, log_limit, most, targets, shifts, ORDERED: tl.constexpr,
    WEIGHTED: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """What some of its edges give the gradients of a neighbor.

    Returns:
        The gradient of its Klein point, [BLOCK_D], that of log cosh(a), and the product
        of the Klein point with its gradient; and how many of the targets are left.
    """
    channel = tl.arange(0, BLOCK_D)
    by_klein = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
    by_log, by_own = tl.zeros([BLOCK_E], tl.float64), tl.zeros([BLOCK_E], tl.float64)
    number, own_row = tl.zeros([BLOCK_E], tl.float64), j * heads + k
    here, own = neighbor(u, b, node, own_row, channel, width)
    log_cosh = tl.load(node + 4 * own_row + LOG_COSH)
    for start in range(first, last, BLOCK_E):
        e = start + tl.arange(0, BLOCK_E)
        i, _, w = ends_of(e, last, k, source, order, weight, columns, ORDERED, WEIGHTED)
        row = i * heads + k
        counts = (w != 0) & (tl.load(left + row, mask=e < last, other=0) != 0)
        if tl.max(counts.to(tl.int32), 0) > 0:
            at = targets + TARGET * row
            h = tl.load(at + HEAVIEST, mask=counts, other=0.0).to(tl.int64)
            there = neighbors(u, b, node, h * heads + k, counts, channel, width)[0]
            at_h = node + 4 * (h * heads + k)
            log_cosh_h = tl.load(at_h + LOG_COSH, mask=counts, other=0.0)
            z = apart(here[None, :], own + 0 * w, log_cosh, there, log_cosh_h, c)
            total = tl.load(at + TOTAL, mask=counts, other=0.0)
            log_gap = tl.load(at + LOG_GAP, mask=counts, other=0.0)
            unit = tl.load(at + UNIT, mask=counts, other=0.0)
            by_gap = tl.load(at + BY_GAP, mask=counts, other=0.0)
            value = tl.load(at + VALUE, mask=counts, other=0.0)
            shift = block(shifts, row, counts, channel, width)
            beta = value[:, None] * block(grad, row, counts, channel, width)
            scale = tl.exp(unit - total)
            z = tl.where((j == h)[:, None], 0.0, z) - scale[:, None] * shift
            log = log_weight(w)
            one, over_gap, log_over, bent, zb, by_one = edge_gradient(
                w, log + log_cosh, log_cosh + 0 * w, z, beta, total, log_gap, by_gap, c,
                log_limit,
            )  # fmt: skip
            # For the heaviest, for which z is -scale shift: the product of scale and
            # over_gap, each of which may be out of range.
            step = tl.exp(tl.minimum(log_over + unit - total, LARGEST))
            heavy, straight = (j == h)[:, None], one[:, None] * beta
            twice = (2 * c * by_gap)[:, None]
            pull = straight + twice * over_gap[:, None] * z
            pull_heaviest = bounded(straight - twice * step[:, None] * shift, most)
            pull = tl.where(heavy, pull_heaviest, pull)
            by_klein += tl.where(counts[:, None], pull, 0.0)
            total_inverse = tl.load(at + INVERSE, mask=counts, other=0.0)
            share = tl.load(at + SHARE, mask=counts, other=0.0)
            by_inverse = inverse_gradient(
                w, log - log_cosh, log_cosh + 0 * w, total_inverse, share, by_gap
            )
            by_log += tl.where(counts, by_one - by_inverse, 0.0)
            # gradient times Klein point k_j, where 2 z k_j = k_j^2 + z^2 - k^2
            flat = tl.exp(-2 * log_cosh) + 0 * w
            rr = tl.load(at + RR, mask=counts, other=0.0)
            near = by_gap * (over_gap * (1 - flat - c * rr) + bent)
            # at most 1: the part of the gap that its inverse has
            rest = tl.exp(tl.minimum(log_over - 2 * log_cosh, 0.0))
            gap_part = tl.where(flat > 0.7, near, by_gap * (one + bent - rest))
            along = tl.load(at + ALONG, mask=counts, other=0.0)
            along_own = one * (along * value + zb) + gap_part
            by_own += tl.where(counts, along_own, 0.0)
            number += counts.to(tl.float64)
    return tl.sum(by_klein, 0), tl.sum(by_log, 0), tl.sum(by_own, 0), tl.sum(number, 0)
