"""Layers without a graph: all of them as modules, each by its published formula."""

import copy
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import linear, normalize

from pyg_hyperbolic.geometry import dist, hyperplane_dist, to_lorentz, to_poincare
from pyg_hyperbolic.nn import (
    CentroidDistance,
    HLinear,
    HyboNetConv,
    HyperbolicEmbedding,
    HyperbolicMLR,
    LorentzLinear,
    PoincareLinear,
)
from tests.nn.reference import shaken
from tests.where import each

hyperplane_form = partial(LorentzLinear, form="hyperplane")
LAYERS: dict[str, Callable[..., Any]] = {
    "HLinear": HLinear,
    "PoincareLinear": PoincareLinear,
    "HyperbolicMLR": HyperbolicMLR,
    "CentroidDistance": CentroidDistance,
    "LorentzLinear": LorentzLinear,
    "LorentzLinear bounded": partial(LorentzLinear, bounded=True),
    "LorentzLinear hyperplane": hyperplane_form,
    "LorentzLinear hyperplane without bias": partial(hyperplane_form, bias=False),
}
every = each("name", LAYERS)


@every
def test_any_radius_is_a_number(name: str, dtype: torch.dtype) -> None:
    layer = shaken(LAYERS[name](4, 3)).to(dtype)
    for radius in (0.0, 1e-20, 1e-3, 1.0, 30.0, 300.0, 1e3):
        x = radius * normalize(torch.randn(6, 4), dim=-1)
        x = x.to(dtype).requires_grad_()
        out = layer(x)
        assert out.isfinite().all()
        if "hyperplane" in name:
            assert out.norm(dim=-1).max() < 10 * (1 + radius)
        grads = torch.autograd.grad(out.sin().sum(), [x, *layer.parameters()])
        assert all(grad.isfinite().all() for grad in grads), radius


@every
def test_half_precision(name: str) -> None:
    layer, x = shaken(LAYERS[name](4, 3)), torch.randn(6, 4, dtype=torch.float64)
    expected, out = layer(x), layer.bfloat16()(x.bfloat16())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.double(), expected, rtol=0.1, atol=0.1)


@every
def test_copies_and_resets(name: str) -> None:
    layer = shaken(LAYERS[name](4, 3, curvature=0.5))
    x = torch.randn(2, 6, 4, dtype=torch.float64)
    loaded = LAYERS[name](4, 3).double()
    loaded.load_state_dict(layer.state_dict())
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), loaded):
        torch.testing.assert_close(twin(x), layer(x))
    assert layer(x).shape == (2, 6, 3)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7.0)
    layer.reset_parameters()
    assert layer.curvature().item() == pytest.approx(0.5)
    assert all((p != 7).all() for p in layer.parameters())
    assert f"{name.split()[0]}(4, 3" in repr(layer)


@each("name", [name for name in LAYERS if "L" in name[:2]])
def test_linear_takes_its_width_from_the_first_input(name: str) -> None:
    layer = LAYERS[name](-1, 3, bias=False)
    if name == "LorentzLinear":
        assert repr(layer) == "LorentzLinear(-1, 3, bias=False)"
    x = torch.randn(2, 4)
    out = layer(x)
    twin = LAYERS[name](4, 3, bias=False)
    twin.load_state_dict(layer.state_dict())
    assert out.shape == (2, 3) and torch.equal(twin(x), layer(x))


