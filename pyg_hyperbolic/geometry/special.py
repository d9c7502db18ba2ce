r"""Row-scalar special functions, exact near zero and finite far out.

Every function takes the *squared* argument :math:`z = a^2 \ge 0`: the functions
of hyperbolic geometry are even, hence analytic in :math:`z`, so that values and
all derivatives exist at :math:`z = 0`, where :math:`a = \sqrt z` itself has none.

Far out, :math:`\sinh` and :math:`\cosh` overflow (float32: at 88).  The scaled
functions return :math:`f(a)\,e^{-m}` for a shift :math:`m` that the caller chooses
near :math:`a` and detaches: a final result does not depend on the shift, and so its
gradient does not, either.
"""

import math

import torch
from torch import Tensor

from pyg_hyperbolic.geometry.rows import log_max

# Below this the power series is used: there the closed forms (or their
# derivatives) lose digits by cancellation, while the series are exact.
_SMALL_ENTIRE = 0.5  # sinh, cosh: entire, the terms fall factorially
_SMALL_INVERSE = 0.01  # arsinh, artanh: radius of convergence 1

_SINHC = [1 / math.factorial(2 * n + 1) for n in range(9)]
_COSH = [1 / math.factorial(2 * n) for n in range(10)]
_ARTANHC = [1 / (2 * n + 1) for n in range(9)]
_COTH = [
    1 / 3,
    -1 / 45,
    2 / 945,
    -1 / 4725,
    2 / 93555,
    -1382 / 638512875,
    4 / 18243225,
    -3617 / 162820783125,
    87734 / 38979295480125,
    -349222 / 1531329465290625,
    310732 / 13447856940643125,
    -472728182 / 201919571963756521875,
    2631724 / 11094481976030578125,
    -13571120588 / 564653660170076273671875,
    13785346041608 / 5660878804669082674070015625,
]  # x coth(x) - 1, in powers of x^2
_ARSINHC = [(-1) ** n * math.comb(2 * n, n) / (4**n * (2 * n + 1)) for n in range(9)]


