"""Any convolution of PyG is itself where the space of its messages is flat."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Linear
from torch_geometric.nn import conv as pyg

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import Hyperbolic
from pyg_hyperbolic.testing.graphs import FORMS
from tests.where import each

Build = Callable[[], pyg.MessagePassing]
# Those that take edge weights, features of edges, a relation of each, the first
# features again, or nothing but a graph.
WEIGHTED: dict[str, Build] = {
    "APPNP": lambda: pyg.APPNP(2, 0.1),
    "ARMAConv": lambda: pyg.ARMAConv(3, 4),
    "ChebConv": lambda: pyg.ChebConv(3, 4, 2),
    "GCNConv": lambda: pyg.GCNConv(3, 4),
    "GCNConv without normalization": lambda: pyg.GCNConv(3, 4, normalize=False),
    "GatedGraphConv": lambda: pyg.GatedGraphConv(4, 2),
    "GraphConv": lambda: pyg.GraphConv(3, 4),
    "GraphConv, mean": lambda: pyg.GraphConv(3, 4, aggr="mean"),
    "LEConv": lambda: pyg.LEConv(3, 4),
    "LGConv": lambda: pyg.LGConv(),
    "MixHopConv": lambda: pyg.MixHopConv(3, 4),
    "SGConv": lambda: pyg.SGConv(3, 4),
    "SSGConv": lambda: pyg.SSGConv(3, 4, 0.1),
    "SimpleConv": lambda: pyg.SimpleConv(),
    "TAGConv": lambda: pyg.TAGConv(3, 4),
}
OTHERS: dict[str, Build] = {
    "AGNNConv": lambda: pyg.AGNNConv(),
    "CGConv": lambda: pyg.CGConv(3),
    "ClusterGCNConv": lambda: pyg.ClusterGCNConv(3, 4),
    "EdgeConv": lambda: pyg.EdgeConv(Linear(6, 4), aggr="mean"),
    "FeaStConv": lambda: pyg.FeaStConv(3, 4),
    "FiLMConv": lambda: pyg.FiLMConv(3, 4),
    "GATConv": lambda: pyg.GATConv(3, 2, heads=2),
    "GATv2Conv": lambda: pyg.GATv2Conv(3, 2, heads=2),
    "GENConv": lambda: pyg.GENConv(3, 4, aggr="mean"),
    "GINConv": lambda: pyg.GINConv(Linear(3, 4)),
    "GeneralConv": lambda: pyg.GeneralConv(3, 4),
    "MFConv": lambda: pyg.MFConv(3, 4),
    "ResGatedGraphConv": lambda: pyg.ResGatedGraphConv(3, 4),
    "SAGEConv": lambda: pyg.SAGEConv(3, 4),
    "SAGEConv, add": lambda: pyg.SAGEConv(3, 4, aggr="add"),
    "SuperGATConv": lambda: pyg.SuperGATConv(3, 4),
    "TransformerConv": lambda: pyg.TransformerConv(3, 2, heads=2),
}
WITH_FEATURES: dict[str, Build] = {
    "GINEConv": lambda: pyg.GINEConv(Linear(3, 4), edge_dim=2),
    "GMMConv": lambda: pyg.GMMConv(3, 4, 2, 2),
    "NNConv": lambda: pyg.NNConv(3, 4, Linear(2, 12)),
    "PDNConv": lambda: pyg.PDNConv(3, 4, 2, 5),
}


def check(build: Build, *given: Any) -> bool:
    """Whether PyG's layer takes what is given; if so, ours gives the same."""
    torch.manual_seed(0)
    conv = build().double().eval()
    try:
        expected = copy.deepcopy(conv)(*given)
    except Exception:
        return False
    out = Hyperbolic(conv, curvature=Curvature(1e-12))(*given)
    torch.testing.assert_close(out, expected, rtol=1e-8, atol=1e-8)
    return True


def features(graph: Any, name: str) -> Tensor:
    x = graph.x()
    return torch.cat([x, x[:, :1]], dim=1) if name == "GatedGraphConv" else x


@each("name", {**WEIGHTED, **OTHERS})
def test_every_form_of_a_graph(graph: Any, name: str) -> None:
    build, x = {**WEIGHTED, **OTHERS}[name], features(graph, name)
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


@each("name", WITH_FEATURES)
def test_features_of_edges(graph: Any, name: str) -> None:
    attr = torch.rand(9, 2, dtype=torch.float64)
    assert check(WITH_FEATURES[name], graph.x(), graph.edge_index, attr)


def test_relations(graph: Any) -> None:
    relation = torch.tensor([0, 1, 2, 0, 1, 2, 0, 1, 2])
    assert check(lambda: pyg.RGCNConv(3, 4, 3), graph.x(), graph.edge_index, relation)


@each("build", [lambda: pyg.GCN2Conv(3, 0.1), lambda: pyg.FAConv(3)])
def test_first_features(graph: Any, build: Build) -> None:
    assert check(build, graph.x(), graph.x(), graph.edge_index)


def test_both_directions(graph: Any) -> None:
    """PyG's wrapper reads and sets settings of what it wraps."""
    wrapped = Hyperbolic(pyg.SAGEConv(3, 4), curvature=Curvature(1e-12))
    conv, twin = pyg.DirGNNConv(wrapped), pyg.DirGNNConv(pyg.SAGEConv(3, 4))
    names = {name.replace(".conv.", "."): name for name in conv.state_dict()}
    state = {k: conv.state_dict()[names[k]] for k in twin.state_dict()}
    twin.load_state_dict(state)
    assert not conv.conv_in.conv.root_weight
    x = graph.x(torch.float32)
    torch.testing.assert_close(conv(x, graph.edge_index), twin(x, graph.edge_index))


def test_nothing_of_a_graph_stays_behind(graph: Any) -> None:
    adjacency, _ = graph.form("coo", graph.edge_weight.requires_grad_())
    wrapped = Hyperbolic(pyg.SAGEConv(3, 4).double())
    loose = torch.sparse_coo_tensor(
        adjacency.indices(), adjacency.values(), adjacency.shape
    )
    expected = wrapped(graph.x(), adjacency)
    assert wrapped(graph.x(), loose).shape == expected.shape
    copy.deepcopy(wrapped)
    assert wrapped.conv._values is None


def test_a_curvature_that_is_set_is_the_messages() -> None:
    wrapped, other = Hyperbolic(pyg.SAGEConv(3, 4)), Curvature(5.0)
    wrapped.curvature = other
    assert wrapped.curvature is other
    assert sum("curvature" in name for name, _ in wrapped.named_parameters()) == 1
