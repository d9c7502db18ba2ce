"""Midpoints over a graph, for ``torch.compile``.

The bias, the sum over the edges and the way back are one operator with a derivative
written by hand, so that how they are computed can be decided in the graph, for both of
its passes: in float32 or in float64 by the formulas of
:mod:`pyg_hyperbolic.geometry.bias`, which the compiler fuses, or beyond their reach in
two passes, as an opaque operator.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.linalg import vecdot
from torch_geometric.utils import scatter

from pyg_hyperbolic.geometry import bias
from pyg_hyperbolic.geometry.compiled import gradients
from pyg_hyperbolic.geometry.compiling import keep
from pyg_hyperbolic.geometry.even import tanhc
from pyg_hyperbolic.geometry.fused import parts, reaches
from pyg_hyperbolic.geometry.gyro import gyro_add
from pyg_hyperbolic.geometry.rows import dot, prepare
from pyg_hyperbolic.nn.conv.edges import directed, repeated
from pyg_hyperbolic.nn.conv.second_pass import midpoints as two_passes

Tensors = tuple[Tensor, ...]
Branch = Callable[..., Tensors]


def _exact(
    ends: Tensor, num_targets: int, h: Tensor, b: Tensor, c: Tensor, weight: Tensor
) -> Tensor:
    points = gyro_add(h, b, c)
    out = two_passes(points, ends, weight, c, num_targets, "source_to_target")
    return out.to(h.dtype)


@torch.library.custom_op("pyg_hyperbolic::midpoints", mutates_args=())
def _far(
    h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor, num_targets: int
) -> Tensor:
    return _exact(ends, num_targets, h, b, c, weight)


@_far.register_fake
def _(
    h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor, num_targets: int
) -> Tensor:
    return h.new_empty(num_targets, h.size(1))


@torch.library.custom_op("pyg_hyperbolic::midpoints_backward", mutates_args=())
def _far_back(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    f = partial(_exact, ends, grad.size(0))
    by_h, by_b, by_c, by_weight = gradients(f, grad, h, b, c, weight)
    return by_h, by_b, by_c, by_weight


@_far_back.register_fake
def _(
    grad: Tensor, h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return (
        torch.empty_like(h),
        torch.empty_like(b),
        torch.empty_like(c),
        torch.empty_like(weight),
    )


def _lifted(h: Tensor, b: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Times and space parts m, each computed once."""
    at = bias.rows(bias.products(h, b), c)
    r = (at.at_b.s * b).to(h.dtype)
    m = torch.addcmul(r, h, bias.column(at.p, h))
    return keep(at.time.to(h.dtype)), keep(m)


def _sums(
    h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor, num_targets: int
) -> tuple[Tensor, Tensor]:
    """Weighted sums of times and of space parts."""
    time, m = _lifted(h, b, c)
    source, target = ends[0], ends[1]
    return (
        scatter(weight * time[source], target, 0, num_targets),
        scatter(weight[:, None] * m[source], target, 0, num_targets),
    )


def _forward(dtype: torch.dtype) -> Branch:
    """Midpoints, and the sums of times that belong to them."""

    def run(
        h: Tensor, b: Tensor, c: Tensor, weight: Tensor, ends: Tensor, targets: Tensor
    ) -> Tensors:
        wide = (h.to(dtype), b.to(dtype), c, weight.to(dtype))
        t, momentum = _sums(*wide, ends, targets.size(0))
        scale = bias.mean_scale(*parts(t, momentum), c)
        out = momentum * bias.column(scale, momentum)
        return out.to(h.dtype), t.double()

    return run


