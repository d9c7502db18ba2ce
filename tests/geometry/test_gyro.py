"""Another library, and what is saved; values and laws: tests/numerics.

Equal points: ``tests/kernels/test_corners.py``.
"""

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
    to_poincare,
    transport,
)
from tests.where import each


def points(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64)


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
    for w in (u, u.float()):
        assert not gyro_add(w, -w, c).any()  # exactly


@each("scale", [0.0, 1e-6, 0.1, 1.0, 5.0])
def test_transport_is_the_differential_of_the_gyro_sum(c: float, scale: float) -> None:
    u, v = scale * points(16, 4), points(16, 4)
    zero = torch.tensor(0.0, dtype=torch.float64)
    _, slope = torch.func.jvp(lambda t: gyro_add(u, t * v, c), (zero,), (zero + 1,))
    torch.testing.assert_close(transport(u, v, c), slope, rtol=1e-11, atol=1e-12)


@each("small", [(torch.float32, 1e-24), (torch.float64, 1e-170)])
def test_vectors_whose_squares_are_0_are_kept(
    small: tuple[torch.dtype, float],
) -> None:
    dtype, size = small
    v = torch.tensor([[size, 0.0, 0.0]], dtype=dtype)
    torch.testing.assert_close(gyro_add(0 * v, v, 1.0), v, rtol=1e-6, atol=0)
    u = torch.tensor([[0.0, 1.0, 0.0]], dtype=dtype)
    shrunk = v[0, 0] / math.sinh(1)  # W / sinh W across the sum, for a radius of 1
    torch.testing.assert_close(gyro_add(u, v, 1.0)[0, 0], shrunk, rtol=1e-6, atol=0)


@pytest.mark.parametrize("f", [gyro_add, sqdist, dist, log, exp, transport])
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
    assert number <= (2 if f is transport else 7) + 10 * learned
