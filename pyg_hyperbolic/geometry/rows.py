"""Points of shape [*, d], and row scalars of shape [*, 1] that they are multiplied by.

Norms, products and all functions of them are row scalars, in float64 whatever the dtype
of the points: they are few, and far out rounding :math:`a` makes :math:`e^a` wrong by
:math:`a` times as much.  Points stay in their own dtype.  Devices that have no float64
compute row scalars in float32.

[1] T. J. Dekker, *A Floating-Point Technique for Extending the Available Precision*,
    1971.
"""

import math
from collections.abc import Sequence
from numbers import Real
from typing import NamedTuple

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_device, check_floating, check_real, recorded

Curved = float | Tensor  # c, the absolute value of the sectional curvature

# Types of devices that have no float64.
WITHOUT_FLOAT64 = {"mps"}


def wide_dtype(device: torch.device) -> torch.dtype:
    """The wide dtype: that of row scalars on a device."""
    return torch.float32 if device.type in WITHOUT_FLOAT64 else torch.float64


def log_max(dtype: torch.dtype) -> float:
    """The logarithm of a dtype's largest number."""
    return math.log(torch.finfo(dtype).max)


def tracing() -> bool:
    """Whether a compiler or a tracer is at work: then no value may be kept or read."""
    return torch.compiler.is_compiling() or recorded()


def is_plain(x: Tensor) -> bool:
    """Whether a tensor is an ordinary one, outside compilers and transformations."""
    return (
        type(x) in (Tensor, torch.nn.Parameter)
        and not tracing()
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._len_torch_dispatch_stack() == 0
    )


def is_readable(x: Tensor) -> bool:
    """Whether values may be read: without waiting, and unnoticed by a compiler."""
    return x.device.type == "cpu" and is_plain(x)


def check_curvature(c: object, device: torch.device, look: bool = True) -> None:
    """Raises a :class:`ValueError` if c is not a curvature for some points.

    Args:
        c: The absolute value of the curvature.
        device: That of the points.
        look: Whether a tensor's numbers are read, too, where nothing has to wait.
    """
    if isinstance(c, Tensor):
        check_real(c, "c")
        if c.dim() > 0 or c.device.type != "cpu":  # one number on a CPU fits any device
            check_device(c.device, device, "c", "the points")
        if look:
            check_values(c)
    elif isinstance(c, Real):
        check_value(float(c))
    else:
        raise ValueError(
            f"'c' must be a number or a tensor (got {type(c).__name__}); of a "
            f"Curvature pass its value, such as conv.curvature()"
        )


def check_values(c: Tensor) -> None:
    """Raises for a tensor with a negative number, if it is readable."""
    if c.numel() > 0 and is_readable(c):
        least = c.item() if c.dim() == 0 else c.detach().min().item()
        if least < 0:  # what is not a number stays so
            check_value(least)


def check_value(c: float) -> None:
    """Raises a :class:`ValueError` for a number that is not a curvature."""
    if not (0 <= c < math.inf):
        raise ValueError(
            f"'c' must be a finite number >= 0: it is the absolute value of the "
            f"sectional curvature -c (got {c}); to keep the c of a projected "
            f"Curvature within its bounds, call project_curvatures(optimizer, model)"
        )


def check_points(points: dict[str, Tensor]) -> torch.dtype:
    """Raises if these are not points on one device.

    Args:
        points: Tensors by the user's names for them; those after the first may be
            anything that belongs to points, such as a normal.

    Returns:
        Their common dtype.
    """
    (first, x), *others = points.items()
    check_floating(x, first)
    if x.dim() == 0:
        raise ValueError(
            f"'{first}' must be points of the shape [*, d] (got a single number)"
        )
    dtype, device = x.dtype, x.device
    for name, other in others:
        check_floating(other, name)
        if other.device != device:
            check_device(other.device, device, name, f"'{first}'")
        if other.dtype != dtype:
            dtype = torch.promote_types(dtype, other.dtype)
    return dtype


def check_pair(**points: Tensor) -> None:
    """Raises for two sets of points that differ in dimension or do not broadcast."""
    check_points(points)
    check_fit(**points)


