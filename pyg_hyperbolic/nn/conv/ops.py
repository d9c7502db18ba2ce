"""Steps that layers share."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.compiler import is_compiling
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry import compiled, fused
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.nn.conv import compiled as compiled_conv
from pyg_hyperbolic.nn.conv import second_pass


def add_bias(h: Tensor, bias: OptTensor, c: Tensor) -> Tensor:
    r"""Points :math:`h \oplus b`, a bias added to each, or as they are without one.

    Args:
        h: Points, shape :math:`(*, d)`.
        bias: One point, shape :math:`(d)`, or :obj:`None`.
        c: Absolute value of the curvature, shape :math:`()`.
    """
    add = compiled.bias_sum if is_compiling() else fused.bias_sum
    return h if bias is None else add(h, bias, c)


def midpoints(
    h: Tensor,
    bias: OptTensor,
    edge_index: Adj,
    edge_weight: OptTensor,
    c: Tensor,
    num_targets: int,
    flow: str,
    total: Callable[[Tensor], Tensor],
) -> Tensor:
    """Midpoints of neighbors plus a bias, the cheapest way right at their radii.

    Args:
        h: Points that messages leave from, shape [*, N, d].
        bias: One point, added to each of them, or :obj:`None`.
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        c: Absolute value of the curvature.
        num_targets: Number of targets M.
        flow: Direction of the messages.
        total: The weighted sum of columns over the same edges, [*, N, k] to [*, M, k].

    Returns:
        Points, shape [*, M, d].
    """
    bias = h.new_zeros(h.size(-1)) if bias is None else bias
    if is_compiling():
        return compiled_conv.midpoints(
            h, bias, edge_index, edge_weight, c, num_targets, flow
        )
    columns = fused.bias_lift(h, bias, c)
    if columns is None:
        points = gyro_add(h, bias, c)
        out = second_pass.midpoints(
            points, edge_index, edge_weight, c, num_targets, flow
        )
        return out.to(h.dtype)
    with torch.autocast(h.device.type, enabled=False):  # it would round the time
        out = total(columns)
    return fused.drop(out, c).to(h.dtype)


def group_midpoints(x: Tensor, index: Tensor, num_groups: int, c: Tensor) -> Tensor:
    """Midpoints of points in groups.

    Args:
        x: Points, shape [*, N, d].
        index: The group of every point, shape [N].
        num_groups: Number of groups.
        c: Absolute value of the curvature, shape [].

    Returns:
        Points, shape [*, num_groups, d]; the origin for a group without points.
    """
    ends = torch.stack([torch.arange(x.size(-2), device=x.device), index])

    def total(columns: Tensor) -> Tensor:
        return scatter(columns, index, -2, num_groups)

    return midpoints(x, None, ends, None, c, num_groups, "source_to_target", total)
