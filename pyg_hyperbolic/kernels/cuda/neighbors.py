"""Kernels of sums over neighbors: of each target, in a fixed order, without atomics.

A kernel over edges has a program for each row and head; sums of the pieces of long rows
come first, see :mod:`.pieces`.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.pieces import (
    piece,
    row_of,
    store_piece,
    sums_of_pieces,
)
from pyg_hyperbolic.kernels.cuda.scalars import INF


@triton.jit
def ends_of(e, last, k, source, order, weight, columns, ORDERED: tl.constexpr,
            WEIGHTED: tl.constexpr):  # fmt: skip
    """The other end of each of a block of edges, its place for the user, its weight."""
    inside = e < last
    j = tl.load(source + e, mask=inside, other=0).to(tl.int64)
    place = e
    if ORDERED:
        place = tl.load(order + e, mask=inside, other=0).to(tl.int64)
    w = inside.to(tl.float64)
    if WEIGHTED:
        at = place * columns + tl.where(columns > 1, k, 0)
        w = tl.load(weight + at, mask=inside, other=0.0).to(tl.float64)
    return j, place, w


@triton.jit
def add(first, last, k, source, order, weight, columns, x, table, heads, width,
        ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, TABLE: tl.constexpr,
        WIDE: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """Weighted sums of the rows of x, and of a table, over some edges of one target.

    Rows are multiplied by the first of the table's three columns, if there is one.

    Returns:
        The sum, [d], in float64 if it is to be wide, else in float32; and the sums of
        the second column, of the third, and of the weights: 0 without a table.
    """
    kind = tl.float64 if WIDE else tl.float32
    channel = tl.arange(0, BLOCK_D)
    sums = tl.zeros([BLOCK_E, BLOCK_D], kind)
    second, third = tl.zeros([BLOCK_E], tl.float64), tl.zeros([BLOCK_E], tl.float64)
    weights = tl.zeros([BLOCK_E], tl.float64)
    for start in range(first, last, BLOCK_E):
        e = start + tl.arange(0, BLOCK_E)
        j, _, w = ends_of(e, last, k, source, order, weight, columns, ORDERED, WEIGHTED)
        row, inside = j * heads + k, e < last
        both = inside[:, None] & (channel < width)[None, :]
        v = tl.load(x + row[:, None] * width + channel[None, :], mask=both, other=0.0)
        share = w
        if TABLE:
            share = w * tl.load(table + 3 * row, mask=inside, other=0.0)
            second += w * tl.load(table + 3 * row + 1, mask=inside, other=0.0)
            size = tl.load(table + 3 * row + 2, mask=inside, other=0.0)
            # an infinite one counts even at a weight of 0
            third += tl.where(size < INF, w * size, size)
            weights += w
        sums += share.to(kind)[:, None] * v.to(kind)
    sums = tl.sum(sums, 0)
    return sums, tl.sum(second, 0), tl.sum(third, 0), tl.sum(weights, 0)


@triton.jit
def add_row(i, k, ptr, source, order, weight, columns, x, table, partial, longest,
            heads, width, ORDERED: tl.constexpr, WEIGHTED: tl.constexpr,
            TABLE: tl.constexpr, WIDE: tl.constexpr, LONG: tl.constexpr,
            BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """As :func:`add`, over all edges of a target, or over its pieces if it is long."""
    first, last, end = row_of(i, ptr, longest, LONG)
    sums, second, third, weights = add(
        first, end, k, source, order, weight, columns, x, table, heads, width,
        ORDERED, WEIGHTED, TABLE, WIDE, BLOCK_E, BLOCK_D,
    )  # fmt: skip
    if LONG:
        of_sums, of_second, of_third, of_weights = sums_of_pieces(
            first, last, k, partial, longest, heads, BLOCK_D
        )
        sums += of_sums.to(sums.dtype)
        second, third, weights = (
            second + of_second,
            third + of_third,
            weights + of_weights,
        )
    return sums, second, third, weights


@triton.jit
def add_pieces(
    ptr, source, order, weight, columns, x, table, first_row, last_row, partial,
    longest, number, heads, width, ORDERED: tl.constexpr, WEIGHTED: tl.constexpr,
    TABLE: tl.constexpr, WIDE: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Stores :func:`add` of the pieces of long rows, see :mod:`.pieces`."""
    k = tl.program_id(2)
    _, lo, hi, slot = piece(ptr, first_row, last_row, longest, number)
    if lo < hi:
        sums, second, third, weights = add(
            lo, hi, k, source, order, weight, columns, x, table, heads, width,
            ORDERED, WEIGHTED, TABLE, WIDE, BLOCK_E, BLOCK_D,
        )  # fmt: skip
        store_piece(slot * heads + k, partial, sums, second, third, weights, BLOCK_D)


