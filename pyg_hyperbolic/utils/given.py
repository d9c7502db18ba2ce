"""Checks of points that are measured, or drawn, together with a graph."""

from torch import Tensor

from pyg_hyperbolic.checks import check_floating
from pyg_hyperbolic.geometry.rows import check_curvature
from pyg_hyperbolic.kernels.forms import check_edges


def check_embedding(v: Tensor, c: float | Tensor, least: int) -> None:
    """Raises unless v are points of one space.

    Args:
        v: Points, shape [N, d].
        c: Absolute value of the curvature, one number.
        least: How many dimensions the points must have.
    """
    check_floating(v, "v")
    if v.dim() != 2 or v.size(1) < least:
        raise ValueError(
            f"'v' must hold points of {least} dimensions or more, of shape [N, d] "
            f"(got shape {list(v.shape)})"
        )
    if not v.isfinite().all():
        raise ValueError(
            f"'v' must be finite (got {int((~v.isfinite()).any(-1).sum())} points that "
            f"are not); look for the layer where they become so"
        )
    check_curvature(c, v.device)
    if isinstance(c, Tensor) and c.numel() != 1:
        raise ValueError(f"'c' must be one number (got shape {list(c.shape)})")


def check_ends(edge_index: Tensor, v: Tensor) -> None:
    """Raises for edges to points that do not exist."""
    check_edges(edge_index)
    if edge_index.numel() and not 0 <= edge_index.min() <= edge_index.max() < len(v):
        raise ValueError(
            f"'edge_index' must be within 0 and {len(v) - 1}, the last of 'v' "
            f"(got {int(edge_index.min())} to {int(edge_index.max())})"
        )
