"""Measures of graphs."""

from pyg_hyperbolic.utils.hyperbolicity import Hyperbolicity, gromov_hyperbolicity

__all__ = ["Hyperbolicity", "gromov_hyperbolicity"]
