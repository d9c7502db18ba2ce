"""Klein points of hyperbolic points, and how gradients come back from them.

Klein points k = kappa v with kappa = tanh(a)/a, in the disk of radius 1/sqrt(c), are
measured from that of each target's heaviest neighbor h, written

    k_j - k_h = across x + along v_h ,

with the part x of v_j that is across v_h.  That is exactly zero for equal points and as
exact as the points themselves for all others, also where both parts differ by many
powers of e: far out on one ray there is nothing but the second, e^-2a.
"""

import math

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import inner, loop, scalar
from pyg_hyperbolic.kernels.cpu.rows import COSH, EXPONENT, SINHC, bounded, square
from pyg_hyperbolic.kernels.cpu.scalars import homogeneity, klein_slope
from pyg_hyperbolic.kernels.cpu.split import rejection, split

# Columns of a table of edges: three that make x, see split, and the two factors.
BASE, LEAN, REST, ACROSS, ALONG = range(3, 8)


@scalar
def compare(x, j, h, k, c, kappa, log_coshs, table, n):
    """Fills in what k_j - k_h is made of in row n of a table, [*, 8], for j.

    Args:
        x: Points, [N, H, d].
        j: A neighbor.
        h: The heaviest.
        k: The head.
        c: Absolute value of the curvature.
        kappa: tanh(a)/a of the neighbor.
        log_coshs: log cosh(a), the sum of both points.
        table: Filled in.
        n: Which row.
    """
    uu, vv, excess, base, lean, rest, xx = split(x, h, 1.0, x, j, k, table)
    ru, rv, s = math.sqrt(uu), math.sqrt(vv), math.sqrt(c)
    # How much longer k_j is: sinh(a_j - a_h) / (cosh(a_j) cosh(a_h)), over s.
    apart = -excess / (ru + rv) if ru + rv > 0 else 0.0
    rise = apart
    if s > 0:
        step = s * abs(apart)
        rise = -math.expm1(-2 * step) * math.exp(step - log_coshs) / (2 * s)
        rise = math.copysign(rise, apart)
    # What the angle takes of it along v_h: tanh(a_j) (1 - cos), over s.
    v1 = (base + lean + rest) * ru
    turn = kappa * (xx / (rv + v1) if v1 > 0 else rv - v1)
    table[n, BASE], table[n, LEAN], table[n, REST] = base, lean, rest
    table[n, ACROSS] = kappa if xx > 0 else 0.0
    table[n, ALONG] = (rise - turn) / ru if ru > 0 else 0.0


@scalar
def difference_at(table, n, there, here):
    """A coordinate of k_j - k_h, from those of v_h and v_j."""
    x = rejection(there, here, table[n, BASE], table[n, LEAN], table[n, REST])
    return table[n, ACROSS] * x + table[n, ALONG] * there


@inner
def add_difference(x, j, h, k, table, n, mass, total):
    """Adds mass (k_j - k_h) to a total, [d], and returns |k_j - k_h|^2."""
    out = 0.0
    for t in range(x.shape[2]):
        z = difference_at(table, n, np.float64(x[h, k, t]), np.float64(x[j, k, t]))
        total[t] += mass * z
        out += z * z
    return out


@inner
def pull(x, j, h, k, table, n, shift, scale, beta, mass, twice, grad):
    """Adds mass beta + twice z, the gradient of k_j, to grad[j].

    Here z = k_j - k_h - scale shift is the difference of k_j to the Klein midpoint.

    Returns:
        z.z and z.beta, which the gradient of the mass needs.
    """
    zz = zb = 0.0
    for t in range(x.shape[2]):
        z = difference_at(table, n, np.float64(x[h, k, t]), np.float64(x[j, k, t]))
        z -= scale * shift[t]
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
