"""Ten mistakes of published hyperbolic layers: a test fails where one is put in."""

import copy
import inspect
from typing import Any

import pytest
import torch
from torch import Tensor

import pyg_hyperbolic
from pyg_hyperbolic import geometry
from pyg_hyperbolic.nn import (
    HGAT,
    HGCN,
    HNN,
    FermiDiracDecoder,
    HGATConv,
    HGCNConv,
    HGraphSAGE,
    HSAGEConv,
    HyboNet,
    HyboNetConv,
    HyperbolicEmbedding,
)

CONVS = [HGATConv, HGCNConv, HSAGEConv, HyboNetConv]
MODELS = [HGAT, HGCN, HGraphSAGE, HNN, HyboNet]
EDGES = torch.tensor([[0, 1, 2, 2, 3, 4, 0], [1, 2, 0, 1, 1, 3, 4]])

conv = pytest.mark.parametrize("conv", CONVS, ids=lambda conv: conv.__name__)
model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


@conv
def test_1_memory_that_nobody_wrote_to(conv: Any, monkeypatch: Any) -> None:
    # A fresh layer on memory full of NaN, and one that is reset from NaN.
    empty = torch.empty

    def filled(*args: Any, **kwargs: Any) -> Tensor:
        return empty(*args, **kwargs).fill_(float("nan"))

    monkeypatch.setattr(torch, "empty", filled)
    monkeypatch.setattr("pyg_hyperbolic.nn.conv.hgcn_conv.empty", filled)
    layer = conv(3, 4)
    assert all(p.isfinite().all() for p in layer.parameters())
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(float("nan"))
    layer.reset_parameters()
    assert all(p.isfinite().all() for p in layer.parameters())


@pytest.mark.parametrize("conv", [HGCNConv, HyboNetConv])
def test_2_a_normalization_that_is_thrown_away(conv: Any) -> None:
    raw, normalized = conv(3, 4, normalize=False), conv(3, 4)
    normalized.load_state_dict(raw.state_dict())
    x = torch.randn(5, 3)
    assert not torch.allclose(raw(x, EDGES), normalized(x, EDGES), atol=1e-3)


@pytest.mark.parametrize("score", ["tangent", "distance"])
def test_3_a_softmax_over_one_entry(score: str) -> None:
    layer = HGATConv(3, 4, heads=2, score=score)
    out, (_, alpha) = layer(torch.randn(5, 3), EDGES, return_attention_weights=True)
    assert (alpha < 0.99).any()
    out.sin().sum().backward()
    learned = ("att_src", "att_dst") if score == "tangent" else ("log_beta",)
    assert all(getattr(layer, name).grad.abs().max() > 1e-5 for name in learned)


@conv
def test_4_weights_that_other_targets_share_in(conv: Any) -> None:
    layer, x = conv(3, 4), torch.randn(5, 3)
    twice = layer(torch.cat([x, x]), torch.cat([EDGES, EDGES + 5], dim=1))
    torch.testing.assert_close(twice, torch.cat(2 * [layer(x, EDGES)]))


def test_5_a_logarithm_at_the_wrong_end() -> None:
    layer = HGCNConv(3, 3, aggregation="local", normalize=False, bias=False)
    layer = layer.double()
    torch.nn.init.eye_(layer.lin.weight)
    u, v = torch.randn(2, 3, dtype=torch.float64)
    out = layer(torch.stack([u, v]), torch.tensor([[0], [1]]))[1]
    # exp at v of the logarithm of u at v is u: not so with the ends in another order.
    torch.testing.assert_close(out, u)
    c = layer.curvature()
    wrong = geometry.exp(v, geometry.log(u, v, c), c)
    assert not torch.allclose(wrong, u, atol=1e-2)


@model
def test_6_curvatures_that_the_model_does_not_know(model: Any) -> None:
    net = model(3, 8, 3, 2)
    names = [name for name in net.state_dict() if name.endswith("curvature.raw")]
    assert len(names) == 3
    assert {name for name, _ in net.named_parameters()} >= set(names)
    assert all(net.bfloat16().get_parameter(n).dtype == torch.bfloat16 for n in names)


@model
def test_7_dropout_of_points(model: Any) -> None:
    net = model(3, 8, 2, 2, dropout=0.8, curvature=4.0)
    out = net(50 * torch.randn(5, 3), EDGES)
    ball = geometry.to_poincare(out.double(), 4.0)
    assert out.isfinite().all() and (ball.norm(dim=-1) <= 0.5).all()


@model
def test_8_hidden_layers_without_a_gradient(model: Any) -> None:
    net = model(3, 8, 3, 2, act="tanh")
    net(torch.randn(5, 3), EDGES).sin().sum().backward()
    for name, parameter in net.named_parameters():
        if "weight" in name:
            assert parameter.grad is not None and parameter.grad.any(), name


def test_9_c_that_means_something_else_elsewhere() -> None:
    # Everywhere the absolute value of the curvature: larger c, larger distances.
    u, v = torch.tensor([1.0, 0.0]).double(), torch.tensor([0.0, 1.0]).double()
    at = [geometry.dist(u, v, c).item() for c in (0.0, 0.5, 2.0)]
    assert at == sorted(at) and at[0] == pytest.approx(2**0.5)
    square = [geometry.sqdist(u, v, c).item() for c in (0.0, 0.5, 2.0)]
    assert square == pytest.approx([d**2 for d in at])
    for c in (0.5, 2.0):  # the radius of the ball and the height of the hyperboloid
        far = geometry.to_poincare(1e3 * u, c)
        assert far.norm().item() == pytest.approx(c**-0.5)
        top = geometry.to_lorentz(0 * u, c)
        assert top[0].item() == pytest.approx(c**-0.5)
    decoder = FermiDiracDecoder()
    torch.testing.assert_close(decoder(u, v, 2.0).item(), 2 - at[2] ** 2)
    signs = [
        inspect.signature(getattr(pyg_hyperbolic.geometry, name)).parameters
        for name in pyg_hyperbolic.geometry.__all__
    ]
    assert all("c" in parameters for parameters in signs)


def test_10_a_kind_of_parameter_that_breaks_torch() -> None:
    for net in (HyperbolicEmbedding(5, 3), *(conv(3, 4) for conv in CONVS)):
        twin = copy.deepcopy(net)
        assert all(type(p) is torch.nn.Parameter for p in twin.parameters())
        assert sum(p.numel() for p in twin.parameters()) > 10
        optimizer = torch.optim.Adam(twin.parameters(), lr=0.1)
        for parameter in twin.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
        pairs = zip(net.parameters(), twin.parameters(), strict=True)
        assert not any(torch.equal(p, q) for p, q in pairs)
