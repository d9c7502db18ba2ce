"""The back end for CPUs: loops over rows and edges, compiled by Numba.

Each function takes the tensors of one operation and gives its result, or its gradients,
without autograd.  Points are [N, d] or, with an axis of heads, [N, H, d]; edges come in
the order of their targets, see :class:`~pyg_hyperbolic.kernels.graph.Graph`.
"""

from pyg_hyperbolic.kernels.cpu.grouping import by_target, outside
from pyg_hyperbolic.kernels.cpu.maps import lorentz_map, lorentz_map_backward
from pyg_hyperbolic.kernels.cpu.midpoint import midpoint, midpoint_backward
from pyg_hyperbolic.kernels.cpu.pairs import (
    dist,
    dist_backward,
    log_sum,
    log_sum_backward,
)
from pyg_hyperbolic.kernels.cpu.sums import (
    gyro_add,
    gyro_add_backward,
    weighted_sum,
    weighted_sum_backward,
)

__all__ = [
    "by_target",
    "dist",
    "dist_backward",
    "gyro_add",
    "gyro_add_backward",
    "log_sum",
    "log_sum_backward",
    "lorentz_map",
    "lorentz_map_backward",
    "midpoint",
    "midpoint_backward",
    "outside",
    "weighted_sum",
    "weighted_sum_backward",
]
