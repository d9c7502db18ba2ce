"""Questions on which hyperbolic libraries break: the origin, far out, small c.

Each asks one library for a number in float32 and returns its relative error, infinite
where there is none.  The right numbers come from mpmath, which PyTorch brings along.
"""

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any, NamedTuple

import mpmath as mp
import torch
from torch import Tensor

from benchmarks.common.peers import Library

Vector = Sequence[float]

DIRECTION, ACROSS = (0.6, -0.48, 0.64), (0.8, 0.36, -0.48)  # orthogonal, of length 1
OPERATIONS = ("exp0", "log0", "add", "matvec", "dist")


def exact_distance(u: Vector, v: Vector, c: float | mp.mpf) -> mp.mpf:
    """The distance of two points in normal coordinates, c > 0."""
    with mp.workdps(120):
        s = mp.sqrt(c)
        p, q = ([mp.mpf(k) for k in x] for x in (u, v))
        a, b = (s * mp.sqrt(mp.fdot(x, x)) for x in (p, q))
        half = (1 - c * mp.fdot(p, q) / (a * b)) / 2 if a and b else mp.mpf(1)
        square = mp.sinh((a - b) / 2) ** 2 + mp.sinh(a) * mp.sinh(b) * half
        return 2 * mp.asinh(mp.sqrt(square)) / s


def pairs(radius: float, c: float) -> list[tuple[Vector, Vector]]:
    """Six pairs of points: at four angles, and one on the way to the other."""
    r = radius / c**0.5
    u = tuple(r * k for k in DIRECTION)
    out: list[tuple[Vector, Vector]] = []
    for angle in (1e-4, 1e-2, 1.0, math.pi):
        cos, sin = math.cos(angle), math.sin(angle)
        mixed = zip(DIRECTION, ACROSS, strict=True)
        out.append((u, tuple(r * (cos * p + sin * q) for p, q in mixed)))
    return [*out, *((u, tuple(share * k for k in u)) for share in (0.9999, 0.5))]


def _error(got: Tensor, true: Tensor | float) -> float:
    got, true = got.detach().double(), torch.as_tensor(true).double()
    error = ((got - true).norm() / true.norm()).item()
    return error if math.isfinite(error) else math.inf


def origin_gradient(library: Library, operation: str, curvature: float) -> float:
    """Of an operation's gradient at the exact origin."""
    weight = torch.tensor([(0.5, -1.0, 0.25), (2.0, 0.75, -0.5), (1.0, 1.5, -2.0)])
    g, c, unit = torch.tensor(DIRECTION), torch.tensor(curvature), library.unit
    origin = torch.zeros(3)
    point, other = library.exp0(origin, c), library.exp0(g / c.sqrt(), c)
    start = (origin if operation == "exp0" else point).clone().requires_grad_()
    asked: dict[str, tuple[Callable[[Tensor], Tensor], Tensor, Tensor]] = {
        "exp0": (lambda v: library.exp0(v, c), g, unit * g),
        "log0": (lambda x: library.log0(x, c), g, g / unit),
        "add": (lambda x: library.add(x, point, c), g, g),
        "matvec": (lambda x: library.matvec(weight, x, c), g, weight.T @ g),
        "dist": (
            lambda x: library.dist(x, other, c).view(1), torch.ones(1), -g / unit
        ),
    }  # fmt: skip
    f, cotangent, true = asked[operation]
    # Without the time coordinate, which is constant here.
    out = (f(start)[..., -len(cotangent) :] * cotangent).sum()
    (gradient,) = torch.autograd.grad(out, start)
    return _error(gradient[-3:], true)


def round_trip(library: Library, length: float, curvature: float) -> float:
    """Of log0(exp0(v))."""
    v, c = torch.tensor([length * k for k in DIRECTION]), torch.tensor(curvature)
    return _error(library.log0(library.exp0(v, c), c), v)


def distance(library: Library, u: Vector, v: Vector, curvature: float) -> float:
    """Of a distance, beside that of the rounded points."""
    c, x, y = torch.tensor(curvature), torch.tensor(u), torch.tensor(v)
    true = float(exact_distance(x.tolist(), y.tolist(), c.item()))
    return _error(library.dist(library.exp0(x, c), library.exp0(y, c), c), true)


def curvature_gradient(library: Library, length: float, curvature: float) -> float:
    """Of a distance's derivative with respect to c."""
    u, v = (torch.tensor([length * k for k in x]) for x in (DIRECTION, ACROSS))
    c = torch.tensor(curvature, requires_grad=True)
    out = library.dist(library.exp0(u, c), library.exp0(v, c), c).sum()
    (slope,) = torch.autograd.grad(out, c)
    with mp.workdps(120):
        at, step = mp.mpf(c.item()), mp.mpf(c.item()) * mp.mpf("1e-40")
        ends = (exact_distance(u.tolist(), v.tolist(), at + k * step) for k in (1, -1))
        true = float((next(ends) - next(ends)) / (2 * step))
    return _error(slope, true)


class Question(NamedTuple):
    """What is asked, at which arguments, and the largest error that is right."""

    error: Callable[..., float]
    cases: Sequence[tuple[Any, ...]]
    most: float

    def answers(self, library: Library) -> list[bool]:
        """Which are right."""
        return [self.error(library, *case) < self.most for case in self.cases]


CURVATURES = (1e-6, 1e-3, 0.1, 1.0, 10.0)
LENGTHS = (1e-8, 1e-6, 1e-4, 1e-2, 0.1, 1.0, 5.0, 10.0, 20.0, 50.0)
RADII = (1e-3, 0.1, 1.0, 3.0, 10.0, 30.0)  # in units of the curvature's radius
FROM_FLAT = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0)
QUESTIONS = {
    "gradient at the origin": Question(
        origin_gradient, [*product(OPERATIONS, CURVATURES)], 1e-3
    ),
    "round trip": Question(round_trip, [*product(LENGTHS, CURVATURES)], 1e-3),
    "distance": Question(
        distance,
        [(*pair, c) for r in RADII for c in (1e-6, 1.0, 10.0) for pair in pairs(r, c)],
        0.01,
    ),
    "d/dc": Question(
        curvature_gradient, [*product((0.1, 1.0, 2.0, 5.0, 20.0), FROM_FLAT)], 0.01
    ),
}
