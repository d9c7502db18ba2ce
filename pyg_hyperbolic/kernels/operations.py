"""The operations, each with its schema, and its arguments made ready for a back end."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyg_hyperbolic.geometry.rows import (
    Curved,
    check_curvature,
    check_value,
    is_readable,
    recorded,
    wide_dtype,
)
from pyg_hyperbolic.kernels.graph import Graph
from pyg_hyperbolic.kernels.operator import Operator

_ROWS = "Tensor ptr, Tensor source, Tensor order"
_BOTH = f"{_ROWS}, Tensor reverse_ptr, Tensor target, Tensor reverse_order"


_gyro_add = Operator(
    "gyro_add", "Tensor u, Tensor v, Tensor c", 3, lambda u, v, c: u.shape
)
_lorentz_map = Operator(
    "lorentz_map",
    "Tensor h, Tensor x, Tensor time, Tensor? bias, Tensor c",
    5,
    lambda h, *_: h.shape,
    loops=["cpu"],
)
_midpoint = Operator(
    "midpoint",
    f"Tensor x, Tensor? bias, Tensor? weight, Tensor c, {_BOTH}",
    4,
    lambda x, bias, weight, c, ptr, *_: [ptr.shape[0] - 1, *x.shape[1:]],
)
_weighted_sum = Operator(
    "weighted_sum",
    f"Tensor x, Tensor? weight, {_BOTH}",
    2,
    lambda x, weight, ptr, *_: [ptr.shape[0] - 1, *x.shape[1:]],
    # points are read for the gradient of weights alone
    kept=lambda needed: (needed[1], True),
)
_log_sum = Operator(
    "log_sum",
    f"Tensor x, Tensor target, Tensor? weight, Tensor c, {_ROWS}",
    4,
    lambda x, target, *_: target.shape,
)
_dist = Operator(
    "dist",
    "Tensor u, Tensor v, Tensor c, Tensor first, Tensor second, bool squared",
    3,
    lambda u, v, c, first, *_: [first.shape[0], *u.shape[1:-1]],
)


def _ready(c: Curved, *points: Tensor) -> tuple[Tensor, list[Tensor]]:
    """c as a tensor, and points in the dtype to compute in: float32 or float64."""
    dtype = torch.float32
    for x in points:
        dtype = torch.promote_types(dtype, x.dtype)
    wide = wide_dtype(points[0].device)
    check_curvature(c)
    if isinstance(c, Tensor) and c.numel() > 0 and is_readable(c):
        least = float(c.detach().min())
        if least < 0:  # what is not a number stays so
            check_value(least)
    if isinstance(c, Tensor):
        c = c.to(wide)
    else:
        c = torch.full((), c, dtype=wide, device=points[0].device)  # waits for nothing
    return c, [x.to(dtype) for x in points]


def _check(name: str, got: Tensor, *shapes: Sequence[int]) -> None:
    """Raises where a loop would read beyond the end of an array."""
    # Numbers of axes first: torch.export takes a comparison of sizes for a promise.
    if all(
        got.dim() != len(shape) or list(got.shape) != list(shape) for shape in shapes
    ):
        expected = " or ".join(str(list(shape)) for shape in shapes)
        raise ValueError(
            f"'{name}' must have the shape {expected} (got {list(got.shape)})"
        )


def _check_points(name: str, x: Tensor) -> None:
    if x.dim() not in (2, 3):
        raise ValueError(
            f"'{name}' must have the shape [N, d] or [N, H, d] (got {list(x.shape)})"
        )


def _check_graph(x: Tensor, graph: Graph, weight: Tensor | None) -> None:
    _check_points("x", x)
    _check("x", x, [graph.num_sources, *x.shape[1:]])
    if weight is not None:
        edges = graph.source.shape[0]
        _check("weight", weight, [edges], [edges, 1], [edges, *x.shape[1:-1]])


def _check_curvature(c: Tensor, x: Tensor) -> None:
    if c.numel() != 1:
        _check("c", c, [], x.shape[1:-1])


def _both(graph: Graph, *points: Tensor | None) -> tuple[Tensor, ...]:
    """Rows, and columns if points have gradients: those are summed by source."""
    rows = graph.rows()
    # A trace is the same graph with and without gradients.
    if recorded() or (
        torch.is_grad_enabled()
        and any(x is not None and x.requires_grad for x in points)
    ):
        return *rows, *graph.columns()
    return *rows, *(3 * (rows[1].new_empty(0),))


def gyro_add(u: Tensor, v: Tensor, c: Curved) -> Tensor:
    r"""Gyro-sums :math:`u \oplus v`, see :func:`pyg_hyperbolic.geometry.gyro_add`.

    Args:
        u: Points, shape :math:`(N, d)` or :math:`(N, H, d)`.
        v: As many points, or one that is added to all, without the first axis.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
    """
    dtype = u.dtype
    c, (u, v) = _ready(c, u, v)
    _check_points("u", u)
    _check("v", v, u.shape, u.shape[1:])
    _check_curvature(c, u)
    return _gyro_add(u, v, c).to(dtype)


def lorentz_map(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Curved
) -> Tensor:
    """The Lorentz linear map, see :func:`pyg_hyperbolic.geometry.lorentz.lorentz_map`.

    Args:
        h: Linear images of points, shape :math:`(N, d')`.
        x: The points, shape :math:`(N, d)`.
        time: Column of the weight that is for the time, shape :math:`(d')`.
        bias: Translation of the space coordinates, shape :math:`(d')`.
        c: Absolute value of the curvature, shape :math:`()`.
    """
    dtype = h.dtype
    given = (h, x, time) if bias is None else (h, x, time, bias)
    c, (h, x, time, *rest) = _ready(c, *given)
    _check("h", h, [x.shape[0], h.shape[-1]])
    _check("x", x, [h.shape[0], x.shape[-1]])
    _check("time", time, h.shape[1:])
    _check("c", c, [])
    if rest:
        _check("bias", rest[0], h.shape[1:])
    return _lorentz_map(h, x, time, rest[0] if rest else None, c).to(dtype)


def midpoint(
    x: Tensor,
    graph: Graph,
    c: Curved,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    r"""Weighted midpoints of the neighbors :math:`x_j \oplus b` of every target.

    See :func:`pyg_hyperbolic.geometry.midpoint`.

    Args:
        x: Points that edges leave from, shape :math:`(N, d)` or :math:`(N, H, d)`.
        graph: The edges.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
        weight: Weights :math:`\ge 0`, shape :math:`(E)` or :math:`(E, H)`.
        bias: One point, added to each of them, shape :math:`(d)` or :math:`(H, d)`.

    Returns:
        Points, shape :math:`(M, d)` or :math:`(M, H, d)`; the origin for a target
        without edges.
    """
    dtype = x.dtype
    c, (x, *rest) = _ready(c, x, *(() if bias is None else (bias,)))
    bias = rest[0] if rest else None
    _check_graph(x, graph, weight)
    _check_curvature(c, x)
    if bias is not None:
        _check("bias", bias, x.shape[1:])
    return _midpoint(x, bias, weight, c, *_both(graph, x, bias, c)).to(dtype)


def weighted_sum(x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
    """Weighted sums of neighbors' vectors; arguments as in :func:`midpoint`."""
    dtype = x.dtype
    x = x.to(torch.promote_types(dtype, torch.float32))
    _check_graph(x, graph, weight)
    return _weighted_sum(x, weight, *_both(graph, x)).to(dtype)


