"""Functions of z = a^2 beside those of the reference.

Far out, where they are shifted or given a complement: ``tests/numerics``.
"""

import mpmath as mp
import pytest
import torch

from pyg_hyperbolic.geometry import special
from tests.numerics import reference

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
def test_second_derivatives_are_differences_of_slopes(name: str) -> None:
    function = getattr(special, name)
    z = torch.tensor(arguments(name)[:-1], dtype=torch.float64)
    z = z[z < 100].requires_grad_()
    # At z = 0 too: the series continue to the small negative z of the differences.
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
