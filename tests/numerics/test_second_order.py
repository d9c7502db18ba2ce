"""Gradients of gradients, against differences: for penalties on gradients, and HVPs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pyg_hyperbolic.geometry import (
    dist,
    exp,
    gyro_add,
    hyperplane_dist,
    log,
    midpoint,
    sqdist,
    to_klein,
    to_poincare,
    to_proper_velocity,
    transport,
)
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


ONE = torch.ones(1, dtype=torch.float64)
AT_ZERO: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    **{f.__name__: f for f in (gyro_add, exp, log, sqdist, transport)},
    "dist": lambda u, v, c: dist(u, v + 0.1, c),  # equal points have no derivative
    "midpoint": lambda u, v, c: midpoint(torch.stack([u, v]), c),
    "hyperplane_dist": lambda u, v, c: hyperplane_dist(u, v[None] + 0.1, ONE, c),
    **{
        f.__name__: lambda u, v, c, f=f: f(u, c)
        for f in (to_klein, to_poincare, to_proper_velocity)
    },
}


@place
@pytest.mark.parametrize("f", AT_ZERO.values(), ids=AT_ZERO)
def test_second_derivatives_with_respect_to_c_in_flat_space(
    f: Callable[[Tensor, Tensor, Tensor], Tensor], place: str
) -> None:
    """Beside differences to one side, as c = 0 is the end of its range."""
    u, v = (x.double() for x in PLACES[place])
    c = torch.zeros((), dtype=torch.float64, requires_grad=True)
    out = f(u, v, c)
    cotangent = torch.arange(1.0, out.numel() + 1).sin().view_as(out).double()
    (first,) = torch.autograd.grad(out, c, cotangent, create_graph=True)
    second = torch.zeros(())
    if first.requires_grad:
        (second,) = torch.autograd.grad(first, c)
    step = 1e-3 / max(1.0, float(u.square().sum() + v.square().sum()))
    values = [(f(u, v, c.detach() + k * step) * cotangent).sum() for k in range(5)]
    weights = (35 / 12, -26 / 3, 19 / 2, -14 / 3, 11 / 12)
    found = sum(w * x for w, x in zip(weights, values, strict=True)) / step**2
    scale = float(values[0].abs() + first.detach().abs() + 1) / step**2
    torch.testing.assert_close(second.double(), found, rtol=1e-4, atol=1e-14 * scale)
