"""Midpoints times the sum of the weights: GCNConv where the space is flat."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCNConv

from pyg_hyperbolic import geometry
from pyg_hyperbolic.nn import HGCNConv, HyboNetConv
from tests.where import each


def twins(kind: Any, c: float, **options: Any) -> tuple[Any, GCNConv]:
    """A layer and a GCNConv with the same weights, and biases that are not 0."""
    conv = kind(3, 4, scale=True, curvature=c, **options).double()
    gcn = GCNConv(3, 4, **options).double()
    with torch.no_grad():
        if gcn.bias is not None:
            gcn.bias.normal_()
        if kind is HGCNConv:
            conv.load_state_dict(gcn.state_dict(), strict=False)
        else:
            conv.lin.space.weight.copy_(gcn.lin.weight)
            if gcn.bias is not None:
                conv.lin.bias.copy_(gcn.bias)
    return conv, gcn


@pytest.mark.parametrize("kind", [HGCNConv, HyboNetConv])
@each(
    ("options", "weighted", "watched"),
    [  # an isolated node, one without neighbors but a bias, and weights of any sum
        ({}, True, False),
        ({}, False, True),
        ({"normalize": False}, True, True),
        ({"improved": True}, True, False),
        ({"bias": False}, False, False),
    ],
)
def test_flat_limit_is_gcn(
    graph: Any, kind: Any, options: dict[str, Any], weighted: bool, watched: bool
) -> None:
    conv, gcn = twins(kind, 1e-14, **options)
    x = graph.x().requires_grad_()
    weight = graph.edge_weight.requires_grad_() if weighted else None
    if watched:
        conv.register_message_forward_hook(lambda module, given, out: None)
    out, expected = (f(x, graph.edge_index, weight) for f in (conv, gcn))
    torch.testing.assert_close(out, expected, rtol=1e-6, atol=1e-6)
    given = [x, weight] if weighted else [x]
    for ours, theirs in zip(
        torch.autograd.grad(out.sin().sum(), given),
        torch.autograd.grad(expected.sin().sum(), given),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_it_is_the_midpoint_times_the_sum(
    graph: Any, adjacency: Callable[..., Tensor]
) -> None:
    conv, _ = twins(HGCNConv, 0.7, normalize=False)
    x = graph.x()
    out = conv(x, graph.edge_index, graph.edge_weight)
    dense = adjacency(graph, graph.edge_weight, normalize=False)
    h, c = x @ conv.lin.weight.t(), conv.curvature()
    for i, weights in enumerate(dense):
        expected = torch.zeros(4).double()
        if weights.sum() > 0:
            expected = weights.sum() * geometry.midpoint(h, c, weights)
        expected = geometry.gyro_add(expected, conv.bias, c)
        torch.testing.assert_close(out[i], expected)


def test_weights_that_change_are_seen(graph: Any) -> None:
    conv, gcn = twins(HGCNConv, 1e-14, normalize=False)
    x, weight = graph.x(), graph.edge_weight
    for _ in range(2):
        torch.testing.assert_close(
            conv(x, graph.edge_index, weight), gcn(x, graph.edge_index, weight)
        )
        weight.mul_(1.7)