def log_sum(
    x: Tensor, target: Tensor, graph: Graph, c: Curved, weight: Tensor | None = None
) -> Tensor:
    r"""Weighted sums of log maps, :math:`\sum_j w_{ij} ((-u_i) \oplus x_j)`.

    Args:
        x: Points that edges leave from, shape :math:`(N, d)` or :math:`(N, H, d)`.
        target: Points :math:`u_i` that they lead to, shape :math:`(M, d)` or
            :math:`(M, H, d)`.
        graph: The edges.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
        weight: Weights, shape :math:`(E)` or :math:`(E, H)`.

    Returns:
        Tangent vectors, transported to the origin, of the shape of the targets.
    """
    dtype = x.dtype
    c, (x, target) = _ready(c, x, target)
    _check_graph(x, graph, weight)
    _check_curvature(c, x)
    _check("target", target, [graph.num_targets, *x.shape[1:]])
    return _log_sum(x, target, weight, c, *graph.rows()).to(dtype)


def dist(u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor) -> Tensor:
    r"""Distances of pairs given by index, without a copy of their points.

    Args:
        u: Points, shape :math:`(N, d)` or :math:`(N, H, d)`.
        v: Points, shape :math:`(M, d)` or :math:`(M, H, d)`.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
        first: The pairs' points in :obj:`u`, shape :math:`(P)`.
        second: Those in :obj:`v`, shape :math:`(P)`.

    Returns:
        Distances, shape :math:`(P)` or :math:`(P, H)`.

    Raises:
        IndexError: If an index is out of range.
    """
    return _distances(u, v, c, first, second, squared=False)


def sqdist(u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor) -> Tensor:
    """Squared distances of pairs; arguments as in :func:`dist`."""
    return _distances(u, v, c, first, second, squared=True)


def _distances(
    u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor, squared: bool
) -> Tensor:
    dtype = u.dtype
    c, (u, v) = _ready(c, u, v)
    _check_points("u", u)
    _check("v", v, [v.shape[0], *u.shape[1:]])
    _check("first", first, [first.numel()])
    _check("second", second, first.shape)
    _check_curvature(c, u)
    return _dist(u, v, c, first, second, squared).to(dtype)
