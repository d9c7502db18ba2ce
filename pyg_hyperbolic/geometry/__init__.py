"""Pure functions on points in normal coordinates: tensors and c in, tensors out."""

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
