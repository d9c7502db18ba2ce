"""Weighted midpoints: :mod:`.lifted` for most targets, :mod:`.far` for those left."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import far, klein, lifted, threads
from pyg_hyperbolic.kernels.cpu.arrays import (
    curvatures,
    each_row,
    edge_arrays,
    empty_like,
    of_curvature,
    of_weight,
    one_or_many,
    points,
    radials,
    zeros,
)
from pyg_hyperbolic.kernels.cpu.rest import Rest
from pyg_hyperbolic.kernels.cpu.sums import add, add_back

Gradients = tuple[Tensor | None, ...]


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
    """Weighted midpoints of every target's neighbors, a bias added to each."""
    out = empty_like(x, ptr.numel() - 1)
    u, curvature, shared, _at_b, shift, at = _Lifted.of(x, bias, c)
    _, heads, width = u.shape
    links = edge_arrays(ptr, source, order, weight, u.dtype)
    result, left = points(out), np.empty((len(out), heads), np.uint8)

    def task(_: int, lo: int, hi: int) -> None:
        space = np.empty(width)
        lifted.forward(
            lo, hi, links, u, at, shift, curvature, space, result, left
        )  # fmt: skip

    count = threads.parts(_work(links.ptr, heads, width))
    bounds = threads.by_edges(links.ptr, count)
    threads.run(task, bounds)
    if left.any():
        rest = Rest.of(links, left, len(u))
        v = _biased(u[rest.nodes], bias, shared, curvature)
        at_v, found = radials(v, curvature), result[rest.targets]

        def finish(_: int, lo: int, hi: int) -> None:
            table, space = np.empty((rest.longest, far.COLUMNS)), np.empty(width)
            far.forward(
                lo, hi, rest.edges, v, at_v, curvature, rest.left, table, space, found
            )  # fmt: skip

        threads.run(finish, threads.by_edges(rest.edges.ptr, count))
        result[rest.targets] = found
    return out


def _work(ptr: np.ndarray, heads: int, width: int) -> int:
    """Multiplications that midpoints take, those of their scalars included."""
    edges = int(ptr[-1])  # as a 32-bit index it would overflow below
    return (edges * (width + 10) + len(ptr) * (width + 100)) * heads


class _Lifted(NamedTuple):
    """What loops over edges need of points, see :mod:`.lifted`."""

    u: np.ndarray  # points, [N, H, d]
    curvature: np.ndarray  # [H]
    bias: np.ndarray  # zeros if there is none, [1, H, d]
    at_b: np.ndarray  # [H, 3]
    shift: np.ndarray  # [H, d]
    at: np.ndarray  # [N, H, 3]

    @classmethod
    def of(cls, x: Tensor, bias: Tensor | None, c: Tensor) -> "_Lifted":
        u = points(x)
        rows, heads, width = u.shape
        curvature = curvatures(c, heads)
        shared = np.zeros((1, heads, width), u.dtype)
        if bias is not None:
            shared = one_or_many(bias, x)
        at_b, shift, at = (
            np.empty(shape) for shape in ((heads, 3), (heads, width), (rows, heads, 3))
        )
        lifted.lift_bias(shared, curvature, at_b, shift)
        each_row(
            rows,
            heads * (width + 50),
            lambda lo, hi: lifted.lift(lo, hi, u, shared, at_b, curvature, at),
        )
        return cls(u, curvature, shared, at_b, shift, at)


def _biased(
    u: np.ndarray, bias: Tensor | None, shared: np.ndarray, curvature: np.ndarray
) -> np.ndarray:
    """Points u (+) b, or u without a bias, [*, H, d]."""
    if bias is None:
        return u
    out = np.empty_like(u)
    add(u, shared, curvature, out)
    return out


