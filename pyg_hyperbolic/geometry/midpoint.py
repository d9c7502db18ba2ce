r"""Weighted midpoint: Lorentz centroid, Einstein midpoint and gyromidpoint in one.

With the weights :math:`w_j` and :math:`a_j = \sqrt c \lVert v_j \rVert`, the sum of
:math:`w_j (\cosh a_j, \sinh(a_j)/a_j\, v_j)` is a multiple of the midpoint's
hyperboloid point.  Its radius is right to 1e-5 up to about :math:`\sqrt c\, r = 12`;
farther out :math:`1 - \tanh^2` is lost in double precision too, and what remains is
finite, but no more than an order of magnitude.  Taken apart, :func:`lift` gives the
columns to be summed, by any weighted sum (dense, scattered, or a sparse matrix
product), and :func:`drop` the midpoint of the sums.

[1] A. A. Ungar, *A Gyrovector Space Approach to Hyperbolic Geometry*, 2009, ch. 4.
[2] M. Law, R. Liao, J. Snell, R. Zemel, *Lorentzian Distance Learning for Hyperbolic
    Representations*, 2019, Theorem 3.3.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.gyro import Curved, dot, prepare

# Where e^{2a} leaves the range of float64.
_MAX_RADIUS = 350.0


def lift(v: Tensor, c: Curved) -> Tensor:
    r"""The columns :math:`\cosh a,\ 1/\cosh a,\ \sinh(a)/a\, v` of each point.

    In float64 whatever the dtype of the points: in float32 the midpoint of points at
    radius 9 would already be wrong by a factor, because :math:`1 - \tanh^2 a` is lost
    in rounding.  All points share one factor that keeps the columns in range up to
    :math:`a = 10^3` and beyond; midpoints don't depend on it.

    Args:
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Columns in float64, shape :math:`(*, d + 2)`.
    """
    c, (v,) = prepare(c, v.double())
    z = c * dot(v, v)
    largest = pad(special.natural_shift(z).flatten(), (0, 1)).amax()
    shift = (largest - _MAX_RADIUS).relu()
    cosh = special.cosh(z, shift)
    inverse = (-2 * shift).exp() / cosh
    return torch.cat([cosh, inverse, special.sinhc(z, shift) * v], dim=-1)


def drop(columns: Tensor, c: Curved) -> Tensor:
    r"""Midpoint of points from the weighted sum of their :func:`lift` columns.

    A sum over no points, all zeros, gives the origin.

    Args:
        columns: Weighted sums, float64, shape :math:`(*, d + 2)`.
        c: Absolute value of the curvature.

    Returns:
        Points in float64, shape :math:`(*, d)`.
    """
    c, (columns,) = prepare(c, columns)
    mass, inverse, momentum = columns.split([1, 1, columns.size(-1) - 2], dim=-1)
    mass = torch.where(mass > 0, mass, 1.0)
    klein = momentum / mass  # weighted mean of Klein points, times a constant
    z = c * dot(klein, klein)
    # 1 - z is the share that is known exactly, a sum of positive numbers, plus the
    # variance of the Klein points. Where rounding has eaten the variance, the known
    # share remains, with its gradient, so that no radius is cut off.
    complement = torch.maximum(1 - z, inverse / mass)
    complement = torch.where(complement > 0, complement, torch.finfo(z.dtype).tiny)
    return special.artanhc(z, complement) * klein


def midpoint(v: Tensor, c: Curved, weight: Tensor | None = None) -> Tensor:
    r"""Weighted midpoint of the points along the second to last axis.

    Args:
        v: Points, shape :math:`(*, n, d)`.
        c: Absolute value of the curvature, a float or a tensor that broadcasts to
            the shape :math:`(*)`.
        weight: Weights :math:`\ge 0`, shape :math:`(*, n)`; equal weights if left out.

    Returns:
        Points, shape :math:`(*, d)`.

    Raises:
        ValueError: If :obj:`v` has no axis to average over, or :obj:`c` is a negative
            or not finite number.
    """
    if v.dim() < 2:
        raise ValueError(
            f"'v' must hold points of shape [*, n, d], to be averaged over n "
            f"(got shape {list(v.shape)})"
        )
    per_point = c.unsqueeze(-1) if isinstance(c, Tensor) and c.dim() > 0 else c
    columns = lift(v, per_point)
    if weight is not None:
        columns = columns * weight.unsqueeze(-1)
    return drop(columns.sum(dim=-2), c).to(v.dtype)
