r"""Weighted midpoint: Lorentz centroid, Einstein midpoint and gyromidpoint in one.

With the weights :math:`w_j` and :math:`a_j = \sqrt c \lVert v_j \rVert`, the sum of
:math:`w_j (\cosh a_j, \sinh(a_j)/a_j\, v_j)` is a multiple of the midpoint's
hyperboloid point.  The ratio of its two parts is the mean :math:`k` of the Klein points
:math:`k_j = \tanh(a_j)/a_j\, v_j` with the masses :math:`m_j = w_j \cosh a_j`, and its
length :math:`\sqrt c\,\lVert k \rVert = \tanh R` is that of the midpoint's Klein point.
Rounding this length loses the radius :math:`R`: in double precision all of its digits
at :math:`R = 18`.  What does not cancel is

.. math::
    1 - c\, \lVert k \rVert^2 = \frac{\sum_j w_j / \cosh a_j}{\sum_j w_j \cosh a_j}
    + c\, \mathrm{Var}(k) .

The first term is a sum of positive numbers.  A variance is the same about any point:
about the Klein point of the heaviest neighbor, which then adds nothing to it, no digits
cancel, however little the others weigh.

[1] A. A. Ungar, *A Gyrovector Space Approach to Hyperbolic Geometry*, 2009, ch. 4.
[2] M. Law, R. Liao, J. Snell, R. Zemel, *Lorentzian Distance Learning for Hyperbolic
    Representations*, 2019, Theorem 3.3.
"""

import math
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import pad

from pyg_hyperbolic.checks import check_device, check_floating, check_real
from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import (
    Curved,
    broadcast,
    dot,
    log_max,
    prepare,
    split,
    wide_dtype,
)


class Groups(Protocol):
    """Which points have a midpoint together.

    A member is a point as part of a group; a point may be part of several.
    """

    def of_points(self, x: Tensor) -> Tensor:
        """Rows of points, repeated for each member."""

    def of_groups(self, x: Tensor) -> Tensor:
        """Rows of groups, repeated for each member."""

    def sum(self, x: Tensor) -> Tensor:
        """Rows of members, summed over each group."""

    def max(self, x: Tensor) -> Tensor:
        """The largest rows of members in each group; any number without members."""

    def pick(self, chosen: Tensor, x: Tensor) -> Tensor:
        """Rows of points: of one chosen member of each group, or zeros without any."""


def midpoints(v: Tensor, weight: Tensor | None, c: Curved, groups: Groups) -> Tensor:
    """Weighted midpoints of groups of points.

    Args:
        v: Points in the wide dtype, shape :math:`(*, d)`.
        weight: Weights of members, shape :math:`(*, 1)`.
        c: Absolute value of the curvature, as :func:`prepare` returns it.
        groups: The groups.

    Returns:
        Points in the wide dtype; the origin for a group without weight.
    """
    vv = dot(v, v)
    z = c * vv
    kappa, log_cosh = special.tanhc(z), _log_cosh(z)
    klein, sizes = kappa * v, torch.cat([vv, kappa, log_cosh], dim=-1).detach()
    log_cosh = groups.of_points(log_cosh)
    w = z.new_ones(()) if weight is None else weight.to(v.dtype)
    some = w > 0
    log_w = _log(torch.where(some, w, 1.0))
    limit = log_max(v.dtype)

    def most(x: Tensor) -> Tensor:
        """The largest of each group, without a derivative; 0 if there is none."""
        out = groups.max(torch.where(some, x, -math.inf).detach())
        return torch.where(out == -math.inf, 0.0, out)

    def roots(x: Tensor, gain: Tensor) -> Tensor:
        """Roots of e^x, limited where that is only the derivative at the weight 0."""
        x = x.clamp(max=torch.where(some, math.inf, 0.12 * limit))
        return ((x + groups.of_groups(gain)) / 2).exp()

    log_mass, log_inverse = log_w + log_cosh, log_w - log_cosh
    heaviest, largest = most(log_mass), most(log_inverse)
    of_mass = log_mass - groups.of_groups(heaviest)
    # Far out much lighter members count: the heaviest gets a mass larger than 1.
    gain = (2 * most(log_cosh) - 0.8 * limit).clamp(0, 0.85 * limit)
    root = roots(of_mass, gain)
    inverse = roots(log_inverse - groups.of_groups(largest), torch.zeros_like(gain))

    chosen = some & (of_mass == 0)
    reference = groups.pick(chosen, klein.detach())
    with torch.no_grad():
        center, of_center = (groups.pick(chosen, x) for x in (v.detach(), sizes))
        away = _apart(
            groups.of_points(v.detach()), groups.of_points(sizes),
            groups.of_groups(center), groups.of_groups(of_center), c,
        ).detach()  # fmt: skip
    away = away + groups.of_points(klein - klein.detach())  # its derivative
    square = dot(root * away, root * away)
    parts = [root.square(), inverse.square(), square, root.square() * away]
    sums = groups.sum(torch.where(some, 1.0, w) * torch.cat(parts, dim=-1))
    mass, inverse, square, first = sums.split([1, 1, 1, v.size(-1)], dim=-1)
    empty = mass == 0
    mass, inverse = (torch.where(empty, 1.0, share) for share in (mass, inverse))
    mean = torch.where(empty, 0.0, first) / mass
    # The logarithm of 1 - c k^2, from those of both terms.
    log_mass = _log(mass) - gain
    flat = _log(inverse) + largest - log_mass - heaviest
    # First times mean, as a square whose derivatives are in range.
    root = first * (-_log(mass) / 2).exp()
    variance = c * (square - dot(root, root))
    bent = variance > 0
    both = _log(torch.where(bent, variance, 1.0)) - log_mass - gain
    both = torch.logaddexp(flat, both)
    # Where all members are one point the variance is 0, but has a derivative.
    none = torch.where(bent, 0.0, variance / mass)
    unbent = flat + (none * (-flat).clamp(max=0.8 * limit).exp()).log1p()
    k = reference + mean
    return special.artanhc(c * dot(k, k), torch.where(bent, both, unbent)) * k


