"""The portable back end with the arguments that operations have.

Edges come as rows of a sparse matrix, and the axis of heads may be left out.
"""

from torch import Tensor
from torch_geometric.index import ptr2index

from pyg_hyperbolic.kernels import portable


def gyro_add(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """See :func:`pyg_hyperbolic.kernels.gyro_add`."""
    return portable.gyro_add(u, v, c)


def _heads(x: Tensor) -> Tensor:
    """Points with an axis of heads, [N, H, d]."""
    return x if x.dim() == 3 else x.unsqueeze(1)


def _edges(
    weight: Tensor | None, ptr: Tensor, source: Tensor, order: Tensor
) -> tuple[Tensor | None, Tensor]:
    """Weights in the order of the rows, and the target of each edge."""
    target = ptr2index(ptr, output_size=source.numel())
    if weight is not None and order.numel() > 0:
        weight = weight.index_select(0, order)
    return weight, target


def midpoint(
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    *_: Tensor,
) -> Tensor:
    """See :func:`pyg_hyperbolic.kernels.midpoint`."""
    weight, target = _edges(weight, ptr, source, order)
    number = ptr.numel() - 1
    if bias is not None and x.dim() == 2:
        bias = bias.unsqueeze(0)
    out = portable.midpoint(_heads(x), bias, weight, c, source, target, number)
    return out.view(number, *x.shape[1:])


def weighted_sum(
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    *_: Tensor,
) -> Tensor:
    """See :func:`pyg_hyperbolic.kernels.weighted_sum`."""
    weight, target = _edges(weight, ptr, source, order)
    number = ptr.numel() - 1
    out = portable.weighted_sum(_heads(x), weight, source, target, number)
    return out.view(number, *x.shape[1:])


def log_sum(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
) -> Tensor:
    """See :func:`pyg_hyperbolic.kernels.log_sum`."""
    weight, index = _edges(weight, ptr, source, order)
    out = portable.log_sum(_heads(x), _heads(target), weight, c, source, index)
    return out.view(target.shape)


def dist(
    u: Tensor, v: Tensor, c: Tensor, first: Tensor, second: Tensor, squared: bool
) -> Tensor:
    """See :func:`pyg_hyperbolic.kernels.dist`."""
    measure = portable.sqdist if squared else portable.dist
    out = measure(_heads(v), _heads(u), c, second, first)
    return out.view(first.numel(), *u.shape[1:-1])


lorentz_map = portable.lorentz_map
