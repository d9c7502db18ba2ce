"""The second pass of the midpoint over a graph, edge by edge."""

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry.midpoint import deviations
from pyg_hyperbolic.nn.conv.edges import edges


def second_pass(
    columns: Tensor,
    edge_index: Adj,
    edge_weight: OptTensor,
    sums: Tensor,
    flow: str,
    aggr: str,
) -> Tensor:
    """Sums of the :func:`deviations` of every target's neighbors.

    Args:
        columns: Columns of the nodes that messages leave, from :func:`lift`,
            shape [*, N, d + 2].
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        sums: What the first pass has summed, shape [*, M, d + 2].
        flow: Direction of the messages.
        aggr: The reduction that the first pass took.

    Returns:
        Sums, shape [*, M, d + 1].
    """
    source, target, weight = edges(edge_index, edge_weight)
    if flow == "target_to_source":
        source, target = target, source
    num_targets = sums.size(-2)
    x_j = columns.index_select(-2, source)
    weight = 1.0 if weight is None else weight.to(x_j.dtype).view(-1, 1)
    with torch.no_grad():  # which edge brings a target its largest mass
        mass = weight * x_j[..., :1]
        top = scatter(mass, target, -2, num_targets, "max")
        edge = torch.arange(target.numel(), device=target.device).view(-1, 1)
        edge = torch.where(mass == top.index_select(-2, target), edge, -1)
        edge = scatter(edge, target, -2, num_targets, "max")
        heaviest = x_j.take_along_dim(edge.index_select(-2, target), -2)
    return scatter(weight * deviations(x_j, heaviest), target, -2, num_targets, aggr)
