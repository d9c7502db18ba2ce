r"""Kernels of the weighted midpoint as a sum of lifted points, see docs/geometry.md.

They follow :mod:`pyg_hyperbolic.kernels.cpu.lifted`: a point is lifted to
(alpha u + S_b b, C_u C_b + h), and where the gap of a target's sum has too few digits
the target is left to :mod:`.far`.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.neighbors import add_row
from pyg_hyperbolic.kernels.cuda.scalars import INF, lift_slope, radial, stretch

# The least gaps with enough digits in float64, for points in float32 and in float64.
LEAST_32, LEAST_64 = 1e-9, 1e-2
# Sums of last numbers out of this range lose digits.
SMALLEST, MOST = tl.constexpr(1e-200), tl.constexpr(1e200)
# Columns of tables.  Of each point's lift: alpha, the last number C_u C_b + h, and the
# size C_u C_b of what may cancel in that.  Of each point u, for gradients: S, C and the
# slope of S.  Of each target's sum: 1 over its last number, the gradient of that
# number, and the sum of the weights over it.
ALPHA, COSH, SIZE = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
SINHC, COSH_U, SLOPE = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)
SCALE, OF_TOTAL, WEIGHTS = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def products(u, bias, dots, rows, heads, width, BLOCK_E: tl.constexpr,
             BLOCK_D: tl.constexpr):  # fmt: skip
    """Squared lengths of points and their products with the bias, [N * H, 2]."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    channel = tl.arange(0, BLOCK_D)
    inside = (row < rows)[:, None] & (channel < width)[None, :]
    at = row[:, None] * width + channel[None, :]
    v = tl.load(u + at, mask=inside, other=0.0).to(tl.float64)
    at = (row % heads)[:, None] * width + channel[None, :]
    b = tl.load(bias + at, mask=inside, other=0.0).to(tl.float64)
    tl.store(dots + 2 * row, tl.sum(v * v, 1), mask=row < rows)
    tl.store(dots + 2 * row + 1, tl.sum(v * b, 1), mask=row < rows)


@triton.jit
def lift_bias(bias, c, at_b, shift, width, BLOCK_D: tl.constexpr):
    """S, C and E of each head's bias, [H, 3], and S_b b, [H, d]."""
    k, channel = tl.program_id(0), tl.arange(0, BLOCK_D)
    at = k * width + channel
    b = tl.load(bias + at, mask=channel < width, other=0.0).to(tl.float64)
    sinhc, cosh, exponent = radial(tl.sqrt(tl.load(c + k) * tl.sum(b * b, 0)))
    tl.store(at_b + 3 * k, sinhc)
    tl.store(at_b + 3 * k + 1, cosh)
    tl.store(at_b + 3 * k + 2, exponent)
    tl.store(shift + at, sinhc * b, mask=channel < width)


@triton.jit
def lift(dots, at_b, c, at, own, rows, heads, BLOCK: tl.constexpr,
         BACKWARD: tl.constexpr):  # fmt: skip
    """What edges need of each point, and what its gradients need, each [N * H, 3]."""
    row = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside, k = row < rows, row % heads
    curvature = tl.load(c + k)
    uu = tl.load(dots + 2 * row, mask=inside, other=0.0)
    dot = tl.load(dots + 2 * row + 1, mask=inside, other=0.0)
    sinhc, cosh, exponent = radial(tl.sqrt(curvature * uu))
    sinhc_b, cosh_b = tl.load(at_b + 3 * k), tl.load(at_b + 3 * k + 1)
    h = curvature * sinhc * sinhc_b * dot
    size = cosh * cosh_b
    in_range = (exponent == 0) & (tl.load(at_b + 3 * k + 2) == 0)
    tl.store(at + 3 * row + ALPHA, sinhc * (cosh_b + h / (1 + cosh)), mask=inside)
    tl.store(at + 3 * row + COSH, size + h, mask=inside)
    tl.store(at + 3 * row + SIZE, tl.where(in_range, size, INF), mask=inside)
    if BACKWARD:
        slope = lift_slope(curvature * uu, sinhc, cosh)
        tl.store(own + 3 * row + SINHC, sinhc, mask=inside)
        tl.store(own + 3 * row + COSH_U, cosh, mask=inside)
        tl.store(own + 3 * row + SLOPE, slope, mask=inside)


