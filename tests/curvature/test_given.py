"""A curvature that is given to a layer or a model is shared, and stays as it is."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.nn import SAGEConv

from pyg_hyperbolic import Curvature, curvature_report, nn
from pyg_hyperbolic.nn import models
from tests.where import each

LAYERS: dict[str, Callable[[Any], torch.nn.Module]] = {
    "CentroidDistance": lambda c: nn.CentroidDistance(3, 2, curvature=c),
    "FermiDiracEdges": lambda c: nn.FermiDiracEdges(c),
    "HGATConv": lambda c: nn.HGATConv(3, 2, curvature=c),
    "HGCNConv": lambda c: nn.HGCNConv(3, 2, curvature=c),
    "HLinear": lambda c: nn.HLinear(3, 2, curvature=c),
    "HSAGEConv": lambda c: nn.HSAGEConv(3, 2, curvature=c),
    "HyboNetConv": lambda c: nn.HyboNetConv(3, 2, curvature=c),
    "Hyperbolic": lambda c: nn.Hyperbolic(SAGEConv(3, 2), curvature=c),
    "HyperbolicAggregation": lambda c: nn.HyperbolicAggregation(c),
    "HyperbolicBatchNorm": lambda c: nn.HyperbolicBatchNorm(3, curvature=c),
    "HyperbolicLayerNorm": lambda c: nn.HyperbolicLayerNorm(3, curvature=c),
    "HyperbolicMLR": lambda c: nn.HyperbolicMLR(3, 2, curvature=c),
    "LorentzLinear": lambda c: nn.LorentzLinear(3, 2, curvature=c),
    "PoincareLinear": lambda c: nn.PoincareLinear(3, 2, curvature=c),
}
MODELS = ["HGAT", "HGCN", "HGraphSAGE", "HNN", "HyboNet"]
every = each("layer", LAYERS)
model = each("name", MODELS)


def trained() -> Curvature:
    """One that has learned: it is not where it started."""
    curvature = Curvature(0.5)
    with torch.no_grad():
        curvature.raw.fill_(2.0)
    return curvature


def test_all_that_takes_a_curvature_is_here() -> None:
    known = set(LAYERS) | set(MODELS)
    for name in nn.__all__:
        kind = getattr(nn, name)
        if isinstance(kind, type) and issubclass(kind, torch.nn.Module):
            # a number is passed to their calls
            takes = name not in ("FermiDiracDecoder", "HyperbolicEmbedding")
            takes = takes and not name.endswith("Loss")
            assert takes == (name in known), name


@every
def test_a_constructor_leaves_it_alone(layer: str) -> None:
    curvature = trained()
    built = LAYERS[layer](curvature)
    assert curvature.raw.item() == 2.0
    assert curvature in set(built.modules())


@every
def test_a_layer_resets_its_own(layer: str) -> None:
    built = LAYERS[layer](0.5)
    if not hasattr(built, "reset_parameters"):
        return
    (curvature,) = (c for c in built.modules() if isinstance(c, Curvature))
    with torch.no_grad():
        curvature.raw.fill_(2.0)
    built.reset_parameters()
    assert curvature().item() == pytest.approx(0.5, rel=1e-6)


def test_pyg_s_own_layer_leaves_it_alone() -> None:
    own = type("OwnSAGEConv", (SAGEConv,), {})  # see HyperbolicAggregation's note
    curvature = trained()
    own(3, 2, aggr=nn.HyperbolicAggregation(curvature))
    assert curvature.raw.item() == 2.0


@model
def test_layers_of_a_model_share_it(name: str) -> None:
    curvature = trained()
    built = getattr(models, name)(3, 4, 3, curvature=curvature)
    assert all(conv.curvature is curvature for conv in built.convs)
    assert curvature.raw.item() == 2.0
    built.reset_parameters()
    assert curvature().item() == pytest.approx(0.5, rel=1e-6)


@model
@each("shared", [False, True])
def test_a_number_is_where_each_layer_starts(name: str, shared: bool) -> None:
    built = getattr(models, name)(3, 4, 3, curvature=0.5, shared_curvature=shared)
    own = {id(conv.curvature) for conv in built.convs}
    assert len(own) == (1 if shared else 3)
    for conv in built.convs:
        assert conv.curvature().item() == pytest.approx(0.5, rel=1e-6)


@each("number", [2, np.float32(2), np.int64(2)])
def test_any_kind_of_number(number: Any) -> None:
    c = nn.HGCNConv(3, 2, curvature=number).curvature()
    assert c.item() == pytest.approx(2.0, rel=1e-6)


@each("aggregation", ["midpoint", "local"])
def test_a_projected_one_without_its_hook_is_told(aggregation: str) -> None:
    conv = nn.HGCNConv(
        3,
        2,
        curvature=Curvature(parametrization="projected"),
        aggregation=aggregation,
    )
    with torch.no_grad():
        conv.curvature.raw.fill_(-3.0)
    x, edge_index = torch.randn(4, 3), torch.tensor([[0, 1, 2], [1, 2, 3]])
    with pytest.raises(ValueError, match=r"got -3\.0\).*project_curvatures"):
        conv(x, edge_index)


@each("name", ["HyperbolicMLR", "PoincareLinear", "HLinear"])
def test_heads_refuse_a_negative_one_as_well(name: str) -> None:
    curvature = Curvature(parametrization="projected")
    head = LAYERS[name](curvature)
    with torch.no_grad():
        curvature.raw.fill_(-0.5)
    with pytest.raises(ValueError, match=r"got -0\.5\).*project_curvatures"):
        head(torch.randn(4, 3))
    assert "outside its bounds" in str(curvature_report(head))


@every
def test_a_list_of_one_number_is_that_number(layer: str) -> None:
    x, outs = torch.randn(4, 3), []
    for curvature in (0.7, [0.7]):
        torch.manual_seed(0)
        built = LAYERS[layer](curvature)
        graph = (torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]]),)
        takes_edges = hasattr(built, "propagate") or hasattr(built, "decoder")
        out = built(x, *(graph if takes_edges else ()))
        out.sin().sum().backward()
        (own,) = (c for c in built.modules() if isinstance(c, Curvature))
        outs.append((out, own.raw.grad.view(())))
    torch.testing.assert_close(outs[0], outs[1])


def test_one_number_in_a_list_is_that_of_all_heads() -> None:
    conv = nn.HGATConv(3, 2, heads=2, concat=False, curvature=[0.7])
    edges = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
    assert conv(torch.randn(4, 3), edges).shape == (4, 2)