@triton.jit
def weighted_sum(
    ptr, source, order, weight, columns, x, partial, longest, heads, width, out,
    ORDERED: tl.constexpr, WEIGHTED: tl.constexpr, WIDE: tl.constexpr,
    LONG: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Weighted sums of neighbors' vectors, [M, H, d]."""
    i, k, channel = tl.program_id(0), tl.program_id(1), tl.arange(0, BLOCK_D)
    sums, _, _, _ = add_row(
        i, k, ptr, source, order, weight, columns, x, x, partial, longest, heads,
        width, ORDERED, WEIGHTED, False, WIDE, LONG, BLOCK_E, BLOCK_D,
    )  # fmt: skip
    at = (i.to(tl.int64) * heads + k) * width + channel
    tl.store(out + at, sums, mask=channel < width)


@triton.jit
def of_weights(
    source, target, order, x, of_x, y, of_y, shift, out, number, heads, width,
    ORDERED: tl.constexpr, TABLE: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Gradients of the weights of edges, [E, H]: products of x[source] and y[target].

    With the tables of a midpoint x is lifted, to alpha x + shift; the product is
    multiplied by SCALE, and that of COSH and OF_TOTAL is added, see :mod:`.lifted`.
    """
    e = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    k, channel, inside = tl.program_id(1), tl.arange(0, BLOCK_D), e < number
    j = tl.load(source + e, mask=inside, other=0).to(tl.int64) * heads + k
    i = tl.load(target + e, mask=inside, other=0).to(tl.int64) * heads + k
    here = channel[None, :]
    both = inside[:, None] & (here < width)
    v = tl.load(x + j[:, None] * width + here, mask=both, other=0.0).to(tl.float64)
    g = tl.load(y + i[:, None] * width + here, mask=both, other=0.0).to(tl.float64)
    if TABLE:
        own = tl.load(of_x + 3 * j, mask=inside, other=0.0)
        b = tl.load(shift + k * width + channel, mask=channel < width, other=0.0)
        v = own[:, None] * v + b[None, :]
    found = tl.sum(v * g, 1)
    if TABLE:
        found *= tl.load(of_y + 3 * i, mask=inside, other=0.0)
        second = tl.load(of_x + 3 * j + 1, mask=inside, other=0.0)
        found += second * tl.load(of_y + 3 * i + 1, mask=inside, other=0.0)
    place = e
    if ORDERED:
        place = tl.load(order + e, mask=inside, other=0).to(tl.int64)
    tl.store(out + place * heads + k, found, mask=inside)


@triton.jit
def column_sums(x, scale, stride, out, rows, share, heads, width,
                BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """Sums of each program's rows of x, times a scale for each: [*, H, d]."""
    n, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    channel = tl.arange(0, BLOCK_D)
    sums = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
    last = tl.minimum((n + 1) * share, rows)
    for start in range(n * share, last, BLOCK_E):
        i = start + tl.arange(0, BLOCK_E)
        row, inside = i * heads + k, i < last
        both = inside[:, None] & (channel < width)[None, :]
        v = tl.load(x + row[:, None] * width + channel[None, :], mask=both, other=0.0)
        by = tl.load(scale + row * stride, mask=inside, other=0.0)
        sums += by[:, None] * v.to(tl.float64)
    at = (n * heads + k) * width + channel
    tl.store(out + at, tl.sum(sums, 0), mask=channel < width)
