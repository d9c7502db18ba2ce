"""Kernels that touch the channels of pairs of points: products, and combinations.

What comes between them, for each pair, is in :mod:`.plane`, with p, x, base, lean and
sign.  A pair is a row of u and one of v: those that indices name (INDEXED), rows with
the same number, or for all rows of u the only one of v (ONE).
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.pieces import (
    piece,
    row_of,
    store_piece,
    sums_of_pieces,
)
from pyg_hyperbolic.kernels.cuda.plane import (
    ACROSS,
    BASE,
    EXCESS,
    LEAN,
    PRODUCTS,
    UU,
    VV,
    length_of_x,
)

# See in_plane.
ROUNDINGS = tl.constexpr(8.0)


@triton.jit
def ends(n, inside, first, second, INDEXED: tl.constexpr, ONE: tl.constexpr):
    """Rows of u and v of a block of pairs."""
    i, j = n, n
    if INDEXED:
        i = tl.load(first + n, mask=inside, other=0).to(tl.int64)
        j = tl.load(second + n, mask=inside, other=0).to(tl.int64)
    if ONE:
        j = n * 0
    return i, j


@triton.jit
def block(x, row, inside, channel, width):
    """Rows of points in float64, [BLOCK_E, BLOCK_D]; zeros outside."""
    both = inside[:, None] & (channel < width)[None, :]
    at = row[:, None] * width + channel[None, :]
    return tl.load(x + at, mask=both, other=0.0).to(tl.float64)


@triton.jit
def part_across(p, q, base, lean):
    """The x of a block of pairs."""
    return (q - base[:, None] * p) - lean[:, None] * p


@triton.jit
def store_products(table, row, inside, p, q, width):
    """Stores the products of each pair's p and q = v, see :data:`~.plane.PRODUCTS`."""
    uu, vv = tl.sum(p * p, 1), tl.sum(q * q, 1)
    some = tl.where(uu > 0, uu, 1.0)
    share = tl.sum(p * q, 1) / some
    base = tl.where(share < -0.5, -1.0, tl.where(share > 0.5, 1.0, 0.0))
    step = share - base
    # from the coordinates of x: near a line nothing else is left
    x = part_across(p, q, base, step)
    rest = tl.sum(p * x, 1)
    across = tl.sum(x * x, 1) - rest * rest / some
    at = table + PRODUCTS * row
    tl.store(at + UU, uu, mask=inside)
    tl.store(at + VV, vv, mask=inside)
    tl.store(at + BASE, base, mask=inside)
    tl.store(at + LEAN, step + rest / some, mask=inside)
    across = tl.where((across < 0) | (width == 1), 0.0, across)
    tl.store(at + ACROSS, across, mask=inside)
    tl.store(at + EXCESS, tl.sum((p + q) * (p - q), 1), mask=inside)


@triton.jit
def products(u, v, first, second, sign: tl.constexpr, table, number, heads, width,
             INDEXED: tl.constexpr, ONE: tl.constexpr, BLOCK_E: tl.constexpr,
             BLOCK_D: tl.constexpr):  # fmt: skip
    """Fills in the products of the points of all pairs, [P * H, 6]."""
    n = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    k, channel, inside = tl.program_id(1), tl.arange(0, BLOCK_D), n < number
    i, j = ends(n, inside, first, second, INDEXED, ONE)
    p = sign * block(u, i * heads + k, inside, channel, width)
    q = block(v, j * heads + k, inside, channel, width)
    store_products(table, n * heads + k, inside, p, q, width)


@triton.jit
def in_plane(g, along, across, grad, AXIS: tl.constexpr):
    """Whether nothing but roundings, in the dtype of grad, is left without both parts.

    That is so if of a gradient g nothing is at right angles to the plane of its points.
    """
    noise = ROUNDINGS * (2.0**-23 if grad.dtype.element_ty == tl.float32 else 2.0**-52)
    y = (g - along) - across
    return tl.sum(y * y, AXIS) <= noise * noise * tl.sum(g * g, AXIS)