def _backward(dtype: torch.dtype, learned: bool) -> Branch:
    """Gradients by the points, bias, curvature and, if they are learned, weights."""

    def run(
        grad: Tensor,
        h: Tensor,
        b: Tensor,
        c: Tensor,
        weight: Tensor,
        ends: Tensor,
        out: Tensor,
        t: Tensor,
    ) -> Tensors:
        narrow, weight_dtype = h.dtype, weight.dtype
        grad, h, b, weight = (x.to(dtype) for x in (grad, h, b, weight))
        if dtype == narrow:  # the sums are known from what came of them
            scale = t * tanhc(c * dot(out, out)[:, 0])
            momentum = out * bias.column(scale, out)
        else:
            t, momentum = _sums(h, b, c, weight, ends, grad.size(0))
        slopes = bias.mean_back(grad, momentum, *parts(t, momentum), c)
        by_t = keep(slopes.time.to(dtype))
        by_momentum = grad * bias.column(slopes.grad, grad)
        by_momentum += momentum * bias.column(slopes.momentum, grad)
        by_momentum = keep(by_momentum)

        source, target = ends[0], ends[1]
        by_time = scatter(weight * by_t[target], source, 0, h.size(0))
        by_m = scatter(weight[:, None] * by_momentum[target], source, 0, h.size(0))
        known = bias.products(h, b)
        by_h, by_b, by_c = bias.lift_back(h, b, c, known, keep(by_time), keep(by_m))
        result = by_h.to(narrow), by_b.to(narrow), by_c + slopes.c
        if not learned:
            return result
        time, m = _lifted(h, b, c)
        by_weight = time[source] * by_t[target]
        by_weight += vecdot(m[source], by_momentum[target])
        return *result, by_weight.to(weight_dtype)

    return run


def _choose(levels: list[tuple[Tensor, Branch]], last: Branch, *inputs: Tensor) -> Any:
    """The first branch whose condition holds, or the last one."""
    if not levels:
        return last(*inputs)
    (near, branch), *rest = levels
    return torch.cond(near, branch, lambda *x: _choose(rest, last, *x), inputs)


class _Midpoints(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        h: Tensor,
        b: Tensor,
        c: Tensor,
        weight: Tensor,
        ends: Tensor,
        num_targets: int,
    ) -> Tensor:
        time = bias.rows(bias.products(h, b), c).time
        levels = [
            (dtype, (time <= math.cosh(r)).all()) for dtype, r in reaches(h.dtype)
        ]

        def far(*x: Tensor) -> Tensors:
            return _far(*x[:5], x[5].size(0)), torch.zeros_like(x[5])

        branches = [(near, _forward(dtype)) for dtype, near in levels]
        # Branches take tensors alone: one has the number of targets.
        targets = h.new_empty(num_targets, dtype=torch.float64)
        out, t = _choose(branches, far, h, b, c, weight, ends, targets)
        near = [x for _, x in levels]
        ctx.save_for_backward(*near, h, b, c, weight, ends, out, t)
        return out

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        levels = reaches(grad.dtype)
        saved, learned = ctx.saved_tensors, ctx.needs_input_grad[3]

        def far(*x: Tensor) -> Tensors:
            return _far_back(*x[:6])[: 4 if learned else 3]

        branches = [
            (near, _backward(dtype, learned))
            for near, (dtype, _) in zip(saved, levels, strict=False)
        ]
        out = _choose(branches, far, grad, *saved[len(levels) :])
        return *out, *([None] * (6 - len(out)))


def midpoints(
    h: Tensor,
    b: Tensor,
    edge_index: Tensor,
    edge_weight: Tensor | None,
    c: Tensor,
    num_targets: int,
    flow: str,
) -> Tensor:
    """The midpoints of every target's neighbors, each with the bias added.

    Args:
        h: Points that messages leave from, shape [*, N, F].
        b: Bias, shape [F].
        edge_index: Edge indices.
        edge_weight: Edge weights.
        c: Absolute value of the curvature.
        num_targets: Number of targets M.
        flow: Direction of the messages.

    Returns:
        Points, shape [*, M, F].
    """
    dtype, shape = h.dtype, h.shape
    _, (h, b) = prepare(c, h, b)
    ends, weight = directed(edge_index, edge_weight, flow)
    if weight is None:
        weight = h.new_ones(ends.size(1))
    copies = shape[:-2].numel()
    ends, weight = repeated(ends, weight, (shape[-2], num_targets), copies)
    rows = h.reshape(-1, shape[-1])
    with torch.autocast(h.device.type, enabled=False):
        out = _Midpoints.apply(  # type: ignore[no-untyped-call]
            rows, b, c, weight, ends, copies * num_targets
        )
    return out.view(*shape[:-2], num_targets, shape[-1]).to(dtype)
