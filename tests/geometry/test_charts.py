"""Laws, other libraries, shapes and dtypes; exact values: tests/numerics."""

import math
from collections.abc import Callable

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from pyg_hyperbolic.geometry import (
    from_klein,
    from_lorentz,
    from_poincare,
    from_proper_velocity,
    to_klein,
    to_lorentz,
    to_poincare,
    to_proper_velocity,
)
from tests.where import each

CHARTS = {
    "poincare": (to_poincare, from_poincare),
    "klein": (to_klein, from_klein),
    "lorentz": (to_lorentz, from_lorentz),
    "proper_velocity": (to_proper_velocity, from_proper_velocity),
}
BALLS = {name: CHARTS[name] for name in ("poincare", "klein")}
# What a rounding of the chart's point, relative to it, moves at the radius a.
CONDITION: dict[str, Callable[[float], float]] = {
    "poincare": lambda a: math.sinh(a) / a,
    "klein": lambda a: math.sinh(2 * a) / (2 * a),
    "lorentz": lambda a: 1.0,
    "proper_velocity": lambda a: 1.0,
}
# The largest radius below which a chart's point in float32 is short of the boundary.
REACH = {"poincare": 12.0, "klein": 6.0, "lorentz": 85.0, "proper_velocity": 85.0}

Chart = Callable[..., Tensor]
chart = pytest.mark.parametrize("name", CHARTS)
ball_chart = pytest.mark.parametrize("name", BALLS)


def at(radius: float, dtype: torch.dtype = torch.float64, n: int = 50) -> Tensor:
    v = torch.randn(n, 3, dtype=torch.float64)
    return (radius * v / v.norm(dim=-1, keepdim=True)).to(dtype)


@each("fraction", [0.0, 1e-12, 1e-4, 0.01, 0.1, 0.3, 0.6, 1.0])
@chart
def test_round_trip_loses_no_more_than_the_chart_must(
    name: str, fraction: float, c: float, dtype: torch.dtype
) -> None:
    to, back = CHARTS[name]
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


def test_ball_is_that_of_geoopt(c: float, ball: geoopt.PoincareBall) -> None:
    v = torch.randn(50, 3, dtype=torch.float64) / c**0.5
    x = ball.expmap0(v / 2)  # its metric at the origin is four times ours
    torch.testing.assert_close(to_poincare(v, c), x, rtol=1e-13, atol=0)
    torch.testing.assert_close(from_poincare(x, c), 2 * ball.logmap0(x))
    torch.testing.assert_close(ball.dist0(x), v.norm(dim=-1))


def test_hyperboloid_is_that_of_geoopt(c: float, lorentz: geoopt.Lorentz) -> None:
    v = torch.randn(50, 3, dtype=torch.float64) / c**0.5
    x = lorentz.expmap0(pad(v, (1, 0)))
    torch.testing.assert_close(to_lorentz(v, c), x)
    torch.testing.assert_close(from_lorentz(x, c), lorentz.logmap0(x)[..., 1:])
    inner = lorentz.inner(None, to_lorentz(v, c), to_lorentz(v, c))
    torch.testing.assert_close(inner, torch.full_like(inner, -1 / c))


def test_klein_points_are_hyperboloid_points_seen_from_the_centre(c: float) -> None:
    v = torch.randn(50, 3, dtype=torch.float64) / c**0.5
    time, space = to_lorentz(v, c).split([1, 3], dim=-1)
    torch.testing.assert_close(to_klein(v, c), space / time / c**0.5)


def test_without_curvature_charts_are_flat(dtype: torch.dtype) -> None:
    v = torch.randn(50, 3, dtype=dtype)
    for c in (0, 0.0, torch.tensor(0.0)):
        assert torch.equal(to_poincare(v, c), v / 2)
        assert torch.equal(from_poincare(v, c), 2 * v)
        assert torch.equal(to_klein(v, c), v)
        assert torch.equal(from_klein(v, c), v)
        assert torch.equal(to_proper_velocity(v, c), v)
        assert torch.equal(from_proper_velocity(v, c), v)
    for f in CHARTS["lorentz"]:
        for c in (0, 0.0):
            with pytest.raises(ValueError, match=r"'c' must be positive .* \(got 0\)"):
                f(v, c)


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
    for c in (4.0, torch.tensor(4.0)):
        with pytest.raises(ValueError, match=message):
            CHARTS[name][1](x, c)


def test_the_error_shows_the_shape_of_the_curvature_as_it_was_given() -> None:
    with pytest.raises(ValueError, match=r"with c = a tensor of \(2,\)"):
        from_klein(torch.ones(2, 3), torch.tensor([1.0, 4.0]))


@ball_chart
def test_clip_takes_outside_points_to_the_nearest_inside(
    name: str, c: float, dtype: torch.dtype, assert_finite: Callable[..., None]
) -> None:
    to, back = CHARTS[name]
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


@each("a", [0.0, 1e-4, 1.0, 9.0, 30.0, 40.0, 50.0, 85.0])
def test_rounded_hyperboloid_points_of_other_libraries_are_accepted(
    a: float, c: float
) -> None:
    v = at(a / c**0.5)
    out = from_lorentz(to_lorentz(v, c).float(), c)
    torch.testing.assert_close(out, v.float())


@each("half", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_single_precision(half: torch.dtype) -> None:
    """Of the chart that tests/numerics has but one way of."""
    x = to_lorentz(at(1.5, half), 0.7)
    out, wide = (from_lorentz(y, 0.7, clip=True) for y in (x, x.float()))
    assert x.dtype == out.dtype == half
    torch.testing.assert_close(out, wide.to(half))


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
    rtol = 2 * torch.finfo(number).eps
    torch.testing.assert_close(
        from_proper_velocity(x[:1], 1.0), v[:1], rtol=rtol, atol=0
    )
    with pytest.raises(ValueError, match=rf"'x' must be finite \(got 2 .*{number}"):
        from_proper_velocity(x, 1.0)


@each("shape", [(), (4,), (3, 1), (3, 4)])
@chart
def test_curvature_may_differ_between_points(name: str, shape: tuple[int, ...]) -> None:
    to, back = CHARTS[name]
    v, c = torch.randn(3, 4, 2).double(), torch.rand(shape).double() + 0.1
    x = to(v, c)
    out = back(x, c)
    torch.testing.assert_close(out, v)
    for i in range(3):
        for j in range(4):
            number = c.expand(3, 4)[i, j].item()
            torch.testing.assert_close(to(v[i, j], number), x[i, j])
            torch.testing.assert_close(back(x[i, j], number), v[i, j])


@chart
def test_no_points_are_fine(name: str) -> None:
    to, back = CHARTS[name]
    assert back(to(torch.empty(0, 3), 1.0), 1.0).shape == (0, 3)
