"""Givens matrices, which rotate or mirror the coordinates two by two.

They fix the origin and keep lengths, so that in normal coordinates they are isometries
of hyperbolic space, too: nothing is mapped to another chart and back.
"""

import torch
from torch import Tensor


def rotate(x: Tensor, angle: Tensor) -> Tensor:
    """Points with each pair of coordinates rotated by an angle.

    Args:
        x: Points, shape [*, d].
        angle: Angles, shape [*, d/2].
    """
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * a - sin * b, sin * a + cos * b], dim=-1).flatten(-2)


def reflect(x: Tensor, angle: Tensor) -> Tensor:
    """Points with each pair of coordinates mirrored in the line at half an angle."""
    a, b = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * a + sin * b, sin * a - cos * b], dim=-1).flatten(-2)
