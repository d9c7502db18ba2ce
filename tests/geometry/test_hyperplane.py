import math

import mpmath
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import dist, gyro_add, hyperplane_dist
from tests.where import each

mpmath.mp.dps = 60


def exact(v: list[float], n: list[float], q: float, c: float) -> mpmath.mpf:
    """DESIGN's formula in hyperboloid coordinates, in 60 digits."""
    s = mpmath.sqrt(mpmath.mpf(c))
    r = mpmath.sqrt(sum(mpmath.mpf(x) ** 2 for x in v))
    along = sum(mpmath.mpf(a) * mpmath.mpf(b) for a, b in zip(v, n, strict=True))
    x = mpmath.sinh(s * r) / (s * r) * along if r else mpmath.mpf(0)
    x0 = mpmath.cosh(s * r) / s
    return mpmath.asinh(s * (mpmath.cosh(s * q) * x - mpmath.sinh(s * q) * x0)) / s


NORMAL = [0.6, 0.8]


@each("c", [1e-12, 1e-3, 1.0, 50.0])
@each("radius", [0.0, 1e-12, 1e-3, 0.7, 3.0, 20.0, 1e3])
@each("offset", [0.0, 1e-6, -0.5, 4.0, 900.0])
def test_value(c: float, radius: float, offset: float) -> None:
    for angle in (0.3, 1.5, 2.8):
        v = [radius * math.cos(angle), radius * math.sin(angle)]
        v, q = [x / c**0.5 for x in v], offset / c**0.5
        got = hyperplane_dist(
            torch.tensor([v], dtype=torch.float64),
            torch.tensor([NORMAL], dtype=torch.float64),
            torch.tensor([q], dtype=torch.float64),
            c,
        )
        want = exact(v, NORMAL, q, c)
        assert abs(got.item() - want) <= 1e-12 * max(abs(want), c**-0.5 * 1e-9)


def test_is_the_distance_to_the_nearest_point() -> None:
    # Points of the hyperplane are q n + a line across n, moved there by a gyro-sum.
    n, q, c = torch.tensor([0.6, 0.8]).double(), 0.7, 1.3
    t = torch.linspace(-6, 6, 20001, dtype=torch.float64)[:, None]
    plane = gyro_add(q * n, t * torch.tensor([-0.8, 0.6]).double(), c)
    for v in torch.randn(5, 2, dtype=torch.float64):
        nearest = dist(v, plane, c).min()
        got = hyperplane_dist(v, n[None], torch.tensor([q]).double(), c)
        torch.testing.assert_close(got.abs().squeeze(), nearest, rtol=1e-5, atol=1e-6)


def test_gradients() -> None:
    v, n, q = torch.randn(4, 3), torch.randn(2, 3), torch.randn(2)
    inputs = (v, torch.nn.functional.normalize(n, dim=-1), q, torch.tensor(0.8))
    inputs = tuple(x.double().requires_grad_() for x in inputs)
    assert torch.autograd.gradcheck(hyperplane_dist, inputs)


def test_flat_limit_is_linear() -> None:
    v, q = torch.randn(4, 3, dtype=torch.float64), torch.randn(2, dtype=torch.float64)
    n = torch.nn.functional.normalize(torch.randn(2, 3).double(), dim=-1)
    torch.testing.assert_close(hyperplane_dist(v, n, q, 0.0), v @ n.t() - q)


def test_gradients_are_numbers_everywhere() -> None:
    n = torch.tensor([NORMAL, [1.0, 0.0]])
    for scale in (0.0, 1e-20, 1e-3, 1.0, 30.0, 1e3):
        points: Tensor = scale * torch.tensor([[0.6, 0.8], [-0.8, 0.6], [1.0, 0.0]])
        for offset in (0.0, 1.0, scale):
            v, q = points.clone().requires_grad_(), torch.full((2,), offset)
            c = torch.tensor(1.0, requires_grad=True)
            q.requires_grad_()
            out = hyperplane_dist(v, n, q, c)
            assert out.isfinite().all()
            out.abs().sum().backward()
            if scale < 80:  # beyond, true derivatives across do not fit float32
                assert all(x.grad.isfinite().all() for x in (v, q, c))
