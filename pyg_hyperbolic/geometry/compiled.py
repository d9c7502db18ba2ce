"""Sums of points and a bias in a graph for ``torch.compile``.

Such a graph can't wait for a value and choose in Python how to go on.  It holds the
fused form and, as an opaque operator, the one that is exact at all radii; which of them
runs is decided in the graph.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.geometry import bias, fused
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.rows import prepare


def gradients(
    f: Callable[..., Tensor], grad: Tensor, *inputs: Tensor
) -> tuple[Tensor, ...]:
    """Gradients by all inputs, from a forward pass of its own."""
    stream = torch.cuda.current_stream(grad.device) if grad.is_cuda else None

    def run() -> tuple[Tensor, ...]:
        with torch.cuda.stream(stream):
            leaves = [x.detach().requires_grad_() for x in inputs]
            return torch.autograd.grad(f(*leaves), leaves, grad)

    # The thread that runs an operator records no graph until it returns; another does.
    with ThreadPoolExecutor(max_workers=1) as another:
        return another.submit(run).result()


@torch.library.custom_op("pyg_hyperbolic::gyro_add", mutates_args=())
def _far(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return gyro_add(h, b, c)


@_far.register_fake
def _(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    return torch.empty_like(h)


@torch.library.custom_op("pyg_hyperbolic::gyro_add_backward", mutates_args=())
def _far_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    by_h, by_b, by_c = gradients(gyro_add, grad, h, b, c)
    return by_h, by_b, by_c


@_far_back.register_fake
def _(grad: Tensor, h: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.empty_like(h), torch.empty_like(b), torch.empty_like(c)


def _sum(h: Tensor, b: Tensor, c: Tensor, *products: Tensor) -> tuple[Tensor, Tensor]:
    return fused.summed(h, b, c, products)


def _far_sum(
    h: Tensor, b: Tensor, c: Tensor, *products: Tensor
) -> tuple[Tensor, Tensor]:
    return _far(h, b, c), torch.zeros_like(products[0])


def _sum_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, mm: Tensor, *products: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return bias.sum_back(grad, h, b, c, products, mm)


def _far_sum_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, mm: Tensor, *products: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return _far_back(grad, h, b, c)


class _BiasSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, b: Tensor, c: Tensor) -> Tensor:
        products = bias.products(h, b)
        near = fused.within_reach(products, c)
        out, mm = torch.cond(near, _sum, _far_sum, (h, b, c, *products))
        ctx.save_for_backward(near, h, b, c, mm, *products)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, ...]:
        near, *saved = ctx.saved_tensors
        return torch.cond(near, _sum_back, _far_sum_back, (grad, *saved))


def bias_sum(h: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """As :func:`pyg_hyperbolic.geometry.fused.bias_sum`."""
    dtype = h.dtype
    _, (h, b) = prepare(c, h, b)
    rows = h.reshape(-1, h.size(-1))
    with torch.autocast(h.device.type, enabled=False):
        out = _BiasSum.apply(rows, b, c)  # type: ignore[no-untyped-call]
    return out.view(h.shape).to(dtype)
