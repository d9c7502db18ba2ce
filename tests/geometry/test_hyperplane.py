import math

import mpmath as mp
import torch

from pyg_hyperbolic.geometry import dist, gyro_add, hyperplane_dist
from tests.numerics.textbook import Vector, norm
from tests.where import each

NORMAL = [0.6, 0.8]


def exact(v: Vector, n: Vector, q: mp.mpf, c: float) -> mp.mpf:
    """DESIGN's formula in hyperboloid coordinates."""
    s = mp.sqrt(c)
    a, b = s * norm(v), s * q
    x = (mp.sinh(a) / a if a else 1) * mp.fdot(v, n)
    return mp.asinh(s * mp.cosh(b) * x - mp.sinh(b) * mp.cosh(a)) / s


@each("c", [1e-12, 1e-3, 1.0, 50.0])
@each("radius", [0.0, 1e-12, 1e-3, 0.7, 3.0, 20.0, 1e3])
@each("offset", [0.0, 1e-6, -0.5, 4.0, 900.0])
def test_value(c: float, radius: float, offset: float) -> None:
    r, q = radius / c**0.5, offset / c**0.5
    v = [[r * math.cos(a), r * math.sin(a)] for a in (0.3, 1.5, 2.8)]
    v = torch.tensor(v, dtype=torch.float64)
    n, offsets = (torch.tensor([x], dtype=torch.float64) for x in (NORMAL, q))
    got = hyperplane_dist(v, n, offsets, c)[:, 0]
    with mp.workdps(60):
        for out, row in zip(got.tolist(), v.tolist(), strict=True):
            true = exact([mp.mpf(x) for x in row], n[0].tolist(), mp.mpf(q), c)
            assert abs(out - true) <= 1e-12 * max(abs(true), c**-0.5 * 1e-9)


def test_is_the_distance_to_the_nearest_point() -> None:
    # Points of the hyperplane are q n + a line across n, moved there by a gyro-sum.
    n, q, c = torch.tensor(NORMAL).double(), 0.7, 1.3
    t = torch.linspace(-6, 6, 20001, dtype=torch.float64)[:, None]
    plane = gyro_add(q * n, t * torch.tensor([-0.8, 0.6]).double(), c)
    for v in torch.randn(5, 2, dtype=torch.float64):
        nearest = dist(v, plane, c).min()
        got = hyperplane_dist(v, n[None], torch.tensor([q]).double(), c)
        torch.testing.assert_close(got.abs().squeeze(), nearest, rtol=1e-5, atol=1e-6)


@each("scale", [0.0, 1e-20, 1e-3, 1.0, 30.0, 1e3])
def test_gradients_are_numbers_on_the_hyperplane_too(scale: float) -> None:
    n = torch.tensor([NORMAL, [1.0, 0.0]])
    for offset in (0.0, 1.0, scale):
        v = scale * torch.tensor([[0.6, 0.8], [-0.8, 0.6], [1.0, 0.0]])
        leaves = [v, torch.full((2,), offset), torch.tensor(1.0)]
        v, q, c = (x.requires_grad_() for x in leaves)
        out = hyperplane_dist(v, n, q, c)
        assert out.isfinite().all()
        if scale < 80:  # beyond, true derivatives across do not fit float32
            for grad in torch.autograd.grad(out.abs().sum(), (v, q, c)):
                assert grad.isfinite().all()