def _apart(
    v: Tensor, sizes: Tensor, center: Tensor, of_center: Tensor, c: Curved
) -> Tensor:
    """Klein points of members v, from those of the center of their group.

    In the part across the center, and along it, where the difference of tanh(a) is
    sinh(a - b) / (cosh(a) cosh(b)): far out on one ray it is e^-2a, not a rounding.
    Sizes are the squared length of each point, tanh(a)/a and log cosh(a).
    """
    vv, kappa, log_cosh = sizes.split(1, dim=-1)
    uu, _, log_cosh_center = of_center.split(1, dim=-1)
    safe = torch.where(uu > 0, uu, math.inf)
    unit, between = center / safe.sqrt(), split(v - center, center, safe)
    length, center_length = vv.sqrt(), uu.sqrt()
    square = torch.where(between.on_line, 0.0, between.square)
    along = between.along + center_length
    # how much longer v is: the difference of squares, over the sum of lengths
    longer = between.along * (along + center_length) + square
    longer = longer / (length + center_length).clamp(min=_tiny(vv))
    root = torch.as_tensor(c, dtype=v.dtype, device=v.device).sqrt()
    step = root * longer.abs()
    scale = (step - log_cosh - log_cosh_center).exp()
    rise = longer.sign() * -torch.expm1(-2 * step) * scale
    rise = torch.where(root > 0, rise / (2 * root), longer)
    # what the angle takes of it along the other: tanh(a) (1 - cos)
    ahead = along > 0
    turn = torch.where(ahead, square / (length + along), length - along)
    across = torch.where(between.on_line, 0.0, kappa)
    return across * between.across + (rise - kappa * turn) * unit


def check_mean(v: Tensor, weight: Tensor | None) -> None:
    """Raises for what are no points along an axis, or no weights of these."""
    check_floating(v, "v")
    if v.dim() < 2:
        raise ValueError(
            f"'v' must hold points of shape [*, n, d], to be averaged over n "
            f"(got shape {list(v.shape)})"
        )
    if weight is None:
        return
    check_real(weight, "weight")
    check_device(weight.device, v.device, "weight", "'v'")
    fits = 0 < weight.dim() < v.dim() and broadcast(weight.shape, v.shape[:-1])
    if not fits or weight.shape[-1] != v.shape[-2]:
        raise ValueError(
            f"'weight' must have a number for each point, shape {list(v.shape[:-1])} "
            f"(got {list(weight.shape)})"
        )


def per_point(c: Curved) -> Curved:
    """A curvature of shape [*] for points [*, n, d] that lie along an axis."""
    return c.unsqueeze(-1) if isinstance(c, Tensor) and c.dim() > 0 else c


class _Axis:
    """Groups along the second to last axis, which has the length 1 for them."""

    def of_points(self, x: Tensor) -> Tensor:
        return x

    def of_groups(self, x: Tensor) -> Tensor:
        return x

    def sum(self, x: Tensor) -> Tensor:
        return x.sum(dim=-2, keepdim=True)

    def max(self, x: Tensor) -> Tensor:
        return pad(x, (0, 0, 0, 1), value=-math.inf).amax(dim=-2, keepdim=True)

    def pick(self, chosen: Tensor, x: Tensor) -> Tensor:
        chosen = pad(chosen, (0, 0, 0, 1), value=True)  # by zeros, if there is no other
        first = chosen.to(torch.uint8).argmax(dim=-2, keepdim=True)
        return pad(x, (0, 0, 0, 1)).take_along_dim(first, dim=-2)