def check_fit(**points: Tensor) -> None:
    """Raises for two sets of points whose shapes do not fit.

    Under a compiler only the number of coordinates is checked.
    """
    (first, u), (second, v) = points.items()
    if v.dim() == 0 or u.shape[-1] != v.shape[-1]:
        raise ValueError(
            f"'{second}' must have as many coordinates as '{first}', {u.shape[-1]} "
            f"(got shape {list(v.shape)})"
        )
    if not broadcast(u.shape, v.shape):
        raise ValueError(
            f"'{second}' must have the shape of '{first}', {list(u.shape)}, or one "
            f"that broadcasts (got {list(v.shape)})"
        )


def broadcast(one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two shapes broadcast; always true under a compiler."""
    if tracing():
        return True
    pairs = zip(reversed(one), reversed(other), strict=False)
    return all(a == b or a == 1 or b == 1 for a, b in pairs)


def prepare(c: Curved, **points: Tensor) -> tuple[Curved, list[Tensor], torch.dtype]:
    """Arguments checked, and in the dtypes to compute in.

    float16 and bfloat16 are computed in float32, c in the wide dtype.

    Args:
        c: Absolute value of the curvature, shape :math:`()` or one that broadcasts to
            that of the points without its last axis.
        **points: Points by the user's names for them.

    Returns:
        c in a shape that broadcasts to row scalars, points, and the result's dtype.
    """
    result = check_points(points)
    first = next(iter(points.values()))
    # Derivatives at 0 may be differences.
    learned = isinstance(c, Tensor) and c.requires_grad
    check_curvature(c, first.device, look=not learned)
    dtype = torch.promote_types(result, torch.float32)
    if isinstance(c, Tensor):
        shapes = (x.shape[:-1] for x in points.values())
        if c.dim() > 0 and not all(broadcast(c.shape, shape) for shape in shapes):
            raise ValueError(
                f"'c' must be one number, or broadcast to the shape of the points "
                f"without their coordinates, {list(first.shape[:-1])} (got "
                f"{list(c.shape)})"
            )
        c = c.to(wide_dtype(first.device))
        c = c.unsqueeze(-1) if c.dim() > 0 else c
    return c, [point.to(dtype) for point in points.values()], result


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Row scalars <u, v>, shape [*, 1]."""
    return (u * v).sum(dim=-1, keepdim=True).to(wide_dtype(u.device))


def square(v: Tensor) -> Tensor:
    """Squared lengths of points, dense or sparse, shape [*, 1]."""
    if v.layout == torch.strided:
        return dot(v, v)
    out = torch.sparse.sum(v.to_sparse_coo().square(), dim=-1)
    return out.to_dense().to(wide_dtype(v.device)).unsqueeze(-1)


def times(scalar: Tensor, v: Tensor) -> Tensor:
    """Row scalars times points, in the dtype of the points."""
    return scalar.to(v.dtype) * v


class Split(NamedTuple):
    """A vector, split into what is along another one and what is across."""

    along: Tensor  # row scalar
    across: Tensor  # without rounding errors where the vector is exactly across
    square: Tensor  # of what is across, without a derivative
    on_line: Tensor  # whether that is nothing but rounding

    def part(self) -> Tensor:
        """What is across, or 0 where that is rounding; the derivative is not 0."""
        return self.across - torch.where(self.on_line, self.across, 0.0).detach()


def split(v: Tensor, u: Tensor, square: Tensor) -> Split:
    """The part of v across u.

    Args:
        v: Vectors.
        u: The others.
        square: Their squared lengths; infinity where v is to stay as it is.
    """
    unit = u / square.sqrt().to(u.dtype)
    with torch.no_grad():  # products are exact, and differences on one line
        share, high = half((dot(u, v) / square).to(u.dtype)), half(u)
    rest = v - share * high - share * (u - high)
    left = dot(unit, rest)
    once = rest - times(left, unit)
    # Taken away twice, nothing is left of what is along, even of derivatives of e^a.
    more = dot(unit, once)
    across = once - times(more, unit)
    length = torch.where(square.isfinite(), square, 0.0).sqrt()
    with torch.no_grad():
        beside, noise = dot(across, across), 8 * torch.finfo(v.dtype).eps
        on_line = (beside <= noise * noise * left * left) & (left != 0)
    return Split(share * length + left + more, across, beside, on_line)


def half(x: Tensor) -> Tensor:
    """Numbers of half as many digits, whose products are exact ([1], section 5)."""
    large = x * (2.0 ** (27 if x.dtype == torch.float64 else 12) + 1)
    return torch.where(large.isfinite(), large - (large - x), x)
