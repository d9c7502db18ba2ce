"""Hyperbolic layers for PyTorch Geometric, in one representation."""

from importlib.metadata import version

from pyg_hyperbolic import datasets, geometry, nn, utils
from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.groups import parameter_groups
from pyg_hyperbolic.projection import project_curvatures
from pyg_hyperbolic.report import CurvatureReport, CurvatureState, curvature_report
from pyg_hyperbolic.sharing import tie_curvatures

__version__ = version("pyg-hyperbolic")

__all__ = [
    "Curvature",
    "CurvatureReport",
    "CurvatureState",
    "curvature_report",
    "datasets",
    "geometry",
    "nn",
    "parameter_groups",
    "project_curvatures",
    "tie_curvatures",
    "utils",
]
