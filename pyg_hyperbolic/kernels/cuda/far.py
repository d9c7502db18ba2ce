"""Kernels of the weighted midpoint where neighbors are far out, see docs/geometry.md.

They follow :mod:`pyg_hyperbolic.kernels.cpu.far`: Klein points are measured from
that of each target's heaviest neighbor, and all masses are logarithms.  A neighbor is
the gyro-sum v = P u + Q b of a point and the bias.  Each kernel looks itself whether
anything is left to do, so that the host does not have to wait in order to know.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.neighbors import ends_of
from pyg_hyperbolic.kernels.cuda.plane import add, known
from pyg_hyperbolic.kernels.cuda.rows import block, store_products
from pyg_hyperbolic.kernels.cuda.scalars import (
    MINUS_INF,
    radial,
    sinhc_near,
    stretch_far,
)

# By how many powers of e a mass may be lighter than its unit.
RANGE = tl.constexpr(600.0)
# Of x nothing is across a line if so many roundings are left.
LEAST = tl.constexpr(8 * 2.0**-52)
# Of each neighbor: P, Q, tanh(a)/a and log cosh(a).
BY_U, BY_B, KAPPA, LOG_COSH = (tl.constexpr(n) for n in range(4))


@triton.jit
def products(any_left, u, bias, table, number, heads, width, BLOCK_E: tl.constexpr,
             BLOCK_D: tl.constexpr):  # fmt: skip
    """Products of points with the bias, as of all pairs in :mod:`.rows`."""
    if tl.load(any_left) != 0:
        n = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
        k, channel, inside = tl.program_id(1), tl.arange(0, BLOCK_D), n < number
        p = block(u, n * heads + k, inside, channel, width)
        b = block(bias, n * 0 + k, inside, channel, width)
        store_products(table, n * heads + k, inside, p, b, width)


@triton.jit
def nodes(any_left, table, c, node, rows, heads, BIASED: tl.constexpr,
          BLOCK: tl.constexpr):  # fmt: skip
    """What edges need of each neighbor, [N * H, 4].

    The table has products of points with the bias; without one squared lengths will do,
    in the first of two columns.
    """
    if tl.load(any_left) != 0:
        row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        inside = row < rows
        curvature = tl.load(c + row % heads)
        if BIASED:
            uu, vv, base, lean, across, excess = known(table, row, inside)
            by_p, by_b, length, _, _, _, _, _, _, _ = add(
                uu, vv, base, lean, across, excess, curvature
            )
            by_u = by_p - by_b * (base + lean)
        else:
            uu = tl.load(table + 2 * row, mask=inside, other=1.0)
            by_u, by_b, length = 0 * uu + 1, 0 * uu, tl.sqrt(uu)
        sinhc, cosh, exponent = radial(tl.sqrt(curvature) * length)
        at = node + 4 * row
        tl.store(at + BY_U, by_u, mask=inside)
        tl.store(at + BY_B, by_b, mask=inside)
        tl.store(at + KAPPA, sinhc / cosh, mask=inside)
        tl.store(at + LOG_COSH, tl.log(cosh) + exponent, mask=inside)


@triton.jit
def neighbors(u, b, node, row, inside, channel, width):
    """A block of neighbors v = P u + Q b, [BLOCK_E, BLOCK_D], and their tanh(a)/a."""
    at = node + 4 * row
    by_u = tl.load(at + BY_U, mask=inside, other=0.0)
    by_b = tl.load(at + BY_B, mask=inside, other=0.0)
    v = (
        by_u[:, None] * block(u, row, inside, channel, width)
        + by_b[:, None] * b[None, :]
    )
    return v, tl.load(at + KAPPA, mask=inside, other=0.0)


@triton.jit
def neighbor(u, b, node, row, channel, width):
    """One neighbor, [BLOCK_D], and its tanh(a)/a."""
    v = tl.load(u + row * width + channel, mask=channel < width, other=0.0).to(
        tl.float64
    )
    v = tl.load(node + 4 * row + BY_U) * v + tl.load(node + 4 * row + BY_B) * b
    return v, tl.load(node + 4 * row + KAPPA)


@triton.jit
def half(x):
    """Numbers of half as many digits; see half in geometry/rows.py."""
    large = x * (2.0**27 + 1)
    return large - (large - x)


@triton.jit
def apart(v, own, log_cosh, there, log_cosh_h, c):
    """Klein points of a block of neighbors v, from those of others, [BLOCK_E, BLOCK_D].

    See compare in :mod:`pyg_hyperbolic.kernels.cpu.klein`.

    Args:
        v: Neighbors.
        own: Their tanh(a)/a.
        log_cosh: Their log cosh(a).
        there: The others h, or one for all.
        log_cosh_h: log cosh(a) of these.
        c: Absolute value of the curvature.
    """
    uu, step = tl.sum(there * there, 1), v - there
    safe = tl.where(uu > 0, uu, 1.0)
    lean = tl.sum(step * there, 1) / safe
    # by halves of digits, whose products are exact, as differences are on one line
    lean, high = half(lean), half(there)
    x = (step - lean[:, None] * high) - lean[:, None] * (there - high)
    # taken away twice, nothing is left of what is along; else there was no more
    left = tl.sum(x * there, 1) / safe
    x -= left[:, None] * there
    xx = tl.sum(x * x, 1)
    on_line = xx <= LEAST * LEAST * left * left * uu
    xx = tl.where(on_line, 0.0, xx)
    ru, rv = tl.sqrt(uu), tl.sqrt(tl.sum(v * v, 1))
    longer = tl.sum(step * (v + there), 1) / tl.where(ru + rv > 0, ru + rv, 1.0)
    # how much longer the Klein point is: sinh(a - b) / (cosh(a) cosh(b)), over s
    s, size = tl.sqrt(c), log_cosh + log_cosh_h
    a = s * tl.abs(longer)
    near = longer * sinhc_near(tl.where(a < 0.5, a * a, 0.0)) * tl.exp(-size)
    far = (1 - tl.exp(-2 * a)) * tl.exp(a - size) / (2 * tl.where(s > 0, s, 1.0))
    rise = tl.where(a < 0.5, near, tl.where(longer < 0, -far, far))
    # what the angle takes of it along the other: tanh(a) (1 - cos), over s
    v1 = ru + (lean + left) * ru
    ahead = v1 > 0
    turn = tl.where(ahead, xx / tl.where(ahead, rv + v1, 1.0), rv - v1)
    along = (rise - own * turn) / tl.where(uu > 0, ru, 1.0)
    across = tl.where(on_line, 0.0, own)
    return across[:, None] * x + along[:, None] * there


@triton.jit
def log_weight(w):
    """The logarithm of a weight, minus infinity for 0."""
    return tl.where(w > 0, tl.log(tl.where(w > 0, w, 1.0)), MINUS_INF)


@triton.jit
def log_masses(e, last, k, source, order, weight, columns, node, heads,
               ORDERED: tl.constexpr, WEIGHTED: tl.constexpr):  # fmt: skip
    """Of a block of edges: the other end, the place in the user's order, the weight w.

    And the logarithms of w cosh(a), of w / cosh(a), and of cosh(a).
    """
    j, place, w = ends_of(e, last, k, source, order, weight, columns, ORDERED, WEIGHTED)
    at = node + 4 * (j * heads + k) + LOG_COSH
    log_cosh = tl.load(at, mask=e < last, other=0.0)
    log = log_weight(w)
    return j, place, w, log + log_cosh, log - log_cosh, log_cosh


@triton.jit
def center(
    i, k, ptr, source, order, weight, columns, u, b, node, c, heads, width,
    ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """The Klein point of the midpoint of a target's neighbors, and its gap.

    Returns:
        The heaviest neighbor, its log cosh(a), the Klein point of the midpoint and its
        shift from that of the heaviest, in units; and as in the CPU's Center the total,
        the inverse, log_gap, share, spread and unit.
    """
    first, last = tl.load(ptr + i).to(tl.int64), tl.load(ptr + i + 1).to(tl.int64)
    channel, offset = tl.arange(0, BLOCK_D), tl.arange(0, BLOCK_E)
    # the heaviest neighbor, the first of several equal ones
    heaviest, most, most_inverse = last * 0 - 1, c * 0 + MINUS_INF, c * 0 + MINUS_INF
    for start in range(first, last, BLOCK_E):
        j, _, _, mass, inverse, _ = log_masses(
            start + offset, last, k, source, order, weight, columns, node, heads,
            ORDERED, WEIGHTED,
        )  # fmt: skip
        top = tl.max(mass, 0)
        n = tl.min(tl.where(mass == top, offset, BLOCK_E), 0)
        one = tl.max(tl.where(offset == n, j, -1), 0)
        heaviest = tl.where(top > most, one, heaviest)
        most = tl.maximum(most, top)
        most_inverse = tl.maximum(most_inverse, tl.max(inverse, 0))
    h = tl.where(heaviest < 0, tl.load(source + first).to(tl.int64), heaviest)
    total, total_inverse, unit = c * 0, c * 0, c * 0 + MINUS_INF
    for start in range(first, last, BLOCK_E):
        j, _, _, mass, inverse, _ = log_masses(
            start + offset, last, k, source, order, weight, columns, node, heads,
            ORDERED, WEIGHTED,
        )  # fmt: skip
        total += tl.sum(tl.exp(mass - most), 0)
        total_inverse += tl.sum(tl.exp(inverse - most_inverse), 0)
        unit = tl.maximum(unit, tl.max(tl.where(j == h, MINUS_INF, mass), 0))
    log_total = most + tl.log(total)
    log_inverse = most_inverse + tl.log(total_inverse)

    there, kappa = neighbor(u, b, node, h * heads + k, channel, width)
    log_cosh_h = tl.load(node + 4 * (h * heads + k) + LOG_COSH)
    shift = tl.zeros([BLOCK_D], tl.float64)
    squares, unit_now = c * 0, unit
    while (squares == 0) & (unit_now > MINUS_INF):
        unit = unit_now
        sums = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
        of_squares, lighter = tl.zeros([BLOCK_E], tl.float64), c * 0 + MINUS_INF
        for start in range(first, last, BLOCK_E):
            j, _, _, mass, _, log_cosh = log_masses(
                start + offset, last, k, source, order, weight, columns, node, heads,
                ORDERED, WEIGHTED,
            )  # fmt: skip
            counts = (j != h) & (mass > MINUS_INF)
            light = counts & (mass < unit - RANGE)
            lighter = tl.maximum(lighter, tl.max(tl.where(light, mass, MINUS_INF), 0))
            counts = (j != h) & ~(mass == MINUS_INF) & ~light
            v, own = neighbors(u, b, node, j * heads + k, counts, channel, width)
            z = apart(v, own, log_cosh, there[None, :], log_cosh_h, c)
            m = tl.where(counts, tl.exp(tl.minimum(mass - unit, RANGE)), 0.0)
            z = tl.where(counts[:, None], z, 0.0)
            sums += m[:, None] * z
            of_squares += m * tl.sum(z * z, 1)
        shift, squares = tl.sum(sums, 0), tl.sum(of_squares, 0)
        unit_now = lighter  # if all are copies of the heaviest: what counts is lighter
    log_part = log_inverse - log_total
    bent = (squares > 0) & (c != 0)
    shift = tl.where(bent, shift, 0.0)
    unit = tl.where(bent, unit, 0.0)
    safe = tl.where(bent, squares, 1.0)
    # 1 minus the square of the mean difference, over the mean square
    rest = 1 - tl.sum(shift * shift, 0) / safe * tl.exp(unit - log_total)
    log_spread = tl.log(safe * tl.maximum(rest, 1e-16)) + unit - log_total
    log_bent = log_spread + tl.log(tl.where(bent, c, 1.0))
    top = tl.maximum(log_part, log_bent)
    part, bend = tl.exp(log_part - top), tl.exp(log_bent - top)
    log_gap = tl.where(bent, top + tl.log(part + bend), log_part)
    spread = tl.where(bent, tl.exp(log_spread - log_gap), 0.0)
    share = tl.where(bent, part / (part + bend), 1.0)
    mean = kappa * there + shift * tl.exp(unit - log_total)
    return (
        h,
        log_cosh_h,
        mean,
        shift,
        log_total,
        log_inverse,
        log_gap,
        share,
        spread,
        unit,
    )


@triton.jit
def forward(
    left, ptr, source, order, weight, columns, u, bias, node, c, heads, width, out,
    ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Fills in the midpoints of those targets that are left, [M, H, d]."""
    i, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    row, inside = i * heads + k, channel < width
    if tl.load(left + row) != 0:
        b = tl.load(bias + k * width + channel, mask=inside, other=0.0).to(tl.float64)
        curvature = tl.load(c + k)
        _, _, mean, _, _, _, log_gap, _, _, _ = center(
            i, k, ptr, source, order, weight, columns, u, b, node, curvature, heads,
            width, ORDERED, WEIGHTED, BLOCK_E, BLOCK_D,
        )  # fmt: skip
        value, _ = stretch_far(curvature * tl.sum(mean * mean, 0), log_gap)
        tl.store(out + row * width + channel, value * mean, mask=inside)
