"""The operations: their schemas, and their arguments made ready for a back end."""

import torch
from torch import Tensor

from pyg_hyperbolic.checks import (
    check_device,
    check_floating,
    check_index,
    check_kind,
    check_real,
    check_shape,
    recorded,
)
from pyg_hyperbolic.geometry.rows import (
    Curved,
    check_curvature,
    check_points,
    wide_dtype,
)
from pyg_hyperbolic.kernels.graph import Graph
from pyg_hyperbolic.kernels.operator import Operator

# Arguments that come from a graph, see Graph.rows and Graph.columns.
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


def _ready(c: Curved, **points: Tensor) -> tuple[Tensor, list[Tensor], torch.dtype]:
    """Arguments checked, and in the dtypes to compute in.

    Args:
        c: Absolute value of the curvature.
        **points: Points by the user's names for them.

    Returns:
        c as a tensor in the wide dtype, points in float32 or float64, and the dtype of
        the result, which is that of the first points.
    """
    dtype = torch.promote_types(check_points(points), torch.float32)
    first = next(iter(points.values()))
    device = first.device
    check_curvature(c, device)
    wide = wide_dtype(device)
    if isinstance(c, Tensor):
        c = c.to(wide)
        c = c.reshape(()) if c.dim() > 0 and c.numel() == 1 else c
    else:
        c = torch.full((), c, dtype=wide, device=device)  # waits for nothing
    return c, [x.to(dtype) for x in points.values()], first.dtype


def _check_points(name: str, x: Tensor, heads: bool = True) -> None:
    if x.dim() != 2 and not (heads and x.dim() == 3):
        expected = "[N, d] or [N, H, d]" if heads else "[N, d]"
        raise ValueError(
            f"'{name}' must have the shape {expected} (got {list(x.shape)})"
        )


def _check_graph(x: Tensor, graph: Graph, weight: Tensor | None) -> None:
    _check_points("x", x)
    check_kind(graph, Graph, "graph", "; make one with kernels.graph_of")
    check_device(x.device, graph.source.device, "x", "'graph'")
    check_shape(x, "x", [graph.num_sources, *x.shape[1:]], fits="graph")
    if weight is not None:
        check_real(weight, "weight")
        check_device(weight.device, x.device, "weight", "'x'")
        edges = graph.source.shape[0]
        check_shape(weight, "weight", [edges], [edges, 1], [edges, *x.shape[1:-1]])


def _check_heads(c: Tensor, x: Tensor) -> None:
    """Raises if there is neither one curvature nor one for each head."""
    if c.dim() > 0:
        check_shape(c, "c", [], x.shape[1:-1])


