r"""Weighted midpoint: Lorentz centroid, Einstein midpoint and gyromidpoint in one.

With the weights :math:`w_j` and :math:`a_j = \sqrt c \lVert v_j \rVert`, the sum of
:math:`w_j (\cosh a_j, \sinh(a_j)/a_j\, v_j)` is a multiple of the midpoint's
hyperboloid point.  Its two parts have a ratio :math:`\tanh R`, in which the radius
:math:`R` is lost to rounding: in double precision all digits at :math:`R = 18`.  What
does not cancel is

.. math::
    1 - \tanh^2 R = \frac{\sum_j w_j / \cosh a_j}{\sum_j w_j \cosh a_j}
    + \mathrm{Var}(k),

with the variance of the Klein points :math:`k_j = \tanh(a_j)\, v_j / \lVert v_j
\rVert`, each of the mass :math:`w_j \cosh a_j`.  The first term is a sum of positive
numbers; the second has to be summed from differences, in a second pass.

Taken apart, :func:`lift` gives the columns of the first pass, to be summed by any
weighted sum (dense, scattered, or a sparse matrix product); :func:`deviations` those
of the second; and :func:`drop` the midpoints.  Up to moderate radii one pass is enough:
see :mod:`~pyg_hyperbolic.geometry.fused`.

[1] A. A. Ungar, *A Gyrovector Space Approach to Hyperbolic Geometry*, 2009, ch. 4.
[2] M. Law, R. Liao, J. Snell, R. Zemel, *Lorentzian Distance Learning for Hyperbolic
    Representations*, 2019, Theorem 3.3.
"""

import torch
from torch import Tensor
from torch.nn.functional import pad

from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import Curved, dot, prepare

# The largest power of e in float64 is e^{709}: this leaves room for weights.
_MAX_EXPONENT = 600.0
# Below it numbers lose digits, and their inverses are out of range.
_TINY = 1e-290


def lift(v: Tensor, c: Curved, largest: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""The columns :math:`\cosh a,\ 1/\cosh a,\ \sinh(a)/a\, v` of each point.

    In float64 whatever the dtype of the points, as the ratio of the columns is needed
    to more digits than float32 has at a radius of 5.  They come times
    :math:`e^{-s},\ e^s,\ e^{-s}` with a shift :math:`s` that keeps them in range; a
    point nearer by 1300 than the farthest one counts nothing beside it.

    Args:
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.
        largest: The largest :math:`a` among the points that each is summed with, shape
            :math:`(*, 1)` or one that broadcasts to it; by default that of all.

    Returns:
        Columns in float64, shape :math:`(*, d + 2)`, and the shift.
    """
    c, (v,) = prepare(c, v.double())
    z = c * dot(v, v)
    if largest is None:
        largest = pad(special.natural_shift(z).flatten(), (0, 1)).amax()
    shift = (largest - _MAX_EXPONENT).relu()
    cosh = special.cosh(z, shift)
    # Not 1/cosh: that has a derivative out of range.
    inside = cosh > 1e-300
    inverse = torch.where(inside, (-torch.where(inside, cosh, 1.0).log()).exp(), 0.0)
    cosh = torch.where(inside, cosh, 0.0)
    momentum = torch.where(inside, special.sinhc(z, shift), 0.0) * v
    return torch.cat([cosh, inverse, momentum], dim=-1), shift


def radius(v: Tensor, c: Curved) -> Tensor:
    r""":math:`a = \sqrt c \lVert v \rVert` where it exceeds 1, without a gradient."""
    c, (v,) = prepare(c, v.double())
    return special.natural_shift(c * dot(v, v))


def deviations(columns: Tensor, heaviest: Tensor) -> Tensor:
    r"""Columns whose sums tell the variance of the Klein points.

    Args:
        columns: Columns of points, from :func:`lift`, shape :math:`(*, d + 2)`.
        heaviest: Those of the point with the largest weight times mass among the
            points that each is summed with, broadcast against :obj:`columns`.

    Returns:
        Columns to be summed with the same weights, shape :math:`(*, d + 1)`.
    """
    # A variance is the same about any point. About the heaviest, which then counts
    # nothing, no digits cancel, however little the others weigh.
    mass, _, momentum = _split(columns)
    with torch.no_grad():
        reference_mass, _, reference = _split(heaviest)
        reference = reference / reference_mass
    difference = momentum / mass - reference
    # The heaviest has none: 0 times a mass that, times a gradient, may be out of range.
    counts = columns[..., :1] > 0
    root = torch.where(counts, mass.sqrt(), 0.0)
    square = dot(root * difference, root * difference)
    return torch.cat([torch.where(counts, mass, 0.0) * difference, square], dim=-1)


def drop(
    sums: Tensor, shift: Tensor, c: Curved, deviation: Tensor | None = None
) -> Tensor:
    r"""Midpoints from weighted sums of columns.

    A sum over no points, all zeros, gives the origin.

    Args:
        sums: Weighted sums of :func:`lift` columns, shape :math:`(*, d + 2)`.
        shift: The shift of these columns.
        c: Absolute value of the curvature.
        deviation: Sums of the :func:`deviations`, shape :math:`(*, d + 1)`.  If left
            out, the radius is that of the first pass alone.

    Returns:
        Points in float64, shape :math:`(*, d)`.
    """
    c, (sums,) = prepare(c, sums)
    mass, inverse, momentum = _split(sums)
    klein = momentum / mass
    z = c * dot(klein, klein)
    # log(1 - tanh^2), from the share of the sum of inverses and the variance. Their
    # parts are in range, their quotients need not be.
    known = _log(inverse) - mass.log() - 2 * shift
    if deviation is None:
        variance, scale = 1 - z, torch.zeros_like(z)
    else:
        mean, square = deviation.split([deviation.size(-1) - 1, 1], dim=-1)
        variance, scale = c * (square - dot(mean, mean / mass)), mass.log()
    positive = variance > 0
    log_variance = _log(torch.where(positive, variance, 1.0)) - scale
    if deviation is None:  # 1 - z is both of them: the larger has no rounding errors
        both = torch.maximum(log_variance, known)
    else:
        both = torch.logaddexp(log_variance, known)
    return special.artanhc(z, torch.where(positive, both, known)) * klein


def _log(x: Tensor) -> Tensor:
    """The logarithm, without a derivative where numbers have no digits left."""
    return torch.where(x > _TINY, x, x.detach()).log()


def _split(columns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mass, its inverse and momentum, with a mass of one where there is no point."""
    mass, inverse, momentum = columns.split([1, 1, columns.size(-1) - 2], dim=-1)
    empty = (mass == 0) | (inverse == 0)
    mass, inverse = (torch.where(empty, 1.0, share) for share in (mass, inverse))
    return mass, inverse, momentum


def _largest(v: Tensor, c: Curved) -> Tensor:
    return pad(radius(v, c), (0, 0, 0, 1)).amax(dim=-2, keepdim=True)


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
    columns, shift = lift(v, per_point, _largest(v, per_point))
    shares = torch.ones_like(columns[..., :1]) if weight is None else weight[..., None]
    sums = (shares * columns).sum(dim=-2)
    shift = shift.squeeze(-2)
    if v.size(-2) == 0:
        return drop(sums, shift, c).to(v.dtype)
    heaviest = (shares * columns[..., :1]).argmax(dim=-2, keepdim=True)
    heaviest = columns.take_along_dim(heaviest, dim=-2)
    deviation = (shares * deviations(columns, heaviest)).sum(dim=-2)
    return drop(sums, shift, c, deviation).to(v.dtype)
