"""What all functions have in common: shapes, dtypes, flat space, and finite numbers."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from tests.geometry.functions import FROM, MEANS, NAMES, PAIRS, PARTS, ROWS, function
from tests.where import each
from tests.without_float64 import taken_for_one, without_float64


def test_every_function_is_among_them() -> None:
    assert set(geometry.__all__) <= set(NAMES)


@each("shape", [(), (4,), (3, 1), (3, 4)])
@pytest.mark.parametrize("name", ROWS + MEANS)
def test_points_and_curvatures_broadcast(name: str, shape: tuple[int, ...]) -> None:
    rows = (3, 4, 5) if name in MEANS else (3, 4)
    f, (*given, _) = function(name, rows=torch.Size(rows).numel())
    given = [x.view(*rows, *x.shape[1:]) for x in given]
    c = torch.rand(shape, dtype=torch.float64) + 0.1
    if name in PAIRS:
        out = f(given[0][:, :1], given[1][0], c)
        given = [x.expand(3, 4, 3) for x in (given[0][:, :1], given[1][0])]
    else:
        out = f(*given, c)
    for i, j in ((0, 0), (2, 1), (1, 3)):
        number = c.expand(3, 4)[i, j].item()
        expected = f(*(x[i, j] for x in given), number)
        torch.testing.assert_close(out[i, j], expected)
    none = f(*(x[:0] for x in given), 1.0)
    assert none.shape == (0, *out.shape[1:])


@each("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ROWS + MEANS)
def test_half_precision_is_rounded_single_precision(
    name: str, half: torch.dtype
) -> None:
    f, (*given, c) = function(name, rows=40)
    low = [x.to(half) for x in given]
    out, wide = f(*low, c), f(*(x.float() for x in low), c)
    assert out.dtype == half and wide.dtype == torch.float32
    torch.testing.assert_close(out, wide.to(half))


FLAT: dict[str, Callable[..., Tensor]] = {  # of others: tests/numerics
    "cone_angle": lambda u, v: torch.cosine_similarity(u, v - u, dim=-1).acos(),
    "half_aperture": lambda u: (0.1 / u.norm(dim=-1)).asin(),
    "hyperplane_dist": lambda v, n, q: v @ n.t() - q,
}


@pytest.mark.parametrize("name", FLAT)
def test_without_curvature_space_is_flat(name: str, dtype: torch.dtype) -> None:
    f, (*given, _) = function(name, rows=30)
    given = [x.to(dtype) for x in given]
    for c in (0, 0.0, torch.tensor(0.0), 1e-12):
        torch.testing.assert_close(f(*given, c), FLAT[name](*given))


@pytest.mark.parametrize("name", PAIRS)
def test_dtypes_promote_over_the_points(name: str) -> None:
    f, (u, v, c) = function(name)
    c.requires_grad_()
    assert f(u.float(), v, c).dtype == torch.float64
    assert f(u.half(), v.bfloat16(), c).dtype == torch.float32
    out = f(u.float(), v.float(), c)
    assert out.dtype == torch.float32
    (gradient,) = torch.autograd.grad(out.sum(), c)
    assert gradient.dtype == torch.float64 and gradient != 0


@each("wide", [True, False])
@pytest.mark.parametrize("name", NAMES)
def test_far_out_and_near_the_origin_all_is_finite(name: str, wide: bool) -> None:
    """With float64 and on devices without.

    Rows at all radii at once: a dispatch mode is slow.
    """
    if wide and name == "frechet_mean":
        return  # which takes long, and has radii of its own in test_frechet.py
    radii = [0.0, 1e-30 if wide else 1e-18, 1e-6, 12.0, 30.0, 80.0, 500.0, 1e4]
    if name in ("to_lorentz", "to_proper_velocity"):
        radii = radii[:5]  # beyond, these coordinates themselves are out of range
    if name in FROM and name not in ("from_poincare", "from_klein"):
        name = "to_klein"
    rows_at = torch.tensor(radii, dtype=torch.float64).repeat_interleave(4)[:, None]
    with nullcontext() if wide else taken_for_one():
        f, inputs = function(name, rows_at, len(rows_at))
    dtype = torch.float64 if wide and name in PARTS else torch.float32
    leaves = [x.to(dtype).requires_grad_() for x in inputs]
    with nullcontext() if wide else without_float64():
        out = f(*leaves)
        got = [out, *torch.autograd.grad(out.sum(), leaves)]
    assert all(x.isfinite().all() for x in got)
