"""The learnable curvature, and what its training needs."""

from pyg_hyperbolic.curvature.groups import parameter_groups
from pyg_hyperbolic.curvature.module import (
    PARAMETRIZATIONS,
    Curvature,
    CurvatureLike,
    as_curvature,
)
from pyg_hyperbolic.curvature.projection import project_curvatures
from pyg_hyperbolic.curvature.report import (
    CurvatureReport,
    CurvatureState,
    curvature_report,
)
from pyg_hyperbolic.curvature.sharing import tie_curvatures

__all__ = [
    "PARAMETRIZATIONS",
    "Curvature",
    "CurvatureLike",
    "CurvatureReport",
    "CurvatureState",
    "as_curvature",
    "curvature_report",
    "parameter_groups",
    "project_curvatures",
    "tie_curvatures",
]
