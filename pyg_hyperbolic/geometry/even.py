r"""Even functions of moderate arguments and their slopes, in few operations.

As in :mod:`pyg_hyperbolic.geometry.special` all are functions of the squared argument,
but each comes with its derivative, for a backward pass written by hand, and without a
shift: they overflow where the hyperbolic functions do.
"""

from typing import NamedTuple

import torch
from torch import Tensor

_SMALL = 1e-2  # below this z the derivatives are taken from their series
_TINY = 1e-150  # in place of the root of 0


class Even(NamedTuple):
    """C, S and K at z, and the derivatives of S and K; that of C is S / 2."""

    c: Tensor
    s: Tensor
    k: Tensor
    ds: Tensor
    dk: Tensor


def even(z: Tensor, derivatives: bool = True) -> Even:
    """All of them from one root and one exponential; slopes only if asked for."""
    a = z.sqrt()
    a = torch.where(z > 0, a, _TINY)
    e = torch.expm1(a / 2)
    shrink = e / (e + 1)
    sinh, twice_cosh = (e + shrink) / 2, 2 + e - shrink  # of a / 2
    s = sinh * twice_cosh / a
    square = sinh.square()
    c, k = 1 + 2 * square, 2 * (sinh / a).square()
    if not derivatives:
        return Even(c, s, k, s, s)
    small = z < _SMALL
    safe = torch.where(small, _SMALL, z)
    ds = torch.where(
        small, ((z / 90720 + 1 / 1680) * z + 1 / 60) * z + 1 / 6, (c - s) / (2 * safe)
    )
    dk = torch.where(
        small,
        ((z / 907200 + 1 / 13440) * z + 1 / 360) * z + 1 / 24,
        (s / 2 - k) / safe,
    )
    return Even(c, s, k, ds, dk)


def arsinhc(q: Tensor) -> Tensor:
    """arsinh(sqrt q) / sqrt q."""
    s = torch.where(q > 0, q.sqrt(), _TINY)
    return s.asinh() / s


def arsinhc_slope(q: Tensor) -> Tensor:
    """Derivative of :func:`arsinhc` by q."""
    small = q < 1e-3
    safe = torch.where(small, 1.0, q)
    series = (((105 * 4 / 3456) * q - 45 / 336) * q + 3 / 20) * q - 1 / 6
    return torch.where(small, series, ((1 + safe).rsqrt() - arsinhc(safe)) / (2 * safe))


def artanhc(z: Tensor) -> Tensor:
    """artanh(sqrt z) / sqrt z, for z < 1."""
    s = torch.where(z > 0, z.sqrt(), _TINY)
    return s.atanh() / s


def artanhc_slope(z: Tensor) -> Tensor:
    """Derivative of :func:`artanhc` by z."""
    small = z < 1e-3
    safe = torch.where(small, 0.5, z)
    series = (((5 / 11) * z + 4 / 9) * z + 3 / 7) * z * z + (2 / 5) * z + 1 / 3
    return torch.where(small, series, (1 / (1 - safe) - artanhc(safe)) / (2 * safe))
