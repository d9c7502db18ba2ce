"""Layers beside their formulas at all pairs of nodes, with all gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.nn import HGCNConv, HSAGEConv
from tests.nn.reference import Graph, assert_equal, hgcn, hsage, shaken
from tests.where import each

BACK = {"flow": "target_to_source"}
PLAIN = {"normalize": False}


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
        ({"curvature": 1e-12}, True),
        (BACK, False),
        ({**BACK, **PLAIN}, True),
    ],
)
def test_hgcn(
    graph: Graph, aggregation: str, options: dict[str, Any], weighted: bool
) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, **options)
    check(shaken(conv), graph, hgcn, weighted, **options)


def test_hgcn_with_the_sum_of_the_weights(graph: Graph) -> None:
    check(shaken(HGCNConv(3, 4, scale=True, **PLAIN)), graph, hgcn, True, **PLAIN)


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
    conv = shaken(HSAGEConv(3, 4, **options))
    check(conv, graph, hsage, weighted, **{**options, **PLAIN})


def test_hsage_of_two_sets_of_nodes_of_different_width() -> None:
    conv = HSAGEConv(-1, 4).double()
    x, y = torch.randn(4, 3).double(), torch.randn(2, 5).double()
    edge_index = torch.tensor([[0, 1, 3], [0, 0, 1]])
    dense = torch.tensor([[1, 1, 0, 0], [0, 0, 0, 1]], dtype=torch.float64)
    out = conv((x, y), edge_index)
    torch.testing.assert_close(out, hsage(conv, x, dense, y))
    # Without their features, targets are left out of the sum.
    alone = conv((x, None), edge_index, size=(4, 2))
    conv.root_weight = False
    torch.testing.assert_close(alone, hsage(conv, x, dense, y))