@triton.jit
def klein(
    i, k, channel, ptr, source, order, weight, columns, u, at, partial, longest, shift,
    c, least: tl.constexpr, heads, width, ORDERED: tl.constexpr,
    WEIGHTED: tl.constexpr, LONG: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """The Klein point of a target's midpoint: its sum divided by the last number.

    NaN is not lost: users get to see it.

    Returns:
        The Klein point, its squared length, its gap and whether that is lost; the last
        number of the sum, and the sum of the weights.
    """
    sums, total, size, weights = add_row(
        i, k, ptr, source, order, weight, columns, u, at, partial, longest, heads,
        width, ORDERED, WEIGHTED, True, True, LONG, BLOCK_E, BLOCK_D,
    )  # fmt: skip
    inside = channel < width
    sums += weights * tl.load(shift + k * width + channel, mask=inside, other=0.0)
    mean = sums / tl.where(total == 0, 1.0, total)
    rr = tl.sum(mean * mean, 0)
    gap = 1 - c * rr
    lost = (gap * total <= least * size) | (total < SMALLEST) | (total > MOST)
    return mean, rr, gap, lost & (total != 0), total, weights


@triton.jit
def forward(
    ptr, source, order, weight, columns, u, at, partial, longest, shift, c,
    least: tl.constexpr, heads, width, out, left, any_left, ORDERED: tl.constexpr,
    WEIGHTED: tl.constexpr, LONG: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Midpoints, and which are left to do, [M * H]; any_left is set to 1 if one is."""
    i, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    inside, curvature = channel < width, tl.load(c + k)
    mean, rr, gap, lost, total, _ = klein(
        i, k, channel, ptr, source, order, weight, columns, u, at, partial, longest,
        shift, curvature, least, heads, width, ORDERED, WEIGHTED, LONG, BLOCK_E,
        BLOCK_D,
    )  # fmt: skip
    value, _ = stretch(curvature * rr, gap)
    row = i * heads + k
    tl.store(left + row, lost.to(tl.int8))
    if lost:
        tl.store(any_left, 1)
    else:
        found = tl.where(total == 0, 0.0, value * mean)
        tl.store(out + row * width + channel, found, mask=inside)


@triton.jit
def backward_targets(
    ptr, source, order, weight, columns, u, at, partial, longest, shift, c,
    least: tl.constexpr, heads, width, grad, of_klein, of_sum, by_c, left, any_left,
    ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, LONG: tl.constexpr,
    BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Gradients of sums of lifted points, as those of their Klein points.

    These are in float64, as their radial part may be huge, and little of that is left
    for points.  All is 0 where a target is left.
    """
    i, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    inside, curvature = channel < width, tl.load(c + k)
    mean, rr, gap, lost, total, weights = klein(
        i, k, channel, ptr, source, order, weight, columns, u, at, partial, longest,
        shift, curvature, least, heads, width, ORDERED, WEIGHTED, LONG, BLOCK_E,
        BLOCK_D,
    )  # fmt: skip
    value, slope = stretch(curvature * rr, gap)
    row = i * heads + k
    g = tl.load(grad + row * width + channel, mask=inside, other=0.0).to(tl.float64)
    along = tl.sum(mean * g, 0)
    found = value * g + (2 * curvature * slope * along) * mean
    none = lost | (total == 0)
    unit = tl.where(none, 0.0, 1 / tl.where(total == 0, 1.0, total))
    of_total = -(value * along + 2 * curvature * slope * along * rr) * unit
    tl.store(of_klein + row * width + channel, tl.where(none, 0.0, found), mask=inside)
    tl.store(of_sum + 3 * row + SCALE, unit)
    tl.store(of_sum + 3 * row + OF_TOTAL, tl.where(none, 0.0, of_total))
    tl.store(of_sum + 3 * row + WEIGHTS, tl.where(none, 0.0, weights * unit))
    tl.store(by_c + row, tl.where(none, 0.0, slope * rr * along))
    tl.store(left + row, lost.to(tl.int8))
    if lost:
        tl.store(any_left, 1)


# Of each point: what the gradients of b, of S_b, of C_b and of c have from it.
BY_DOT, BY_SINHC_B, BY_COSH_B, BY_C = (tl.constexpr(n) for n in range(4))


@triton.jit
def backward_points(
    ptr, source, order, weight, columns, of_klein, of_sum, partial, longest, u, bias,
    dots, at_b, c, at, own, heads, width, by_u, by_shared, ORDERED: tl.constexpr,
    WEIGHTED: tl.constexpr, LONG: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Gradients of points, from those of the sums they are part of.

    The edges are those that leave from the points: their sources are targets here.
    """
    j, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    sums, by_cosh, _, _ = add_row(
        j, k, ptr, source, order, weight, columns, of_klein, of_sum, partial, longest,
        heads, width, ORDERED, WEIGHTED, True, True, LONG, BLOCK_E, BLOCK_D,
    )  # fmt: skip
    row, inside, curvature = j * heads + k, channel < width, tl.load(c + k)
    v = tl.load(u + row * width + channel, mask=inside, other=0.0).to(tl.float64)
    b = tl.load(bias + k * width + channel, mask=inside, other=0.0).to(tl.float64)
    by_alpha, of_b = tl.sum(v * sums, 0), tl.sum(b * sums, 0)
    uu, dot = tl.load(dots + 2 * row), tl.load(dots + 2 * row + 1)
    sinhc_b, cosh_b = tl.load(at_b + 3 * k), tl.load(at_b + 3 * k + 1)
    sinhc, cosh = tl.load(own + 3 * row + SINHC), tl.load(own + 3 * row + COSH_U)
    part = 1 / (1 + cosh)
    h = curvature * sinhc * sinhc_b * dot
    by_h = by_alpha * sinhc * part + by_cosh
    by_sinhc = by_alpha * (cosh_b + h * part) + by_h * curvature * sinhc_b * dot
    by_cosh_u = by_cosh * cosh_b - by_alpha * sinhc * h * part * part
    by_square = by_sinhc * tl.load(own + 3 * row + SLOPE) + by_cosh_u * sinhc / 2
    by_dot = by_h * curvature * sinhc * sinhc_b
    alpha = tl.load(at + 3 * row + ALPHA)
    found = alpha * sums + (2 * curvature * by_square) * v + by_dot * b
    tl.store(by_u + row * width + channel, found, mask=inside)
    shared = by_shared + 4 * row
    tl.store(shared + BY_DOT, by_dot)
    tl.store(shared + BY_SINHC_B, by_h * curvature * sinhc * dot + of_b)
    tl.store(shared + BY_COSH_B, by_alpha * sinhc + by_cosh * cosh)
    tl.store(shared + BY_C, uu * by_square + by_h * sinhc * sinhc_b * dot)


@triton.jit
def backward_bias(bias, at_b, c, of_sums, of_dots, shared, by_bias, by_c, width,
                  BLOCK_D: tl.constexpr):  # fmt: skip
    """Gradients of the bias and of c, from the sums over points of their parts."""
    k, channel = tl.program_id(0), tl.arange(0, BLOCK_D)
    at, inside, curvature = k * width + channel, channel < width, tl.load(c + k)
    b = tl.load(bias + at, mask=inside, other=0.0).to(tl.float64)
    uu = tl.sum(b * b, 0)
    sinhc, cosh = tl.load(at_b + 3 * k), tl.load(at_b + 3 * k + 1)
    of_sinhc, of_cosh = (
        tl.load(shared + 4 * k + BY_SINHC_B),
        tl.load(shared + 4 * k + BY_COSH_B),
    )
    by_square = of_sinhc * lift_slope(curvature * uu, sinhc, cosh) + of_cosh * sinhc / 2
    found = sinhc * tl.load(of_sums + at, mask=inside, other=0.0)
    found += tl.load(of_dots + at, mask=inside, other=0.0)
    found += (2 * curvature * by_square) * b
    tl.store(by_bias + at, found, mask=inside)
    tl.store(by_c + k, tl.load(shared + 4 * k + BY_C) + uu * by_square)
