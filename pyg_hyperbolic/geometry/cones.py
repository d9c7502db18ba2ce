r"""Entailment cones: the points that lie "below" a point, seen from the origin.

The cone at a point :math:`u` opens away from the origin.  A point :math:`v` is inside
if the geodesic from :math:`u` to it leaves :math:`u` at no larger angle than the half
aperture.  Cones of points inside are inside, so that "is inside" is an order ([1]).

[1] O. Ganea, G. Becigneul, T. Hofmann, *Hyperbolic Entailment Cones for Learning
    Hierarchical Embeddings*, 2018.
"""

import math

import torch
from torch import Tensor

from pyg_hyperbolic.checks import number
from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.rows import Curved, check_pair, dot, prepare, wide_dtype


def half_aperture(v: Tensor, c: Curved, inner: float = 0.1) -> Tensor:
    r"""Half of the angle at which the cones of points open, in radians.

    It is :math:`\arcsin(\sinh(\sqrt c\, \varepsilon) / \sinh(\sqrt c\, r))` at the
    distance :math:`r` from the origin, which is [1]'s Eq. 25 with :math:`K =
    \sinh(\varepsilon)/2` for :math:`c = 1`; for :math:`c \to 0` it is
    :math:`\arcsin(\varepsilon / r)`.  There are no cones closer to the origin than
    :math:`\varepsilon`: there it is a right angle.

    Args:
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.
        inner: The distance :math:`\varepsilon > 0`.

    Returns:
        Angles in :math:`(0, \pi / 2]`, shape :math:`(*)`.

    Raises:
        ValueError: If :obj:`inner` is not positive.
    """
    if not 0 < number(inner) < math.inf:
        raise ValueError(f"'inner' must be a positive number (got {inner!r})")
    c, (v,), dtype = prepare(c, v=v)
    square = dot(v, v)
    outside = square > inner * inner
    square = torch.where(outside, square, (2 * inner) ** 2)
    z, least = c * square, c * torch.full_like(square, inner * inner)
    shift, own = special.natural_shift(z), special.natural_shift(least)
    ratio = inner / square.sqrt() * special.sinhc(least, own) / special.sinhc(z, shift)
    angle = ((own - shift).exp() * ratio).asin()
    return torch.where(outside, angle, math.pi / 2).squeeze(-1).to(dtype)


def cone_angle(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""The angle at u between the ray that leads away from the origin and that to v.

    That is [1]'s Eq. 28, computed from the gyro-sum :math:`(-u) \oplus v`, whose
    direction keeps its digits at every radius.  It is 0 where u is the origin or both
    points are the same: nothing is outside such a cone.

    Args:
        u: Points, shape :math:`(*, d)`.
        v: Points, shape :math:`(*, d)`.
        c: Absolute value of the curvature.

    Returns:
        Angles in :math:`[0, \pi]`, in radians, shape :math:`(*)`.
    """
    check_pair(u=u, v=v)
    dtype = torch.promote_types(u.dtype, v.dtype)
    wide = wide_dtype(u.device)
    u, v = u.to(wide), v.to(wide)
    w, square = gyro_add(-u, v, c), dot(u, u)
    some = square > 0
    axis = u / torch.where(some, square, 1.0).sqrt()
    along = dot(w, axis)
    beside = w - along * axis
    across = dot(beside, beside)
    bent = across > 0
    across = torch.where(bent, torch.where(bent, across, 1.0).sqrt(), 0.0)
    defined = some & (bent | (along != 0))
    angle = torch.atan2(
        torch.where(defined, across, 0.0), torch.where(defined, along, 1.0)
    )
    return angle.squeeze(-1).to(dtype)