def midpoint_backward(
    grad: Tensor,
    x: Tensor,
    bias: Tensor | None,
    weight: Tensor | None,
    c: Tensor,
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    reverse_ptr: Tensor,
    target: Tensor,
    reverse_order: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of x, bias, weight and c.

    Points with their bias, and midpoints, are computed again, which takes less than
    keeping them.
    """
    u, curvature, shared, at_b, shift, at = _Lifted.of(x, bias, c)
    number, (_, heads, width) = ptr.numel() - 1, u.shape
    links = edge_arrays(ptr, source, order, weight, u.dtype)
    upstream = points(grad)
    by_weight = np.empty((len(links.source), heads) if needed[2] else (0, 0))
    of_sum, left = np.empty((number, heads, 2)), np.empty((number, heads), np.uint8)
    # PyTorch's memory begins with a cache line, NumPy's need not
    of_klein = torch.empty(number, heads, width, dtype=torch.float64).numpy()
    count = threads.parts(_work(links.ptr, heads, width))
    by_c, bounds = zeros(count, heads), threads.by_edges(links.ptr, count)

    def of_targets(part: int, lo: int, hi: int) -> None:
        space = np.empty(width)
        lifted.backward_targets(
            lo, hi, links, u, at, shift, curvature, upstream,
            space, of_klein, of_sum, by_weight, by_c[part], left,
        )  # fmt: skip

    threads.run(of_targets, bounds)
    rest = far_out = None
    if left.any():
        rest = Rest.of(links, left, len(u))
        far_out = _far_backward(
            rest, u[rest.nodes], bias, shared, curvature, upstream, by_weight, count
        )
    if not (needed[0] or needed[1] or needed[3]):
        return None, None, of_weight(by_weight, weight), None

    by_x, by_bias = empty_like(x), zeros(count, heads, width + 2)
    of_points = points(by_x)
    back = edge_arrays(reverse_ptr, target, reverse_order, weight, u.dtype)

    def to_points(part: int, lo: int, hi: int) -> None:
        space = np.empty(width)
        lifted.backward_points(
            lo, hi, back, u, shared, at_b, curvature, of_klein, of_sum,
            space, of_points, by_bias[part], by_c[part],
        )  # fmt: skip

    threads.run(to_points, threads.by_edges(back.ptr, count))
    of_bias, head_c = by_bias.sum(), by_c.sum()
    lifted.backward_bias(shared, at_b, curvature, of_bias, head_c)
    of_bias = of_bias[:, :width]
    if rest is not None and far_out is not None:
        of_points[rest.nodes] += far_out[0]
        of_bias += far_out[1]
        head_c += far_out[2]
    grad_bias = None
    if bias is not None:
        grad_bias = torch.from_numpy(of_bias).to(bias.dtype).view(bias.shape)
    return by_x, grad_bias, of_weight(by_weight, weight), of_curvature(head_c, c)


def _far_backward(
    rest: Rest,
    u: np.ndarray,
    bias: Tensor | None,
    shared: np.ndarray,
    curvature: np.ndarray,
    grad: np.ndarray,
    by_weight: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients from those targets that are left.

    Returns:
        Those of the points u, [N', H, d], of the bias, [H, d], and of c, [H].
    """
    v, upstream = _biased(u, bias, shared, curvature), grad[rest.targets]
    at, (rows, heads, width) = radials(v, curvature), v.shape
    by_klein, by_mass = zeros(count, *v.shape), zeros(count, rows, heads, 2)
    by_c = zeros(count, heads)

    def of_targets(part: int, lo: int, hi: int) -> None:
        table, space = np.empty((rest.longest, far.COLUMNS)), np.empty((2, width))
        far.backward(
            lo, hi, rest.edges, v, at, curvature, rest.left, upstream,
            table, space, by_klein[part], by_mass[part], by_weight, by_c[part],
        )  # fmt: skip

    threads.run(of_targets, threads.by_edges(rest.edges.ptr, count))
    of_klein, of_mass, by_v = by_klein.sum(), by_mass.sum(), np.empty_like(v)

    def to_points(part: int, lo: int, hi: int) -> None:
        klein.pull_back(lo, hi, v, at, curvature, of_klein, of_mass, by_v, by_c[part])

    threads.run(to_points, threads.even(rows, count))
    if bias is None:
        return by_v, np.zeros((heads, width)), by_c.sum()
    of_bias, more = add_back(by_v, u, shared, curvature, by_v)
    return by_v, of_bias[0], by_c.sum() + more
