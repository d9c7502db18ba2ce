"""Convolutions of PyG whose messages are averaged in hyperbolic space."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch.nn import Linear
from torch_geometric.nn import conv as pyg

from pyg_hyperbolic import Curvature, geometry
from pyg_hyperbolic.nn import HGCNConv, Hyperbolic
from pyg_hyperbolic.testing import check_conv
from pyg_hyperbolic.testing.graphs import FORMS
from tests.nn.reference import Graph
from tests.where import each

Build = Callable[[], pyg.MessagePassing]


def plain(*names: str) -> dict[str, Build]:
    """Those that are built from two widths alone."""
    return {name: partial(getattr(pyg, name), 3, 4) for name in names}


# Those that take edge weights, and those that take nothing but a graph.
WEIGHTED: dict[str, Build] = {
    **plain("ARMAConv", "GCNConv", "GraphConv", "LEConv", "MixHopConv", "SGConv"),
    **plain("TAGConv"),
    "APPNP": lambda: pyg.APPNP(2, 0.1),
    "ChebConv": lambda: pyg.ChebConv(3, 4, 2),
    "GCNConv without normalization": lambda: pyg.GCNConv(3, 4, normalize=False),
    "GatedGraphConv": lambda: pyg.GatedGraphConv(4, 2),
    "GraphConv, mean": lambda: pyg.GraphConv(3, 4, aggr="mean"),
    "LGConv": lambda: pyg.LGConv(),
    "SSGConv": lambda: pyg.SSGConv(3, 4, 0.1),
    "SimpleConv": lambda: pyg.SimpleConv(),
}
ALL: dict[str, Build] = {
    **WEIGHTED,
    **plain("ClusterGCNConv", "FeaStConv", "FiLMConv", "GeneralConv", "MFConv"),
    **plain("ResGatedGraphConv", "SAGEConv", "SuperGATConv"),
    "AGNNConv": lambda: pyg.AGNNConv(),
    "CGConv": lambda: pyg.CGConv(3),
    "EdgeConv": lambda: pyg.EdgeConv(Linear(6, 4), aggr="mean"),
    "GATConv": lambda: pyg.GATConv(3, 2, heads=2),
    "GATv2Conv": lambda: pyg.GATv2Conv(3, 2, heads=2),
    "GENConv": lambda: pyg.GENConv(3, 4, aggr="mean"),
    "GINConv": lambda: pyg.GINConv(Linear(3, 4)),
    "SAGEConv, add": lambda: pyg.SAGEConv(3, 4, aggr="add"),
    "TransformerConv": lambda: pyg.TransformerConv(3, 2, heads=2),
}
SOME = (
    *("FiLMConv", "GATv2Conv", "GCNConv", "GINConv"),
    *("SAGEConv", "TAGConv", "TransformerConv"),
)
# What is the convolution's own, and the curvature, whose parameter has another name.
OWN = {"bipartite", "static graphs", "message hooks", "masked edges", "to_hetero"}
OWN |= {"lazy", "repr", "errors", "curvature learns", "compile"}


@pytest.mark.parametrize("name", SOME)
def test_checks_that_ship(name: str) -> None:
    def build(*size: int, curvature: Any = 1.0) -> Hyperbolic:
        return Hyperbolic(ALL[name](), curvature=curvature)

    check_conv(build, skip=OWN)


@pytest.mark.parametrize("name", ["GCNConv without normalization", "TransformerConv"])
@pytest.mark.compile
def test_compiles_as_one_graph(name: str) -> None:
    check_conv(lambda *size: Hyperbolic(ALL[name]()), only=["compile"])


def check(build: Build, *given: Any) -> bool:
    """Whether PyG's layer takes what is given; if so, ours gives the same."""
    torch.manual_seed(0)
    conv = build().double().eval()
    try:
        expected = copy.deepcopy(conv)(*given)
    except Exception:
        return False
    wrapped = Hyperbolic(conv, curvature=1e-12)
    torch.testing.assert_close(wrapped(*given), expected, rtol=1e-8, atol=1e-8)
    return True


@each("name", SOME)
def test_both_scatter_implementations(
    graph: Graph, name: str, torch_scatter: bool
) -> None:
    x, conv = graph.x(), ALL[name]().double()
    assert check(ALL[name], x, graph.edge_index)
    # And with curvature it is another one.
    expected, curved = conv(x, graph.edge_index), Hyperbolic(conv)(x, graph.edge_index)
    assert (curved - expected).abs().max() > 1e-4


@each("name", ALL)
def test_every_form_of_a_graph(graph: Graph, name: str) -> None:
    build, x = ALL[name], graph.x()
    if name == "GatedGraphConv":
        x = torch.cat([x, x[:, :1]], dim=1)
    assert check(build, x, graph.edge_index)
    taken = 0
    for form in FORMS:
        taken += check(build, x, graph.form(form, None)[0])
        edge_index, weight = graph.form(form, graph.edge_weight)
        if weight is None:
            check(build, x, edge_index)
        elif name in WEIGHTED:
            taken += check(build, x, edge_index, weight)
    assert taken >= 3  # those of an EdgeIndex


