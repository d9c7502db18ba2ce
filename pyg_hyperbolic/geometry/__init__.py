r"""Pure functions on points in normal coordinates: tensors and c in, tensors out.

A point of the space of sectional curvature :math:`-c` is stored as the plain vector
:math:`v = \log_0(x)`, its Riemannian normal coordinates at the origin: every vector
is a point, and :math:`\lVert v \rVert` is its distance from the origin.  In all
functions :obj:`c` is the *absolute value* of the curvature, a float or a tensor of
shape :obj:`[]` or one that broadcasts to the batch shape (the shape of a point
without its last axis); :math:`c = 0` is Euclidean space.

All functions raise a :class:`ValueError` for points that are not floating-point tensors
on one device or whose shapes do not fit, and for a c that is negative or infinite.  A c
that is a tensor is looked at only on a CPU and if it does not require a gradient, where
nothing has to wait for it.
"""

from pyg_hyperbolic.geometry.charts import (
    from_klein,
    from_lorentz,
    from_poincare,
    from_proper_velocity,
    to_klein,
    to_lorentz,
    to_poincare,
    to_proper_velocity,
)
from pyg_hyperbolic.geometry.cones import cone_angle, half_aperture
from pyg_hyperbolic.geometry.frechet import frechet_mean
from pyg_hyperbolic.geometry.gyro import (
    dist,
    exp,
    gyro_add,
    log,
    sqdist,
    transport,
)
from pyg_hyperbolic.geometry.hyperplane import hyperplane_dist
from pyg_hyperbolic.geometry.midpoint import midpoint

__all__ = [
    "cone_angle",
    "dist",
    "exp",
    "frechet_mean",
    "from_klein",
    "from_lorentz",
    "from_poincare",
    "from_proper_velocity",
    "gyro_add",
    "half_aperture",
    "hyperplane_dist",
    "log",
    "midpoint",
    "sqdist",
    "to_klein",
    "to_lorentz",
    "to_poincare",
    "to_proper_velocity",
    "transport",
]