def _both(graph: Graph, *points: Tensor | None) -> tuple[Tensor, ...]:
    """The rows of a graph; its columns if any point needs a gradient, else empty ones.

    Gradients of points are summed by source, hence along columns.
    """
    rows = graph.rows()
    # One trace serves with and without gradients.
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
        v: As many points, or one that is added to all and lacks the first axis.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
    """
    c, (u, v), dtype = _ready(c, u=u, v=v)
    _check_points("u", u)
    check_shape(v, "v", u.shape, u.shape[1:], fits="u")
    _check_heads(c, u)
    return _gyro_add(u, v, c).to(dtype)


def lorentz_map(
    h: Tensor, x: Tensor, time: Tensor, bias: Tensor | None, c: Curved
) -> Tensor:
    """The Lorentz linear map, see :func:`pyg_hyperbolic.geometry.lorentz.lorentz_map`.

    Args:
        h: Linear images of the points, shape :math:`(N, d')`.
        x: The points, shape :math:`(N, d)`.
        time: The weight's column for the time, shape :math:`(d')`.
        bias: Translation of the space coordinates, shape :math:`(d')`.
        c: Absolute value of the curvature, shape :math:`()`.
    """
    given = {"h": h, "x": x, "time": time}
    if bias is not None:
        given["bias"] = bias
    c, (h, x, time, *rest), dtype = _ready(c, **given)
    _check_points("h", h, heads=False)
    _check_points("x", x, heads=False)
    check_shape(h, "h", [x.shape[0], h.shape[-1]], fits="x")
    check_shape(time, "time", h.shape[1:], fits="h")
    check_shape(c, "c", [])
    if rest:
        check_shape(rest[0], "bias", h.shape[1:], fits="h")
    return _lorentz_map(h, x, time, rest[0] if rest else None, c).to(dtype)


def midpoint(
    x: Tensor,
    graph: Graph,
    c: Curved,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Tensor:
    r"""Weighted midpoints of every target's neighbors, each as :math:`x_j \oplus b`.

    See :func:`pyg_hyperbolic.geometry.midpoint`.

    Args:
        x: Points that edges leave from, shape :math:`(N, d)` or :math:`(N, H, d)`.
        graph: The edges.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
        weight: Weights :math:`\ge 0`, shape :math:`(E)` or :math:`(E, H)`.  They are
            not looked at: negative ones may give NaN.
        bias: The point :math:`b`, shape :math:`(d)` or :math:`(H, d)`.

    Returns:
        Points, shape :math:`(M, d)` or :math:`(M, H, d)`; the origin for a target
        without edges.
    """
    given = {"x": x} if bias is None else {"x": x, "bias": bias}
    c, (x, *rest), dtype = _ready(c, **given)
    bias = rest[0] if rest else None
    _check_graph(x, graph, weight)
    _check_heads(c, x)
    if bias is not None:
        check_shape(bias, "bias", x.shape[1:], fits="x")
    return _midpoint(x, bias, weight, c, *_both(graph, x, bias, c)).to(dtype)


def weighted_sum(x: Tensor, graph: Graph, weight: Tensor | None = None) -> Tensor:
    """Weighted sums of neighbors' vectors.

    Args:
        x: Vectors that edges leave from, shape :math:`(N, d)` or :math:`(N, H, d)`.
        graph: The edges.
        weight: Weights, shape :math:`(E)` or :math:`(E, H)`.

    Returns:
        Vectors, shape :math:`(M, d)` or :math:`(M, H, d)`.
    """
    check_floating(x, "x")
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
    c, (x, target), dtype = _ready(c, x=x, target=target)
    _check_graph(x, graph, weight)
    _check_heads(c, x)
    check_shape(target, "target", [graph.num_targets, *x.shape[1:]], fits="x")
    return _log_sum(x, target, weight, c, *graph.rows()).to(dtype)


def dist(u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor) -> Tensor:
    r"""Distances of pairs of points, which are given by their indices and not copied.

    Args:
        u: Points, shape :math:`(N, d)` or :math:`(N, H, d)`.
        v: Points, shape :math:`(M, d)` or :math:`(M, H, d)`.
        c: Absolute value of the curvature, shape :math:`()` or :math:`(H)`.
        first: Index in :obj:`u` of each pair's first point, shape :math:`(P)`.
        second: Index in :obj:`v` of its second point, shape :math:`(P)`.

    Returns:
        Distances, shape :math:`(P)` or :math:`(P, H)`.

    Raises:
        IndexError: If an index is out of range.
    """
    return _distances(u, v, c, first, second, squared=False)


def sqdist(u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor) -> Tensor:
    """Squared distances of pairs; arguments, result and errors as in :func:`dist`."""
    return _distances(u, v, c, first, second, squared=True)


def _distances(
    u: Tensor, v: Tensor, c: Curved, first: Tensor, second: Tensor, squared: bool
) -> Tensor:
    c, (u, v), dtype = _ready(c, u=u, v=v)
    _check_points("u", u)
    _check_points("v", v)
    check_shape(v, "v", [v.shape[0], *u.shape[1:]], fits="u")
    for name, index in (("first", first), ("second", second)):
        check_index(index, name)
        check_device(index.device, u.device, name, "'u'")
    check_shape(second, "second", first.shape, fits="first")
    _check_heads(c, u)
    return _dist(u, v, c, first, second, squared).to(dtype)
