"""Steps that layers share: points of any shape, brought to the kernels' shapes."""

import torch
from torch import Tensor
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.typing import OptTensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.geometry.rows import Curved, check_pair
from pyg_hyperbolic.kernels import Graph


def add_bias(h: Tensor, bias: OptTensor, c: Curved) -> Tensor:
    r"""Points :math:`h \oplus b`, with a bias added to each; without one, as they are.

    Args:
        h: Points, shape :math:`(*, d)`.
        bias: One point, shape :math:`(d)`, or :obj:`None`.
        c: Absolute value of the curvature, shape :math:`()`.
    """
    if bias is None:
        return h
    if h.dim() == 2:
        return kernels.gyro_add(h, bias, c)
    return kernels.gyro_add(h.reshape(-1, h.size(-1)), bias, c).view(h.shape)


def product(lin: Linear, x: Tensor) -> Tensor:
    """The product with a layer's weight; a lazy layer takes its size from x."""
    if lin.in_channels < 0:
        lin.initialize_parameters(lin, (x,))
    return torch.nn.functional.linear(x, lin.weight)


def add(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Gyro-sums :math:`u \oplus v` of points whose shapes broadcast."""
    u, v = torch.broadcast_tensors(u, v)
    if u.dim() == 2:
        return kernels.gyro_add(u, v, c)
    rows, others = (x.reshape(-1, x.size(-1)) for x in (u, v))
    return kernels.gyro_add(rows, others, c).view(u.shape)


def sqdist(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    """Squared distances of points whose shapes broadcast, shape [*]."""
    check_pair(u=u, v=v)
    u, v = torch.broadcast_tensors(u, v)
    rows, others = (x.reshape(-1, x.size(-1)) for x in (u, v))
    each = torch.arange(len(rows), device=u.device)
    return kernels.sqdist(rows, others, c, each, each).view(u.shape[:-1])


def all_distances(x: Tensor, y: Tensor, c: Curved) -> Tensor:
    """The distance from each point x to each point y.

    Args:
        x: Points, shape [*, d].
        y: Points, shape [K, d].
        c: Absolute value of the curvature, shape [].

    Returns:
        Distances, shape [*, K].
    """
    rows = x.reshape(-1, x.size(-1))
    first = torch.arange(len(rows), device=x.device).repeat_interleave(len(y))
    second = torch.arange(len(y), device=x.device).repeat(len(rows))
    return kernels.dist(rows, y, c, first, second).view(*x.shape[:-1], len(y))


def by_node(x: Tensor, dim: int = -2) -> Tensor:
    """Points [*, N, d] as [N, H, d], with all other axes made one axis of heads.

    Args:
        x: Points.
        dim: The axis of nodes.
    """
    return x if x.dim() == 2 else x.movedim(dim, 0).flatten(1, -2)


def like(out: Tensor, x: Tensor, dim: int = -2) -> Tensor:
    """What was computed from :func:`by_node`, with the axes of x again."""
    if x.dim() == 2:
        return out
    others = x.movedim(dim, 0).shape[1:-1]
    return out.unflatten(1, others).movedim(0, dim).contiguous()  # users take views


def group_midpoints(
    x: Tensor,
    index: Tensor,
    num_groups: int,
    c: Curved,
    dim: int = -2,
    weight: OptTensor = None,
    name: str = "index",
) -> Tensor:
    """Weighted midpoints of points in groups.

    Args:
        x: Points, shape [*, N, d].
        index: The group of every point, shape [N].
        num_groups: Number of groups.
        c: Absolute value of the curvature, shape [].
        dim: The axis of the points.
        weight: Their weights, shape [N].
        name: What users call the groups, for errors.

    Returns:
        Points, shape [*, num_groups, d]; the origin for a group without points.
    """
    points = by_node(x, dim)
    number = points.size(0)
    source = torch.arange(number, device=x.device)
    graph = Graph(source, index, number, num_groups, name)
    return like(kernels.midpoint(points, graph, c, weight), x, dim)
