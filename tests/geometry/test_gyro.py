"""Laws and other libraries; values and properties: tests/numerics.

Equal points: ``tests/kernels/test_corners.py``.
"""

import math
from collections.abc import Callable

import geoopt
import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

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


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


def pushforward(f: Callable[[Tensor], Tensor], x: Tensor, w: Tensor) -> Tensor:
    return torch.func.jvp(f, (x,), (w,))[1]


def test_operations_agree_with_geoopt_ball(c: float, ball: geoopt.PoincareBall) -> None:
    u, v = points(2, 64, 5)
    x, y = to_poincare(u, c), to_poincare(v, c)
    for out, expected in (
        (to_poincare(gyro_add(u, v, c), c), ball.mobius_add(x, y)),
        (dist(u, v, c), ball.dist(x, y)),
        # Tangent vectors of the ball at the origin are half those of ours.
        (log(u, v, c), 2 * ball.transp0back(x, ball.logmap(x, y))),
        (to_poincare(exp(u, v, c), c), ball.expmap(x, ball.transp0(x, v / 2))),
    ):
        torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12)


def test_operations_agree_with_geoopt_hyperboloid(
    c: float, lorentz: geoopt.Lorentz
) -> None:
    u, v = points(2, 64, 3) / c**0.5 / 2
    x, y = to_lorentz(u, c), to_lorentz(v, c)
    moved = lorentz.transp0(x, pad(v, (1, 0)))
    pushed = pushforward(lambda w: to_lorentz(w, c), u, transport(u, v, c))
    for out, expected in (
        (dist(u, v, c), lorentz.dist(x, y)),
        (log(u, v, c), lorentz.transp0back(x, lorentz.logmap(x, y))[..., 1:]),
        (to_lorentz(exp(u, v, c), c), lorentz.expmap(x, moved)),
        (pushed, moved),
    ):
        torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-11)


@each("scale", [0.0, 1e-6, 0.1, 1.0, 5.0])
def test_transport_is_the_differential_of_the_gyro_sum(c: float, scale: float) -> None:
    u, v = scale * points(16, 4), points(16, 4)
    zero = torch.tensor(0.0, dtype=torch.float64)
    slope = pushforward(lambda t: gyro_add(u, t * v, c), zero, zero + 1)
    torch.testing.assert_close(transport(u, v, c), slope, rtol=1e-11, atol=1e-12)


def test_gyrovector_algebra(c: float, dtype: torch.dtype) -> None:
    u, v = points(2, 64, 4).to(dtype)
    zero, sums = torch.zeros_like(u), gyro_add(u, v, c)
    bar = 1e-9 if dtype == torch.float64 else 1e-2  # a sum loses exp(2 a) eps
    for out, expected in (
        (log(u, sums, c), v),
        (log(u, v, c), gyro_add(-u, v, c)),
        (exp(u, v, c), sums),
        (exp(u, log(u, v, c), c), v),
        (gyro_add(zero, v, c), v),
        (gyro_add(u, zero, c), u),
        (gyro_add(u, u, c), 2 * u),
        (dist(u, v, c), log(u, v, c).norm(dim=-1)),
        (sqdist(u, v, c), dist(u, v, c).square()),
        (dist(u, zero, c), u.norm(dim=-1)),
        (transport(zero, v, c), v),
        (transport(u, u, c), u),
    ):
        torch.testing.assert_close(out, expected, rtol=bar, atol=bar)
    assert torch.equal(gyro_add(u, -u, c), zero)


OPERATIONS = [gyro_add, sqdist, dist, log, exp, transport]
operation = pytest.mark.parametrize("f", OPERATIONS, ids=lambda f: f.__name__)


@operation
@each("c", [0.0, 1e-6, 0.1, 1.0, 10.0])
def test_all_is_finite_at_all_angles(
    f: Callable[..., Tensor], c: float, dtype: torch.dtype
) -> None:
    """Equal, nearly equal, opposite, and nearly opposite, at all pairs of radii."""
    r = torch.tensor([0.0, 1e-30, 1e-12, 1e-4, 0.3, 1.0, 5.0, 15.0, 30.0])
    theta = torch.tensor([0.0, 0.7, 0.7 + 1e-7, 0.7 + math.pi, 0.8 + math.pi, 2.0])
    rays = torch.stack([theta.cos(), theta.sin()], dim=-1)
    p = (r[:, None, None] * rays).view(-1, 2).to(dtype)
    u = p.repeat_interleave(len(p), 0).requires_grad_()
    v = p.repeat(len(p), 1).requires_grad_()
    curvature = torch.full((len(u),), c, dtype=dtype, requires_grad=True)
    out = f(u, v, curvature)
    got = [out, *torch.autograd.grad(out.sum(), (u, v, curvature))]
    assert all(x.isfinite().all() for x in got)


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
