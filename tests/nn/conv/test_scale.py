"""Midpoints times the sum of the weights: GCNConv where the space is flat."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import GCNConv

from pyg_hyperbolic import geometry
from pyg_hyperbolic.nn import HGCNConv, HyboNetConv

# An isolated node, one without neighbors but a bias, and weights of any sum.
OPTIONS = [{}, {"normalize": False}, {"improved": True}, {"bias": False}]


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
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_flat_limit_is_gcn(
    graph: Any, kind: Any, options: dict[str, Any], weighted: bool, watched: bool
) -> None:
    if options.get("improved") and not weighted:
        pytest.skip("PyG's normalization ignores it without weights")
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


@pytest.mark.parametrize("node_dim", [0, -2])
def test_static_graphs(graph: Any, node_dim: int) -> None:
    conv, gcn = twins(HGCNConv, 1e-14, node_dim=node_dim)
    x = torch.randn(2, 6, 3).double().movedim(1, node_dim)
    out = conv(x, graph.edge_index).movedim(node_dim, 1)
    for part, points in zip(out, x.movedim(node_dim, 1), strict=True):
        torch.testing.assert_close(part, gcn(points, graph.edge_index))


@pytest.mark.parametrize("aggregation", ["tangent", "local"])
def test_sums_are_not_scaled(aggregation: str) -> None:
    with pytest.raises(ValueError, match=r"'scale' is for aggregation='midpoint'.*got"):
        HGCNConv(3, 4, aggregation=aggregation, scale=True)
