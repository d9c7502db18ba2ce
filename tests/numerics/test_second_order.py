"""Gradients of gradients, against differences: for penalties on gradients, and HVPs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pyg_hyperbolic.geometry import dist, gyro_add, midpoint, sqdist, transport
from tests.where import each

A, B = torch.tensor([0.3, -0.2, 0.5]), torch.tensor([-0.4, 0.1, 0.7])
PLACES = {
    "origin": (0 * A, 0 * A),
    "u at origin": (0 * A, A),
    "v at origin": (A, 0 * A),
    "generic": (A, B),
    "far": (5 * A, 4 * B),
    "equal": (2 * A, 2 * A),
    "opposite": (2 * A, -2 * A),
    "nearly opposite": (2 * A, -2 * A + 1e-2 * B),
    "one line": (A, 3 * A),
    "nearly one line": (A, 3 * A + 1e-2 * B),
    "much farther": (1e-2 * A, 9 * B),
}
SMOOTH = [gyro_add, sqdist, transport]
# c = 0 is the end of its range: differences to both sides of it leave the range.
place = each("place", PLACES)
curvature = each("c", [1e-3, 1.5])


def inputs(place: str, c: float) -> tuple[Tensor, ...]:
    tensors = (*PLACES[place], torch.tensor(c))
    return tuple(x.double().clone().requires_grad_() for x in tensors)


@place
@curvature
@pytest.mark.parametrize("f", SMOOTH, ids=lambda f: f.__name__)
def test_second_derivatives(f: Callable[..., Tensor], c: float, place: str) -> None:
    assert gradgradcheck(f, inputs(place, c), fast_mode=True)


@each("place", ["u at origin", "generic", "far", "opposite"])
@curvature
def test_second_derivatives_of_the_distance(c: float, place: str) -> None:
    assert gradcheck(dist, inputs(place, c), fast_mode=True)
    assert gradgradcheck(dist, inputs(place, c), fast_mode=True)


@each("place", ["generic", "far", "equal", "origin"])
@curvature
def test_second_derivatives_of_the_midpoint(c: float, place: str) -> None:
    u, v, c = inputs(place, c)
    points = torch.stack([u, v, u + 0.1]).detach().requires_grad_()
    weight = torch.tensor([0.3, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert gradgradcheck(midpoint, (points, c, weight), fast_mode=True)
