r"""Even functions of moderate arguments and their slopes, in few operations.

As in :mod:`pyg_hyperbolic.geometry.special` all are functions of the squared argument,
but each comes with its derivative, for a backward pass written by hand, and without a
shift: they overflow where the hyperbolic functions do.

Numbers are written where they are used: ``torch.compile`` takes those of the module for
variables, which its conditional branches can't have.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class Even(NamedTuple):
    """C, S and K at z, and the derivatives of S and K; that of C is S / 2."""

    c: Tensor
    s: Tensor
    k: Tensor
    ds: Tensor
    dk: Tensor


def even(z: Tensor, derivatives: bool = True) -> Even:
    """All of them from one root and one hyperbolic sine; slopes only if asked for."""
    a = _root(z)
    sinh = (a / 2).sinh()  # not by expm1: compiled, that is exp(x) - 1
    square = sinh.square()
    # C and S at z/4, from which everything follows, slopes too, by doubling.
    half_c, half_s = (1 + square).sqrt(), 2 * sinh / a
    c, s, k = 1 + 2 * square, half_c * half_s, half_s.square() / 2
    if not derivatives:
        return Even(c, s, k, s, s)
    small = z < 4e-2
    slope = torch.where(
        small,
        ((z / 5806080 + 1 / 26880) * z + 1 / 240) * z + 1 / 6,
        2 * (half_c - half_s) / torch.where(small, 1.0, z),
    )
    return Even(c, s, k, (slope * half_c + k) / 4, slope * half_s / 4)


def _root(z: Tensor) -> Tensor:
    """The root, and a tiny number in place of that of 0."""
    return torch.where(z > 0, z.sqrt(), 1e-150)


def arsinhc(q: Tensor) -> Tensor:
    """arsinh(sqrt q) / sqrt q."""
    s = _root(q)
    return (s + q / (1 + (1 + q).sqrt())).log1p() / s  # several times asinh's speed


def arsinhc_slope(q: Tensor, value: Tensor) -> Tensor:
    """Derivative of :func:`arsinhc` by q, from its value there."""
    small = q < 1e-3
    series = (((105 * 4 / 3456) * q - 45 / 336) * q + 3 / 20) * q - 1 / 6
    exact = ((1 + q).rsqrt() - value) / torch.where(small, 1.0, 2 * q)
    return torch.where(small, series, exact)


def artanhc(z: Tensor) -> Tensor:
    """artanh(sqrt z) / sqrt z, for z < 1."""
    s = _root(z)
    return s.atanh() / s


def artanhc_slope(z: Tensor, value: Tensor) -> Tensor:
    """Derivative of :func:`artanhc` by z, from its value there."""
    small = z < 1e-3
    series = (((5 / 11) * z + 4 / 9) * z + 3 / 7) * z * z + (2 / 5) * z + 1 / 3
    exact = (1 / (1 - z) - value) / torch.where(small, 1.0, 2 * z)
    return torch.where(small, series, exact)


def tanhc(z: Tensor) -> Tensor:
    """tanh(sqrt z) / sqrt z."""
    s = _root(z)
    return s.tanh() / s