@triton.jit
def with_gradient(u, v, first, second, sign: tl.constexpr, table, grad, out,
                  number, heads, width, INDEXED: tl.constexpr, ONE: tl.constexpr,
                  BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """Fills in products of the gradient at each pair's u with p and x, [P * H, 3].

    The last column is 1 where of the gradient nothing but roundings is at right angles
    to the plane of both points.
    """
    n = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    k, channel, inside = tl.program_id(1), tl.arange(0, BLOCK_D), n < number
    i, j = ends(n, inside, first, second, INDEXED, ONE)
    p = sign * block(u, i * heads + k, inside, channel, width)
    q = block(v, j * heads + k, inside, channel, width)
    g = block(grad, i * heads + k, inside, channel, width)
    row = n * heads + k
    base = tl.load(table + PRODUCTS * row + BASE, mask=inside, other=0.0)
    lean = tl.load(table + PRODUCTS * row + LEAN, mask=inside, other=0.0)
    uu = tl.load(table + PRODUCTS * row + UU, mask=inside, other=1.0)
    across = tl.load(table + PRODUCTS * row + ACROSS, mask=inside, other=1.0)
    x = part_across(p, q, base, lean)
    with_p, with_x = tl.sum(g * p, 1), tl.sum(g * x, 1)
    by_p = with_p / tl.where(uu > 0, uu, 1.0)
    v2 = length_of_x(across, tl.sqrt(uu), base, lean)
    by_x = tl.where(v2 > 0, with_x / tl.where(v2 > 0, across, 1.0), 0.0)
    flat = in_plane(g, by_p[:, None] * p, by_x[:, None] * x, grad, 1)
    tl.store(out + 3 * row, with_p, mask=inside)
    tl.store(out + 3 * row + 1, with_x, mask=inside)
    tl.store(out + 3 * row + 2, flat.to(tl.float64), mask=inside)


@triton.jit
def bounded(x, most):
    """Gradients held where they and their squares are finite; NaN stays NaN."""
    return tl.where(x > most, most, tl.where(x < -most, -most, x))


@triton.jit
def combine(own, other, grad, table, stride, column, of_grad, sign: tl.constexpr,
            most: tl.constexpr, out, number, heads, width,
            ONE: tl.constexpr, GRAD: tl.constexpr, BLOCK_E: tl.constexpr,
            BLOCK_D: tl.constexpr):  # fmt: skip
    """T[column] (other + sign own) + T[column + 1] own + T[of_grad] grad of each pair.

    The table T has a row of ``stride`` numbers for each pair and head.
    """
    n = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    k, channel, inside = tl.program_id(1), tl.arange(0, BLOCK_D), n < number
    row = n * heads + k
    x = block(own, row, inside, channel, width)
    y = block(other, (n * 0 if ONE else n) * heads + k, inside, channel, width)
    at = table + stride * row
    both = tl.load(at + column, mask=inside, other=0.0)
    rest = tl.load(at + column + 1, mask=inside, other=0.0)
    found = both[:, None] * (y + sign * x) + rest[:, None] * x
    if GRAD:
        by = tl.load(at + of_grad, mask=inside, other=0.0)
        found += by[:, None] * block(grad, row, inside, channel, width)
    mask = inside[:, None] & (channel < width)[None, :]
    tl.store(
        out + row[:, None] * width + channel[None, :], bounded(found, most), mask=mask
    )


@triton.jit
def combine_range(
    i, k, first, last, index, order, own, other, grad, table, stride, column, of_grad,
    of_size, heads, width, BOUNDED: tl.constexpr, ORDERED: tl.constexpr,
    OWN_GRAD: tl.constexpr, OTHER_GRAD: tl.constexpr, BLOCK_E: tl.constexpr,
    BLOCK_D: tl.constexpr,
):  # fmt: skip
    """What :func:`combine_edges` sums over some pairs of a row i.

    Returns:
        The sum of vectors, [d], and the sums of what the row's own point, its own
        gradient and its bound are multiplied by.
    """
    channel = tl.arange(0, BLOCK_D)
    here = (i * heads + k) * width + channel
    x = tl.load(own + here, mask=channel < width, other=0.0).to(tl.float64)
    sums = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
    rest, of_own = tl.zeros([BLOCK_E], tl.float64), tl.zeros([BLOCK_E], tl.float64)
    sizes = tl.zeros([BLOCK_E], tl.float64)
    for start in range(first, last, BLOCK_E):
        e = start + tl.arange(0, BLOCK_E)
        inside = e < last
        j = tl.load(index + e, mask=inside, other=0).to(tl.int64)
        place = e
        if ORDERED:
            place = tl.load(order + e, mask=inside, other=0).to(tl.int64)
        at = table + stride * (place * heads + k)
        both = tl.load(at + column, mask=inside, other=0.0)
        rest += tl.load(at + column + 1, mask=inside, other=0.0)
        y = block(other, j * heads + k, inside, channel, width)
        sums += both[:, None] * (y - x[None, :])
        if BOUNDED:
            sizes += tl.load(at + of_size, mask=inside, other=0.0)
        if OWN_GRAD:
            of_own += tl.load(at + of_grad, mask=inside, other=0.0)
        if OTHER_GRAD:
            by = tl.load(at + of_grad, mask=inside, other=0.0)
            sums += by[:, None] * block(grad, j * heads + k, inside, channel, width)
    return tl.sum(sums, 0), tl.sum(rest, 0), tl.sum(of_own, 0), tl.sum(sizes, 0)


@triton.jit
def combine_pieces(
    ptr, first_row, last_row, partial, longest, number, index, order, own, other, grad,
    table, stride, column, of_grad, of_size, heads, width, BOUNDED: tl.constexpr,
    ORDERED: tl.constexpr, OWN_GRAD: tl.constexpr, OTHER_GRAD: tl.constexpr,
    BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """:func:`combine_range` over pieces of long rows, see :mod:`.pieces`."""
    k = tl.program_id(2)
    i, first, last, slot = piece(ptr, first_row, last_row, longest, number)
    if first < last:
        sums, rest, of_own, sizes = combine_range(
            i, k, first, last, index, order, own, other, grad, table, stride, column,
            of_grad, of_size, heads, width, BOUNDED, ORDERED, OWN_GRAD, OTHER_GRAD,
            BLOCK_E, BLOCK_D,
        )  # fmt: skip
        store_piece(slot * heads + k, partial, sums, rest, of_own, sizes, BLOCK_D)


@triton.jit
def combine_edges(
    ptr, index, order, own, other, grad, table, stride, column, of_grad, of_size,
    most: tl.constexpr, partial, longest, out, heads, width, BOUNDED: tl.constexpr,
    ORDERED: tl.constexpr, OWN_GRAD: tl.constexpr, OTHER_GRAD: tl.constexpr,
    LONG: tl.constexpr, BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr,
):  # fmt: skip
    """Sums over the pairs of each row of T[column] (other - own) + T[column + 1] own.

    And of T[of_grad] grad, at the row itself or at the other.  The sign of the pairs is
    -1 here.

    Args:
        ptr: First pair of each row, [N + 1].
        index: The other row of each pair, [P].
        order: Where it stands in the table, [P], if that is another place.
        own: Points, [N, H, d].
        other: Points that indices name.
        grad: Gradients.
        table: [P * H, stride].
        stride: Columns of the table.
        column: Which of them is first.
        of_grad: Which of them is for the gradients.
        of_size: Which of them the bound is multiplied by, if sums are bounded.
        most: See :func:`bounded`.
        partial: Sums of pieces of long rows.
        longest: The most pairs that one program adds up.
        out: Filled in, [N, H, d].
        heads: H.
        width: d.
        BOUNDED: Whether sums are bounded.
        ORDERED: Whether there is an order.
        OWN_GRAD: Whether gradients are those of rows.
        OTHER_GRAD: Whether they are those of the other.
        LONG: Whether a row can be too long.
        BLOCK_E: Pairs at once.
        BLOCK_D: At least d.
    """
    i, k = tl.program_id(0).to(tl.int64), tl.program_id(1)
    first, last, end = row_of(i, ptr, longest, LONG)
    sums, rest, of_own, sizes = combine_range(
        i, k, first, end, index, order, own, other, grad, table, stride, column,
        of_grad, of_size, heads, width, BOUNDED, ORDERED, OWN_GRAD, OTHER_GRAD,
        BLOCK_E, BLOCK_D,
    )  # fmt: skip
    if LONG:
        more, more_rest, more_own, more_sizes = sums_of_pieces(
            first, last, k, partial, longest, heads, BLOCK_D
        )
        sums, rest = sums + more, rest + more_rest
        of_own, sizes = of_own + more_own, sizes + more_sizes
    channel = tl.arange(0, BLOCK_D)
    here, inner = (i * heads + k) * width + channel, channel < width
    x = tl.load(own + here, mask=inner, other=0.0).to(tl.float64)
    found = sums + rest * x
    if OWN_GRAD:
        g = tl.load(grad + here, mask=inner, other=0.0).to(tl.float64)
        found += of_own * g
    if BOUNDED:
        found = bounded(found, most * sizes)
    tl.store(out + here, found, mask=inner)
