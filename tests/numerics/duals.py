"""Numbers that carry their derivatives, on mpmath: forward-mode differentiation.

Derivatives come out of the formula itself, so they are as exact as the value and,
unlike differences, need no step that would have to be smaller than exp(-radius).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mpmath as mp

Number = "Dual | mp.mpf | int"

# The smallest argument that the closed forms are used for: below, fewer digits cancel
# in the series than in (cosh - 1)/z, whose derivatives divide by z twice.
_SMALL = mp.mpf("1e-20")
_TERMS = 12  # (1e-20)^12: beyond 200 digits


class Dual:
    """A value and its derivatives by each input."""

    __slots__ = ("d", "x")

    def __init__(self, x: mp.mpf, d: Sequence[mp.mpf]) -> None:
        self.x = x
        self.d = d

    def chain(self, value: mp.mpf, slope: mp.mpf) -> Dual:
        """f(self), of value f(x) and derivative f'(x)."""
        return Dual(value, [slope * k if k else k for k in self.d])

    def __add__(self, other: Number) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.x + other, self.d)
        pairs = zip(self.d, other.d, strict=True)
        return Dual(self.x + other.x, [p + q if q else p for p, q in pairs])

    def __mul__(self, other: Number) -> Dual:
        if not isinstance(other, Dual):
            return Dual(self.x * other, [p * other if p else p for p in self.d])
        x, y = self.x, other.x
        pairs = zip(self.d, other.d, strict=True)
        d = [p * y + q * x if p or q else p for p, q in pairs]
        return Dual(x * y, d)

    def __truediv__(self, other: Number) -> Dual:
        if not isinstance(other, Dual):
            return self * (1 / mp.mpf(other))
        inverse = 1 / other.x
        return self * other.chain(inverse, -inverse * inverse)

    def __neg__(self) -> Dual:
        return Dual(-self.x, [-p for p in self.d])

    def __sub__(self, other: Number) -> Dual:
        return self + -other

    def __rsub__(self, other: Number) -> Dual:
        return -self + other

    __radd__ = __add__
    __rmul__ = __mul__


def variables(values: Sequence[mp.mpf]) -> list[Dual]:
    """The inputs, each of derivative 1 by itself."""
    zero, one, n = mp.mpf(0), mp.mpf(1), len(values)
    return [
        Dual(x, [one if i == j else zero for j in range(n)])
        for i, x in enumerate(values)
    ]


def sqrt(z: Dual) -> Dual:
    """The square root, of a positive number."""
    root = mp.sqrt(z.x)
    return z.chain(root, 1 / (2 * root))


def sinh_cosh(a: Dual) -> tuple[Dual, Dual]:
    """sinh(a), cosh(a)."""
    sinh, cosh = mp.sinh(a.x), mp.cosh(a.x)
    return a.chain(sinh, cosh), a.chain(cosh, sinh)


def _analytic(
    coefficient: Callable[[int], mp.mpf],
    closed: Callable[[mp.mpf], tuple[mp.mpf, mp.mpf]],
) -> Callable[[Dual], Dual]:
    """A power series near zero, and a closed form with its derivative elsewhere."""

    def f(z: Dual) -> Dual:
        if z.x > _SMALL:
            return z.chain(*closed(z.x))
        c = [coefficient(n) for n in range(_TERMS)]
        value = mp.fsum(c[n] * z.x**n for n in range(_TERMS))
        slope = mp.fsum(n * c[n] * z.x ** (n - 1) for n in range(1, _TERMS))
        return z.chain(value, slope)

    return f


def _sinhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    a = mp.sqrt(z)
    value = mp.sinh(a) / a
    return value, (mp.cosh(a) - value) / (2 * z)


def _cosh(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    a = mp.sqrt(z)
    return mp.cosh(a), mp.sinh(a) / (2 * a)


def _coshm1c(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    a = mp.sqrt(z)
    value = (mp.cosh(a) - 1) / z
    return value, (mp.sinh(a) / (2 * a) - value) / z


def _arsinhc(z: mp.mpf) -> tuple[mp.mpf, mp.mpf]:
    a = mp.sqrt(z)
    value = mp.asinh(a) / a
    return value, (1 / mp.sqrt(1 + z) - value) / (2 * z)


sinhc = _analytic(lambda n: 1 / mp.factorial(2 * n + 1), _sinhc)
cosh = _analytic(lambda n: 1 / mp.factorial(2 * n), _cosh)
coshm1c = _analytic(lambda n: 1 / mp.factorial(2 * n + 2), _coshm1c)
arsinhc = _analytic(
    lambda n: (
        mp.mpf((-1) ** n) * mp.binomial(2 * n, n) / (mp.mpf(4) ** n * (2 * n + 1))
    ),
    _arsinhc,
)
