"""Loops of the Lorentz linear map, see :mod:`pyg_hyperbolic.geometry.lorentz`.

With S = sinh(a)/a and C = cosh(a) of a point v, the image has the space coordinates
y = S h + C t + b; in normal coordinates it is f y with f = arsinh(s |y|) / (s |y|) and
s = sqrt(c).  Far out S, C and y are kept times e^-E, and f times e^E.
"""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import loop, scalar
from pyg_hyperbolic.kernels.cpu.rows import bounded, square
from pyg_hyperbolic.kernels.cpu.scalars import Radial, arsinhc, lift_slope, radial


class Image(NamedTuple):
    """An image f y, but for y itself; yy, value and slope are of y as it is kept."""

    zz: float  # squared length of v
    at: Radial  # of v
    unit: float  # e^-E
    yy: float  # squared length of y
    value: float  # f
    slope: float  # derivative of f with respect to c |y|^2


@scalar
def image(i, v, h, time, bias, c, y):
    """Fills in y, [d'], of row i, and returns the rest of the image."""
    zz = square(v, i, 0)
    at = radial(math.sqrt(c * zz))
    unit, yy = math.exp(-at.exponent), 0.0
    for t in range(y.shape[0]):
        y[t] = at.sinhc * h[i, 0, t] + at.cosh * time[t] + unit * bias[t]
        yy += y[t] * y[t]
    value, slope = arsinhc(c * yy, at.exponent)
    return Image(zz, at, unit, yy, value, slope)


@loop
def map_forward(lo, hi, v, h, time, bias, c, y, out):
    """Images of the rows from lo to hi.

    Args:
        lo: First row.
        hi: Row behind the last.
        v: Points, [N, 1, d].
        h: Their linear images, [N, 1, d'].
        time: The weight's column t, [d'].
        bias: [d'].
        c: Absolute value of the curvature.
        y: Room for one row's y, [d'].
        out: Images in normal coordinates, filled in, [N, 1, d'].
    """
    for i in range(lo, hi):
        value = image(i, v, h, time, bias, c, y).value
        for t in range(y.shape[0]):
            out[i, 0, t] = value * y[t]


@loop
def map_backward(
    lo, hi, v, h, time, bias, c, grad, y, by_v, by_h, by_time, by_bias, by_c
):  # fmt: skip
    """Gradients of :func:`map_forward`; to those of time, bias and c, [1], it adds."""
    for i in range(lo, hi):
        at = image(i, v, h, time, bias, c, y)
        along = 0.0
        for t in range(y.shape[0]):
            along += y[t] * np.float64(grad[i, 0, t])
        radial_part = 2 * c * at.slope * along
        by_c[0] += at.slope * at.yy * along
        by_sinhc = by_cosh = 0.0
        for t in range(y.shape[0]):
            y[t] = at.value * grad[i, 0, t] + radial_part * y[t]  # now its gradient
            by_sinhc += y[t] * h[i, 0, t]
            by_cosh += y[t] * time[t]
            by_time[t] += at.at.cosh * y[t]
            by_bias[t] += at.unit * y[t]
        for t in range(y.shape[0]):
            by_h[i, 0, t] = bounded(at.at.sinhc * y[t], h)
        slope = lift_slope(c * at.zz, at.at.sinhc, at.at.cosh)
        by_square = by_sinhc * slope + by_cosh * at.at.sinhc / 2
        by_c[0] += at.zz * by_square
        for t in range(v.shape[2]):
            by_v[i, 0, t] = bounded(2 * c * by_square * v[i, 0, t], h)
