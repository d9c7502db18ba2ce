"""Against the docstring's formula at all pairs of nodes."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from pyg_hyperbolic.nn import HSAGEConv
from tests.where import each


def build(*args: Any, **kwargs: Any) -> HSAGEConv:
    conv = HSAGEConv(*args, **kwargs).double()
    if conv.lin_l.bias is not None:
        torch.nn.init.normal_(conv.lin_l.bias)
    return conv


def reference(conv: HSAGEConv, x: Tensor, dense: Tensor, y: Tensor) -> Tensor:
    """The formula of the docstring, at all pairs of nodes."""
    c = conv.curvature()
    if conv.project:
        h = x @ conv.lin.weight.T
        x = geometry.gyro_add(h, conv.lin.bias, c).relu()
    if conv.aggr == "mean":
        out = geometry.midpoint(x.expand(len(dense), -1, -1), c, dense)
    elif conv.aggr == "add":
        out = dense @ x
    else:
        out = (dense[:, :, None] * x).masked_fill(dense[:, :, None] == 0, -torch.inf)
        out = torch.where((dense > 0).any(dim=1, keepdim=True), out.amax(dim=1), 0.0)
    out = out @ conv.lin_l.weight.T
    if conv.root_weight:
        out = geometry.gyro_add(out, y @ conv.lin_r.weight.T, c)
    if conv.lin_l.bias is not None:
        out = geometry.gyro_add(out, conv.lin_l.bias, c)
    return torch.nn.functional.normalize(out, dim=-1) if conv.normalize else out


@each("weighted", [False, True])
@each(
    "options",
    [
        {"aggr": "max"},
        {"aggr": "add"},
        {"normalize": True},
        {"root_weight": False},
        {"project": True},
        {"bias": False, "curvature": 0.2},
        {"flow": "target_to_source", "curvature": 4.0},
    ],
)
def test_equals_the_dense_reference_with_its_gradients(
    graph: Any,
    adjacency: Callable[..., Tensor],
    gradients: Callable[..., dict[str, Tensor]],
    options: dict[str, Any],
    weighted: bool,
) -> None:
    conv = build(3, 4, **options)
    x = graph.x().requires_grad_()
    weight = graph.edge_weight.requires_grad_() if weighted else None
    out = conv(x, graph.edge_index, edge_weight=weight)
    flow = options.get("flow", "source_to_target")
    dense = adjacency(graph, weight, normalize=False, flow=flow)
    expected = reference(conv, x, dense, x)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(
        gradients(conv, out, x=x, edge_weight=weight),
        gradients(conv, expected, x=x, edge_weight=weight),
        rtol=1e-8,
        atol=1e-9,
    )


@each("lazy", [False, True])
def test_two_sets_of_nodes_of_different_width(lazy: bool) -> None:
    conv = build(-1 if lazy else (3, 5), 4)
    x = torch.randn(4, 3, dtype=torch.float64)
    y = torch.randn(2, 5, dtype=torch.float64)
    edge_index = torch.tensor([[0, 1, 3], [0, 0, 1]])
    dense = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
    out = conv((x, y), edge_index)
    torch.testing.assert_close(out, reference(conv, x, dense, y))
    # Without their features, targets are left out of the sum.
    alone = conv((x, None), edge_index, size=(4, 2))
    conv.root_weight = False
    torch.testing.assert_close(alone, reference(conv, x, dense, y))
