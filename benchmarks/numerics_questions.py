"""Questions on which hyperbolic libraries break: the origin, far out, small c.

Each function asks one library a list of questions and returns which were answered
right.  The right answers come from mpmath, which PyTorch brings along.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import mpmath as mp
import torch
from torch import Tensor

from benchmarks.peers import Library

Vector = Sequence[float]

CURVATURES = (1e-6, 1e-3, 0.1, 1.0, 10.0)
LENGTHS = (1e-8, 1e-6, 1e-4, 1e-2, 0.1, 1.0, 5.0, 10.0, 20.0, 50.0)
RADII = (1e-3, 0.1, 1.0, 3.0, 10.0, 30.0)  # in units of the curvature's radius
DIRECTION = (0.6, -0.48, 0.64)


def tensor(x: float | Vector, dtype: torch.dtype) -> Tensor:
    """A leaf, so that a gradient can be asked for."""
    return torch.tensor(x, dtype=torch.float64).to(dtype).requires_grad_()


def near(got: Tensor, true: Tensor | float, rtol: float) -> bool:
    """Whether a vector is right to a relative error; nothing not finite is."""
    got, true = got.detach().double(), torch.as_tensor(true).double()
    return bool((got - true).norm() <= rtol * true.norm())


def exact_distance(u: Vector, v: Vector, c: float | mp.mpf) -> mp.mpf:
    """The distance of two points in normal coordinates, c > 0."""
    with mp.workdps(120):
        s = mp.sqrt(c)
        p, q = ([mp.mpf(k) for k in x] for x in (u, v))
        a, b = (s * mp.sqrt(mp.fdot(x, x)) for x in (p, q))
        half = (1 - c * mp.fdot(p, q) / (a * b)) / 2 if a and b else mp.mpf(1)
        square = mp.sinh((a - b) / 2) ** 2 + mp.sinh(a) * mp.sinh(b) * half
        return 2 * mp.asinh(mp.sqrt(square)) / s


def distance_slope(u: Vector, v: Vector, c: float) -> float:
    """The derivative of the distance by c."""
    with mp.workdps(120):
        step = mp.mpf(c) * mp.mpf("1e-40")
        up, down = (exact_distance(u, v, mp.mpf(c) + k * step) for k in (1, -1))
        return float((up - down) / (2 * step))


def origin_gradient(library: Library, dtype: torch.dtype) -> list[bool]:
    """Gradients at the exact origin, of five operations at five curvatures."""
    rows = ((0.5, -1.0, 0.25), (2.0, 0.75, -0.5), (1.0, 1.5, -2.0))
    weight, g = torch.tensor(rows, dtype=dtype), torch.tensor(DIRECTION, dtype=dtype)
    unit = library.unit

    def ask(c: Tensor) -> list[bool]:
        vector = torch.zeros(3, dtype=dtype)
        point = library.exp0(vector, c)
        other = library.exp0(g / c.sqrt(), c)
        along, one = -g / unit, torch.ones(1, dtype=dtype)
        return [
            _slope(lambda v: library.exp0(v, c), vector, g, unit * g),
            _slope(lambda x: library.log0(x, c), point, g, g / unit),
            _slope(lambda x: library.add(x, point, c), point, g, g),
            _slope(lambda x: library.matvec(weight, x, c), point, g, weight.T @ g),
            _slope(lambda x: library.dist(x, other, c).view(1), point, one, along),
        ]

    answers = [ask(torch.tensor(c, dtype=dtype)) for c in CURVATURES]
    return list(itertools.chain.from_iterable(answers))


def _slope(
    f: Callable[[Tensor], Tensor], x: Tensor, cotangent: Tensor, true: Tensor
) -> bool:
    """Whether the gradient is right; without the time coordinate, constant here."""
    x = x.detach().clone().requires_grad_()
    out = f(x)[..., -len(cotangent) :]
    (gradient,) = torch.autograd.grad((out * cotangent).sum(), x)
    return near(gradient[-3:], true, 1e-3)


def round_trip(library: Library, dtype: torch.dtype) -> list[bool]:
    """log0(exp0(v)) within 1e-3, lengths 1e-8 to 50 and curvatures 1e-6 to 10."""
    return [
        round_trip_error(library, dtype, length, c) < 1e-3
        for length, c in itertools.product(LENGTHS, CURVATURES)
    ]


def round_trip_error(
    library: Library, dtype: torch.dtype, length: float, c: float
) -> float:
    """The relative error of one round trip."""
    v = tensor(tuple(length * k for k in DIRECTION), dtype).detach()
    curvature = torch.tensor(c, dtype=dtype)
    out = library.log0(library.exp0(v, curvature), curvature)
    return _number((out - v).double().norm() / v.double().norm())


def pairs(radius: float, c: float) -> list[tuple[Vector, Vector]]:
    """Six pairs of points: at four angles, and one on the way to the other."""
    r = radius / c**0.5
    u = tuple(r * k for k in DIRECTION)
    across = (0.8, 0.36, -0.48)  # across the direction, of length 1
    out: list[tuple[Vector, Vector]] = []
    for angle in (1e-4, 1e-2, 1.0, math.pi):
        cos, sin = math.cos(angle), math.sin(angle)
        mixed = zip(DIRECTION, across, strict=True)
        out.append((u, tuple(r * (cos * p + sin * q) for p, q in mixed)))
    out += [(u, tuple(share * k for k in u)) for share in (0.9999, 0.5)]
    return out


def distance(library: Library, dtype: torch.dtype) -> list[bool]:
    """Distances within 1 per cent, near and far points at radii 1e-3 to 30."""
    return [
        distance_error(library, dtype, u, v, c) < 0.01
        for radius, c in itertools.product(RADII, (1e-6, 1.0, 10.0))
        for u, v in pairs(radius, c)
    ]


def distance_error(
    library: Library, dtype: torch.dtype, u: Vector, v: Vector, c: float
) -> float:
    """The relative error of one distance, to that of the rounded points."""
    curvature = torch.tensor(c, dtype=dtype)
    x, y = (tensor(p, dtype).detach() for p in (u, v))
    true = float(exact_distance(x.tolist(), y.tolist(), curvature.item()))
    x, y = (library.exp0(p, curvature) for p in (x, y))
    out = library.dist(x, y, curvature).double().squeeze()
    return _number((out - true).abs() / true)


def curvature_gradient(library: Library, dtype: torch.dtype) -> list[bool]:
    """The distance's derivative by c within 1 per cent, c from 1e-6 to 100."""
    curvatures = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
    lengths = (0.1, 1.0, 2.0, 5.0, 20.0)
    return [
        curvature_gradient_error(library, dtype, length, c) < 0.01
        for length, c in itertools.product(lengths, curvatures)
    ]


def curvature_gradient_error(
    library: Library, dtype: torch.dtype, length: float, c: float
) -> float:
    """The relative error for two points at a right angle, of one length."""
    u = tensor(tuple(length * k for k in DIRECTION), dtype).detach()
    v = tensor((0.8 * length, 0.36 * length, -0.48 * length), dtype).detach()
    curvature = tensor(c, dtype)
    x, y = library.exp0(u, curvature), library.exp0(v, curvature)
    (slope,) = torch.autograd.grad(library.dist(x, y, curvature).sum(), curvature)
    true = distance_slope(u.tolist(), v.tolist(), curvature.item())
    return abs(_number(slope.double()) / true - 1)


def _number(x: Tensor) -> float:
    """A float, infinite where the tensor is not a number."""
    return x.item() if bool(x.isfinite()) else math.inf


TESTS: dict[str, Callable[[Library, torch.dtype], list[bool]]] = {
    "gradient at the origin": origin_gradient,
    "round trip": round_trip,
    "distance": distance,
    "d/dc": curvature_gradient,
}
