"""The Lorentz linear layer by distances to hyperplanes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import from_proper_velocity, hyperplane_dist
from pyg_hyperbolic.nn import HyboNetConv, LorentzLinear, PoincareLinear
from tests.where import each


def layer(bias: bool = True, curvature: float = 0.8) -> LorentzLinear:
    out = LorentzLinear(4, 3, bias, form="hyperplane", curvature=curvature).double()
    out.curvature.reset_parameters()  # in double precision
    if bias:
        torch.nn.init.normal_(out.map.bias)
    return out


def test_coordinates_are_scores() -> None:
    mine, x = layer(), torch.randn(2, 5, 4, dtype=torch.float64)
    weight, c = mine.map.space.weight, mine.curvature()
    norm = weight.norm(dim=-1)
    scores = norm * hyperplane_dist(x, weight / norm[:, None], -mine.map.bias / norm, c)
    velocity = torch.sinh(c.sqrt() * scores) / c.sqrt()
    torch.testing.assert_close(mine(x), from_proper_velocity(velocity, c))
    # The distances of the image to the hyperplanes of the coordinates.
    axes, none = torch.eye(3).double(), torch.zeros(3).double()
    torch.testing.assert_close(hyperplane_dist(mine(x), axes, none, c), scores)


def test_is_the_map_of_the_ball() -> None:
    mine, ball = layer(), PoincareLinear(4, 3, curvature=0.8).double()
    ball.curvature.reset_parameters()
    with torch.no_grad():
        ball.weight.copy_(mine.map.space.weight)
        ball.offset.copy_(-mine.map.bias / ball.weight.norm(dim=-1))
    x = torch.randn(5, 4, dtype=torch.float64)
    torch.testing.assert_close(mine(x), ball(x))


def test_flat_limit_is_a_linear_layer() -> None:
    mine, x = layer(curvature=1e-12), torch.randn(5, 4, dtype=torch.float64)
    with torch.no_grad():
        mine.map.space.weight[1] = 0
    expected = torch.nn.functional.linear(x, mine.map.space.weight, mine.map.bias)
    torch.testing.assert_close(mine(x), expected, rtol=1e-8, atol=1e-8)


@each("bias", [True, False])
@each("radius", [0.0, 1e-20, 1e-3, 1.0, 30.0, 300.0, 1e3])
def test_any_radius_is_a_number(radius: float, bias: bool, dtype: torch.dtype) -> None:
    mine = layer(bias).to(dtype)
    x = torch.nn.functional.normalize(torch.randn(6, 4), dim=-1).to(dtype)
    x = (radius * x).requires_grad_()
    out = mine(x)
    assert out.isfinite().all() and out.norm(dim=-1).max() < 10 * (1 + radius)
    grads = torch.autograd.grad(out.sin().sum(), [x, *mine.parameters()])
    assert all(grad.isfinite().all() for grad in grads)


@each("scale", [False, True])
def test_convolution_averages_its_images(scale: bool) -> None:
    conv = HyboNetConv(4, 3, form="hyperplane", scale=scale, normalize=False).double()
    torch.nn.init.normal_(conv.lin.bias)
    x, loops = torch.randn(5, 4, dtype=torch.float64), torch.arange(5).expand(2, 5)
    linear = LorentzLinear(4, 3, form="hyperplane").double()
    linear.map.load_state_dict(conv.lin.state_dict())
    if scale:  # its bias is a point, added behind the mean
        torch.nn.init.zeros_(linear.map.bias)
        torch.nn.init.zeros_(conv.lin.bias)
    torch.testing.assert_close(conv(x, loops), linear(x))
    torch.testing.assert_close(conv(x.to_sparse(), loops), linear(x))


def test_as_a_module() -> None:
    lazy = LorentzLinear(-1, 3, form="hyperplane")
    assert lazy(torch.randn(2, 4)).shape == (2, 3)
    twin = LorentzLinear(4, 3, form="hyperplane")
    names = {name for name, _ in twin.named_parameters()}
    assert names == {"map.space.weight", "map.bias", "curvature.raw"}
    twin.load_state_dict(lazy.state_dict())
    torch.nn.init.ones_(twin.map.bias)
    twin.reset_parameters()
    assert not twin.map.bias.any()


def radii(layer: Any, steps: int) -> Tensor:
    """The radius of a point's image, as plain gradient descent pushes it outwards."""
    torch.manual_seed(0)
    layer.reset_parameters()
    x = torch.tensor([[0.6, -0.8]], dtype=torch.float64)
    optimizer = torch.optim.SGD(layer.map.parameters(), lr=1.0)
    out = []
    for _ in range(steps):
        optimizer.zero_grad()
        radius = layer(x).norm()
        (-radius).backward()
        optimizer.step()
        out.append(radius.item())
    return torch.tensor(out, dtype=torch.float64)


def misfit(x: Tensor, y: Tensor) -> float:
    """The share of the variance of y that no line in x explains."""
    return float(1 - np.corrcoef(x.numpy(), y.numpy())[0, 1] ** 2)


def test_radii_grow_linearly_and_not_with_the_logarithm_of_the_steps() -> None:
    steps = torch.arange(1.0, 61.0, dtype=torch.float64)
    space = radii(LorentzLinear(2, 2).double(), 60)
    plane = radii(LorentzLinear(2, 2, form="hyperplane").double(), 60)
    late = slice(10, None)  # what is said holds in the long run
    assert misfit(steps[late].log(), space[late]) < 1e-3
    assert misfit(steps[late], space[late]) > 0.03
    assert misfit(steps[late], plane[late]) < 1e-3
    assert misfit(steps[late].log(), plane[late]) > 0.03
    assert plane[-1] > 5 * space[-1]
