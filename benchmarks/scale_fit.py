"""How cost grows with size: the exponent, and what the next size will need."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LINEAR = (0.97, 1.05)  # exponents that count as linear growth


class Slope(NamedTuple):
    """An exponent with the half-width of its 95 % confidence interval."""

    value: float
    margin: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ± {self.margin:.3f}"

    @property
    def linear(self) -> bool:
        """Whether the exponent itself, not only its interval, is one of linear."""
        return LINEAR[0] <= self.value <= LINEAR[1]


def slope(sizes: Sequence[float], costs: Sequence[float]) -> Slope | None:
    """Least squares in the logarithms; none from fewer than three sizes."""
    from scipy import stats

    if len(sizes) < 3:
        return None
    fit = stats.linregress(np.log(sizes), np.log(costs))
    margin = float(stats.t.ppf(0.975, len(sizes) - 2)) * fit.stderr
    return Slope(float(fit.slope), float(margin))


def predict(sizes: Sequence[float], costs: Sequence[float], size: float) -> float:
    """The cost of another size, were cost a constant and a multiple of the size.

    Neither is negative.  All sizes have the same relative weight, so that the largest
    do not hide what the constant is.

    Raises:
        ValueError: If there are fewer than two sizes to go by.
    """
    from scipy.optimize import nnls

    if len(set(sizes)) < 2:
        raise ValueError(f"'sizes' must hold two or more (got {list(sizes)})")
    n, y = np.asarray(sizes, dtype=float), np.asarray(costs, dtype=float)
    columns = np.stack([1 / y, n / y], axis=-1)
    (constant, factor), _ = nnls(columns, np.ones_like(y))
    return float(constant + factor * size)
