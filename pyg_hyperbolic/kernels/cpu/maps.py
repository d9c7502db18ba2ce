"""The Lorentz linear map."""

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.kernels.cpu import lorentz, threads
from pyg_hyperbolic.kernels.cpu.arrays import (
    each_row,
    empty_like,
    of_curvature,
    points,
    zeros,
)

Gradients = tuple[Tensor | None, ...]


def _shared(x: Tensor | None, like: np.ndarray) -> np.ndarray:
    """The time or the bias in float64, [d']; zeros if there is none."""
    return np.zeros(like.shape[-1]) if x is None else x.detach().double().numpy()


def lorentz_map(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Tensor
) -> Tensor:
    """Images of points x, whose linear images are h."""
    out, own, source, curvature = empty_like(h), points(h), points(x), c.item()
    result, one, other = points(out), _shared(time, own), _shared(bias, own)

    def task(lo: int, hi: int) -> None:
        space = np.empty(len(one))
        lorentz.map_forward(
            lo, hi, source, own, one, other, curvature, space, result
        )  # fmt: skip

    each_row(len(own), len(one) + source.shape[-1] + 50, task)
    return out


def lorentz_map_backward(
    grad: Tensor,
    h: Tensor,
    x: Tensor,
    time: Tensor,
    bias: Tensor | None,
    c: Tensor,
    needed: list[bool],
) -> Gradients:
    """Gradients of h, x, time, bias and c."""
    own, source, curvature, upstream = points(h), points(x), c.item(), points(grad)
    one, other = _shared(time, own), _shared(bias, own)
    by_h, by_x = empty_like(h), empty_like(x)
    of_h, of_x, width = points(by_h), points(by_x), len(one)
    count = threads.parts(len(own) * (width + source.shape[-1] + 50))
    by_shared, by_c = zeros(count, 2, width), zeros(count, 1)

    def task(part: int, lo: int, hi: int) -> None:
        space, (by_time, by_bias) = np.empty(width), by_shared[part]
        lorentz.map_backward(
            lo, hi, source, own, one, other, curvature, upstream,
            space, of_x, of_h, by_time, by_bias, by_c[part],
        )  # fmt: skip

    threads.run(task, threads.even(len(own), count))
    by_time, by_bias = (torch.from_numpy(of).to(h.dtype) for of in by_shared.sum())
    return by_h, by_x, by_time, by_bias, of_curvature(by_c.sum(), c)
