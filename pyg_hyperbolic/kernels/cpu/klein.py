"""Klein points of hyperbolic points, and how gradients come back from them.

Klein points k = kappa v with kappa = tanh(a)/a, in the disk of radius 1/sqrt(c), are
measured from that of each target's heaviest neighbor h, written

    k_j - k_h = kappa_j (v_j - v_h) + (kappa_j - kappa_h) v_h ,

which is exactly zero for equal points and as exact as the points themselves for all
others.  Below, kappa_j is ``kappa`` and kappa_j - kappa_h is ``rise``.
"""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import inner, loop
from pyg_hyperbolic.kernels.cpu.rows import COSH, EXPONENT, SINHC, bounded, square
from pyg_hyperbolic.kernels.cpu.scalars import homogeneity, klein_slope


@inner
def add_difference(x, j, h, k, kappa, rise, mass, total):
    """Adds mass (k_j - k_h) to a total, [d], and returns |k_j - k_h|^2."""
    out = 0.0
    for t in range(x.shape[2]):
        there = np.float64(x[h, k, t])
        z = kappa * (np.float64(x[j, k, t]) - there) + rise * there
        total[t] += mass * z
        out += z * z
    return out


@inner
def pull(x, j, h, k, kappa, rise, shift, scale, beta, mass, twice, grad):
    """Adds mass beta + twice z, the gradient of k_j, to grad[j].

    Here z = k_j - k_h - scale shift is the difference of k_j to the Klein midpoint.

    Returns:
        z.z and z.beta, which the gradient of the mass needs.
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
    """Gradients of the points from lo to hi, from those of Klein points and masses.

    Args:
        lo: First point.
        hi: Point behind the last.
        x: Points, [N, H, d].
        at: See :data:`~pyg_hyperbolic.kernels.cpu.rows.RADII`, [N, H, RADII].
        c: [H].
        by_klein: Gradient of the Klein points, [N, H, d].
        by_mass: See :func:`.far.backward`, [N, H, 2].
        by_x: Gradient of the points, filled in, [N, H, d].
        by_c: Gradient of c through these points, added to, [H].
    """
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
