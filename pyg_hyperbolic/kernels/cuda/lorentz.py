"""Kernels of the Lorentz linear map, see :mod:`pyg_hyperbolic.kernels.cpu.lorentz`.

Points may be wider than their images: their channels are read block by block.
"""

import triton
import triton.language as tl

from pyg_hyperbolic.kernels.cuda.rows import block, bounded
from pyg_hyperbolic.kernels.cuda.scalars import arsinhc, lift_slope, radial


@triton.jit
def image(row, inside, x, h, time, bias, c, width, out_width, BIASED: tl.constexpr,
          BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """A block of images, f and y, and all that their derivatives need."""
    channel, zz = tl.arange(0, BLOCK_D), tl.zeros([BLOCK_E], tl.float64)
    for first in range(0, width, BLOCK_D):
        v = block(x, row, inside, first + channel, width)
        zz += tl.sum(v * v, 1)
    sinhc, cosh, exponent = radial(tl.sqrt(c * zz))
    unit = tl.exp(-exponent)
    linear = block(h, row, inside, channel, out_width)
    of_time = tl.load(time + channel, mask=channel < out_width, other=0.0)
    y = sinhc[:, None] * linear + cosh[:, None] * of_time[None, :]
    if BIASED:
        b = tl.load(bias + channel, mask=channel < out_width, other=0.0)
        y += unit[:, None] * b[None, :]
    yy = tl.sum(y * y, 1)
    value, slope = arsinhc(c * yy, exponent)
    return zz, sinhc, cosh, unit, linear, of_time, y, yy, value, slope


@triton.jit
def forward(x, h, time, bias, curvature, out, rows, width, out_width,
            BIASED: tl.constexpr, BLOCK_E: tl.constexpr,
            BLOCK_D: tl.constexpr):  # fmt: skip
    """Fills in the images f y of a block of points, [N, d']."""
    row = tl.program_id(0).to(tl.int64) * BLOCK_E + tl.arange(0, BLOCK_E)
    inside, channel = row < rows, tl.arange(0, BLOCK_D)
    _, _, _, _, _, _, y, _, value, _ = image(
        row, inside, x, h, time, bias, tl.load(curvature), width, out_width, BIASED,
        BLOCK_E, BLOCK_D,
    )  # fmt: skip
    mask = inside[:, None] & (channel < out_width)[None, :]
    at = row[:, None] * out_width + channel[None, :]
    tl.store(out + at, value[:, None] * y, mask=mask)


@triton.jit
def backward(x, h, time, bias, curvature, grad, most: tl.constexpr, by_x, by_h, by_time,
             by_bias, by_c, rows, share, width, out_width, BIASED: tl.constexpr,
             BLOCK_E: tl.constexpr, BLOCK_D: tl.constexpr):  # fmt: skip
    """Gradients of each program's rows of points x and linear images h.

    And its share of those of time and bias, [*, d'], and of c, [*]: sums over its rows.
    """
    n, c = tl.program_id(0).to(tl.int64), tl.load(curvature)
    channel = tl.arange(0, BLOCK_D)
    of_time = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
    of_bias = tl.zeros([BLOCK_E, BLOCK_D], tl.float64)
    of_c = tl.zeros([BLOCK_E], tl.float64)
    last = tl.minimum((n + 1) * share, rows)
    for start in range(n * share, last, BLOCK_E):
        row = start + tl.arange(0, BLOCK_E)
        inside = row < last
        zz, sinhc, cosh, unit, linear, t, y, yy, value, slope = image(
            row, inside, x, h, time, bias, c, width, out_width, BIASED, BLOCK_E,
            BLOCK_D,
        )  # fmt: skip
        g = block(grad, row, inside, channel, out_width)
        along = tl.sum(y * g, 1)
        of_c += tl.where(inside, slope * yy * along, 0.0)
        by_y = value[:, None] * g + (2 * c * slope * along)[:, None] * y
        by_sinhc, by_cosh = tl.sum(by_y * linear, 1), tl.sum(by_y * t[None, :], 1)
        of_time += cosh[:, None] * by_y
        of_bias += unit[:, None] * by_y
        mask = inside[:, None] & (channel < out_width)[None, :]
        at = row[:, None] * out_width + channel[None, :]
        tl.store(by_h + at, bounded(sinhc[:, None] * by_y, most), mask=mask)
        by_square = by_sinhc * lift_slope(c * zz, sinhc, cosh) + by_cosh * sinhc / 2
        of_c += tl.where(inside, zz * by_square, 0.0)
        for first in range(0, width, BLOCK_D):
            inner = first + channel
            v = block(x, row, inside, inner, width)
            mask = inside[:, None] & (inner < width)[None, :]
            at = row[:, None] * width + inner[None, :]
            found = bounded((2 * c * by_square)[:, None] * v, most)
            tl.store(by_x + at, found, mask=mask)
    at, some = n * out_width + channel, channel < out_width
    tl.store(by_time + at, tl.sum(of_time, 0), mask=some)
    tl.store(by_bias + at, tl.sum(of_bias, 0), mask=some)
    tl.store(by_c + n, tl.sum(of_c, 0))
