"""Operations on one set of points: sums with a point, and along edges."""

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import edges, gyro, threads
from pyg_hyperbolic.kernels.cpu.arrays import (
    curvatures,
    each_row,
    edge_arrays,
    empty_like,
    of_curvature,
    of_weight,
    one_or_many,
    points,
    zeros,
)

Gradients = tuple[Tensor | None, ...]


def gyro_add(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """Points u (+) v; v has as many rows as u, or is one point without that axis."""
    out, array = empty_like(u), points(u)
    add(array, one_or_many(v, u), curvatures(c, array.shape[1]), points(out))
    return out


def add(u: np.ndarray, v: np.ndarray, curvature: np.ndarray, out: np.ndarray) -> None:
    """Fills in sums u (+) v, [N, H, d]; v is [N, H, d] or [1, H, d]."""
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
    by_v, by_c = add_back(
        points(grad), array, one_or_many(v, u), curvature, points(by_u)
    )
    grad_v = torch.from_numpy(by_v).to(v.dtype).view(v.shape)
    return by_u, grad_v, of_curvature(by_c, c)


def add_back(
    grad: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    curvature: np.ndarray,
    by_u: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Fills in the gradient of u, and returns those of v, shaped as it, and of c, [H].

    Grad may be the array that is filled in: each number is read before it is written.
    """
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


def weighted_sum(
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    *_: Tensor,
) -> Tensor:
    """Weighted sums of every target's neighbors."""
    out = empty_like(x, ptr.numel() - 1)
    _sum(points(x), weight, (ptr, source, order), points(out))
    return out


def _sum(
    x: np.ndarray,
    weight: Tensor | None,
    rows: tuple[Tensor, Tensor, Tensor],
    out: np.ndarray,
) -> None:
    links = edge_arrays(*rows, weight, x.dtype)
    _, heads, width = x.shape
    count = threads.parts(len(links.source) * heads * width)
    threads.run(
        lambda _, lo, hi: edges.sum_forward(lo, hi, links, x, out),
        threads.by_edges(links.ptr, count),
    )


def weighted_sum_backward(
    grad: Tensor,
    x: Tensor,
    weight: Tensor | None,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    reverse_ptr: Tensor,
    target: Tensor,
    reverse_order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x and weight."""
    by_x, upstream = None, points(grad)
    if needed[0]:
        by_x = empty_like(x)
        columns = reverse_ptr, target, reverse_order
        _sum(upstream, weight, columns, points(by_x))
    if not needed[1]:
        return by_x, None
    array = points(x)
    links = edge_arrays(ptr, source, order, weight, array.dtype)
    _, heads, width = array.shape
    by_weight = np.empty((len(links.source), heads))
    threads.run(
        lambda _, lo, hi: edges.dots(lo, hi, links, array, upstream, by_weight),
        threads.by_edges(links.ptr, threads.parts(by_weight.size * width)),
    )
    return by_x, of_weight(by_weight, weight)