@each(
    ("build", "what"),
    [
        (lambda: pyg.GINEConv(Linear(3, 4), edge_dim=2), "features"),
        (lambda: pyg.GMMConv(3, 4, 2, 2), "features"),
        (lambda: pyg.NNConv(3, 4, Linear(2, 12)), "features"),
        (lambda: pyg.PDNConv(3, 4, 2, 5), "features"),
        (lambda: pyg.RGCNConv(3, 4, 3), "relations"),
        (lambda: pyg.GCN2Conv(3, 0.1), "first"),
        (lambda: pyg.FAConv(3), "first"),
    ],
)
def test_other_arguments(graph: Graph, build: Build, what: str) -> None:
    """Features of edges, a relation of each, or the first features again."""
    x, edges = graph.x(), graph.edge_index
    given = {
        "features": (x, edges, torch.rand(9, 2, dtype=torch.float64)),
        "relations": (x, edges, torch.arange(9) % 3),
        "first": (x, graph.x(), edges),
    }
    assert check(build, *given[what])


@each("radius", [1.0, 30.0])
@each("aggr", ["add", "mean"])
def test_the_formula(graph: Graph, aggr: str, radius: float) -> None:
    wrapped = Hyperbolic(pyg.SimpleConv(aggr=aggr), curvature=0.7)
    x, weight = radius * graph.x(), graph.edge_weight
    out = wrapped(x, graph.edge_index, weight)
    source, target = graph.edge_index
    messages, c = weight[:, None] * x[source], wrapped.curvature()
    for i in range(6):  # of which one has one message, and one none
        own = messages[target == i]
        expected = torch.zeros(3, dtype=torch.float64)
        if len(own) > 0:
            expected = geometry.midpoint(own, c)
            expected = len(own) * expected if aggr == "add" else expected
        torch.testing.assert_close(out[i], expected, rtol=1e-10, atol=1e-10)


def test_every_head_has_a_space_of_its_own(graph: Graph) -> None:
    """Heads that compute the same give the same, whatever the others do."""
    wrapped = Hyperbolic(pyg.GATv2Conv(3, 2, heads=2, bias=False).double())
    x, conv = graph.x(), wrapped.conv
    expected = wrapped(x, graph.edge_index)[:, :2]
    with torch.no_grad():
        conv.lin_l.weight[2:] *= 3.0
        conv.att[:, 1] = 0.5
    out = wrapped(x, graph.edge_index)
    torch.testing.assert_close(out[:, :2], expected)
    assert not torch.allclose(out[:, 2:], expected)


def test_arguments_are_passed_on(graph: Graph) -> None:
    wrapped, x = Hyperbolic(pyg.GATv2Conv(3, 4).double()), graph.x()
    out, (edge_index, alpha) = wrapped(
        x, graph.edge_index, return_attention_weights=True
    )
    torch.testing.assert_close(out, wrapped(x, graph.edge_index))
    assert alpha.shape == (edge_index.size(1), 1)


@each(
    ("make", "message"),
    [
        (lambda: HGCNConv(3, 4), r"must not be hyperbolic already \(got HGCNConv\)"),
        (lambda: Hyperbolic(pyg.GCNConv(3, 4)).conv, "must not be hyperbolic already"),
        (lambda: pyg.SAGEConv(3, 4, aggr="max"), r"by a sum or a mean.*aggr='max'"),
        (
            lambda: pyg.PNAConv(3, 4, ["mean"], ["identity"], deg=torch.ones(3).long()),
            "by a sum or a mean",
        ),
        (lambda: pyg.GCNConv(3, 4, decomposed_layers=2), "must not split channels"),
        (lambda: pyg.EGConv(3, 4, num_heads=2, num_bases=2), "'aggregate' of its own"),
        (lambda: pyg.FastRGCNConv(3, 4, 2), "'aggregate' of its own"),
    ],
)
def test_what_it_refuses(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hyperbolic(make())


def test_both_directions(graph: Graph) -> None:
    """PyG's wrapper reads and sets settings of what it wraps."""
    wrapped = Hyperbolic(pyg.SAGEConv(3, 4), curvature=Curvature(1e-12))
    conv, twin = pyg.DirGNNConv(wrapped), pyg.DirGNNConv(pyg.SAGEConv(3, 4))
    names = {name.replace(".conv.", "."): name for name in conv.state_dict()}
    state = {k: conv.state_dict()[names[k]] for k in twin.state_dict()}
    twin.load_state_dict(state)
    assert not conv.conv_in.conv.root_weight
    x = graph.x(torch.float32)
    torch.testing.assert_close(conv(x, graph.edge_index), twin(x, graph.edge_index))


def test_nothing_of_a_graph_stays_behind(graph: Graph) -> None:
    adjacency, _ = graph.form("coo", graph.edge_weight.requires_grad_())
    wrapped = Hyperbolic(pyg.SAGEConv(3, 4).double())
    loose = torch.sparse_coo_tensor(
        adjacency.indices(), adjacency.values(), adjacency.shape
    )
    expected = wrapped(graph.x(), adjacency)
    assert wrapped(graph.x(), loose).shape == expected.shape
    copy.deepcopy(wrapped)  # which takes no tensor that has a gradient


def test_a_curvature_that_is_set_is_the_messages() -> None:
    wrapped, other = Hyperbolic(pyg.SAGEConv(3, 4)), Curvature(5.0)
    wrapped.curvature = other
    assert wrapped.curvature is other
    names = [name for name, _ in wrapped.named_parameters() if "curvature" in name]
    assert names == ["conv.aggr_module.curvature.raw"]
