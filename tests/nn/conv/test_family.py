"""The checks that ship, on every convolution here, and what this family alone has."""

from functools import partial
from typing import Any

import pytest
import torch
from torch_geometric.nn import GATConv, GCNConv, SAGEConv

from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv
from pyg_hyperbolic.testing import CONV_CHECKS, check_conv
from tests.nn.reference import Graph, shaken
from tests.where import each

plain_gcn = partial(HGCNConv, normalize=False)
plain_gat = partial(HGATConv, add_self_loops=False)
gcn, gat = partial(GCNConv, normalize=False), partial(GATConv, add_self_loops=False)
# Attention is that of one graph, as in GATConv.
ONE_GRAPH = {"skip": ("static graphs",)}
# A layer that normalizes takes no pairs, and a mask changes no degree.
SQUARE = ("bipartite", "masked edges", "to_hetero", "compile")
# In float32 derivatives of the log map at a target farther out exceed all numbers.
NEAR = (0.0, 1e-8, 1.0, 30.0, 59.0)
CONVS: dict[str, dict[str, Any]] = {
    "HGCNConv": {"build": plain_gcn},
    "HGCNConv scale": {"build": partial(plain_gcn, scale=True), "twin": gcn},
    "HGCNConv tangent": {"build": partial(plain_gcn, aggregation="tangent")},
    "HGCNConv local": {"build": partial(plain_gcn, aggregation="local"), "radii": NEAR},
    "HGCNConv normalized": {"build": HGCNConv, "skip": SQUARE},
    "HGCNConv local normalized": {
        "build": partial(HGCNConv, aggregation="local"),
        "radii": NEAR[:-1],
        "skip": SQUARE,
    },
    "HGATConv": {"build": plain_gat, "twin": gat, **ONE_GRAPH},
    "HGATConv v2": {"build": partial(plain_gat, score="v2"), **ONE_GRAPH},
    "HGATConv distance": {"build": partial(plain_gat, score="distance"), **ONE_GRAPH},
    "HGATConv heads": {
        "build": partial(plain_gat, heads=2, concat=False),
        "twin": partial(gat, heads=2, concat=False),
        **ONE_GRAPH,
    },
    "HSAGEConv": {"build": HSAGEConv, "twin": SAGEConv},
    "HSAGEConv max": {
        "build": partial(HSAGEConv, aggr="max"),
        "twin": partial(SAGEConv, aggr="max"),
        "skip": ("masked edges",),  # a mask makes zeros, which may be the largest
    },
    "HyboNetConv": {"build": partial(HyboNetConv, normalize=False)},
    "HyboNetConv normalized": {"build": HyboNetConv, "skip": SQUARE},
}
CASES = [
    pytest.param(name, check, marks=[pytest.mark.compile] if check == "compile" else [])
    for name, given in CONVS.items()
    for check in CONV_CHECKS
    if check not in given.get("skip", ())
]
family = pytest.mark.parametrize("layer", [HGATConv, HGCNConv, HSAGEConv, HyboNetConv])
weighing = pytest.mark.parametrize("layer", [HGCNConv, HSAGEConv, HyboNetConv])


@pytest.mark.parametrize(("name", "check"), CASES)
def test_checks_that_ship(name: str, check: str) -> None:
    check_conv(**CONVS[name], only=[check])


@family
def test_propagate_is_the_generated_one(graph: Graph, layer: Any) -> None:
    """PyG falls back to a slower one without a word if it can't write the code."""
    conv = layer(3, 4)
    conv(graph.x(torch.float32), graph.edge_index)
    assert conv.propagate.__module__.endswith(f"{layer.__name__}_propagate")


@each("name", ["HGCNConv local", "HGCNConv tangent", "HGATConv", "HSAGEConv max"])
def test_both_scatter_implementations_agree(
    graph: Graph, name: str, torch_scatter: bool
) -> None:
    conv, x = shaken(CONVS[name]["build"](3, 4)), graph.x()
    out = conv(x, graph.edge_index)
    adjacency, _ = graph.form("csr", None)  # summed by torch itself
    torch.testing.assert_close(out, conv(x, adjacency))


@each("layout", [torch.sparse_csr, torch.sparse_coo])
@each("name", ["HGCNConv", "HGCNConv local", "HyboNetConv"])
def test_sparse_features(graph: Graph, name: str, layout: torch.layout) -> None:
    conv, x = CONVS[name]["build"](-1, 4).double(), graph.x().relu()
    out = conv(x.to_sparse(layout=layout), graph.edge_index)
    torch.testing.assert_close(out, conv(x, graph.edge_index))


@each("far", [80.0, 140.0])
def test_local_points_far_out_in_float64(far: float) -> None:
    conv = shaken(plain_gcn(3, 3, aggregation="local"))
    x = far * torch.nn.functional.normalize(torch.randn(6, 3).double(), dim=-1)
    x.requires_grad_()
    out = conv(x, torch.tensor([[0, 1, 2], [1, 2, 3]]))
    out.sin().sum().backward()
    assert out.isfinite().all() and x.grad.isfinite().all()


@family
def test_validation_of_numbers(graph: Graph, layer: Any) -> None:
    conv, x = layer(3, 4, validate=True), graph.x(torch.float32)
    for wrong in (float("nan"), float("inf")):
        x[2, 1] = wrong
        with pytest.raises(ValueError, match=r"'x' must be finite \(got 1 entries"):
            conv(x, graph.edge_index)


@weighing
def test_weights_in_a_column_and_negative_ones(graph: Graph, layer: Any) -> None:
    conv, x = layer(3, 4, validate=True), graph.x(torch.float32)
    weight = graph.edge_weight.float()
    torch.testing.assert_close(
        conv(x, graph.edge_index, edge_weight=weight[:, None]),
        conv(x, graph.edge_index, edge_weight=weight),
    )
    with pytest.raises(ValueError, match=r"'edge_weight' must not be negative"):
        conv(x, graph.edge_index, edge_weight=-weight)


@each(
    "name",
    ["HGCNConv", "HGCNConv tangent", "HGCNConv local", "HSAGEConv", "HyboNetConv"],
)
def test_nodes_along_any_axis(graph: Graph, name: str) -> None:
    build, x = CONVS[name]["build"], torch.randn(2, 6, 3).double()
    conv = shaken(build(3, 4))
    given = {"edge_index": graph.edge_index, "edge_weight": graph.edge_weight}
    expected = torch.stack([conv(part, **given) for part in x])
    for node_dim in (0, 1, -3, -2):
        axis = build(3, 4, node_dim=node_dim).double()
        axis.load_state_dict(conv.state_dict())
        for _ in range(2):
            out = axis(x.movedim(1, node_dim), **given)
            torch.testing.assert_close(out.movedim(node_dim, 1), expected)
            # The second time by messages.
            axis.register_message_forward_hook(lambda module, given, out: None)
        if node_dim > 0:
            with pytest.raises(ValueError, match=r"'node_dim' must not be the last ax"):
                axis(x[0], graph.edge_index)
