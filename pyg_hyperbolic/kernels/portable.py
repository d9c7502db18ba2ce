r"""Operations over a graph in plain PyTorch: any device, any number of derivatives.

Arguments that several functions have:

- :obj:`x`, :obj:`sources`: points with an axis of heads, each a space of its own, shape
  [N, H, d]; :obj:`targets` those of the targets, shape [M, H, d];
- :obj:`source` and :obj:`target`: the nodes that each edge leaves from and leads to,
  shape [E];
- :obj:`weight`: weights of the edges, shape [E] or [E, H]; :obj:`None` for 1;
- :obj:`c`: absolute value of the curvature, shape [] or [H];
- :obj:`num_targets`: the number of targets M.

float16 and bfloat16 are computed in float32, row scalars in float64 where the device
has it; results are in the dtype of the points.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch_geometric.utils import scatter

from pyg_hyperbolic import geometry
from pyg_hyperbolic.geometry import lorentz
from pyg_hyperbolic.geometry.midpoint import midpoints
from pyg_hyperbolic.geometry.rows import Curved, prepare, wide_dtype


def gyro_add(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Gyro-sums :math:`u \oplus v`; v may be one point for all, shape [H, d]."""
    return geometry.gyro_add(u, v, c).to(u.dtype)


def lorentz_map(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Curved
) -> Tensor:
    r"""Points with the space coordinates :math:`\sinh(a)/a\; h + \cosh(a)\; t + b`.

    With :math:`a = \sqrt c \lVert x \rVert`; x has the shape [N, d], the others [N, d']
    or [d'].
    """
    return lorentz.lorentz_map(x, h, time, bias, c).to(h.dtype)


def weighted_sum(
    x: Tensor, weight: Tensor | None, source: Tensor, target: Tensor, num_targets: int
) -> Tensor:
    """Weighted sum of the neighbors' vectors at each target, shape [M, H, d]."""
    values = _at_least_float32(x).index_select(0, source)
    return _scatter_sum(values, weight, target, num_targets).to(x.dtype)


def log_sum(
    sources: Tensor,
    targets: Tensor,
    weight: Tensor | None,
    c: Curved,
    source: Tensor,
    target: Tensor,
) -> Tensor:
    r"""Weighted sum of the neighbors' logarithms at each target, shape [M, H, d].

    It is transported to the origin: :math:`\sum_j w_{ij} ((-u_i) \oplus v_j)`.
    """
    v = _at_least_float32(sources).index_select(0, source)
    u = _at_least_float32(targets).index_select(0, target)
    out = _scatter_sum(geometry.log(u, v, c), weight, target, targets.size(0))
    return out.to(sources.dtype)


def dist(
    sources: Tensor, targets: Tensor, c: Curved, source: Tensor, target: Tensor
) -> Tensor:
    """Distance of the two ends of each edge, shape [E, H]."""
    u, v = targets.index_select(0, target), sources.index_select(0, source)
    return geometry.dist(u, v, c).to(sources.dtype)


def sqdist(
    sources: Tensor, targets: Tensor, c: Curved, source: Tensor, target: Tensor
) -> Tensor:
    """Squared distance of the two ends of each edge, shape [E, H]."""
    u, v = targets.index_select(0, target), sources.index_select(0, source)
    return geometry.sqdist(u, v, c).to(sources.dtype)


def midpoint(
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Curved,
    source: Tensor,
    target: Tensor,
    num_targets: int,
) -> Tensor:
    r"""Weighted midpoint of the neighbors' :math:`x_j \oplus b`, shape [M, H, d].

    Right at every radius, and for weights :math:`\ge 0` of any size; the origin where
    no edge of a weight above 0 leads.  The bias is the point :math:`b` of each head,
    shape [H, d].
    """
    points = x.to(wide_dtype(x.device))
    if bias is not None:
        points = geometry.gyro_add(points, bias.to(points.dtype), c)
    c, (points,), _ = prepare(c, x=points)
    neighbors = _Neighbors(source, target, num_targets)
    return midpoints(points, _column(weight), c, neighbors).to(x.dtype)


class _Neighbors(NamedTuple):
    """The neighbors of each target, as the groups that have a midpoint together."""

    source: Tensor
    target: Tensor
    num_targets: int

    def of_points(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.source)

    def of_groups(self, x: Tensor) -> Tensor:
        return x.index_select(0, self.target)

    def sum(self, x: Tensor) -> Tensor:
        return scatter(x, self.target, 0, self.num_targets)

    def max(self, x: Tensor) -> Tensor:
        return scatter(x, self.target, 0, self.num_targets, "max")

    def pick(self, chosen: Tensor, x: Tensor) -> Tensor:
        # Nodes count from 1 here: 0 is the row of zeros that is put before them.
        node = torch.where(chosen, 1 + self.source[:, None, None], 0)
        node = scatter(node, self.target, 0, self.num_targets, "max")
        x = pad(x, (0, 0, 0, 0, 1, 0))
        return x.gather(0, node.expand(-1, -1, x.size(-1)))


def _at_least_float32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _column(weight: Tensor | None) -> Tensor | None:
    """Weights of edges and heads, shape [E, 1 or H, 1]."""
    if weight is None:
        return None
    return weight.unsqueeze(-1) if weight.dim() == 2 else weight[:, None, None]


def _scatter_sum(
    x: Tensor, weight: Tensor | None, target: Tensor, num_targets: int
) -> Tensor:
    """Weighted sums of vectors of edges, [E, H, d], at each target, [M, H, d]."""
    column = _column(weight)
    return scatter(x if column is None else column * x, target, 0, num_targets)
