"""The operations of layers, on many points and edges at once, fast on each device.

They compute what :mod:`pyg_hyperbolic.geometry` does, for points at any radius, with
gradients derived by hand.  Points have the shape [N, d], or [N, H, d] with an axis of
heads, each of which is a space of its own; edges are a :class:`Graph`.
"""

from pyg_hyperbolic.kernels.forms import edges
from pyg_hyperbolic.kernels.graph import Graph, graph_of
from pyg_hyperbolic.kernels.memory import remembered
from pyg_hyperbolic.kernels.operations import (
    dist,
    gyro_add,
    log_sum,
    lorentz_map,
    midpoint,
    sqdist,
    weighted_sum,
)
from pyg_hyperbolic.kernels.operator import backend

__all__ = [
    "Graph",
    "backend",
    "dist",
    "edges",
    "graph_of",
    "gyro_add",
    "log_sum",
    "lorentz_map",
    "midpoint",
    "remembered",
    "sqdist",
    "weighted_sum",
]
