"""Midpoints over a graph in two passes, edge by edge."""

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry.midpoint import deviations, drop, lift, radius
from pyg_hyperbolic.geometry.rows import Curved
from pyg_hyperbolic.nn.conv.edges import directed


def midpoints(
    h: Tensor,
    edge_index: Adj,
    edge_weight: OptTensor,
    c: Curved,
    num_targets: int,
    flow: str,
) -> Tensor:
    """The midpoint of every target's neighbors, right at all radii.

    Args:
        h: Points that messages leave from, shape [*, N, d].
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        c: Absolute value of the curvature.
        num_targets: Number of targets M.
        flow: Direction of the messages.

    Returns:
        Points in float64, shape [*, M, d].
    """
    (source, target), weight = directed(edge_index, edge_weight, flow)

    def total(x: Tensor, reduce: str = "sum") -> Tensor:
        return scatter(x, target, -2, num_targets, reduce)

    h_j = h.index_select(-2, source)
    largest = total(radius(h_j, c), "max")
    x_j, _ = lift(h_j, c, largest.index_select(-2, target))
    weight = 1.0 if weight is None else weight.to(x_j.dtype).view(-1, 1)
    _, shift = lift(torch.zeros_like(h[..., :1, :]), c, largest)
    with torch.no_grad():  # which edge brings a target its largest mass
        mass = weight * x_j[..., :1]
        top = total(mass, "max")
        edge = torch.arange(target.numel(), device=target.device).view(-1, 1)
        edge = torch.where(mass == top.index_select(-2, target), edge, -1)
        edge = total(edge, "max")
        heaviest = x_j.take_along_dim(edge.index_select(-2, target), -2)
    deviation = total(weight * deviations(x_j, heaviest))
    return drop(total(weight * x_j), shift, c, deviation)
