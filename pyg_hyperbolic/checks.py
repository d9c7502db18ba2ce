"""Checks of what users pass.  Errors name the argument, what it got, and a way out.

They look at types, shapes, dtypes and devices, never at the numbers of a tensor: no
device is waited for, and a compiler can read along.
"""

import math
from collections.abc import Sequence
from numbers import Real
from operator import index
from typing import Any

import torch
from torch import Tensor

INDICES = (torch.int64, torch.int32)


def check_kind(value: object, kind: type, name: str, way_out: str = "") -> None:
    """Raises if an argument has another type, or is a class and not an object."""
    if not isinstance(value, kind):
        got = value.__name__ if isinstance(value, type) else type(value).__name__
        raise ValueError(f"'{name}' must be a {kind.__name__} (got {got}){way_out}")


def check_tensor(x: object, name: str, dtype: str = "torch.float") -> None:
    """Raises if numbers do not come as a tensor."""
    if not isinstance(x, Tensor):
        raise ValueError(
            f"'{name}' must be a tensor (got {type(x).__name__}); convert it with "
            f"torch.as_tensor({name}, dtype={dtype})"
        )


def check_floating(x: Any, name: str) -> None:
    """Raises if something is not a floating-point tensor."""
    check_tensor(x, name)
    if not x.is_floating_point():
        raise ValueError(
            f"'{name}' must be floating point (got {x.dtype}); convert it with "
            f"{name}.float()"
        )


def check_real(x: Any, name: str) -> None:
    """Raises if something is not a tensor of real numbers."""
    check_tensor(x, name)
    if x.is_complex():
        raise ValueError(
            f"'{name}' must hold real numbers (got {x.dtype}); take {name}.real or "
            f"{name}.abs()"
        )


def check_integers(x: Any, name: str) -> None:
    """Raises if something is not a tensor of indices, of whatever shape."""
    check_tensor(x, name, "torch.long")
    if x.dtype not in INDICES:
        raise ValueError(
            f"'{name}' must hold integers of torch.int64 (got {x.dtype}); convert it "
            f"with {name}.long()"
        )


def check_index(x: Any, name: str) -> None:
    """Raises if something is not a tensor of indices with one axis."""
    check_integers(x, name)
    if x.dim() != 1:
        raise ValueError(
            f"'{name}' must have one axis (got shape {list(x.shape)}); flatten it with "
            f"{name}.view(-1)"
        )


def check_ranges(way_out: str, **indices: tuple[Tensor, int]) -> None:
    """Raises if an index is out of its range; waits for the device.

    Args:
        way_out: End of the message.
        **indices: Indices, and how many things there are.
    """
    for name, (x, many) in indices.items():
        if x.numel() > 0 and not 0 <= int(x.min()) <= int(x.max()) < many:
            raise ValueError(
                f"'{name}' must hold indices from 0 to {many - 1} (got "
                f"{int(x.min())} to {int(x.max())}); {way_out}"
            )


def check_device(
    own: torch.device, device: torch.device, name: str, whose: str
) -> None:
    """Raises if a tensor is not on the device of what it is computed with."""
    if own != device:
        raise ValueError(
            f"'{name}' must be on the device of {whose}, {device} (got {own}); "
            f"move it with {name}.to({str(device)!r})"
        )


def check_shape(x: Tensor, name: str, *shapes: Sequence[int], fits: str = "") -> None:
    """Raises if a tensor has none of some shapes.

    Args:
        x: The tensor.
        name: What the user calls it.
        *shapes: The shapes.
        fits: What the user calls the argument whose shape decides these.
    """
    for shape in shapes:
        # Numbers of axes first: torch.export takes a comparison of sizes for a promise.
        if x.dim() == len(shape) and list(x.shape) == list(shape):
            return
    expected = " or ".join(dict.fromkeys(str(list(shape)) for shape in shapes))
    reason = f" to fit '{fits}'" if fits else ""
    raise ValueError(
        f"'{name}' must have the shape {expected}{reason} (got {list(x.shape)})"
    )


def check_whole(least: float, **values: Any) -> None:
    """Raises if a number is not a whole one, or too small."""
    for name, value in values.items():
        if not is_whole(value) or value < least:
            expected = "whole number" if least < 0 else f"whole number >= {least}"
            expected = "positive whole number" if least == 1 else expected
            raise ValueError(f"'{name}' must be a {expected} (got {value!r})")


def recorded() -> bool:
    """Whether ``torch.jit.trace`` writes down what it sees."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def whole(value: Any) -> Any:
    """A whole number as an int, or as what a compiler or a tracer uses for one."""
    as_it_is = isinstance(value, int | torch.SymInt) or recorded()
    return value if as_it_is else index(value)


def is_whole(value: Any) -> bool:
    """Whether something is a whole number: an int, NumPy's, or a 0-d tensor of one."""
    if isinstance(value, int | torch.SymInt):
        return not isinstance(value, bool)
    if getattr(value, "shape", ()) != ():
        return False
    try:
        index(value)
    except (TypeError, RuntimeError):  # the second: a tensor without a value
        return False
    return not isinstance(value, Tensor) or value.dtype in INDICES


def check_flags(**flags: object) -> None:
    """Raises if a switch is neither on nor off."""
    for name, value in flags.items():
        several = getattr(value, "shape", ()) != ()
        if several or isinstance(value, str):
            got = type(value).__name__ if several else repr(value)
            raise ValueError(f"'{name}' must be True or False (got {got})")


def check_functions(**functions: object) -> None:
    """Raises if something that is to be called can't be."""
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise ValueError(
                f"'{name}' must be a function or None (got {value!r}); pass other "
                f"options by their names"
            )


def check_number(low: float, high: float, **values: Any) -> None:
    """Raises if something is not a number from low to high, both included."""
    for name, value in values.items():
        if not low <= number(value) <= high:
            least = "a number" if low == -math.inf else f"a number >= {low:g}"
            expected = (
                least if high == math.inf else f"a number from {low:g} to {high:g}"
            )
            raise ValueError(f"'{name}' must be {expected} (got {value!r})")


def number(value: Any) -> float:
    """A real number as a float; anything else is NaN, which is in no range."""
    if isinstance(value, Real):
        return float(value)
    if not isinstance(value, Tensor) or value.dim() > 0:
        return math.nan
    return math.nan if value.is_meta or value.is_complex() else float(value)


def pair(value: Any) -> tuple[float, float]:
    """Two numbers, or two NaN for anything else."""
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != 2:
        return math.nan, math.nan
    return number(value[0]), number(value[1])
