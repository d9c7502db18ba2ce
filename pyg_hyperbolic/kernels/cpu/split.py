"""Pairs of points, split into what of the second is along the first, and across it."""

from typing import NamedTuple

import numpy as np

from pyg_hyperbolic.kernels.cpu.jit import difference, scalar

# Nothing is across a line, or a plane, if taking away what is along it leaves no more
# than so many roundings of what there was.
LEAST = 8.0


class Split(NamedTuple):
    """Two points, u and v, and the part x of v that is across u."""

    uu: float
    vv: float
    excess: float  # uu - vv
    base: float  # x = ((v - base u) - lean u) - rest u: -1, 0 or 1, near the line of u
    lean: float  # in the dtype that x is computed in
    rest: float  # what its rounding leaves
    square: float  # x^2; 0 where it is nothing but rounding


@scalar
def rejection(p, q, base, lean, rest):
    """A coordinate of x, from those of the first point and of the second.

    In steps, of which the first is exact for near points, and the last takes away what
    the others leave along u: a compiler that is free to make one of them loses that.
    """
    return difference(difference(difference(q, base * p), lean * p), rest * p)


@scalar
def split(u, i, sign, v, j, k, like):
    """The :class:`Split` of sign u[i] and v[j], two rows of [*, H, d] with the head k.

    It is computed in the dtype of the array ``like``.
    """
    kind = like.dtype.type
    side = kind(sign)
    s_uu, s_vv, s_uv, s_excess = kind(0), kind(0), kind(0), kind(0)
    for t in range(u.shape[2]):
        p, q = side * u[i, k, t], kind(v[j, k, t])
        s_uu += p * p
        s_vv += q * q
        s_uv += p * q
        s_excess += (p + q) * (p - q)
    uu, vv, uv, excess = (
        np.float64(s_uu),
        np.float64(s_vv),
        np.float64(s_uv),
        np.float64(s_excess),
    )
    if uu == 0:
        return Split(uu, vv, excess, 0.0, 0.0, 0.0, vv)
    share = uv / uu
    square = vv - share * uv
    base = 0.0
    if square < 0.5 * vv:  # near a line: differences of near points are exact
        base = -1.0 if share < -0.5 else 1.0 if share > 0.5 else 0.0
    lean = np.float64(kind(share - base))
    rest = share - base - lean
    if square < 0.5 * vv:
        xx, px = products_of_x(u, i, side, v, j, k, base, lean, 0.0, like)
        rest = px / uu
        square = max(xx - rest * px, 0.0)
        if square < 0.5 * xx:
            # of x there is little but the rounding of its part along u
            yy, py = products_of_x(u, i, side, v, j, k, base, lean, rest, like)
            rest += py / uu
            square = max(yy - py * py / uu, 0.0)
            noise = LEAST * np.finfo(like.dtype).eps
            if yy <= noise * noise * xx:
                square = 0.0
    if u.shape[2] == 1:
        square = 0.0
    return Split(uu, vv, excess, base, lean, rest, square)


@scalar
def products_of_x(u, i, side, v, j, k, base, lean, rest, like):
    """Square of x, and its product with the first point, which should be 0."""
    kind = like.dtype.type
    whole, step, end = kind(base), kind(lean), kind(rest)
    xx, px = kind(0), kind(0)
    for t in range(u.shape[2]):
        p = side * u[i, k, t]
        x = rejection(p, kind(v[j, k, t]), whole, step, end)
        xx += x * x
        px += p * x
    return np.float64(xx), np.float64(px)