def midpoint(v: Tensor, c: Curved, weight: Tensor | None = None) -> Tensor:
    r"""Weighted midpoint of the points along the second to last axis.

    Args:
        v: Points, shape :math:`(*, n, d)`.
        c: Absolute value of the curvature, a float or a tensor that broadcasts to
            the shape :math:`(*)`.
        weight: Weights :math:`\ge 0`, shape :math:`(*, n)`; equal ones if left out.
            They are not looked at: negative ones may give NaN.

    Returns:
        Points, shape :math:`(*, d)`; the origin where all weights are 0.

    Raises:
        ValueError: If :obj:`v` has no axis to average over, or :obj:`c` is a number
            that is negative or not finite.
    """
    check_mean(v, weight)
    c, (points,), _ = prepare(per_point(c), v=v.to(wide_dtype(v.device)))
    shares = None if weight is None else weight.unsqueeze(-1)
    return midpoints(points, shares, c, _Axis()).squeeze(-2).to(v.dtype)


def lift(v: Tensor, c: Curved, largest: Tensor | None = None) -> tuple[Tensor, Tensor]:
    r"""The columns :math:`\cosh a,\ 1/\cosh a,\ \sinh(a)/a\, v` of each point.

    A message is such a row, and :func:`drop` finds the midpoint of a sum of them.
    Beyond radii of 8 a midpoint loses digits, as many as 1 - tanh has lost there.

    In the wide dtype whatever that of the points, as the ratio of the columns is needed
    to more digits than float32 has at a radius of 5.  They come times
    :math:`e^{-s},\ e^s,\ e^{-s}` with a shift :math:`s` that keeps them in range.

    Args:
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.
        largest: The largest :math:`a` among the points that each is summed with, shape
            :math:`(*, 1)` or one that broadcasts to it; by default that of all.

    Returns:
        Columns, shape :math:`(*, d + 2)`, and the shift.
    """
    c, (v,), _ = prepare(c, v=v.to(wide_dtype(v.device)))
    z = c * dot(v, v)
    if largest is None:
        largest = pad(special.natural_shift(z).flatten(), (0, 1)).amax()
    shift = (largest - 0.85 * log_max(v.dtype)).relu()  # leaves room for weights
    cosh = special.cosh(z, shift)
    inside = cosh > _tiny(cosh)
    # Not 1/cosh: that has a derivative out of range.
    rest = torch.where(inside, shift - _log_cosh(z), 0.0)
    inverse = torch.where(inside, rest.exp(), 0.0)
    cosh = torch.where(inside, cosh, 0.0)
    momentum = torch.where(inside, special.sinhc(z, shift), 0.0) * v
    return torch.cat([cosh, inverse, momentum], dim=-1), shift


def drop(sums: Tensor, shift: Tensor, c: Curved) -> Tensor:
    r"""Midpoints from weighted sums of columns.

    A sum over no points, all zeros, gives the origin.

    Args:
        sums: Weighted sums of :func:`lift` columns, shape :math:`(*, d + 2)`.
        shift: The shift of these columns.
        c: Absolute value of the curvature.

    Returns:
        Points in the dtype of the sums, shape :math:`(*, d)`.
    """
    c, (sums,), _ = prepare(c, sums=sums)
    mass, inverse, momentum = sums.split([1, 1, sums.size(-1) - 2], dim=-1)
    empty = (mass == 0) | (inverse == 0)
    mass, inverse = (torch.where(empty, 1.0, share) for share in (mass, inverse))
    klein = momentum / mass
    z = c * dot(klein, klein)
    # 1 - z has no digits far out, and is never less than what it has of inverses.
    known = _log(inverse) - _log(mass) - 2 * shift
    positive = z < 1
    rest = torch.where(positive, 1 - z, 1.0).log()
    rest = torch.where(positive, torch.maximum(rest, known), known)
    return special.artanhc(z, rest) * klein


def _log_cosh(z: Tensor) -> Tensor:
    """The logarithm of cosh a with z = a^2."""
    size = special.natural_shift(z)
    return special.cosh(z, size).log() + size


def _tiny(x: Tensor) -> float:
    """Below it numbers lose digits, and their inverses are out of range."""
    return 1e3 * torch.finfo(x.dtype).tiny


def _log(x: Tensor) -> Tensor:
    """The logarithm, without a derivative where that is out of range."""
    return torch.where(x > _tiny(x), x, x.detach()).log()
