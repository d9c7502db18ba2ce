"""Laws, other libraries, shapes and dtypes; values and properties: tests/numerics."""

import math
from collections.abc import Callable

import geoopt
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import (
    dist,
    exp,
    gyro_add,
    log,
    sqdist,
    to_lorentz,
    to_poincare,
    transport,
)
from tests.where import each

OPERATIONS = [gyro_add, sqdist, dist, log, exp, transport]
operation = pytest.mark.parametrize("f", OPERATIONS, ids=lambda f: f.__name__)


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def pushforward(f: Callable[[Tensor], Tensor], x: Tensor, w: Tensor) -> Tensor:
    return torch.func.jvp(f, (x,), (w,))[1]


def test_log_exp_and_distance_are_the_gyro_sum(dtype: torch.dtype, c: float) -> None:
    u, v = points(2, 64, 4).to(dtype)
    torch.testing.assert_close(exp(u, v, c), gyro_add(u, v, c))
    torch.testing.assert_close(log(u, v, c), gyro_add(-u, v, c))
    torch.testing.assert_close(sqdist(u, v, c), dist(u, v, c).square())
    torch.testing.assert_close(dist(u, v, c), log(u, v, c).norm(dim=-1))


def test_operations_agree_with_geoopt_ball(c: float, ball: geoopt.PoincareBall) -> None:
    u, v = points(2, 64, 5)
    x, y = to_poincare(u, c), to_poincare(v, c)
    close = {"rtol": 1e-11, "atol": 1e-12}
    expected = ball.mobius_add(x, y)
    torch.testing.assert_close(to_poincare(gyro_add(u, v, c), c), expected, **close)
    torch.testing.assert_close(dist(u, v, c), ball.dist(x, y), **close)
    # Tangent vectors of the ball at the origin are half those of normal coordinates.
    expected = 2 * ball.transp0back(x, ball.logmap(x, y))
    torch.testing.assert_close(log(u, v, c), expected, **close)
    expected = ball.expmap(x, ball.transp0(x, v / 2))
    torch.testing.assert_close(to_poincare(exp(u, v, c), c), expected, **close)


def test_operations_agree_with_geoopt_hyperboloid(
    c: float, lorentz: geoopt.Lorentz
) -> None:
    u, v = points(2, 64, 3) / c**0.5 / 2
    x, y = to_lorentz(u, c), to_lorentz(v, c)
    tangent = torch.nn.functional.pad(v, (1, 0))
    close = {"rtol": 1e-11, "atol": 1e-11}
    torch.testing.assert_close(dist(u, v, c), lorentz.dist(x, y), **close)
    expected = lorentz.transp0back(x, lorentz.logmap(x, y))[..., 1:]
    torch.testing.assert_close(log(u, v, c), expected, **close)
    moved = lorentz.transp0(x, tangent)
    expected = lorentz.expmap(x, moved)
    torch.testing.assert_close(to_lorentz(exp(u, v, c), c), expected, **close)
    pushed = pushforward(lambda w: to_lorentz(w, c), u, transport(u, v, c))
    torch.testing.assert_close(pushed, moved, **close)


def test_transport_keeps_the_length_in_the_metric_at_u(c: float) -> None:
    u, v = points(2, 64, 4)
    pushed = pushforward(lambda w: to_lorentz(w, c), u, transport(u, v, c))
    length = (pushed[:, 1:].square().sum(-1) - pushed[:, 0].square()).sqrt()
    torch.testing.assert_close(length, v.norm(dim=-1), rtol=1e-10, atol=0)


@each("scale", [0.0, 1e-6, 0.1, 1.0, 5.0])
def test_transport_is_the_differential_of_the_gyro_sum(c: float, scale: float) -> None:
    u, v = scale * points(16, 4), points(16, 4)
    zero = torch.tensor(0.0, dtype=torch.float64)
    slope = pushforward(lambda t: gyro_add(u, t * v, c), zero, zero + 1)
    torch.testing.assert_close(transport(u, v, c), slope, rtol=1e-11, atol=1e-12)


def test_gyrovector_algebra(c: float) -> None:
    u, v = points(2, 64, 4)
    zero = torch.zeros_like(u)
    close = {"rtol": 1e-9, "atol": 1e-9}  # a sum loses exp(2 a) eps
    torch.testing.assert_close(gyro_add(-u, gyro_add(u, v, c), c), v, **close)
    torch.testing.assert_close(exp(u, log(u, v, c), c), v, **close)
    torch.testing.assert_close(log(u, exp(u, v, c), c), v, **close)
    torch.testing.assert_close(gyro_add(zero, v, c), v)
    torch.testing.assert_close(gyro_add(u, zero, c), u)
    torch.testing.assert_close(2 * u, gyro_add(u, u, c))
    assert torch.equal(gyro_add(u, -u, c), zero)
    assert torch.equal(dist(u, u, c), zero[:, 0])
    torch.testing.assert_close(dist(u, zero, c), u.norm(dim=-1))
    torch.testing.assert_close(transport(zero, v, c), v)
    torch.testing.assert_close(transport(u, u, c), u)


