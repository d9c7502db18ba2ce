r"""Row scalars of edges between two points, of moderate radii.

With :math:`d = v - u` and S, C and K of :mod:`pyg_hyperbolic.geometry.bias`, taken at
:math:`c u^2` and :math:`c v^2`, the boost of v by -u is :math:`m = S_v d + p\, u` with

.. math::
    p = S_v C_u - S_u C_v + K_u S_v\, c \langle u, d \rangle , \quad
    q = c\, \lVert m \rVert^2 = \sinh^2(\sqrt c\, d_c(u, v)) .

They depend on :math:`c \lVert u \rVert^2, c \langle u, d \rangle, c \lVert d
\rVert^2` alone.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.linalg import vecdot, vector_norm

from pyg_hyperbolic.geometry.even import Even, arsinhc, even

# Radii up to which the forms above are right to 1e-5 in float32, to 1e-12 in float64,
# by the dtype of the points: in which dtype.
REACHES = {
    torch.float32: [(torch.float32, 4.0), (torch.float64, 10.0)],
    torch.float64: [(torch.float64, 3.0)],
}


class Edge(NamedTuple):
    """Row scalars of some edges, and what they come from."""

    at_u: Even
    at_v: Even
    z: Tensor  # c uu
    e: Tensor  # c ud
    f: Tensor  # c dd
    p: Tensor
    q: Tensor

    @property
    def sigma(self) -> Tensor:
        return arsinhc(self.q)


def _edge(z: Tensor, at_u: Even, e: Tensor, f: Tensor, derivatives: bool) -> Edge:
    at_v = even(z + (2 * e + f), derivatives)
    s = at_v.s
    p = s * at_u.c - at_u.s * at_v.c + at_u.k * s * e
    q = s * (s * f + 2 * p * e) + p * p * z
    return Edge(at_u, at_v, z, e, f, p, q)


class Slopes(NamedTuple):
    """Gradients by the products of an edge."""

    z: Tensor
    e: Tensor
    f: Tensor


def pull_back(x: Edge, by_q: Tensor, by_p: Tensor, by_s: Tensor) -> Slopes:
    """Gradients by an edge's scalars, from those of q, and of p and S_v besides."""
    u, v, p = x.at_u, x.at_v, x.p
    s = v.s
    by_p = by_p + 2 * by_q * (s * x.e + p * x.z)
    by_s = by_s + 2 * by_q * (s * x.f + p * x.e) + by_p * (u.c + u.k * x.e)
    by_v = by_s * v.ds - by_p * u.s * s / 2
    by_u = by_p * (s * u.s / 2 - v.c * u.ds + s * x.e * u.dk)
    return Slopes(
        by_q * p * p + by_u + by_v,
        s * (2 * by_q * p + by_p * u.k) + 2 * by_v,
        by_q * s * s + by_v,
    )


class Nodes(NamedTuple):
    """Targets' points, and functions of their radii."""

    points: Tensor  # [M, d]
    scalars: Tensor  # [M, 6]

    @classmethod
    def at(cls, points: Tensor, c: Tensor, derivatives: bool) -> "Nodes":
        z = c * vector_norm(points, dim=-1).double().square()
        return cls(points, torch.stack([z, *even(z, derivatives)], dim=-1))

    def edge(
        self, sources: Tensor, c: Tensor, ends: Tensor, derivatives: bool
    ) -> tuple[Tensor, Tensor, Edge]:
        """Targets u, differences d, and row scalars of edges [2, E]."""
        source, target = ends[0], ends[1]
        u = self.points.index_select(0, target)
        d = sources.index_select(0, source).sub_(u)
        z, *at_u = self.scalars.index_select(0, target).unbind(-1)
        e, f = c * vecdot(u, d).double(), c * vecdot(d, d).double()
        return u, d, _edge(z, Even(*at_u), e, f, derivatives)


def fitting_dtype(sources: Tensor, targets: Tensor, c: Tensor) -> torch.dtype | None:
    """The dtype whose digits are enough for the fast forms, if there is one."""
    z = torch.cat([vector_norm(x.detach(), dim=-1) for x in (sources, targets)])
    radius = (c.sqrt() * z.double()).amax() if len(z) else c
    for dtype, reach in REACHES[sources.dtype]:
        if radius <= reach:
            return dtype
    return None