def _series(coefficients: list[float], z: Tensor) -> Tensor:
    out = torch.full_like(z, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        out = out * z + coefficient
    return out


def _split(z: Tensor, bound: float) -> tuple[Tensor, Tensor, Tensor]:
    """Where to use the series, a safe input for it, and a safe root elsewhere.

    Both branches of a ``where`` are differentiated, so each needs an input at
    which its derivative is finite, also where the other branch is taken.
    """
    small = z < bound
    near = torch.where(small, z, bound)
    far = torch.where(small, bound, z).sqrt()
    return small, near, far


def _growth(small: Tensor, a: Tensor, shift: Tensor | float) -> tuple[Tensor, Tensor]:
    r"""The factor :math:`e^{-m}` of the series and :math:`e^{a - m}` elsewhere."""
    return (
        torch.where(small, -shift, 0.0).exp(),
        torch.where(small, 0.0, a - shift).exp(),
    )


def sinhc(z: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    r""":math:`e^{-m} \sinh(\sqrt z)/\sqrt z` with the shift :math:`m`.

    Args:
        z: Squared argument, any shape.
        shift: Constant :math:`m`, broadcastable to :obj:`z`.
    """
    small, near, a = _split(z, _SMALL_ENTIRE)
    scale, growth = _growth(small, a, shift)
    far = growth * -torch.expm1(-2 * a) / (2 * a)
    return torch.where(small, _series(_SINHC, near) * scale, far)


def cosh(z: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    r""":math:`e^{-m} \cosh(\sqrt z)` with the shift :math:`m`, see :func:`sinhc`."""
    small, near, a = _split(z, _SMALL_ENTIRE)
    scale, growth = _growth(small, a, shift)
    far = growth * (1 + (-2 * a).exp()) / 2
    return torch.where(small, _series(_COSH, near) * scale, far)


def coshm1c(z: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    r""":math:`e^{-m} (\cosh\sqrt z - 1)/z` with the shift :math:`m`."""
    return sinhc(z / 4, shift / 2).square() / 2


def natural_shift(z: Tensor) -> Tensor:
    r"""The shift at which scaled functions of :math:`z` are of order one.

    It is zero for :math:`z \le 1`, where nothing has to be scaled, and carries no
    gradient.
    """
    z = z.detach()
    return torch.where(z > 1, z.sqrt(), 0.0)


def tanhc(z: Tensor) -> Tensor:
    r""":math:`\tanh(\sqrt z)/\sqrt z`."""
    shift = natural_shift(z)
    return sinhc(z, shift) / cosh(z, shift)


def arsinhc(z: Tensor, shift: Tensor | float = 0.0) -> Tensor:
    r""":math:`\operatorname{arsinh}(e^m \sqrt z)/\sqrt z`, with the shift :math:`m`.

    The argument comes divided by :math:`e^m`.  With a shift other than zero,
    :math:`z` has to be bounded away from zero.
    """
    if not isinstance(shift, Tensor):
        shift = torch.full_like(z, shift)
    small, near, a = _split(z, _SMALL_INVERSE)
    # arsinh(e^m a) = m + log(a + sqrt(a^2 + e^-2m)); at m = 0 asinh is exact.
    shifted = shift > 0
    safe = torch.where(shifted, shift, 1.0)
    root = torch.where(z > 0, z, 1.0).sqrt()
    far_out = safe + torch.log(root + (root.square() + (-2 * safe).exp()).sqrt())
    return torch.where(
        shifted,
        far_out / root,
        torch.where(small, _series(_ARSINHC, near), a.asinh() / a),
    )


def own_scale(square: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    r"""Another shift :math:`n` for numbers :math:`e^m x`, that of their own size.

    :func:`arsinhc` wants :math:`e^{m - n} x` with :math:`n` instead, where x may have
    become small by cancellation.

    Args:
        square: :math:`x^2`.
        shift: :math:`m`.

    Returns:
        The factor :math:`e^{m - n}`, and :math:`n`; without gradients, as the result
        does not depend on n.
    """
    square = square.detach()
    apart = square > 0
    own = (shift + torch.where(apart, square, 1.0).log() / 2).relu()
    own = torch.where(apart & (own > 1), own, 0.0)
    # At x = 0 the factor is that of a derivative, and may be out of range.
    limit = log_max(square.dtype) / 2
    return torch.where(shift - own < limit, shift - own, limit).exp(), own


def artanhc(z: Tensor, log_complement: Tensor | None = None) -> Tensor:
    r""":math:`\operatorname{artanh}(\sqrt z)/\sqrt z` for :math:`0 \le z < 1`.

    Args:
        z: Squared argument, any shape.
        log_complement: :math:`\log(1 - z)`, where the caller knows it more exactly
            than the difference can give it.
    """
    small, near, a = _split(z, _SMALL_INVERSE)
    if log_complement is None:
        log_complement = (1 - torch.where(small, 0.0, z)).log()
    # artanh(a) = log((1 + a)^2 / (1 - a^2)) / 2
    far = torch.log1p(a) - torch.where(small, 0.0, log_complement) / 2
    return torch.where(small, _series(_ARTANHC, near), far / a)


def sinhc_difference(sum_: Tensor, product: Tensor) -> Tensor:
    r"""Divided difference of :math:`\sinh(\sqrt z)/\sqrt z` at two small arguments.

    :math:`(S(x) - S(y))/(x - y)` with :math:`S(z) = \sinh(\sqrt z)/\sqrt z`,
    symmetric in :math:`x` and :math:`y` and so a function of
    :math:`x + y` and :math:`xy` alone, which also exists at :math:`x = y`.

    Args:
        sum_: :math:`x + y`, at most about 5.
        product: :math:`x y`.
    """
    # S(x) - S(y) over x - y is the sum of h_n / (2n + 3)! with the complete
    # homogeneous polynomials h_n = x^n + x^(n-1) y + ... + y^n.
    previous, current = torch.zeros_like(sum_), torch.ones_like(sum_)
    out = current / 6
    for n in range(1, 12):
        previous, current = current, sum_ * current - product * previous
        out = out + current * (1 / math.factorial(2 * n + 3))
    return out


def coth_difference(x: Tensor, y: Tensor) -> Tensor:
    r"""Divided difference of :math:`x \coth(x) - 1` at :math:`x \ge y \ge 0`.

    Args:
        x: Larger argument, not squared.
        y: Smaller argument.
    """
    small = x < 1
    near_x, near_y = torch.where(small, x, 1.0), torch.where(small, y, 1.0)
    sum_, product = near_x.square() + near_y.square(), (near_x * near_y).square()
    previous, current = torch.zeros_like(x), torch.ones_like(x)
    near = torch.zeros_like(x)
    for coefficient in _COTH:
        near = near + coefficient * current
        previous, current = current, sum_ * current - product * previous
    # coth(x) - y sinh(x - y) / ((x - y) sinh(x) sinh(y)), without overflow
    x, y = torch.where(small, 1.0, x), torch.where(small, 0.5, y)
    step = torch.where(x > y, x - y, 0.0)
    far = sinhc(step.square(), step) / sinhc(y.square(), y)
    far = far * (-2 * y).exp() * 2 / -torch.expm1(-2 * x)
    return torch.where(small, (near_x + near_y) * near, 1 / x.tanh() - far)
