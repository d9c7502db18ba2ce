"""Midpoints over a graph in two passes, edge by edge in parts that fit the cache.

Nothing of the size of the edges times the channels is ever whole: the backward pass
goes through the parts once more.
"""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry.fused import again
from pyg_hyperbolic.geometry.midpoint import deviations, drop, lift, radius
from pyg_hyperbolic.nn.conv.edges import directed, parts, repeated

_IN_RANGE = 100.0  # e to it, and its products with columns, are
_LOG_MAX = 690.0  # of float64, with room for a sum


def _columns(
    h: Tensor,
    weight: Tensor,
    c: Tensor,
    ends: Tensor,
    largest: Tensor,
    heaviest: Tensor | None,
) -> Tensor:
    """Weighted columns of edges: of the first pass, then those of the second."""
    source, target = ends[0], ends[1]
    points, largest = h.index_select(0, source), largest.index_select(0, target)
    # An edge of weight 0 is none, but for its weight's derivative, unless that is out
    # of range too.
    radii = radius(points, c)
    some = (weight > 0)[:, None] | (radii < largest + _IN_RANGE)
    x, shift = lift(torch.where(some, points, 0.0), c, largest)
    with (
        torch.no_grad()
    ):  # what counts nothing beside the heaviest, but is out of range
        lost = weight.double().log()[:, None] > radii - shift + _LOG_MAX
    weight = torch.where(lost[:, 0], 0.0, weight)
    if heaviest is not None:
        x = torch.cat([x, deviations(x, heaviest.index_select(0, target))], dim=-1)
    return weight.to(x.dtype)[:, None] * x


def _heaviest(
    h: Tensor, weight: Tensor, c: Tensor, ends: Tensor, largest: Tensor
) -> tuple[Tensor, Tensor]:
    """The point that brings a target its largest mass: its columns and its weight."""
    source, target = ends[0], ends[1]
    number = ends.size(1)
    if number == 0:
        shape = len(largest), h.size(-1) + 2
        return largest.new_ones(shape), largest.new_ones(len(largest))
    mass = largest.new_empty(number)
    for part in parts(ends):
        mass[part] = _columns(h, weight[part], c, ends[:, part], largest, None)[:, 0]
    top = scatter(mass, target, 0, len(largest), "max")
    edge = torch.arange(number, device=ends.device)
    edge = torch.where(mass == top.index_select(0, target), edge, -1)
    edge = scatter(edge, target, 0, len(largest), "max")
    # A target without edges gets the first one's point, and doesn't need it.
    columns, _ = lift(h.index_select(0, source.index_select(0, edge)), c, largest)
    own = weight.index_select(0, edge)
    return columns, torch.where(own > 0, own, 1.0)


class _Sums(torch.autograd.Function):
    """Sums of the columns of both passes, shape [M, 2 d + 3]."""

    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        weight: Tensor,
        c: Tensor,
        ends: Tensor,
        largest: Tensor,
        heaviest: Tensor,
    ) -> Tensor:
        ctx.save_for_backward(h, weight, c, ends, largest, heaviest)
        out = largest.new_zeros(len(largest), 2 * h.size(-1) + 3)
        for part in parts(ends):
            some = ends[:, part]
            x = _columns(h, weight[part], c, some, largest, heaviest)
            out.index_add_(0, some[1], x)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        h, weight, c, ends, *targets = ctx.saved_tensors
        if torch.is_grad_enabled():

            def whole(h: Tensor, weight: Tensor, c: Tensor) -> Tensor:
                x = _columns(h, weight, c, ends, *targets)
                return scatter(x, ends[1], 0, len(grad))

            return *again(whole, grad, h, weight, c), None, None, None
        by_h, by_weight = torch.zeros_like(h), torch.empty_like(weight)
        by_c = torch.zeros_like(c)
        for part in parts(ends):
            some = ends[:, part]
            # The edges' own points, so that their gradients can be added by index.
            points = h.index_select(0, some[0])
            own = torch.stack([torch.arange(len(points), device=h.device), some[1]])
            leaves = [x.detach().requires_grad_() for x in (points, weight[part], c)]
            with torch.enable_grad():
                x = _columns(leaves[0], leaves[1], leaves[2], own, *targets)
            got = torch.autograd.grad(x, leaves, grad.index_select(0, some[1]))
            by_h.index_add_(0, some[0], got[0])
            by_weight[part] = got[1]
            by_c += got[2]
        return by_h, by_weight, by_c, None, None, None


def midpoints(
    h: Tensor,
    edge_index: Adj,
    edge_weight: OptTensor,
    c: Tensor,
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
    ends, weight = directed(edge_index, edge_weight, flow)
    weight = h.new_ones(ends.size(1)) if weight is None else weight
    batch, copies = h.shape[:-2], h.shape[:-2].numel()
    ends, weight = repeated(ends, weight, (h.size(-2), num_targets), copies)
    weight = weight.double()
    h = h.reshape(-1, h.size(-1))
    with torch.no_grad():
        edge_radii = radius(h, c).index_select(0, ends[0])
        edge_radii = torch.where(weight[:, None] > 0, edge_radii, 0.0)
        largest = scatter(edge_radii, ends[1], 0, copies * num_targets, "max")
        heaviest, unit = _heaviest(h, weight, c, ends, largest)
        _, shift = lift(torch.zeros_like(h[:1]), c, largest)
    # The heaviest point may have a weight as small as it is far out. About that weight
    # all sums are in range, and a common factor of a target's weights changes nothing.
    weight = weight / unit.index_select(0, ends[1])
    sums = _Sums.apply(h, weight, c, ends, largest, heaviest)  # type: ignore[no-untyped-call]
    first, second = sums.split([h.size(-1) + 2, h.size(-1) + 1], dim=-1)
    out = drop(first, shift, c, second)
    return out.view(*batch, num_targets, h.size(-1))
