"""Hyperbolic layers for PyTorch Geometric, in one representation."""

from importlib.metadata import version

from pyg_hyperbolic import datasets, geometry, nn
from pyg_hyperbolic.curvature import Curvature, project_curvatures

__version__ = version("pyg-hyperbolic")

__all__ = ["Curvature", "datasets", "geometry", "nn", "project_curvatures"]
