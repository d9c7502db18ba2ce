"""Against the hyperboloid's own formulas, in float64 and in many digits."""

from collections.abc import Callable
from typing import Any

import geoopt
import mpmath as mp
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HyboNetConv, LorentzLinear
from tests.where import each


def shaken(layer: Any) -> Any:
    weights = layer.lin if isinstance(layer, HyboNetConv) else layer.map
    torch.nn.init.normal_(weights.time, std=0.5)
    if weights.bias is not None:
        torch.nn.init.normal_(weights.bias, std=0.5)
    if weights.bounded:
        torch.nn.init.normal_(weights.gate_time)
        torch.nn.init.normal_(weights.gate_bias)
    return layer.double()


def lorentz_matrix(conv: HyboNetConv) -> Tensor:
    """The weight that acts on all d + 1 coordinates, the time first."""
    time = conv.curvature().sqrt() * conv.lin.time
    return torch.cat([time[:, None], conv.lin.space.weight], dim=1)


def dense_reference(conv: HyboNetConv, x: Tensor, adjacency: Tensor) -> Tensor:
    """The layer on the hyperboloid, with geoopt's exponential and logarithmic map."""
    c = conv.curvature()
    manifold = geoopt.Lorentz(k=(1 / c).detach())
    points = manifold.expmap0(torch.nn.functional.pad(x, (1, 0)))
    space = points @ lorentz_matrix(conv).T
    if conv.lin.bias is not None:
        space = space + conv.lin.bias
    time = (space.square().sum(dim=-1, keepdim=True) + 1 / c).sqrt()
    if conv.lin.bounded:
        lin, root = conv.lin, c.sqrt()
        gate = root * (
            points[:, 1:] @ lin.gate.weight.t() + points[:, :1] * lin.gate_time
        )
        gate = (gate + lin.gate_bias).sigmoid()
        time = (1.1 + lin.log_scale.exp() * gate) / root
        length = (time.square() - 1 / c).sqrt()
        space = length * space / space.norm(dim=-1, keepdim=True)
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
    graph: Any,
    adjacency: Callable[..., Tensor],
    options: dict[str, Any],
    weighted: bool,
) -> None:
    conv = shaken(HyboNetConv(3, 4, **options))
    x, weight = graph.x(), graph.edge_weight if weighted else None
    kept = {k: options[k] for k in ("improved", "flow") if k in options}
    expected = dense_reference(conv, x, adjacency(graph, weight, **kept))
    out = conv(x, graph.edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)


def test_the_map_is_that_of_the_original_at_curvature_one() -> None:
    """Their matrix acts on (time, space), then the time is restored."""
    layer = shaken(LorentzLinear(3, 4))
    layer.curvature.reset_parameters()  # in double precision
    x = torch.randn(5, 3, dtype=torch.float64)
    radius = x.norm(dim=-1, keepdim=True)
    points = torch.cat([radius.cosh(), radius.sinh() / radius * x], dim=-1)
    weight = torch.cat([layer.map.time[:, None], layer.map.space.weight], dim=1)
    y = torch.nn.functional.linear(points, weight, layer.map.bias)
    expected = (y.norm(dim=-1, keepdim=True)).asinh() / y.norm(dim=-1, keepdim=True) * y
    torch.testing.assert_close(layer(x), expected, rtol=1e-12, atol=1e-12)


@each("c", [1e-6, 0.3, 1.0, 20.0])
@each("radius", [0.0, 1e-8, 1e-2, 1.0, 10.0, 200.0, 1000.0])
def test_the_map_to_many_digits(
    assert_close: Callable[..., None], dtype: torch.dtype, c: float, radius: float
) -> None:
    layer = shaken(LorentzLinear(3, 3, curvature=Curvature(c))).to(dtype)
    direction = torch.tensor([0.36, -0.48, 0.8], dtype=torch.float64)
    x = (radius * direction).to(dtype)[None]
    out = layer(x)[0]
    with mp.workdps(1000):
        root = mp.sqrt(mp.mpf(layer.curvature().item()))
        v = [mp.mpf(value) for value in x[0].tolist()]
        a = root * mp.sqrt(sum(value**2 for value in v))
        factor = mp.sinh(a) / a if a else mp.mpf(1)
        y = [
            factor * sum(mp.mpf(w) * value for w, value in zip(row, v, strict=True))
            + mp.cosh(a) * t
            + b
            for row, t, b in zip(
                layer.map.space.weight.tolist(),
                layer.map.time.tolist(),
                layer.map.bias.tolist(),
                strict=True,
            )
        ]
        norm = mp.sqrt(sum(value**2 for value in y))
        scale = mp.asinh(root * norm) / (root * norm)
        expected = [float(scale * value) for value in y]
    assert_close(out, torch.tensor(expected, dtype=torch.float64))


def test_images_that_cancel_have_their_exact_gradient() -> None:
    layer = LorentzLinear(3, 3, bias=False).double()
    torch.nn.init.zeros_(layer.map.space.weight)
    x = torch.tensor([[3.0, 0.0, 0.0]], dtype=torch.float64)
    layer(x).sum().backward()
    # At y = 0 the radius is that of y, with derivatives cosh(3) and sinh(3).
    cosh = torch.full((3,), 3.0, dtype=torch.float64).cosh()
    sinh = torch.full((3,), 3.0, dtype=torch.float64).sinh()
    torch.testing.assert_close(layer.map.time.grad, cosh)
    torch.testing.assert_close(layer.map.space.weight.grad[:, 0], sinh)


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


def test_without_curvature_it_is_a_mean_of_affine_images(
    graph: Any, adjacency: Callable[..., Tensor]
) -> None:
    conv = shaken(HyboNetConv(3, 4, curvature=Curvature(1e-12)))
    x, weight = graph.x(), graph.edge_weight
    h = x @ conv.lin.space.weight.T + conv.lin.time + conv.lin.bias
    dense = adjacency(graph, weight)
    expected = (dense / dense.sum(dim=1, keepdim=True)) @ h
    out = conv(x, graph.edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)


def test_lorentz_linear_as_a_module() -> None:
    layer = LorentzLinear(-1, 4, bias=False, curvature=0.5)
    assert repr(layer) == "LorentzLinear(-1, 4, bias=False)"
    x = torch.randn(2, 5, 3)
    assert layer(x).shape == (2, 5, 4)
    shared = Curvature(0.5)
    assert LorentzLinear(3, 4, curvature=shared).curvature is shared
    torch.nn.init.ones_(layer.map.time)
    layer.reset_parameters()
    assert torch.equal(layer.map.time, torch.zeros(4))
    twin = LorentzLinear(3, 4, bias=False)
    twin.load_state_dict(layer.state_dict())
    assert torch.equal(twin(x), layer(x))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_bounded_map_is_bounded_and_finite(dtype: torch.dtype) -> None:
    layer = shaken(LorentzLinear(3, 4, bounded=True, curvature=0.5)).to(dtype)
    most = (1.1 + layer.map.log_scale.double().exp()).acosh() / 0.5**0.5
    for scale in (0.0, 1e-20, 1.0, 30.0, 1e3):
        x = (scale * torch.randn(6, 3)).to(dtype).requires_grad_()
        out = layer(x)
        assert out.dtype == dtype and (out.norm(dim=-1) <= 1.02 * most).all()
        out.sin().sum().backward()
        assert x.grad.isfinite().all()
        assert all(p.grad.isfinite().all() for p in layer.parameters())
    layer = LorentzLinear(3, 4, bounded=True)  # no direction at the origin
    assert not layer(torch.zeros(1, 3)).any()
