"""Hyperbolic layers for PyTorch Geometric, in one representation."""

from importlib.metadata import version

from pyg_hyperbolic import geometry
from pyg_hyperbolic.curvature import Curvature, project_curvatures

__version__ = version("pyg-hyperbolic")

__all__ = ["Curvature", "geometry", "project_curvatures"]