def test_zero_curvature_is_euclidean(dtype: torch.dtype) -> None:
    u, v = points(2, 64, 3).to(dtype)
    u[:8], v[8:16] = 0, u[8:16]
    for c in (0, 0.0, torch.tensor(0.0)):
        torch.testing.assert_close(gyro_add(u, v, c), u + v)
        torch.testing.assert_close(log(u, v, c), v - u)
        torch.testing.assert_close(dist(u, v, c), (u - v).norm(dim=-1))
        torch.testing.assert_close(transport(u, v, c), v)


@each("radius", [0.0, 0.3, 5.0, 30.0])
def test_distance_has_zero_gradient_at_equal_points(
    radius: float, c: float, dtype: torch.dtype
) -> None:
    u = torch.tensor([0.6 * radius, -0.8 * radius], dtype=dtype, requires_grad=True)
    v, c = u.detach().clone().requires_grad_(), torch.tensor(c, requires_grad=True)
    for gradient in torch.autograd.grad(dist(u, v, c), (u, v, c)):
        assert torch.equal(gradient, torch.zeros_like(gradient))


@each("c", [0.0, 1e-6, 0.1, 1.0, 10.0])
@operation
def test_values_and_gradients_are_finite(
    f: Callable[..., Tensor],
    c: float,
    dtype: torch.dtype,
    assert_finite: Callable[..., None],
) -> None:
    r = torch.tensor([0.0, 1e-30, 1e-12, 1e-4, 0.3, 1.0, 5.0, 15.0, 30.0])
    theta = torch.tensor([0.0, 0.7, 0.7 + 1e-7, 0.7 + math.pi, 0.8 + math.pi, 2.0])
    rays = torch.stack([theta.cos(), theta.sin()], dim=-1)
    p = (r[:, None, None] * rays).view(-1, 2).to(dtype)
    u = p.repeat_interleave(len(p), 0).requires_grad_()
    v = p.repeat(len(p), 1).requires_grad_()
    c = torch.full((len(u),), c, dtype=dtype, requires_grad=True)
    out = f(u, v, c)
    assert_finite(out, *torch.autograd.grad(out.sum(), (u, v, c)))


@each("shape", [(), (4,), (3, 1), (3, 4)])
@operation
def test_any_shapes_broadcast(f: Callable[..., Tensor], shape: tuple[int, ...]) -> None:
    u, v = points(3, 1, 5), points(4, 5)
    c = torch.rand(shape, dtype=torch.float64) + 0.1
    out = f(u, v, c)
    assert out.shape[:2] == (3, 4)
    assert f(u[:0], v[:1], 1.0).shape[:2] == (0, 1)
    for i, row in enumerate(out):
        for j, expected in enumerate(row):
            number = c.expand(3, 4)[i, j].item()
            torch.testing.assert_close(f(u[i, 0], v[j], number), expected)


@operation
def test_dtypes_promote_over_the_points(f: Callable[..., Tensor]) -> None:
    u, v, c = points(4, 3), points(4, 3), points().abs().requires_grad_()
    assert f(u.float(), v, c).dtype == torch.float64
    assert f(u.half(), v.bfloat16(), c).dtype == torch.float32
    out = f(u.float(), v.float(), c)
    assert out.dtype == torch.float32
    (gradient,) = torch.autograd.grad(out.sum(), c)
    assert gradient.dtype == torch.float64 and gradient != 0


@operation
@each("learned", [False, True])
def test_few_tensors_are_saved(f: Callable[..., Tensor], learned: bool) -> None:
    # Everything else is a row scalar.  The derivative with respect to c, which is in
    # double precision, saves some more.
    u, v = (torch.randn(100, 64, requires_grad=True) for _ in range(2))
    saved: dict[int, Tensor] = {}

    def pack(x: Tensor) -> Tensor:
        saved[x.data_ptr()] = x
        return x

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda x: x):
        f(u, v, torch.tensor(1.0, requires_grad=learned))
    number = sum(x.numel() == u.numel() for x in saved.values())
    assert number <= (2 if f is transport else 5) + 8 * learned
