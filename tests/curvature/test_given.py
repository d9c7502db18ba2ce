"""A curvature that is given to a layer or a model is shared, and stays as it is."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.init import constant_
from torch_geometric.nn import SAGEConv

from pyg_hyperbolic import Curvature, curvature_report, nn
from pyg_hyperbolic.nn import models
from tests.where import each

LAYERS: dict[str, Any] = {
    name: partial(getattr(nn, name), 3, 2)
    for name in (
        *("CentroidDistance", "HGATConv", "HGCNConv", "HLinear", "HSAGEConv"),
        *("HyboNetConv", "HyperbolicMLR", "LorentzLinear", "PoincareLinear"),
    )
} | {
    "FermiDiracEdges": nn.FermiDiracEdges,
    "Hyperbolic": lambda curvature: nn.Hyperbolic(SAGEConv(3, 2), curvature=curvature),
    "HyperbolicAggregation": nn.HyperbolicAggregation,
    "HyperbolicBatchNorm": partial(nn.HyperbolicBatchNorm, 3),
    "HyperbolicLayerNorm": partial(nn.HyperbolicLayerNorm, 3),
}
MODELS = ["HGAT", "HGCN", "HGraphSAGE", "HNN", "HyboNet"]
EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])
every = each("layer", LAYERS)
half = pytest.approx(0.5, rel=1e-6)


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
def test_a_constructor_leaves_it_alone_and_a_reset_does_not(layer: str) -> None:
    curvature = Curvature(0.5)
    constant_(curvature.raw, 2.0)  # it has learned
    built = LAYERS[layer](curvature=curvature)
    assert curvature.raw.item() == 2.0
    assert curvature in set(built.modules())
    built = LAYERS[layer](curvature=0.5)
    (own,) = (c for c in built.modules() if isinstance(c, Curvature))
    if hasattr(built, "reset_parameters"):
        constant_(own.raw, 2.0)
        built.reset_parameters()
    assert own().item() == half


@each("name", MODELS)
def test_layers_of_a_model(name: str) -> None:
    """One that is given is that of all, a number is where each layer starts."""
    kind, curvature = getattr(models, name), Curvature(0.5)
    constant_(curvature.raw, 2.0)
    built = kind(3, 4, 3, curvature=curvature)
    assert all(conv.curvature is curvature for conv in built.convs)
    assert curvature.raw.item() == 2.0
    built.reset_parameters()
    assert curvature().item() == half
    for shared, number in ((False, 3), (True, 1)):
        built = kind(3, 4, 3, curvature=0.5, shared_curvature=shared)
        assert len({conv.curvature for conv in built.convs}) == number
        assert all(conv.curvature().item() == half for conv in built.convs)


@every
def test_all_kinds_of_numbers_and_a_list_of_one(layer: str) -> None:
    x, outs = torch.randn(4, 3), []
    for curvature in (2.0, [2.0], np.float32(2), 2, np.int64(2)):
        torch.manual_seed(0)
        built = LAYERS[layer](curvature=curvature)
        takes_edges = hasattr(built, "propagate") or hasattr(built, "decoder")
        out = built(x, EDGES) if takes_edges else built(x)
        out.sin().sum().backward()
        (own,) = (c for c in built.modules() if isinstance(c, Curvature))
        outs.append((out, own.raw.grad.view(())))
    for other in outs[1:]:
        torch.testing.assert_close(other, outs[0])


def test_a_list_of_one_number_is_that_of_all_heads() -> None:
    conv = nn.HGATConv(3, 2, heads=2, concat=False, curvature=[0.7])
    assert conv(torch.randn(4, 3), EDGES).shape == (4, 2)


@each(
    ("kind", "options"),
    [
        (nn.HGCNConv, {}),
        (nn.HGCNConv, {"aggregation": "local"}),
        (nn.HyperbolicMLR, {}),
        (nn.PoincareLinear, {}),
        (nn.HLinear, {}),
    ],
)
def test_a_projected_one_without_its_hook_is_told(kind: Any, options: Any) -> None:
    head = kind(3, 2, curvature=Curvature(parametrization="projected"), **options)
    constant_(head.curvature.raw, -0.5)
    graph = (EDGES,) if kind is nn.HGCNConv else ()
    with pytest.raises(ValueError, match=r"got -0\.5\).*project_curvatures"):
        head(torch.randn(4, 3), *graph)
    assert "outside its bounds" in str(curvature_report(head))
