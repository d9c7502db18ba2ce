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
    s = 2 * sinh * (1 + square).sqrt() / a
    c, k = 1 + 2 * square, 2 * (sinh / a).square()
    if not derivatives:
        return Even(c, s, k, s, s)
    small = z < 1e-2
    safe = torch.where(small, 1.0, z)
    ds = torch.where(
        small, ((z / 90720 + 1 / 1680) * z + 1 / 60) * z + 1 / 6, (c - s) / (2 * safe)
    )
    dk = torch.where(
        small,
        ((z / 907200 + 1 / 13440) * z + 1 / 360) * z + 1 / 24,
        (s / 2 - k) / safe,
    )
    return Even(c, s, k, ds, dk)


def _root(z: Tensor) -> Tensor:
    """The root, and a tiny number in place of that of 0."""
    return torch.where(z > 0, z.sqrt(), 1e-150)


def arsinhc(q: Tensor) -> Tensor:
    """arsinh(sqrt q) / sqrt q."""
    s = _root(q)
    return s.asinh() / s


def arsinhc_slope(q: Tensor) -> Tensor:
    """Derivative of :func:`arsinhc` by q."""
    small = q < 1e-3
    safe = torch.where(small, 1.0, q)
    series = (((105 * 4 / 3456) * q - 45 / 336) * q + 3 / 20) * q - 1 / 6
    return torch.where(small, series, ((1 + safe).rsqrt() - arsinhc(safe)) / (2 * safe))


def artanhc(z: Tensor) -> Tensor:
    """artanh(sqrt z) / sqrt z, for z < 1."""
    s = _root(z)
    return s.atanh() / s


def artanhc_slope(z: Tensor) -> Tensor:
    """Derivative of :func:`artanhc` by z."""
    small = z < 1e-3
    safe = torch.where(small, 0.5, z)
    series = (((5 / 11) * z + 4 / 9) * z + 3 / 7) * z * z + (2 / 5) * z + 1 / 3
    return torch.where(small, series, (1 / (1 - safe) - artanhc(safe)) / (2 * safe))


def tanhc(z: Tensor) -> Tensor:
    """tanh(sqrt z) / sqrt z."""
    s = _root(z)
    return s.tanh() / s
