"""Bounds of a curvature, and how they are rounded."""

import math
from collections.abc import Sequence
from numbers import Real

import torch

from pyg_hyperbolic.checks import pair
from pyg_hyperbolic.curvature.auto import AUTO


def check_init(init: object, name: str) -> None:
    """Raises if something is not an initial value; the name is the user's for it."""
    if isinstance(init, str):
        if init != AUTO:
            raise ValueError(
                f"'{name}' must be a number, or 'auto' (got {init!r}); a number has no "
                f"quotes"
            )
        return
    values = init if isinstance(init, Sequence) else [init]
    if len(values) == 0:
        raise ValueError(f"'{name}' must be a number or a sequence of some (got none)")
    for value in values:
        if not isinstance(value, Real):
            raise ValueError(
                f"'{name}' must be a number, several of them, or 'auto', for layers "
                f"also a Curvature (got {init!r})"
            )
        if not (0 < float(value) <= torch.finfo(torch.float32).max):
            raise ValueError(
                f"'{name}' must be a positive number that float32 can hold: it is the "
                f"absolute value of the sectional curvature -c (got {value})"
            )


def check_within(
    inits: Sequence[float], bounds: tuple[float, float], parametrization: str
) -> None:
    """Raises if an initial value is not within the bounds."""
    low, high = bounds
    for init in inits:
        if not (low <= init <= high):
            raise ValueError(f"'init' must lie within the bounds {bounds} (got {init})")
        if parametrization == "sigmoid" and init in bounds:
            raise ValueError(
                f"'init' must lie strictly between the bounds {bounds} for 'sigmoid', "
                f"which reaches them only in the limit (got {init}); widen the bounds"
            )


def check_order(bounds: object) -> None:
    """Raises if the bounds are not two positive numbers in order."""
    low, high = pair(bounds)
    if not (0 < low < high < math.inf):
        raise ValueError(
            f"'bounds' must be two positive numbers, the lower one first (got {bounds})"
        )


def rounded_inwards(
    bounds: tuple[float, float], dtype: torch.dtype
) -> tuple[float, float]:
    """The outermost numbers of a dtype within the bounds."""
    low, high = torch.tensor(bounds, dtype=torch.float64, device="cpu").to(dtype)
    if low.item() < bounds[0]:
        low = low.nextafter(low.new_tensor(math.inf))
    if high.item() > bounds[1]:
        high = high.nextafter(high.new_tensor(-math.inf))
    # There may be none within them: then the next one above, which is not 0.
    return low.item(), max(low.item(), high.item())
