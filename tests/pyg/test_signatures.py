"""What PyG's layers and models take, ours take: in the same order, from the same names.

A new argument upstream fails these tests, and is to be added to the whole family.
"""

import inspect
from typing import Any

import pytest
from torch_geometric import nn as pyg
from torch_geometric.nn.models.basic_gnn import BasicGNN

from pyg_hyperbolic import nn
from pyg_hyperbolic.nn import kge

LAYERS = [
    (nn.HGCNConv, pyg.GCNConv),
    (nn.HyboNetConv, pyg.GCNConv),
    (nn.HGATConv, pyg.GATConv),
    (nn.HSAGEConv, pyg.SAGEConv),
]
MODELS = [
    (nn.HGCN, pyg.GCN),
    (nn.HGAT, pyg.GAT),
    (nn.HGraphSAGE, pyg.GraphSAGE),
    (nn.HyboNet, pyg.GCN),
    (nn.HNN, pyg.GCN),
]
KEYWORDS = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def positional(function: Any) -> dict[str, Any]:
    """Names and defaults of the arguments that may be given by position."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind not in KEYWORDS}


@pytest.mark.parametrize(("ours", "theirs"), LAYERS)
def test_layers(ours: Any, theirs: Any) -> None:
    expected = positional(theirs)
    assert list(positional(ours).items()) == list(expected.items())
    extra = set(inspect.signature(ours).parameters) - set(expected)
    assert {"curvature", "validate", "kwargs"} <= extra
    expected, own = positional(theirs.forward), positional(ours.forward)
    assert list(own)[: len(expected)] == list(expected)
    # What is more is optional, and of the graph.
    assert set(own) - set(expected) <= {"size", "edge_weight"}


@pytest.mark.parametrize(("ours", "theirs"), MODELS)
def test_models(ours: Any, theirs: Any) -> None:
    assert positional(ours) == positional(theirs)
    assert positional(ours.forward) == positional(BasicGNN.forward)
    if ours not in (nn.HGraphSAGE, nn.HNN):  # weights as well; no graph at all
        assert ours.supports_edge_weight == theirs.supports_edge_weight
        assert ours.supports_edge_attr == theirs.supports_edge_attr


def test_pooling() -> None:
    expected = positional(pyg.global_mean_pool)
    expected["batch"] = inspect.Parameter.empty
    assert positional(nn.hyperbolic_mean_pool) == expected


@pytest.mark.parametrize("ours", [kge.AttH, kge.MuRP, kge.RefH, kge.RotH])
def test_models_of_knowledge_graphs(ours: Any) -> None:
    theirs = pyg.ComplEx
    assert positional(ours) == positional(theirs)
    for name in ("forward", "loss", "loader", "test", "random_sample"):
        assert positional(getattr(ours, name)) == positional(getattr(theirs, name))
