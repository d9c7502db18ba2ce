"""Pictures: the Poincaré disk, curvatures during training, distances beside a graph's.

They need matplotlib: ``pip install "pyg-hyperbolic[visualization]"``.
"""

from pyg_hyperbolic.visualization.curvature import plot_curvature
from pyg_hyperbolic.visualization.disk import plot_disk
from pyg_hyperbolic.visualization.distortion import plot_distortion
from pyg_hyperbolic.visualization.layout import disk_layout

__all__ = ["disk_layout", "plot_curvature", "plot_disk", "plot_distortion"]
