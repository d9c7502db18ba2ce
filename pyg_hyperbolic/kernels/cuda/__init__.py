"""The back end for CUDA: kernels over rows and edges, in Triton.

Each function takes the tensors of one operation and gives its result, or its gradients,
without autograd, and without waiting for the device.  Names are those of
:mod:`pyg_hyperbolic.kernels.cpu`.  A table has a row of numbers in float64 for each
point, target or pair, and head: row i * heads + k for head k of i.
"""

from pyg_hyperbolic.kernels.cuda.maps import lorentz_map, lorentz_map_backward
from pyg_hyperbolic.kernels.cuda.midpoint import midpoint, midpoint_backward
from pyg_hyperbolic.kernels.cuda.pairs import (
    dist,
    dist_backward,
    gyro_add,
    gyro_add_backward,
    log_sum,
    log_sum_backward,
)
from pyg_hyperbolic.kernels.cuda.sums import weighted_sum, weighted_sum_backward

__all__ = [
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
    "weighted_sum",
    "weighted_sum_backward",
]
