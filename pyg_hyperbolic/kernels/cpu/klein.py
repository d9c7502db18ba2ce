"""Klein points of hyperbolic points, and how gradients come back from them.

Klein points k = tanh(a)/a v are measured from that of each target's heaviest neighbor,
written k_j - k_h = kappa_j (v_j - v_h) + (kappa_j - kappa_h) v_h, which is exactly zero
for equal points and as exact as the points themselves for all others.
"""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import inner, loop
from pyg_hyperbolic.kernels.cpu.rows import COSH, EXPONENT, SINHC, bounded, square
from pyg_hyperbolic.kernels.scalars import homogeneity, klein_slope


@inner
def add_difference(x, j, h, k, kappa, rise, mass, total):
    """Adds mass (k_j - k_h) to a total, and returns the square of the difference."""
    out = 0.0
    for t in range(x.shape[2]):
        there = np.float64(x[h, k, t])
        z = kappa * (np.float64(x[j, k, t]) - there) + rise * there
        total[t] += mass * z
        out += z * z
    return out


@inner
def pull(x, j, h, k, kappa, rise, shift, scale, beta, mass, twice, grad):
    """The gradient of k_j, added to grad[j]; and the dots that its mass needs.

    z is the difference of k_j to the midpoint, shift times scale that of the midpoint
    to k_h.
    """
    zz = zb = 0.0
    for t in range(x.shape[2]):
        there = np.float64(x[h, k, t])
        z = kappa * (np.float64(x[j, k, t]) - there) + rise * there - scale * shift[t]
        zz += z * z
        zb += z * beta[t]
        grad[j, k, t] += mass * beta[t] + twice * z
    return zz, zb


@inner
def kappa_of(at, j, k):
    """tanh(a)/a of a point."""
    return at[j, k, SINHC] / at[j, k, COSH]


@loop
def pull_back(lo, hi, x, at, c, by_klein, by_mass, by_x, by_c):
    """Gradients of points from those of their Klein points and masses."""
    for j in range(lo, hi):
        for k in range(x.shape[1]):
            uu = square(x, j, k)
            z = c[k] * uu
            dot = 0.0
            for t in range(x.shape[2]):
                dot += by_klein[j, k, t] * np.float64(x[j, k, t])
            kappa, by_log = kappa_of(at, j, k), by_mass[j, k, 0]
            sech = math.exp(-at[j, k, EXPONENT]) / at[j, k, COSH]
            radial_part = c[k] * (
                klein_slope(z, kappa, sech * sech) * dot + kappa * by_log
            )
            for t in range(x.shape[2]):
                own = kappa * by_klein[j, k, t] + radial_part * x[j, k, t]
                by_x[j, k, t] = bounded(own, x)
            by_c[k] += (uu / 2) * (
                homogeneity(z, kappa, sech * sech) * by_mass[j, k, 1] + kappa * by_log
            )
