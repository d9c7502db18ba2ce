"""Tensors as the arrays that the loops take, and sums over threads.

``count`` is the number of threads.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import edges, threads
from pyg_hyperbolic.kernels.cpu.rows import RADII, Edges


def points(x: Tensor) -> np.ndarray:
    """Points as an array [N, H, d]."""
    out = x.detach().contiguous().numpy()
    return out if out.ndim == 3 else out[:, None]


def one_or_many(v: Tensor, like: Tensor) -> np.ndarray:
    """As many points as there are others, or one for all of them, [1, H, d]."""
    return points(v if v.dim() == like.dim() else v[None])


def curvatures(c: Tensor, heads: int) -> np.ndarray:
    """The curvature of each head in float64, [H]."""
    out = c.detach().numpy().reshape(-1).astype(np.float64, copy=False)
    return np.ascontiguousarray(out) if out.size == heads else np.repeat(out, heads)


def edge_arrays(
    ptr: Tensor,
    source: Tensor,
    order: Tensor,
    weight: Tensor | None,
    dtype: np.dtype,
) -> Edges:
    """Edges as arrays.

    Weights are in the dtype of the points, or in float64 where they come in it:
    attention far out has weights below float32.
    """
    rows = ptr.numpy(), source.numpy(), order.numpy()
    if weight is None:
        return Edges(*rows, np.empty((0, 0), dtype))
    wide = dtype == np.float64 or weight.dtype == torch.float64
    out = weight.detach().to(torch.float64 if wide else torch.float32)
    array = out.contiguous().numpy()
    return Edges(*rows, array if array.ndim == 2 else array[:, None])


def empty_like(x: Tensor, rows: int | None = None) -> Tensor:
    """Room for as many points as these, or for so many rows."""
    return x.new_empty((x.size(0) if rows is None else rows, *x.shape[1:]))


class Shares:
    """An array for every thread to add to, summed at the end."""

    def __init__(self, first: np.ndarray, count: int) -> None:
        self._first = first
        self._others = [np.zeros_like(first) for _ in range(count - 1)]

    def __getitem__(self, part: int) -> np.ndarray:
        return self._others[part - 1] if part else self._first

    def sum(self) -> np.ndarray:
        """Adds all of them to the first, and returns it."""
        total = torch.from_numpy(self._first)  # adds by several threads
        for other in self._others:
            total += torch.from_numpy(other)
        return self._first


def zeros(count: int, *shape: int) -> Shares:
    """Zeros in float64 for every thread to add to."""
    return Shares(np.zeros(shape), count)


def gradient(x: Tensor, count: int) -> tuple[Tensor, Shares]:
    """A gradient of points, zero at first, and its shares, whose sum is put into it."""
    out = x.new_zeros(x.shape)
    return out, Shares(points(out), count)


def of_curvature(heads: np.ndarray, c: Tensor) -> Tensor:
    """The gradient of c from those of the heads in float64, [H]."""
    total = torch.from_numpy(heads)
    if c.numel() != total.numel():
        total = total.sum()
    return total.to(c.dtype).view(c.shape)


def each_row(rows: int, width: int, task: Callable[[int, int], None]) -> None:
    """Calls ``task(lo, hi)`` in several threads, on rows that share no result.

    Args:
        rows: The number of rows.
        width: How many multiplications each of them takes.
        task: What to do with the rows from lo to hi.
    """
    bounds = threads.even(rows, threads.parts(rows * width))
    threads.run(lambda _, lo, hi: task(lo, hi), bounds)


def radials(x: np.ndarray, curvature: np.ndarray) -> np.ndarray:
    """What loops need of the radius of each point, see :mod:`.rows`: [N, H, RADII]."""
    rows, heads, width = x.shape
    at = np.empty((rows, heads, RADII))
    each_row(
        rows,
        heads * (width + 50),
        lambda lo, hi: edges.radials(lo, hi, x, curvature, at),
    )
    return at


def of_weight(array: np.ndarray, weight: Tensor | None) -> Tensor | None:
    """The gradient of weights from that of edges and heads, [E, H]; [0, 0] for none."""
    if weight is None or len(array) != len(weight):
        return None
    out = torch.from_numpy(array)
    if weight.numel() != out.numel():
        out = out.sum(dim=-1)
    return out.to(weight.dtype).view(weight.shape)
