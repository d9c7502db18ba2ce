"""What PyG's layers and models take, ours take: in the same order, from the same names.

A new argument upstream fails these tests, and is to be added to the whole family.
"""

import inspect
from typing import Any

import pytest
from torch_geometric.nn import GATConv, GCNConv, SAGEConv, global_mean_pool
from torch_geometric.nn.kge import ComplEx
from torch_geometric.nn.models import GAT, GCN, GraphSAGE
from torch_geometric.nn.models.basic_gnn import BasicGNN

from pyg_hyperbolic.nn import (
    HGAT,
    HGCN,
    HNN,
    HGATConv,
    HGCNConv,
    HGraphSAGE,
    HSAGEConv,
    HyboNet,
    HyboNetConv,
    hyperbolic_mean_pool,
)
from pyg_hyperbolic.nn.kge import AttH, MuRP, RefH, RotH

LAYERS = [
    (HGCNConv, GCNConv),
    (HyboNetConv, GCNConv),
    (HGATConv, GATConv),
    (HSAGEConv, SAGEConv),
]
MODELS = [(HGCN, GCN), (HGAT, GAT), (HGraphSAGE, GraphSAGE), (HyboNet, GCN), (HNN, GCN)]
KEYWORDS = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD)


def positional(function: Any) -> dict[str, Any]:
    """Names and defaults of the arguments that may be given by position."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind not in KEYWORDS}


@pytest.mark.parametrize(("ours", "theirs"), LAYERS)
def test_constructors(ours: Any, theirs: Any) -> None:
    expected, own = positional(theirs), positional(ours)
    # SAGEConv's default is spelled as the name that it has for it.
    assert list(own) == list(expected)
    assert own == expected
    extra = set(inspect.signature(ours).parameters) - set(expected)
    assert {"curvature", "validate", "kwargs"} <= extra


@pytest.mark.parametrize(("ours", "theirs"), LAYERS)
def test_calls(ours: Any, theirs: Any) -> None:
    expected, own = positional(theirs.forward), positional(ours.forward)
    assert list(own)[: len(expected)] == list(expected)
    # What is more is optional, and of the graph.
    assert set(own) - set(expected) <= {"size", "edge_weight"}


@pytest.mark.parametrize(("ours", "theirs"), MODELS)
def test_models(ours: Any, theirs: Any) -> None:
    assert positional(ours) == positional(theirs)
    assert positional(ours.forward) == positional(BasicGNN.forward)
    for name in ("supports_edge_weight", "supports_edge_attr"):
        if ours not in (HGraphSAGE, HNN):  # weights as well; no graph at all
            assert getattr(ours, name) == getattr(theirs, name)


def test_pooling() -> None:
    assert positional(hyperbolic_mean_pool) == {
        name: inspect.Parameter.empty if name == "batch" else default
        for name, default in positional(global_mean_pool).items()
    }


@pytest.mark.parametrize("ours", [AttH, MuRP, RefH, RotH])
def test_models_of_knowledge_graphs(ours: Any) -> None:
    assert positional(ours) == positional(ComplEx)
    for name in ("forward", "loss", "loader", "test", "random_sample"):
        assert positional(getattr(ours, name)) == positional(getattr(ComplEx, name))
