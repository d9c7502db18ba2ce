"""Gradients of gradients, against differences: for penalties on gradients, and HVPs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from pyg_hyperbolic.geometry import dist, midpoint
from tests.geometry.functions import CHARTS

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
APART = [place for place in PLACES if place not in ("origin", "equal")]
Row = Callable[[Tensor, Tensor, Tensor], Tensor]


def midpoint_of_three(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """With weights that differ, and depend on the points."""
    weight = torch.stack([u[..., 0].exp(), v[..., 0].exp(), 2 + u[..., 1]], dim=-1)
    return midpoint(torch.stack([u, v, u + 0.1], dim=-2), c, weight)


def rows(places: list[str], *curvatures: float) -> tuple[Tensor, Tensor, Tensor]:
    """u, v and c of all places, at each curvature."""
    u, v = (torch.stack(x).double() for x in zip(*map(PLACES.get, places), strict=True))
    c = torch.tensor(curvatures).double().repeat_interleave(len(places))
    return u.repeat(len(curvatures), 1), v.repeat(len(curvatures), 1), c


def gradients(f: Row, z: Tensor, graph: bool = False) -> Tensor:
    """Of rows [u, v, c, cotangent], by the first three: one vector a row."""
    u, v, c = z[..., :3], z[..., 3:6], z[..., 6]
    out = f(u, v, c)
    grads = torch.autograd.grad(
        out, (u, v, c), z[..., 7:].reshape(out.shape), create_graph=graph
    )
    return torch.cat([*grads[:2], grads[2][..., None]], dim=-1)


@pytest.mark.parametrize(
    ("f", "places"),
    [
        (geometry.gyro_add, [*PLACES]),
        (geometry.sqdist, [*PLACES]),
        (geometry.transport, [*PLACES]),
        (midpoint_of_three, [*PLACES]),
        (dist, APART),
    ],
)
def test_second_derivatives(f: Row, places: list[str]) -> None:
    """All of them, in each row, beside central differences of the first."""
    inputs = rows(places, 1e-3, 1.5)
    out = f(*inputs)
    cotangent = torch.randn_like(out.view(len(out), -1))
    z = torch.cat([*inputs[:2], inputs[2][:, None], cotangent], -1).requires_grad_()
    columns = gradients(f, z, graph=True).unbind(-1)
    got = [torch.autograd.grad(x.sum(), z, retain_graph=True)[0] for x in columns]
    got = torch.stack(got)  # [gradients, rows, inputs]
    step = 1e-6
    moves = step * torch.eye(z.shape[1], dtype=z.dtype)[:, None]
    ends = [gradients(f, (z + way * moves).requires_grad_()) for way in (1, -1)]
    found = ((ends[0] - ends[1]) / (2 * step)).permute(2, 1, 0)
    torch.testing.assert_close(got, found, rtol=1e-3, atol=1e-5)


OF_PAIRS = ("gyro_add", "exp", "log", "sqdist", "transport")
TO_CHARTS = [f"to_{chart}" for chart in CHARTS if chart != "lorentz"]
AT_ZERO: dict[str, Row] = {
    **{name: getattr(geometry, name) for name in OF_PAIRS},
    "dist": lambda u, v, c: dist(u, v + 0.1, c),  # equal points have no derivative
    "midpoint": lambda u, v, c: midpoint(torch.stack([u, v], dim=-2), c),
    "hyperplane_dist": lambda u, v, c: geometry.hyperplane_dist(
        u, B[None] + 0.1, torch.ones(1, dtype=torch.float64), c
    ),
    **{n: lambda u, v, c, n=n: getattr(geometry, n)(u, c) for n in TO_CHARTS},
}


@pytest.mark.parametrize("f", AT_ZERO.values(), ids=AT_ZERO)
def test_second_derivatives_with_respect_to_c_in_flat_space(f: Row) -> None:
    """Beside differences to one side, as c = 0 is the end of its range."""
    u, v, c = rows([*PLACES], 0.0)
    values = f(u, v, c.requires_grad_()).view(len(u), -1)
    cotangent = torch.arange(1.0, values.shape[1] + 1).sin().double()
    out = values @ cotangent
    (first,) = torch.autograd.grad(out.sum(), c, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), c)
    step = 1e-3 / (u.square().sum(-1) + v.square().sum(-1)).clamp(min=1)
    weights = (35 / 12, -26 / 3, 19 / 2, -14 / 3, 11 / 12)
    steps = (w * f(u, v, k * step).view(len(u), -1) for k, w in enumerate(weights))
    found = sum(steps) @ cotangent / step**2
    scale = (out.abs() + first.abs() + 1) / step**2
    assert ((second - found).abs() <= 1e-4 * found.abs() + 1e-14 * scale).all()
