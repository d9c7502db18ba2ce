"""What loops have in common: the edges of a target, and the rows of arrays."""

import math
from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import AHEAD, inner, prefetch

# What loops need of the radius of each point: S = sinh(a)/a, cosh(a) and the derivative
# of S with respect to a^2, all times e^-E; the exponent E; and the squared length.
SINHC, COSH, EXPONENT, SLOPE, SQUARE = range(5)
RADII = 5


class Edges(NamedTuple):
    """Edges in the order of their targets, and their weights."""

    ptr: np.ndarray  # first edge of each target, [M + 1]
    source: np.ndarray  # where the message of each edge comes from, [E]
    order: np.ndarray  # where its weight stands, [E]; or [0] for the same place
    weight: np.ndarray  # [E, H] or [E, 1], or [0, 0] for none


@inner
def place(edges, e):
    """Where an edge stands in the user's list."""
    return edges.order[e] if edges.order.shape[0] > 0 else e


@inner
def weight_of(edges, e, k):
    """Weight of an edge, 1 where there are none."""
    if edges.weight.shape[0] == 0:
        return 1.0
    return np.float64(
        edges.weight[place(edges, e), k if edges.weight.shape[1] > 1 else 0]
    )


@inner
def ask_for(array, edges, i):
    """Asks for the rows that the edges of a target need, each some edges ahead."""
    last = min(edges.ptr[i + 1] + AHEAD, edges.source.shape[0])
    for e in range(edges.ptr[i] + AHEAD, last):
        prefetch(array, edges.source[e])


# Gradients grow as e^a.  They are held at these powers of e, for points in float32 and
# float64: there they are finite, and so are their squares in an optimizer.
LIMIT_32, LIMIT_64 = 41.0, 300.0
_MOST_32, _MOST_64 = math.exp(LIMIT_32), math.exp(LIMIT_64)


@inner
def bounded(value, array):
    """A part of a gradient, held at the limit of an array's dtype; NaN stays NaN."""
    most = _MOST_32 if array.itemsize == 4 else _MOST_64
    if value > most:
        value = most
    if value < -most:
        value = -most
    return value


@inner
def square(x, j, k):
    """Squared length of a point."""
    out = 0.0
    for t in range(x.shape[2]):
        out += np.float64(x[j, k, t]) * np.float64(x[j, k, t])
    return out
