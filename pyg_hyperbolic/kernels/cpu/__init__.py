"""The back end for CPUs: loops over rows and edges, compiled by Numba.

Each function takes the tensors of one operation and gives its result, or its gradients,
without autograd.  Points are [N, d] or, with an axis of heads, [N, H, d]; edges come in
the order of their targets, see :class:`~pyg_hyperbolic.kernels.graph.Graph`.
"""

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import edges, gyro, threads
from pyg_hyperbolic.kernels.cpu import midpoints as mid
from pyg_hyperbolic.kernels.cpu.arrays import (
    Shares,
    curvatures,
    each_row,
    edge_arrays,
    empty_like,
    gradient,
    of_curvature,
    of_weight,
    one_or_many,
    points,
    zeros,
)
from pyg_hyperbolic.kernels.cpu.grouping import by_target, outside
from pyg_hyperbolic.kernels.cpu.pairs import (
    dist,
    dist_backward,
    log_sum,
    log_sum_backward,
)

__all__ = [
    "by_target",
    "dist",
    "dist_backward",
    "gyro_add",
    "gyro_add_backward",
    "log_sum",
    "log_sum_backward",
    "midpoint",
    "midpoint_backward",
    "outside",
    "weighted_sum",
    "weighted_sum_backward",
]

Gradients = tuple[Tensor | None, ...]


def gyro_add(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """Points u (+) v; v has as many rows as u, or is one point without that axis."""
    out, array = empty_like(u), points(u)
    _add(array, one_or_many(v, u), curvatures(c, array.shape[1]), points(out))
    return out


def _add(u: np.ndarray, v: np.ndarray, curvature: np.ndarray, out: np.ndarray) -> None:
    rows, heads, width = u.shape
    each_row(
        rows,
        heads * (width + 50),
        lambda lo, hi: gyro.add_forward(lo, hi, u, v, curvature, out),
    )


def gyro_add_backward(
    grad: Tensor, u: Tensor, v: Tensor, c: Tensor, needed: list[bool]
) -> Gradients:
    """Gradients of u, v and c."""
    by_u, array = empty_like(u), points(u)
    curvature = curvatures(c, array.shape[1])
    by_v, by_c = _add_back(
        points(grad), array, one_or_many(v, u), curvature, points(by_u)
    )
    grad_v = torch.from_numpy(by_v).to(v.dtype).view(v.shape)
    return by_u, grad_v, of_curvature(by_c, c)


def _add_back(
    grad: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    curvature: np.ndarray,
    by_u: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills in the gradient of u, and returns those of v and the heads' curvatures."""
    rows, heads, width = u.shape
    count = threads.parts(rows * heads * (width + 50))
    single = len(v) < rows
    by_v = zeros(count if single else 1, *v.shape)
    by_c = zeros(count, heads)

    def task(part: int, lo: int, hi: int) -> None:
        own = by_v[part if single else 0]
        gyro.add_backward(lo, hi, u, v, curvature, grad, by_u, own, by_c[part])

    threads.run(task, threads.even(rows, count))
    return by_v.sum(), by_c.sum()


def midpoint(
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
) -> tuple[Tensor, Tensor, Tensor]:
    """Weighted midpoints of every target's neighbors, a bias added to each.

    Returns:
        The midpoints, and two tensors for the backward pass.
    """
    number = ptr.numel() - 1
    out, shift = empty_like(x, number), empty_like(x, number)
    kept = x.new_empty((*out.shape[:-1], mid.KEPT))
    curvature, array, node = _ready(x, bias, c)
    _, heads, width = array.shape
    links = edge_arrays(ptr, source, order, weight, x.dtype)
    result, shifts, numbers = points(out), points(shift), points(kept)

    def task(_: int, lo: int, hi: int) -> None:
        wide = np.empty(width)
        mid.forward(
            lo, hi, links, array, node, curvature, wide, result, shifts, numbers
        )

    count = threads.parts(source.numel() * heads * (width + 20))
    threads.run(task, threads.by_edges(links.ptr, count))
    return out, shift, kept


def _ready(
    x: Tensor, bias: Tensor | None, c: Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curvatures, points with their bias, and what edges need of these."""
    array = points(x)
    rows, heads, width = array.shape
    curvature = curvatures(c, heads)
    if bias is not None:
        bare, array = array, np.empty_like(array)
        _add(bare, one_or_many(bias, x), curvature, array)
    node = np.empty((rows, heads, mid.NODE))
    each_row(
        rows,
        heads * (width + 50),
        lambda lo, hi: mid.radii(lo, hi, array, curvature, node),
    )
    return curvature, array, node


def midpoint_backward(
    grad: Tensor,
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    shift: Tensor,
    kept: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x, bias, weight and c.

    Points with their bias are computed again, which takes less than keeping them.
    """
    curvature, array, node = _ready(x, bias, c)
    rows, heads, width = array.shape
    links = edge_arrays(ptr, source, order, weight, x.dtype)
    upstream, shifts, numbers = points(grad), points(shift), points(kept)
    by_weight = np.empty((len(links.source), heads) if needed[2] else (0, 0))

    count = threads.parts(source.numel() * heads * (width + 20))
    by_x, shares = gradient(x, count)
    by_mass, by_c = zeros(count, rows, heads, 2), zeros(count, heads)

    def task(part: int, lo: int, hi: int) -> None:
        mid.backward(
            lo,
            hi,
            links,
            array,
            node,
            curvature,
            upstream,
            shifts,
            numbers,
            np.empty(width, array.dtype),
            np.empty((2, width)),
            shares[part],
            by_mass[part],
            by_weight,
            by_c[part],
        )

    threads.run(task, threads.by_edges(links.ptr, count))
    total, of_mass, of_c = shares.sum(), by_mass.sum(), Shares(by_c.sum(), count)

    def back(part: int, lo: int, hi: int) -> None:
        mid.pull_back(lo, hi, array, node, curvature, total, of_mass, of_c[part])

    threads.run(back, threads.even(rows, count))
    head_c = of_c.sum() / 2
    grad_bias = None
    if bias is not None:
        of_bias, more = _add_back(
            total, points(x), one_or_many(bias, x), curvature, total
        )
        grad_bias = torch.from_numpy(of_bias).to(bias.dtype).view(bias.shape)
        head_c += more
    return by_x, grad_bias, of_weight(by_weight, weight), of_curvature(head_c, c)


def weighted_sum(
    x: Tensor, weight: Tensor | None, ptr: Tensor, source: Tensor, order: Tensor
) -> Tensor:
    """Weighted sums of every target's neighbors."""
    out = empty_like(x, ptr.numel() - 1)
    array, result = points(x), points(out)
    links = edge_arrays(ptr, source, order, weight, x.dtype)
    _, heads, width = array.shape

    def task(_: int, lo: int, hi: int) -> None:
        edges.sum_forward(lo, hi, links, array, result)

    count = threads.parts(source.numel() * heads * width)
    threads.run(task, threads.by_edges(links.ptr, count))
    return out


def weighted_sum_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x and weight."""
    array, upstream = points(x), points(grad)
    links = edge_arrays(ptr, source, order, weight, x.dtype)
    _, heads, width = array.shape
    by_weight = np.empty((len(links.source), heads) if needed[1] else (0, 0))
    count = threads.parts(source.numel() * heads * width)
    by_x, shares = gradient(x, count)

    def task(part: int, lo: int, hi: int) -> None:
        edges.sum_backward(lo, hi, links, array, upstream, shares[part], by_weight)

    threads.run(task, threads.by_edges(links.ptr, count))
    shares.sum()
    return by_x, of_weight(by_weight, weight)
