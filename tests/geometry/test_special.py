"""Functions of z = a^2 beside those of the reference."""

import math

import mpmath as mp
import pytest
import torch

from pyg_hyperbolic.geometry import special
from tests.numerics import reference
from tests.where import each

NEAR = [0.0, 1e-30, 1e-8, 1e-3]
# On both sides of every bound between a series and a closed form, and far from it.
BOUNDS = [0.00999, 0.010001, 0.1, 0.4999, 0.50001, 0.9999, 1.0001]
FAR = [2.0, 9.0, 80.0, 1500.0]
every = pytest.mark.parametrize(
    "name", ["sinhc", "cosh", "coshm1c", "tanhc", "arsinhc", "artanhc"]
)


def arguments(name: str) -> list[float]:
    if name == "artanhc":
        return NEAR + [z for z in BOUNDS if z < 1] + [0.99]
    return NEAR + BOUNDS + FAR


def exact(name: str, z: float) -> tuple[mp.mpf, mp.mpf]:
    """A value and its slope."""
    f = getattr(reference, name)
    (value,), ((slope,),) = reference.evaluate(lambda x: [f(x[0])], [z])
    return value, slope


@every
def test_values_and_slopes_are_exact_on_both_sides_of_each_bound(
    name: str, dtype: torch.dtype
) -> None:
    z = torch.tensor(arguments(name), dtype=dtype, requires_grad=True)
    value = getattr(special, name)(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    eps = torch.finfo(dtype).eps
    for zi, v, s in zip(z.tolist(), value.tolist(), slope.tolist(), strict=True):
        true, true_slope = exact(name, zi)
        # exp(a) turns a rounding of a into a relative error of a times eps.
        loss = 1 + zi**0.5 + (1 / (1 - zi) if name == "artanhc" else 0)
        assert abs(v - true) <= 4 * eps * loss * abs(true), zi
        # Next to its bound a closed form's slope loses two digits.
        assert abs(s - true_slope) <= 150 * eps * loss * abs(true_slope), zi


@every
def test_gradients_are_exact_to_second_order(name: str) -> None:
    function = getattr(special, name)
    z = torch.tensor(arguments(name)[:-1], dtype=torch.float64)
    z = z[z < 100].requires_grad_()
    # At z = 0 too: the series continue to the small negative z of the differences.
    assert torch.autograd.gradcheck(function, z)
    assert torch.autograd.gradgradcheck(function, z)


def test_divided_difference_of_sinhc(dtype: torch.dtype) -> None:
    x, y = torch.cartesian_prod(
        *2 * [torch.tensor([0.0, 1e-9, 0.3, 0.300001, 1.0, 2.0], dtype=dtype)]
    ).unbind(-1)
    out = special.sinhc_difference(x + y, x * y)
    for xi, yi, o in zip(x.tolist(), y.tolist(), out.tolist(), strict=True):
        (f, slope), (g, _) = exact("sinhc", xi), exact("sinhc", yi)
        with mp.workdps(100):
            true = (f - g) / (mp.mpf(xi) - mp.mpf(yi)) if xi != yi else slope
            assert abs(o - true) <= 4 * torch.finfo(dtype).eps * true
    x, y = (t.double().clone().requires_grad_() for t in (x, y))
    assert torch.autograd.gradgradcheck(special.sinhc_difference, (x, y))


@pytest.mark.parametrize("name", ["sinhc", "cosh", "coshm1c"])
def test_shift_scales_by_an_exponential(name: str, dtype: torch.dtype) -> None:
    function, z = getattr(special, name), torch.tensor(BOUNDS + FAR, dtype=dtype)
    shift = z.sqrt() - 0.5
    rtol = 1e-5 if dtype == torch.float32 else 1e-13
    expected = function(z) * (-shift).exp()
    torch.testing.assert_close(function(z, shift), expected, rtol=rtol, atol=0)


def test_shifted_functions_do_not_overflow(dtype: torch.dtype) -> None:
    a = torch.tensor([89.0, 1e3, 1e6], dtype=dtype)
    z = a.square().requires_grad_()
    shift = special.natural_shift(z)
    assert not shift.requires_grad
    half, one = torch.full_like(a, 0.5), torch.ones_like(a)
    torch.testing.assert_close(special.cosh(z, shift), half)
    torch.testing.assert_close(special.sinhc(z, shift), half / a)
    torch.testing.assert_close(special.coshm1c(z, shift), half / z)
    torch.testing.assert_close(special.tanhc(z), 1 / a)
    # arsinh(e^m y) = m + log(2 y)
    torch.testing.assert_close(special.arsinhc(one, a), a + one.add(1).log())
    small = special.natural_shift(torch.tensor([0.0, 1e-9, 1.0, 4.0]))
    assert small.tolist() == [0, 0, 0, 2]


@each("radius", [9.0, 15.0, 30.0, 300.0, 1e4])
def test_a_given_complement_resolves_artanh_next_to_one(radius: float) -> None:
    # 1 - tanh(30)^2 is lost in rounding, but known to the caller.
    z = torch.tensor(radius, dtype=torch.float64).tanh().square()
    log_cosh = radius + math.log1p(math.exp(-2 * radius)) - math.log(2)
    log_complement = torch.tensor(-2 * log_cosh, dtype=torch.float64)
    out = special.artanhc(z, log_complement) * z.sqrt()
    assert abs(out.item() / radius - 1) < 1e-14
