"""Bounds of a curvature, and what rounding makes of them."""

import math
from collections.abc import Sequence

import torch


def check_init(
    inits: Sequence[float], bounds: tuple[float, float] | None, parametrization: str
) -> None:
    """Raises if there is no initial value, or one of them is not admissible."""
    if len(inits) == 0:
        raise ValueError("'init' must be a number or a sequence of some (got none)")
    for init in inits:
        if not (0 < init < math.inf):
            raise ValueError(
                f"'init' must be a positive number: it is the absolute value of the "
                f"sectional curvature -c (got {init})"
            )
    if bounds is None:
        return
    check_order(bounds)
    low, high = bounds
    for init in inits:
        if not (low <= init <= high):
            raise ValueError(f"'init' must lie within the bounds {bounds} (got {init})")
        if parametrization == "sigmoid" and init in bounds:
            raise ValueError(
                f"'init' must lie strictly between the bounds {bounds} for 'sigmoid', "
                f"which reaches them only in the limit (got {init}); widen the bounds"
            )


def check_order(bounds: tuple[float, float]) -> None:
    """Raises if the bounds are not two positive numbers in order."""
    low, high = bounds
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
    # There may be none: then the next above them, which is not 0.
    return low.item(), max(low.item(), high.item())
