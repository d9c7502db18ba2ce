"""Hyperbolic layers for PyTorch Geometric, and the curvatures that they learn."""

from importlib.metadata import version

from pyg_hyperbolic import datasets, geometry, nn, utils
from pyg_hyperbolic.curvature import (
    Curvature,
    CurvatureReport,
    CurvatureState,
    curvature_report,
    parameter_groups,
    project_curvatures,
    tie_curvatures,
)

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
