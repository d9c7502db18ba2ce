"""Against a minimization of its own, in many digits; laws: ``test_midpoint.py``."""

from itertools import product

import mpmath as mp
import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import frechet_mean
from tests.numerics import textbook
from tests.numerics.textbook import Vector, minus, norm, vector
from tests.where import each

# Curvatures, radii in their units, and angles between points: None is any direction.
SETS = [(0.0, 1.0, None)]
SETS += product([0.5], [0.1, 1.0, 10.0, 50.0], [None, 1e-3, 1e-12])


def directions(*shape: int) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(shape).double(), dim=-1)


def sets(n: int, d: int, equal: bool) -> tuple[Tensor, Tensor, Tensor]:
    """Points at equal radii, with equal weights, or at others with any."""
    rows = []
    for c, radius, angle in SETS:
        u = directions(n, d)
        u = u if angle is None else u[:1] + angle * directions(n, d)
        u = torch.nn.functional.normalize(u, dim=-1) * radius * (c or 1.0) ** -0.5
        rows.append(u * (1 if equal else 0.5 + torch.rand(n, 1).double() / 2))
    c = torch.tensor([c for c, _, _ in SETS], dtype=torch.float64)
    weight = torch.rand(len(rows), n).double() + 0.1
    return torch.stack(rows), torch.ones_like(weight) if equal else weight, c


def minimum(x: Vector, rows: list[Vector], weights: Vector, c: mp.mpf) -> Vector:
    """Where the gradient is 0."""
    s, axes = mp.sqrt(c), range(len(x))
    for _ in range(100):
        pull, hessian = mp.zeros(len(x), 1), mp.zeros(len(x))
        for w, row in zip(weights, rows, strict=True):
            y = textbook.gyro_add([-k for k in x], row, c)
            a = s * norm(y)
            across = a * mp.coth(a) if a else mp.mpf(1)
            bend = (1 - across) / mp.fdot(y, y) if a else mp.mpf(0)
            for i, j in product(axes, axes):
                hessian[i, j] += w * (across * (i == j) + bend * y[i] * y[j])
            pull += w * mp.matrix(y)
        step = mp.lu_solve(hessian, pull)
        length = s * mp.norm(step)
        share = 1 / length if length > 1 else mp.mpf(1)
        x = textbook.gyro_add(x, [share * k for k in step], c)
        if length < mp.mpf(10) ** -40:  # the next one has twice as many digits
            return x
    raise AssertionError("the reference has not converged")


def reference(x: Tensor, v: Tensor, weight: Tensor, c: float) -> tuple[Vector, Tensor]:
    """The mean, and its derivatives by v[1, 0], weight[0] and c, by differences.

    The search starts beside x: on the nearest ray, off which roundings lead far out.
    """
    rows, h = [vector(row) for row in v], mp.mpf(10) ** -20
    ray = rows[int(torch.cosine_similarity(v, x[None], dim=-1).argmax())]
    start = [norm(vector(x)) / norm(ray) * k for k in ray]
    mean = minimum(start, rows, vector(weight), mp.mpf(c))

    def at(of: int, h: mp.mpf) -> mp.matrix:
        moved, weights = [list(row) for row in rows], vector(weight)
        moved[1][0] += h * (of == 0)
        weights[0] += h * (of == 1)
        return mp.matrix(minimum(mean, moved, weights, c + h * (of == 2)))

    twice = (4 * at(k, h) - at(k, 2 * h) - 3 * mp.matrix(mean) for k in range(3))
    slopes = [[float(x / (2 * h)) for x in slope] for slope in twice]
    return mean, torch.tensor(slopes, dtype=torch.float64)


@pytest.mark.parametrize(("d", "equal"), [(2, True), (2, False), (5, True)])
def test_values_and_derivatives(d: int, equal: bool) -> None:
    leaves = [x.requires_grad_() for x in sets(3, d, equal)]
    v, weight, c = leaves
    out = frechet_mean(v, c, weight)
    grads = [torch.autograd.grad(x.sum(), leaves, retain_graph=True) for x in out.T]
    got = torch.stack(
        [torch.stack([a[:, 1, 0], b[:, 0], c], dim=-1) for a, b, c in grads], dim=-1
    )
    for k, (x, *given) in enumerate(zip(out.detach(), v, weight, c, strict=True)):
        with mp.workdps(70 + int(3 * SETS[k][1])):
            mean, slopes = reference(x, given[0].detach(), given[1], given[2].item())
            assert norm(minus(vector(x), mean)) <= 1e-10 * norm(mean), SETS[k]
        bound = 1e-7 * slopes.norm(dim=-1) + 1e-15 * SETS[k][1]
        assert ((got[k] - slopes).norm(dim=-1) <= bound).all(), SETS[k]


@each("radius", [100.0, 600.0])
def test_far_out_a_mean_turns_with_its_points(radius: float) -> None:
    """Of opposite points, too: they turn it by as much as they are turned."""
    v = radius * torch.tensor([[0.6, 0.8], [-0.06, -0.08]], dtype=torch.float64)
    v, share = v.requires_grad_(), torch.tensor([0.95, 0.05], dtype=torch.float64)
    out = frechet_mean(v, 1.0, share)
    for way, scale in (([0.6, 0.8], 0.95), ([-0.8, 0.6], 0.945)):
        way = torch.tensor(way, dtype=torch.float64)
        (grad,) = torch.autograd.grad(out @ way, v, retain_graph=True)
        torch.testing.assert_close(grad[0], scale * way, rtol=1e-9, atol=1e-9)


@each("radius", [5.0, 50.0, 300.0])
@each("line", [[1.0, 0.0], [1.0, 0.0, -1.0, 1.0], [0.375, 0.625, -0.875]])
@each("sides", [1, 2])
def test_on_one_line_it_is_the_mean(
    radius: float, line: list[float], sides: int
) -> None:
    """With its derivatives, where an ulp across the line is a long way."""
    place = radius * (torch.rand(9, 5).double() + 0.5)
    place[:, 0] *= 3 - 2 * sides
    place = (16 * place).round() / 16  # its products are exact
    along = torch.tensor(line, dtype=torch.float64)
    weight = torch.rand(9, 5).double() + 0.1
    v = (place[..., None] * along).requires_grad_()
    share = (weight / weight.sum(dim=-1, keepdim=True))[..., None]
    mean = frechet_mean(v, 1.0, weight)
    torch.testing.assert_close(mean, (share * v).sum(dim=-2))
    (grad,) = torch.autograd.grad((mean * along).sum(), v)
    torch.testing.assert_close(grad, share * along)


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    v = 20 * torch.randn(3, 2)
    with pytest.raises(ValueError, match=r"'weight' must .* >= 0 \(got -1.9\).* drop"):
        frechet_mean(v, 1.0, torch.tensor([1.0, 1.0, -1.9]))
    with pytest.raises(RuntimeError, match=r"vmap"):
        torch.vmap(lambda v: frechet_mean(v, 1.0))(v.expand(2, 3, 2))
    monkeypatch.setattr("pyg_hyperbolic.geometry.frechet.STEPS", 1)
    with pytest.raises(RuntimeError, match=r"no Fréchet mean .* 1 of 1 .*midpoint"):
        frechet_mean(v, 1.0)
