import copy
import pickle
from collections.abc import Callable

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn import Module

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.geometry import dist, to_lorentz, to_poincare
from pyg_hyperbolic.nn import (
    CentroidDistance,
    HLinear,
    HyperbolicEmbedding,
    HyperbolicMLR,
    PoincareLinear,
)
from tests.where import each

LAYERS = [HLinear, PoincareLinear, HyperbolicMLR, CentroidDistance]


@pytest.fixture(params=LAYERS, ids=lambda layer: layer.__name__)
def build(request: pytest.FixtureRequest) -> Callable[..., Module]:
    """Makes a layer of 4 to 3 channels with no parameter at its first value."""

    def make(curvature: float | Curvature = 0.8) -> Module:
        layer = request.param(4, 3, curvature=curvature).double()
        with torch.no_grad():
            for name, parameter in layer.named_parameters():
                if not name.startswith("curvature"):
                    parameter.add_(0.3 * torch.randn_like(parameter))
        return layer

    return make


def test_any_radius_is_a_number(build: Callable[..., Module]) -> None:
    layer = build().float()
    for scale in (0.0, 1e-20, 1e-3, 1.0, 30.0):
        x = (scale * torch.randn(6, 4)).requires_grad_()
        out = layer(x)
        grads = torch.autograd.grad(out.sum(), [x, *layer.parameters()])
        assert out.isfinite().all()
        assert all(grad.isfinite().all() for grad in grads)
    assert layer(1e3 * torch.randn(6, 4)).isfinite().all()


def test_half_precision(build: Callable[..., Module]) -> None:
    layer, x = build(), torch.randn(6, 4, dtype=torch.float64)
    expected, out = layer(x), layer.bfloat16()(x.bfloat16())
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.double(), expected, rtol=0.1, atol=0.1)


def test_copies_and_resets(build: Callable[..., Module]) -> None:
    layer, x = build(Curvature(0.5)), torch.randn(6, 4, dtype=torch.float64)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(twin(x), layer(x))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.fill_(7.0)
    layer.reset_parameters()  # type: ignore[operator]
    assert layer.curvature().item() == pytest.approx(0.5)  # type: ignore[operator]
    assert all((p != 7).all() for p in layer.parameters())
    assert "4, 3" in repr(layer)


@pytest.mark.compile
def test_compiles_as_one_graph(build: Callable[..., Module]) -> None:
    torch._dynamo.reset()
    layer = build()
    run = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(6, 4, dtype=torch.float64)
    torch.testing.assert_close(run(x), layer(x))


def test_linear_is_that_of_the_ball() -> None:
    layer, x = HLinear(4, 3, curvature=1.7).double(), torch.randn(5, 4).double()
    torch.nn.init.normal_(layer.bias)
    ball = geoopt.PoincareBall(c=1.7)
    product = ball.mobius_matvec(layer.lin.weight, to_poincare(x, 1.7))
    expected = ball.mobius_add(product, to_poincare(layer.bias, 1.7))
    torch.testing.assert_close(to_poincare(layer(x), 1.7), expected)


def test_flat_limits() -> None:
    x = torch.randn(5, 4, dtype=torch.float64)
    for kind in (HyperbolicMLR, PoincareLinear):
        layer = kind(4, 3, curvature=1e-12).double()
        torch.nn.init.normal_(layer.offset)
        expected = x @ layer.weight.t() - layer.weight.norm(dim=-1) * layer.offset
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
    mlr = HyperbolicMLR(4, 3, curvature=c).double()
    linear = PoincareLinear(4, 3, curvature=c).double()
    torch.nn.init.normal_(mlr.offset)
    mlr.curvature.reset_parameters()  # in double precision
    linear.load_state_dict(mlr.state_dict())
    scores = mlr_scores(to_poincare(x, c), mlr.weight, mlr.offset / 2, c) / 2
    torch.testing.assert_close(mlr(x), scores, rtol=1e-10, atol=1e-10)
    w = torch.sinh(c**0.5 * scores) / c**0.5
    expected = w / (1 + (1 + c * w.square().sum(-1, keepdim=True)).sqrt())
    out = to_poincare(linear(x), c)
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)


def test_centroid_distances_are_those_of_the_hyperboloid() -> None:
    layer, x = (
        CentroidDistance(4, 3, curvature=0.6).double(),
        torch.randn(5, 4).double(),
    )
    manifold = geoopt.Lorentz(k=torch.tensor(1 / 0.6).double())
    points, centers = to_lorentz(x, 0.6), to_lorentz(layer.weight, 0.6)
    expected = manifold.dist(points[:, None], centers)
    torch.testing.assert_close(layer(x), expected, rtol=1e-7, atol=1e-7)


def test_linear_takes_its_width_from_the_first_input() -> None:
    layer = HLinear(-1, 3)
    assert layer(torch.randn(2, 6)).shape == (2, 3)
    assert layer.lin.weight.shape == (3, 6)


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