@pytest.mark.parametrize("name", [name for name in LAYERS if "Lorentz" not in name])
@pytest.mark.compile
def test_compiles_as_one_graph(name: str) -> None:
    torch._dynamo.reset()
    layer, x = shaken(LAYERS[name](4, 3)), torch.randn(6, 4, dtype=torch.float64)
    run = torch.compile(layer, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(run(x), layer(x))


def test_linear_is_that_of_the_ball() -> None:
    layer, x = HLinear(4, 3, curvature=1.7).double(), torch.randn(5, 4).double()
    torch.nn.init.normal_(layer.bias)
    ball = geoopt.PoincareBall(c=1.7)
    product = ball.mobius_matvec(layer.lin.weight, to_poincare(x, 1.7))
    expected = ball.mobius_add(product, to_poincare(layer.bias, 1.7))
    torch.testing.assert_close(to_poincare(layer(x), 1.7), expected)


def by_hyperplanes(c: float) -> list[Any]:
    """Three layers of the same hyperplanes."""
    kinds = (HyperbolicMLR, PoincareLinear, hyperplane_form)
    mlr, ball, form = layers = [kind(4, 3, curvature=c).double() for kind in kinds]
    for layer in layers:
        layer.curvature.reset_parameters()  # in double precision
    torch.nn.init.normal_(mlr.offset)
    ball.load_state_dict(mlr.state_dict())
    with torch.no_grad():
        form.map.space.weight.copy_(mlr.weight)
        form.map.bias.copy_(-mlr.weight.norm(dim=-1) * mlr.offset)
    return layers


def test_flat_limits() -> None:
    x = torch.randn(5, 4, dtype=torch.float64)
    layers = by_hyperplanes(1e-12)
    form = layers[-1].map
    for i, layer in enumerate(layers):
        if i == 2:  # of which one has no direction
            torch.nn.init.zeros_(form.space.weight[1])
        expected = linear(x, form.space.weight, form.bias)
        torch.testing.assert_close(layer(x), expected, rtol=1e-8, atol=1e-8)


def mlr_scores(ball_point: Tensor, z: Tensor, r: Tensor, c: float) -> Tensor:
    """Hyperbolic Neural Networks++, Eq. 6, term by term on the ball."""
    root = c**0.5
    factor = 2 / (1 - c * ball_point.square().sum(-1, keepdim=True))
    norm = z.norm(dim=-1)
    inner = factor * root * ball_point @ (z / norm[:, None]).t()
    inner = inner * torch.cosh(2 * root * r) - (factor - 1) * torch.sinh(2 * root * r)
    return 2 / root * norm * torch.asinh(inner)


@each("c", [0.2, 1.0, 3.0])
def test_published_formulas_on_the_ball(c: float) -> None:
    x = torch.randn(5, 4, dtype=torch.float64)
    mlr, ball, form = by_hyperplanes(c)
    scores = mlr_scores(to_poincare(x, c), mlr.weight, mlr.offset / 2, c) / 2
    torch.testing.assert_close(mlr(x), scores, rtol=1e-10, atol=1e-10)
    w = torch.sinh(c**0.5 * scores) / c**0.5
    expected = w / (1 + (1 + c * w.square().sum(-1, keepdim=True)).sqrt())
    for layer in (ball, form):
        out = to_poincare(layer(x), c)
        torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    # They are distances of the image to the hyperplanes of the coordinates.
    axes, none = torch.eye(3).double(), torch.zeros(3).double()
    torch.testing.assert_close(hyperplane_dist(form(x), axes, none, c), scores)


@each("scale", [False, True])
def test_a_convolution_averages_its_images(scale: bool) -> None:
    conv = HyboNetConv(4, 3, form="hyperplane", scale=scale, normalize=False).double()
    torch.nn.init.normal_(conv.lin.bias)
    x, loops = torch.randn(5, 4, dtype=torch.float64), torch.arange(5).expand(2, 5)
    layer = hyperplane_form(4, 3).double()
    layer.map.load_state_dict(conv.lin.state_dict())
    if scale:  # its bias is a point, added behind the mean
        torch.nn.init.zeros_(layer.map.bias)
        torch.nn.init.zeros_(conv.lin.bias)
    torch.testing.assert_close(conv(x, loops), layer(x))
    torch.testing.assert_close(conv(x.to_sparse(), loops), layer(x))


@each(("form", "growth"), [("space", 1.0), ("hyperplane", 2.0)])
def test_radii_grow_linearly_and_not_with_the_logarithm_of_the_steps(
    form: str, growth: float
) -> None:
    """From 40 to 80 steps outwards they grow as from 20 to 40, or twice as much."""
    layer = LorentzLinear(2, 2, form=form).double()
    x = torch.tensor([[0.6, -0.8]], dtype=torch.float64)
    optimizer = torch.optim.SGD(layer.map.parameters(), lr=1.0)
    radii = []
    for _ in range(81):
        optimizer.zero_grad()
        radii.append(layer(x).norm())
        (-radii[-1]).backward()
        optimizer.step()
    ratio = (radii[80] - radii[40]) / (radii[40] - radii[20])
    assert ratio.item() == pytest.approx(growth, rel=0.03)


def test_centroid_distances_are_those_of_the_hyperboloid() -> None:
    layer = CentroidDistance(4, 3, curvature=0.6).double()
    x = torch.randn(5, 4).double()
    manifold = geoopt.Lorentz(k=torch.tensor(1 / 0.6).double())
    points, centers = to_lorentz(x, 0.6), to_lorentz(layer.weight, 0.6)
    expected = manifold.dist(points[:, None], centers)
    torch.testing.assert_close(layer(x), expected, rtol=1e-7, atol=1e-7)


def test_embedding_learns_distances_with_a_plain_optimizer() -> None:
    table = HyperbolicEmbedding(4, 2, padding_idx=0)
    assert table.weight.abs().max() <= 1e-3 and not table.weight[0].any()
    optimizer = torch.optim.Adam(table.parameters(), lr=0.05)
    first, second = torch.tensor([1, 1, 2]), torch.tensor([2, 3, 3])
    target = torch.tensor([1.0, 2.0, 1.0])  # on one line
    for _ in range(300):
        optimizer.zero_grad()
        loss = (dist(table(first), table(second), 1.0) - target).square().sum()
        loss.backward()
        optimizer.step()
    assert loss < 1e-3
    assert not table.weight[0].any()
