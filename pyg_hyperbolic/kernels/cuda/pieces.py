"""Rows of edges that are too long for one program: sums of their pieces come first.

The list of all edges is cut into pieces as long as the longest row that one program
adds up.  So a piece has edges of at most two longer rows: that of its first edge, and
that of its last.  It has a slot for each, [2 * pieces, H, 2 * BLOCK_D]: a vector, and
three numbers.
"""

import triton
import triton.language as tl


@triton.jit
def row_of(i, ptr, longest, LONG: tl.constexpr):
    """First edge of a row, the one behind its last, and where its own program stops.

    That is at the first edge if the row is long, as pieces have all of it.
    """
    first, last = tl.load(ptr + i).to(tl.int64), tl.load(ptr + i + 1).to(tl.int64)
    end = last
    if LONG:
        end = tl.where(last - first > longest, first, last)
    return first, last, end


@triton.jit
def piece(ptr, first_row, last_row, longest, number):
    """The row of a program's slot, its first edge, the one behind its last, the slot.

    There may be no edge: if the row is not long, or the other slot has it already.
    """
    n, one_or_other = tl.program_id(0).to(tl.int64), tl.program_id(1)
    one, other = tl.load(first_row + n), tl.load(last_row + n)
    row = tl.where(one_or_other == 0, one, other)
    first, last = tl.load(ptr + row).to(tl.int64), tl.load(ptr + row + 1).to(tl.int64)
    lo = tl.maximum(n * longest, first)
    hi = tl.minimum(tl.minimum((n + 1) * longest, number), last)
    counts = (last - first > longest) & ((one_or_other == 0) | (one != other))
    return row, lo, tl.where(counts, hi, lo), 2 * n + one_or_other


@triton.jit
def store_piece(slot, partial, sums, one, two, three, BLOCK_D: tl.constexpr):
    """Stores the sums of a slot, here counted by head: a vector and three numbers."""
    channel, at = tl.arange(0, BLOCK_D), partial + slot * (2 * BLOCK_D)
    tl.store(at + channel, sums.to(tl.float64))
    rest = tl.where(channel == 0, one, two)
    tl.store(at + BLOCK_D + channel, tl.where(channel == 2, three, rest))


@triton.jit
def sums_of_pieces(first, last, k, partial, longest, heads, BLOCK_D: tl.constexpr):
    """Sums over all pieces of a row, as stored; all 0 if it is not long."""
    channel = tl.arange(0, BLOCK_D)
    sums, rest = tl.zeros([BLOCK_D], tl.float64), tl.zeros([BLOCK_D], tl.float64)
    n = first // longest
    end = tl.where(last - first > longest, (last - 1) // longest + 1, n)
    for place in range(n, end):
        # its first piece may begin with another row
        slot = 2 * place + tl.where((place == n) & (first % longest != 0), 1, 0)
        at = partial + (slot * heads + k) * (2 * BLOCK_D)
        sums += tl.load(at + channel)
        rest += tl.load(at + BLOCK_D + channel)
    return (
        sums,
        tl.sum(tl.where(channel == 0, rest, 0.0), 0),
        tl.sum(tl.where(channel == 1, rest, 0.0), 0),
        tl.sum(tl.where(channel == 2, rest, 0.0), 0),
    )
