"""Operations on two sets of points: sums of log maps, and distances."""

import numpy as np
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import distances, edges, threads
from pyg_hyperbolic.kernels.cpu.arrays import (
    curvatures,
    each_row,
    edge_arrays,
    empty_like,
    gradient,
    of_curvature,
    of_weight,
    points,
    radials,
    zeros,
)
from pyg_hyperbolic.kernels.cpu.grouping import outside

_SCALARS = 150  # the scalars of a gyro-sum take as long as so many multiplications

Gradients = tuple[Tensor | None, ...]


def log_sum(
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
) -> Tensor:
    """Weighted sums of the log maps of every target's neighbors."""
    out = empty_like(target)
    u, v, result = points(target), points(x), points(out)
    _, heads, width = v.shape
    curvature = curvatures(c, heads)
    at_u, at_v = radials(u, curvature), radials(v, curvature)
    links = edge_arrays(ptr, source, order, weight, v.dtype)

    def task(_: int, lo: int, hi: int) -> None:
        edges.log_forward(lo, hi, links, v, u, curvature, at_v, at_u, result)

    count = threads.parts(source.numel() * heads * (width + _SCALARS))
    threads.run(task, threads.by_edges(links.ptr, count))
    return out


def log_sum_backward(
    grad: Tensor,
    x: Tensor,
    target: Tensor,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x, target, weight and c."""
    u, v, upstream = points(target), points(x), points(grad)
    _, heads, width = v.shape
    curvature = curvatures(c, heads)
    at_u, at_v = radials(u, curvature), radials(v, curvature)
    links = edge_arrays(ptr, source, order, weight, v.dtype)
    by_weight = np.empty((len(links.source), heads) if needed[2] else (0, 0))
    count = threads.parts(source.numel() * heads * (width + _SCALARS))
    by_x, shares = gradient(x, count)
    by_target, by_c = empty_like(target), zeros(count, heads)
    own = points(by_target)

    def task(part: int, lo: int, hi: int) -> None:
        edges.log_backward(
            lo,
            hi,
            links,
            v,
            u,
            curvature,
            at_v,
            at_u,
            upstream,
            shares[part],
            own,
            by_weight,
            by_c[part],
        )

    threads.run(task, threads.by_edges(links.ptr, count))
    shares.sum()
    return by_x, by_target, of_weight(by_weight, weight), of_curvature(by_c.sum(), c)


def dist(
    u: Tensor, v: Tensor, c: Tensor, first: Tensor, second: Tensor, squared: bool
) -> Tensor:
    """Distances of u[first] and v[second], or their squares, [P] or [P, H]."""
    out = u.new_empty((first.numel(), *u.shape[1:-1]))
    left, right = points(u), points(v)
    _, heads, width = left.shape
    curvature = curvatures(c, heads)
    at_u, at_v = radials(left, curvature), radials(right, curvature)
    one, other = first.contiguous().numpy(), second.contiguous().numpy()
    if outside(one, 0, len(u) - 1) or outside(other, 0, len(v) - 1):
        raise IndexError(
            f"'first' and 'second' must hold indices from 0 to {len(u) - 1} and "
            f"{len(v) - 1}"
        )
    result = out.numpy().reshape(-1, heads)

    each_row(
        first.numel(),
        heads * (width + _SCALARS),
        lambda lo, hi: distances.dist_forward(
            lo, hi, one, other, squared, left, right, curvature, at_u, at_v, result
        ),
    )
    return out


def dist_backward(
    grad: Tensor,
    u: Tensor,
    v: Tensor,
    c: Tensor,
    first: Tensor,
    second: Tensor,
    squared: bool,
    needed: list[bool],
) -> Gradients:
    """Gradients of u, v and c."""
    left, right = points(u), points(v)
    _, heads, width = left.shape
    curvature = curvatures(c, heads)
    at_u, at_v = radials(left, curvature), radials(right, curvature)
    one, other = first.contiguous().numpy(), second.contiguous().numpy()
    upstream = grad.detach().contiguous().numpy().reshape(-1, heads)
    count = threads.parts(first.numel() * heads * (width + _SCALARS))
    (by_u, u_shares), (by_v, v_shares) = gradient(u, count), gradient(v, count)
    by_c = zeros(count, heads)

    def task(part: int, lo: int, hi: int) -> None:
        distances.dist_backward(
            lo,
            hi,
            one,
            other,
            squared,
            left,
            right,
            curvature,
            at_u,
            at_v,
            upstream,
            u_shares[part],
            v_shares[part],
            by_c[part],
        )

    threads.run(task, threads.even(first.numel(), count))
    u_shares.sum()
    v_shares.sum()
    return by_u, by_v, of_curvature(by_c.sum(), c)
