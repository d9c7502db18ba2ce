r"""Hyperplanes: the distance to them, with a sign that tells the side.

The hyperplane with the unit normal :math:`n` and the offset :math:`q` cuts the line
through the origin along :math:`n` at the point :math:`q\,n`, at right angles.
Hyperplanes of hyperbolic space are totally geodesic, and every one is of this form
([1], Lemma 4 and Eq. 19).

[1] R. Shimizu, Y. Mukuta, T. Harada, *Hyperbolic Neural Networks++*, 2021.
"""

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_shape
from pyg_hyperbolic.geometry import special
from pyg_hyperbolic.geometry.rows import (
    Curved,
    dot,
    prepare,
    square,
    times,
    wide_dtype,
)


def hyperplane_dist(v: Tensor, normal: Tensor, offset: Tensor, c: Curved) -> Tensor:
    r"""Signed distance of points to hyperplanes.

    With the hyperboloid point :math:`(x_0, x)` of :math:`v` this is
    :math:`\operatorname{arsinh}(\sqrt c\,(\cosh(\sqrt c q) \langle n, x \rangle -
    \sinh(\sqrt c q)\, x_0)) / \sqrt c`; for :math:`c \to 0` it is :math:`\langle n, v
    \rangle - q`.

    Args:
        v: Points, shape :math:`(*, d)`.
        normal: Unit vectors, shape :math:`(K, d)`.
        offset: Offsets along them, shape :math:`(K)`.
        c: Absolute value of the curvature, a float or of shape :math:`()`.

    Returns:
        Distances, positive on the side that the normal points to, shape
        :math:`(*, K)`.
    """
    c, (v, normal, offset), dtype = prepare(c, v=v, normal=normal, offset=offset)
    check_shape(normal, "normal", [*normal.shape[:1], v.shape[-1]], fits="v")
    check_shape(offset, "offset", normal.shape[:1], fits="normal")
    z = c * square(v)
    along, q = (v @ normal.t()).to(z.dtype), offset.to(z.dtype)
    z_q = c * q.square()
    shift_v, shift_q = special.natural_shift(z), special.natural_shift(z_q)
    m = special.cosh(z_q, shift_q) * special.sinhc(z, shift_v) * along
    m = m - q * special.sinhc(z_q, shift_q) * special.cosh(z, shift_v)
    # Near a hyperplane m is small, however far out.
    factor, shift = special.own_scale(c * m.square(), shift_v + shift_q)
    m = factor * m
    return (special.arsinhc(c * m.square(), shift) * m).to(dtype)


def hyperplane_scores(v: Tensor, weight: Tensor, offset: Tensor, c: Curved) -> Tensor:
    r"""Signed distances to hyperplanes, times the lengths of their normals.

    Args:
        v: Points, shape :math:`(*, d)`, dense or sparse.
        weight: Normals of any length, shape :math:`(K, d)`.
        offset: Offsets along them, shape :math:`(K)`.
        c: Absolute value of the curvature, a float or of shape :math:`()`.

    Returns:
        Scores, shape :math:`(*, K)`, 0 for a normal that is 0.
    """
    norm = torch.linalg.vector_norm(weight, dim=-1)
    safe = torch.where(norm > 0, norm, 1.0)
    return norm * hyperplane_dist(v, weight / safe[:, None], offset, c)


def at_hyperplane_dists(dists: Tensor, c: Curved) -> Tensor:
    r"""Points from their signed distances to the hyperplanes of the coordinates.

    These go through the origin at right angles to the axes.  On the hyperboloid the
    coordinates of the points are :math:`\sinh(\sqrt c\, s_k) / \sqrt c` ([1], Eq. 7);
    for :math:`c \to 0` they are the distances themselves.

    Args:
        dists: Distances, shape :math:`(*, d)`.
        c: Absolute value of the curvature, a float or of shape :math:`()`.

    Returns:
        Points, shape :math:`(*, d)`.
    """
    wide = dists.to(wide_dtype(dists.device))
    z = c * wide.square()
    with torch.no_grad():  # the largest coordinate's scale
        shift = special.natural_shift(z.amax(dim=-1, keepdim=True))
    m = special.sinhc(z, shift) * wide
    radius = special.arsinhc(c * dot(m, m), shift)
    return times(radius, m).to(dists.dtype)
