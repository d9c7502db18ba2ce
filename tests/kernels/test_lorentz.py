"""The Lorentz map's kernel beside the reference, which is in double precision."""

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.geometry.lorentz import lorentz_map
from tests.kernels.cases import DOUBLE, agree, all_backends, derived
from tests.where import each

RADII = [0.0, 1e-5, 0.03, 0.2, 1.0, 5.0, 12.0, 50.0, 170.0, 400.0]


def inputs(radius: float | Tensor, dtype: torch.dtype, rows: int = 30) -> list[Tensor]:
    """h, x, time, bias and c."""
    torch.manual_seed(0)
    x = torch.nn.functional.normalize(torch.randn(rows, 7), dim=-1) * radius
    h = x @ torch.randn(7, 5) * 0.4
    time, bias = torch.randn(5) / 5, torch.randn(5)
    leaves = [y.to(dtype) for y in (h, x, time, bias)]
    leaves.append(torch.tensor(1.3, dtype=DOUBLE))
    return [y.requires_grad_() for y in leaves]


def reference(h: Tensor, x: Tensor, *rest: Tensor) -> Tensor:
    return lorentz_map(x, h, *rest)


@all_backends
@each("radius", RADII)
def test_values_and_gradients(dtype: torch.dtype, radius: float, by: str) -> None:
    rows = 6 if by == "cuda" else 30  # the interpreter is slow
    given = inputs(radius, dtype, rows)
    with kernels.backend(by):
        got = derived(kernels.lorentz_map, given)
    if dtype == torch.float32 and radius > 80:  # gradients out of its range
        some = got[:1] if by == "portable" else got
        assert all(x.isfinite().all() for x in some)
        return
    wide = [y.detach().double().requires_grad_() for y in given]
    bar = 1e-11
    if dtype == torch.float32:
        bar = 1e-4 if by == "portable" else 1e-5  # it sums over rows in float32
    agree(got, derived(reference, wide), bar)


@all_backends
def test_images_narrower_than_their_points_and_of_any_layout(by: str) -> None:
    """Such as columns of a larger tensor; in CUDA a program takes four at a time."""
    h, x, time, bias, c = inputs(1.0, DOUBLE, 6)
    given = h[:, :2], x, time[:2], bias[:2]
    strided = [torch.stack([y, -y], dim=-1)[..., 0] for y in given]
    with kernels.backend(by):
        got = derived(kernels.lorentz_map, [*strided, c])
    agree(got, derived(reference, [*given, c]), 1e-12)


def test_second_derivatives() -> None:
    given = inputs(torch.tensor([[0.03], [1.0], [5.0]]), DOUBLE, rows=3)
    assert torch.autograd.gradcheck(kernels.lorentz_map, given)
    assert torch.autograd.gradgradcheck(kernels.lorentz_map, given)


def test_no_bias_no_rows_and_half_precision() -> None:
    h, x, time, bias, c = inputs(1.0, torch.float32)
    without = kernels.lorentz_map(h, x, time, None, c)
    zero = torch.zeros_like(bias)
    torch.testing.assert_close(without, kernels.lorentz_map(h, x, time, zero, c))
    assert kernels.lorentz_map(h[:0], x[:0], time, bias, c).shape == (0, 5)
    half = kernels.lorentz_map(h.half(), x.half(), time.half(), None, c)
    assert half.dtype == torch.half
    torch.testing.assert_close(half.float(), without, rtol=1e-2, atol=1e-2)


@pytest.mark.compile
def test_compiled_into_one_graph() -> None:
    given, f = inputs(1.0, torch.float32), kernels.lorentz_map
    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(derived(compiled, given), derived(f, given))
