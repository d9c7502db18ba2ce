"""The back end for CPUs: loops over rows and edges, compiled by Numba.

Each function takes the tensors of one operation and gives its result, or its gradients,
without autograd.  Points are [N, d] or, with an axis of heads, [N, H, d]; edges come in
the order of their targets, see :class:`~pyg_hyperbolic.kernels.graph.Graph`.

All files share some names.  ``grad`` is the gradient of the result, ``by_x`` that with
respect to x; ``i`` is a target, ``j`` a source, ``e`` an edge, ``k`` a head, ``t`` a
coordinate; ``lo`` and ``hi`` are the first of a thread's rows and the one behind its
last; ``c`` is the absolute value of the curvature, of each head, [H], or of one.  Of a
point v in normal coordinates, ``square`` is |v|^2, and with a = sqrt(c) |v|

    S = sinh(a)/a,  C = cosh(a),  kappa = tanh(a)/a

are ``sinhc``, ``cosh`` and ``kappa``; the first two may come times e^-E, see
:mod:`pyg_hyperbolic.kernels.cpu.scalars`.
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
