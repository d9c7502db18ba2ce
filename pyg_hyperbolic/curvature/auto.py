"""The lengths of the points that a curvature is used with, and a c that fits."""

import math

import torch
from torch import Tensor

from pyg_hyperbolic.geometry.rows import tracing

AUTO = "auto"
# The median radius of the first points, sqrt(c) times length, and the largest first c.
RADIUS, MOST = 0.3, 0.1
LEAST = 1e-30  # smaller ones might underflow in float32
SAMPLE = 512


@torch.no_grad()
def auto(points: Tensor | None) -> float:
    """The c at which the median radius of points is :data:`RADIUS`.

    Raises:
        ValueError: If there are no points, or it is too late to look at them.
    """
    reason = _reason(points)
    if points is None or reason is not None:
        raise ValueError(
            f"'curvature' is 'auto' and not set yet ({reason}); run the model once on "
            f"some features before, as for a lazy layer"
        )
    length = float(_lengths(points).median())
    if not math.isfinite(length):
        raise ValueError(
            f"'curvature' is 'auto', and the first points are not finite (got a median "
            f"length of {length}); look for divisions by zero where they are made"
        )
    return max(LEAST, min(MOST, (RADIUS / length) ** 2)) if length > 0 else MOST


def _lengths(points: Tensor) -> Tensor:
    if points.layout == torch.strided:
        return torch.linalg.vector_norm(points, dim=-1, dtype=torch.float64)
    entries = points.to_sparse_coo().coalesce()
    squares = entries.values().double().square()
    out = squares.new_zeros(points.size(0))
    return out.index_add_(0, entries.indices()[0], squares).sqrt()


@torch.no_grad()
def sampled_lengths(points: Tensor) -> Tensor | None:
    """Lengths of some points, :data:`SAMPLE` at most, shape [n] or [n, H]."""
    if points.layout != torch.strided or points.dim() < 2 or points.numel() == 0:
        return None
    first = -(-points.size(0) // SAMPLE)
    some = points[::first]
    if some.dim() > 2:  # of heads, or of several graphs
        some = some[:, :: -(-some.size(1) // SAMPLE)]
    wide = torch.promote_types(points.dtype, torch.float32)
    return torch.linalg.vector_norm(some, dim=-1, dtype=wide)


def _reason(points: Tensor | None) -> str | None:
    """Why there is nothing to look at, if there is a reason."""
    if tracing():
        return "a compiler reads along"
    if points is None:
        return "no points were given"
    if points.numel() == 0:
        return "there are no points"
    return None


def inside(c: float, bounds: tuple[float, float] | None) -> float:
    """c, or the nearest value well within the bounds."""
    if bounds is None:
        return c
    margin = 0.01 * (bounds[1] - bounds[0])  # a sigmoid is flat at its ends
    return min(max(c, bounds[0] + margin), bounds[1] - margin)
