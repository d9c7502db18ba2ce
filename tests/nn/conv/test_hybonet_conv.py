"""Against the hyperboloid's own formulas, in float64 and in many digits."""

from collections.abc import Callable
from typing import Any

import geoopt
import mpmath as mp
import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HyboNetConv, LorentzLinear
from tests.nn.reference import Graph, shaken
from tests.where import each


def dense_reference(conv: HyboNetConv, x: Tensor, adjacency: Tensor) -> Tensor:
    """The layer on the hyperboloid, with geoopt's exponential and logarithmic map."""
    c, lin = conv.curvature(), conv.lin
    root = c.sqrt()
    manifold = geoopt.Lorentz(k=(1 / c).detach())
    points = manifold.expmap0(pad(x, (1, 0)))
    # The weight acts on all d + 1 coordinates, the time first.
    space = points @ torch.cat([root * lin.time[:, None], lin.space.weight], dim=1).T
    if lin.bias is not None:
        space = space + lin.bias
    time = (space.square().sum(dim=-1, keepdim=True) + 1 / c).sqrt()
    if lin.bounded:
        gate = points[:, 1:] @ lin.gate.weight.t() + points[:, :1] * lin.gate_time
        gate = (root * gate + lin.gate_bias).sigmoid()
        time = (1.1 + lin.log_scale.exp() * gate) / root
        space = (time.square() - 1 / c).sqrt() * normalize(space, dim=-1)
    sums = adjacency @ torch.cat([time, space], dim=-1)
    inner = sums[:, 1:].square().sum(dim=-1) - sums[:, 0].square()
    centroid = sums / (-c * inner).sqrt()[:, None]
    return manifold.logmap0(centroid)[:, 1:]


@each("weighted", [False, True])
@each(
    "options",
    [
        {"improved": True},
        {"bias": False},
        {"curvature": 0.2, "flow": "target_to_source"},
        {"curvature": 4.0},
        {"bounded": True, "curvature": 0.2},
        {"bounded": True, "curvature": 4.0},
    ],
)
def test_equals_the_layer_on_the_hyperboloid(
    graph: Graph, options: dict[str, Any], weighted: bool
) -> None:
    conv = shaken(HyboNetConv(3, 4, **options))
    x, weight = graph.x(), graph.edge_weight if weighted else None
    expected = dense_reference(conv, x, graph.dense(weight, **options))
    out = conv(x, graph.edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)


@each("c", [1e-6, 0.3, 1.0, 20.0])
@each("radius", [0.0, 1e-8, 1e-2, 1.0, 10.0, 200.0, 1000.0])
def test_the_map_to_many_digits(
    assert_close: Callable[..., None], dtype: torch.dtype, c: float, radius: float
) -> None:
    layer = shaken(LorentzLinear(3, 3, curvature=Curvature(c))).to(dtype)
    direction = torch.tensor([0.36, -0.48, 0.8], dtype=torch.float64)
    x = (radius * direction).to(dtype)[None]
    weights = layer.map
    with mp.workdps(1000):
        root = mp.sqrt(mp.mpf(layer.curvature().item()))
        v = mp.matrix(x[0].tolist())
        a = root * mp.norm(v)
        y = mp.matrix(weights.space.weight.tolist()) * v * (mp.sinh(a) / a if a else 1)
        y += mp.cosh(a) * mp.matrix(weights.time.tolist())
        y += mp.matrix(weights.bias.tolist())
        norm = root * mp.norm(y)
        expected = [float(value) for value in mp.asinh(norm) / norm * y]
    assert_close(layer(x)[0], torch.tensor(expected, dtype=torch.float64))


def test_images_that_cancel_have_their_exact_gradient() -> None:
    layer = LorentzLinear(3, 3, bias=False).double()
    torch.nn.init.zeros_(layer.map.space.weight)
    radius = torch.tensor(3.0, dtype=torch.float64)
    layer(pad(radius.view(1, 1), (0, 2))).sum().backward()
    # At y = 0 the radius is that of y, with derivatives cosh(3) and sinh(3).
    torch.testing.assert_close(layer.map.time.grad, radius.cosh().expand(3))
    across = layer.map.space.weight.grad[:, 0]
    torch.testing.assert_close(across, radius.sinh().expand(3))


@each("scale", [1e-30, 1e3])
@each("radius", [20.0, 100.0, 300.0, 1000.0])
def test_images_out_of_scale_are_finite(
    assert_finite: Callable[..., None], dtype: torch.dtype, scale: float, radius: float
) -> None:
    layer = LorentzLinear(3, 3, bias=False).to(dtype)
    with torch.no_grad():
        layer.map.space.weight *= scale
    x = torch.tensor([[radius, 0.0, 0.0]], dtype=dtype, requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in layer.parameters()))


def test_without_curvature_it_is_a_mean_of_affine_images(graph: Graph) -> None:
    conv = shaken(HyboNetConv(3, 4, curvature=Curvature(1e-12)))
    x, weight = graph.x(), graph.edge_weight
    h = x @ conv.lin.space.weight.T + conv.lin.time + conv.lin.bias
    dense = graph.dense(weight)
    expected = (dense / dense.sum(dim=1, keepdim=True)) @ h
    out = conv(x, graph.edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_bounded_map_is_bounded_and_finite(dtype: torch.dtype) -> None:
    layer = shaken(LorentzLinear(3, 4, bounded=True, curvature=0.5)).to(dtype)
    c, cosh = layer.curvature(), 1.1 + layer.map.log_scale.double().exp()
    most = cosh.acosh() / c.sqrt()
    for scale in (0.0, 1e-20, 1.0, 30.0, 1e3):
        x = (scale * torch.randn(6, 3)).to(dtype).requires_grad_()
        out = layer(x)
        assert out.dtype == dtype and (out.norm(dim=-1) <= 1.02 * most).all()
        out.sin().sum().backward()
        assert all(x.grad.isfinite().all() for x in (x, *layer.parameters()))
    layer = LorentzLinear(3, 4, bounded=True)  # no direction at the origin
    assert not layer(torch.zeros(1, 3)).any()
