"""Layers beside their formulas at all pairs of nodes, with all gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.nn import HGCNConv, HSAGEConv
from tests.nn.reference import Graph, assert_equal, hgcn, hsage
from tests.where import each

BACK = {"flow": "target_to_source"}
PLAIN = {"normalize": False}


def build(*args: Any, **kwargs: Any) -> HGCNConv:
    """A layer in float64 whose bias is not zero."""
    conv = HGCNConv(*args, **kwargs).double()
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    return conv


def check(
    conv: Any,
    graph: Graph,
    reference: Callable[..., Tensor],
    weighted: bool,
    **how: Any,
) -> None:
    x = graph.x().requires_grad_()
    weight = graph.edge_weight.requires_grad_() if weighted else None
    out = conv(x, graph.edge_index, edge_weight=weight)
    expected = reference(conv, x, graph.dense(weight, **how))
    assert_equal(conv, out, expected, 1e-11, x=x, edge_weight=weight)


@each(
    ("options", "weighted"),
    [
        ({}, False),
        ({}, True),
        ({"improved": True}, True),
        ({"add_self_loops": False}, True),
        ({**PLAIN, "curvature": 0.2}, False),
        ({"bias": False, "curvature": 4.0}, True),
        (BACK, False),
        ({**BACK, **PLAIN}, True),
    ],
)
def test_hgcn(
    graph: Graph, aggregation: str, options: dict[str, Any], weighted: bool
) -> None:
    conv = build(3, 4, aggregation=aggregation, **options)
    check(conv, graph, hgcn, weighted, **options)


def test_hgcn_with_the_sum_of_the_weights(graph: Graph) -> None:
    check(build(3, 4, scale=True, **PLAIN), graph, hgcn, True, **PLAIN)


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
def test_hsage(graph: Graph, options: dict[str, Any], weighted: bool) -> None:
    conv = HSAGEConv(3, 4, **options).double()
    if conv.lin_l.bias is not None:
        torch.nn.init.normal_(conv.lin_l.bias)
    check(conv, graph, hsage, weighted, **{**options, **PLAIN})


@each("lazy", [False, True])
def test_hsage_of_two_sets_of_nodes_of_different_width(lazy: bool) -> None:
    conv = HSAGEConv(-1 if lazy else (3, 5), 4).double()
    x, y = torch.randn(4, 3).double(), torch.randn(2, 5).double()
    edge_index = torch.tensor([[0, 1, 3], [0, 0, 1]])
    dense = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
    out = conv((x, y), edge_index)
    torch.testing.assert_close(out, hsage(conv, x, dense, y))
    # Without their features, targets are left out of the sum.
    alone = conv((x, None), edge_index, size=(4, 2))
    conv.root_weight = False
    torch.testing.assert_close(alone, hsage(conv, x, dense, y))


@each("weighted", [False, True])
def test_hgcn_without_curvature(graph: Graph, aggregation: str, weighted: bool) -> None:
    conv = build(3, 4, aggregation=aggregation, curvature=1e-12)
    x, weight = graph.x(), graph.edge_weight if weighted else None
    h, dense = x @ conv.lin.weight.T + conv.bias, graph.dense(weight)
    total = dense.sum(dim=1, keepdim=True)
    expected = dense @ h
    if aggregation == "midpoint":
        expected = expected / total
    elif aggregation == "local":  # h_i + sum_j w_ij (h_j - h_i)
        expected = h + expected - total * h
    out = conv(x, graph.edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
