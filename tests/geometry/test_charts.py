"""Round trips, other libraries and boundaries; exact values: tests/numerics."""

import math
from collections.abc import Callable, Iterator

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from pyg_hyperbolic import geometry
from pyg_hyperbolic.geometry import (
    dist,
    from_lorentz,
    from_poincare,
    from_proper_velocity,
    to_klein,
    to_lorentz,
    to_poincare,
    to_proper_velocity,
)
from tests.geometry.functions import CHARTS
from tests.where import each

# What a rounding of the chart's point, relative to it, moves at the radius a.
CONDITION: dict[str, Callable[[float], float]] = {
    "poincare": lambda a: math.sinh(a) / a,
    "klein": lambda a: math.sinh(2 * a) / (2 * a),
    **dict.fromkeys(("lorentz", "proper_velocity"), lambda a: 1.0),
}
# The largest radius below which a chart's point in float32 is short of the boundary.
REACH = {"poincare": 12.0, "klein": 6.0, "lorentz": 85.0, "proper_velocity": 85.0}

ball_chart = pytest.mark.parametrize("name", ["poincare", "klein"])


def ways(name: str) -> Iterator[Callable[..., Tensor]]:
    """To a chart, and back."""
    return (getattr(geometry, f"{way}_{name}") for way in ("to", "from"))


def at(radius: float, dtype: torch.dtype = torch.float64, n: int = 50) -> Tensor:
    v = torch.randn(n, 3, dtype=torch.float64)
    return (radius * v / v.norm(dim=-1, keepdim=True)).to(dtype)


@each("fraction", [0.0, 1e-12, 1e-4, 0.01, 0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("name", CHARTS)
def test_round_trip_loses_no_more_than_the_chart_must(
    name: str, fraction: float, c: float, dtype: torch.dtype
) -> None:
    to, back = ways(name)
    a = fraction * REACH[name]
    v = at(a / c**0.5, dtype)
    x = to(v, c)
    assert x.dtype == dtype
    out = back(x, c)
    assert out.dtype == dtype
    eps = 8 * torch.finfo(dtype).eps
    atol = eps * CONDITION[name](a) * a / c**0.5 if a else 0
    torch.testing.assert_close(out, v, rtol=0, atol=atol)
    # The other way a far point comes back to its rounding alone, far out times a.
    scale = x.abs().max().item()
    again = to(out, c)
    torch.testing.assert_close(again, x, rtol=0, atol=(1 + a) * eps * scale)


def test_charts_are_those_of_geoopt(c: float, ball: geoopt.PoincareBall) -> None:
    """And Klein points are hyperboloid points seen from the centre."""
    lorentz = geoopt.Lorentz(k=torch.tensor(1 / c, dtype=torch.float64))
    v = torch.randn(50, 3, dtype=torch.float64) / c**0.5
    x = ball.expmap0(v / 2)  # its metric at the origin is four times ours
    y = lorentz.expmap0(pad(v, (1, 0)))
    time, space = y.split([1, 3], dim=-1)
    for out, expected in (
        (to_poincare(v, c), x),
        (from_poincare(x, c), 2 * ball.logmap0(x)),
        (ball.dist0(x), v.norm(dim=-1)),
        (to_lorentz(v, c), y),
        (from_lorentz(y, c), lorentz.logmap0(y)[..., 1:]),
        (dist(v, -v[:1], c), lorentz.dist(y, lorentz.expmap0(pad(-v[:1], (1, 0))))),
        (to_klein(v, c), space / time / c**0.5),
    ):
        torch.testing.assert_close(out, expected)


@each("f", [to_lorentz, from_lorentz])
@each("c", [0, 0.0])
def test_without_curvature_there_is_no_hyperboloid(
    f: Callable[..., Tensor], c: float
) -> None:
    with pytest.raises(ValueError, match=r"'c' must be positive .* \(got 0\)"):
        f(torch.randn(50, 3), c)


@each("length", [1.0, 1.000001, 3.0, math.inf, math.nan])
@ball_chart
def test_points_outside_the_ball_are_an_error(
    name: str, length: float, dtype: torch.dtype
) -> None:
    x = torch.tensor([[0.1, 0.1], [0.0, 0.5 * length]], dtype=dtype)
    message = (
        rf"not inside the {name.capitalize()} ball of radius 1/sqrt\(c\) with c = 4 "
        rf"\(largest .*: {torch.tensor(length, dtype=dtype).item():.9g}\); .*clip=True"
    )
    _, back = ways(name)
    for c in (4.0, torch.tensor(4.0)):
        with pytest.raises(ValueError, match=message):
            back(x, c)
    with pytest.raises(ValueError, match=r"with c = a tensor of \(2,\)"):
        back(torch.ones(2, 3), torch.tensor([1.0, 4.0]))


@ball_chart
def test_clip_takes_outside_points_to_the_nearest_inside(
    name: str, c: float, dtype: torch.dtype, assert_finite: Callable[..., None]
) -> None:
    to, back = ways(name)
    inside = to(at(2.0 / c**0.5, dtype), c)
    assert torch.equal(back(inside, c, clip=True), back(inside, c))
    # Many, because the rounding of a clipped point may take it out again.
    lengths = torch.logspace(0, 15, 5000, dtype=torch.float64) / c**0.5
    x = (lengths[:, None] * at(1.0, n=5000)).to(dtype).requires_grad_()
    out = back(x, c, clip=True)
    assert_finite(out, *torch.autograd.grad(out.sum(), x))
    cosine = torch.nn.functional.cosine_similarity(out, x)
    torch.testing.assert_close(cosine, torch.ones_like(cosine))
    # The radius of the last number below 1, give or take some roundings.
    last = 1 - torch.finfo(dtype).eps
    radius = math.atanh(last) * (2 if name == "poincare" else 1)
    assert (out.norm(dim=-1) * c**0.5 - radius).abs().max() < 2


@each("shift", [1.01, -1.0, 0.0, math.nan, 1 + 1e-4])
def test_points_off_the_hyperboloid_are_an_error(
    shift: float, c: float, dtype: torch.dtype
) -> None:
    x = to_lorentz(at(1.0, dtype), c)
    off = x.clone()
    off[3, 0] *= shift
    message = rf"not on the upper sheet .* c = {c:g}; pass clip=True .* 1/k"
    with pytest.raises(ValueError, match=message):
        from_lorentz(off, c)
    assert torch.equal(from_lorentz(off, c, clip=True), from_lorentz(x, c))


@each(
    ("number", "last"),
    [
        (torch.float16, 11.78),
        (torch.bfloat16, 89.41),
        (torch.float32, 89.41),
        (torch.float64, 709.78),
    ],
)
def test_proper_velocities_reach_as_far_as_their_dtype(
    number: torch.dtype, last: float
) -> None:
    v = last * torch.tensor([[0.99, 0.0], [1.01, 1.01]], dtype=torch.float64)
    v = v.to(number)
    x = to_proper_velocity(v, 1.0)
    assert torch.equal(x.isfinite(), torch.tensor([[True, True], [False, False]]))
    out, rtol = from_proper_velocity(x[:1], 1.0), 2 * torch.finfo(number).eps
    torch.testing.assert_close(out, v[:1], rtol=rtol, atol=0)
    with pytest.raises(ValueError, match=rf"'x' must be finite \(got 2 .*{number}"):
        from_proper_velocity(x, 1.0)
