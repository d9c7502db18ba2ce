from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGCNConv
from tests.where import each

FIXTURES = sorted((Path(__file__).parents[2] / "fixtures" / "hgcn").glob("*.npz"))

Reference = Callable[..., Tensor]


def build(*args: Any, **kwargs: Any) -> HGCNConv:
    """A layer in float64 whose bias is not zero."""
    conv = HGCNConv(*args, **kwargs).double()
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    return conv


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_tangent_reproduces_a_layer_of_the_original_and_its_gradients(
    path: Path,
) -> None:
    with np.load(path) as file:
        data = {name: file[name] for name in file.files}
    model, activation = str(data.pop("model")), str(data.pop("activation"))
    assert model in ("PoincareBall", "Hyperboloid") and len(FIXTURES) == 4
    t = {name: torch.from_numpy(value) for name, value in data.items()}
    conv = HGCNConv(
        t["v"].size(1),
        t["weight"].size(0),
        normalize=False,
        aggregation="tangent",
        curvature=t["c_in"].item(),
    ).double()
    with torch.no_grad():
        conv.lin.weight.copy_(t["weight"])
        conv.bias.copy_(t["bias"])
    # The derivative by c itself, not by the parameter behind it.
    c = conv.curvature().detach().requires_grad_()
    conv.curvature.forward = lambda *_: c
    v = t["v"].requires_grad_()
    out = conv(v, t["edge_index"], t["edge_weight"])
    out = out.relu() if activation == "relu" else out
    torch.testing.assert_close(out, t["out"], rtol=1e-9, atol=1e-9)
    grads = torch.autograd.grad(out, [v, conv.lin.weight, conv.bias, c], t["cotangent"])
    names = ["grad_v", "grad_weight", "grad_bias", "grad_c_in"]
    for grad, name in zip(grads, names, strict=True):
        expected = t[name].reshape(grad.shape)
        torch.testing.assert_close(grad, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "weighted"),
    [
        ({}, False),
        ({}, True),
        ({"improved": True}, True),
        ({"add_self_loops": False}, True),
        ({"normalize": False, "curvature": 0.2}, False),
        ({"bias": False, "curvature": 4.0}, True),
        ({"flow": "target_to_source"}, False),
        ({"flow": "target_to_source", "normalize": False}, True),
    ],
    ids=str,
)
def test_equals_the_dense_reference_with_its_gradients(
    graph: Any,
    adjacency: Callable[..., Tensor],
    reference: Reference,
    gradients: Callable[..., dict[str, Tensor]],
    aggregation: str,
    options: dict[str, Any],
    weighted: bool,
) -> None:
    conv = build(3, 4, aggregation=aggregation, **options)
    x = graph.x().requires_grad_()
    weight = graph.edge_weight.requires_grad_() if weighted else None
    out = conv(x, graph.edge_index, weight)
    kept = {k: v for k, v in options.items() if k not in ("curvature", "bias")}
    expected = reference(conv, x, adjacency(graph, weight, **kept))
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-11)
    actual = gradients(conv, out, x=x, edge_weight=weight)
    wanted = gradients(conv, expected, x=x, edge_weight=weight)
    torch.testing.assert_close(actual, wanted, rtol=1e-9, atol=1e-10)


def test_a_node_without_messages(graph: Any, aggregation: str) -> None:
    conv = build(3, 4, normalize=False, aggregation=aggregation)
    x = graph.x()
    alone = conv(x, graph.edge_index)[5]
    # The mean of no points is the origin; an empty step from a point leads nowhere.
    loop = conv(x[5:], torch.tensor([[0], [0]]))[0]
    expected = loop if aggregation == "local" else torch.zeros(4).double()
    torch.testing.assert_close(alone, expected)


@each("weighted", [False, True])
def test_without_curvature_it_is_the_euclidean_layer(
    graph: Any, adjacency: Callable[..., Tensor], aggregation: str, weighted: bool
) -> None:
    conv = build(3, 4, aggregation=aggregation, curvature=Curvature(1e-12))
    x, weight = graph.x(), graph.edge_weight if weighted else None
    out = conv(x, graph.edge_index, weight)
    h = x @ conv.lin.weight.T + conv.bias
    dense = adjacency(graph, weight)
    if aggregation == "midpoint":
        expected = (dense / dense.sum(dim=1, keepdim=True)) @ h
    elif aggregation == "tangent":
        expected = dense @ h
    else:  # h_i + sum_j w_ij (h_j - h_i)
        expected = h + dense @ h - dense.sum(dim=1, keepdim=True) * h
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


def test_float32_agrees_with_float64_farther_out(
    graph: Any, assert_close: Callable[..., None], aggregation: str
) -> None:
    conv, x, weight = build(3, 4, aggregation=aggregation), graph.x(), graph.edge_weight
    x = (2 if aggregation == "local" else 4) * x  # whose sums of log maps lead farther
    expected = conv(x, graph.edge_index, weight)
    single = conv.float()(x.float(), graph.edge_index, weight.float())
    assert_close(single, expected, factor=10.0)


@each(
    ("radius", "flow", "aggr"),
    [
        (8.0, "source_to_target", "add"),
        (30.0, "target_to_source", "mean"),
        (300.0, "source_to_target", "mean"),
    ],
)
def test_midpoints_far_out_equal_the_dense_reference(
    graph: Any,
    adjacency: Callable[..., Tensor],
    reference: Reference,
    gradients: Callable[..., dict[str, Tensor]],
    flow: str,
    radius: float,
    aggr: str,
) -> None:
    """Where the mean takes its second pass; also of a node twice as far as others."""
    conv = build(3, 3, bias=False, normalize=False, flow=flow, aggr=aggr)
    torch.nn.init.eye_(conv.lin.weight)
    x = graph.x()
    x = radius * x / x.norm(dim=-1, keepdim=True)
    x[2] *= 2
    x[3] = x[4]  # the only neighbors of node 0
    x.requires_grad_()
    weight = graph.edge_weight.requires_grad_()
    out = conv(x, graph.edge_index, weight)
    dense = adjacency(graph, weight, normalize=False, flow=flow)
    expected = reference(conv, x, dense)
    torch.testing.assert_close(out, expected, rtol=1e-12, atol=1e-12)
    actual = gradients(conv, out, x=x, edge_weight=weight)
    wanted = gradients(conv, expected, x=x, edge_weight=weight)
    torch.testing.assert_close(actual, wanted, rtol=1e-9, atol=1e-9)
