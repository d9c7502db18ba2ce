"""The Lorentz linear map."""

from typing import Any

import torch
import triton
from torch import Tensor

from pyg_hyperbolic.kernels.cuda import lorentz
from pyg_hyperbolic.kernels.cuda.launch import (
    LIMITS,
    blocks,
    curvatures,
    of_curvature,
    roomy,
    run,
    shares,
    wide,
)

Gradients = tuple[Tensor | None, ...]


def _given(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Tensor
) -> tuple[Tensor, ...]:
    """What kernels take: points, their images, and in float64 time, bias and c.

    Any tensor stands for a bias that is not there.
    """
    given = x, h, *(x if y is None else y.double() for y in (time, bias))
    return *(y.detach().contiguous() for y in given), curvatures(c, 1)


def lorentz_map(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Tensor
) -> Tensor:
    """Images of points x, whose linear images are h."""
    out, sizes = h.new_empty(h.shape), blocks(h.shape[-1])
    run(
        lorentz.forward, (triton.cdiv(len(h), sizes["BLOCK_E"]),),
        *_given(h, x, time, bias, c), out, len(h), x.shape[-1], h.shape[-1],
        BIASED=bias is not None, **sizes,
    )  # fmt: skip
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
    given: tuple[Any, ...] = _given(h, x, time, bias, c)
    by_x, by_h = torch.empty_like(given[0]), torch.empty_like(given[1])
    width, sizes = h.shape[-1], roomy(h.shape[-1])
    programs, share = shares(len(h), sizes["BLOCK_E"])
    by_time, by_bias = wide(x, programs, width), wide(x, programs, width)
    by_c = wide(x, programs)
    run(
        lorentz.backward, (programs,), *given, grad.detach().contiguous(),
        LIMITS[h.dtype][2], by_x, by_h, by_time, by_bias, by_c, len(h),
        share, x.shape[-1], width,
        BIASED=bias is not None, **sizes,
    )  # fmt: skip
    grad_bias = None if bias is None else by_bias.sum(0).to(bias.dtype)
    grad_time, grad_c = by_time.sum(0).to(time.dtype), of_curvature(by_c.sum(0), c)
    return by_h, by_x, grad_time, grad_bias, grad_c
