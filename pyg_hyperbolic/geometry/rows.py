"""Points of shape [*, d], and row scalars of shape [*, 1] that they are multiplied by.

Norms, products and all functions of them are row scalars, in float64 whatever the dtype
of the points: they are few, and far out a rounded :math:`a` makes :math:`e^a` wrong by
:math:`a` times as much.  Points stay in their own dtype.  Devices that have no float64
compute row scalars in float32.
"""

import math
from numbers import Real

import torch
from torch import Tensor

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
    """Whether a compiler or a tracer reads along: nothing may be kept or looked at."""
    return torch.compiler.is_compiling() or recorded()


def recorded() -> bool:
    """Whether ``torch.jit.trace`` writes down what it sees."""
    return bool(torch.jit.is_tracing())  # type: ignore[attr-defined, no-untyped-call]


def is_plain(x: Tensor) -> bool:
    """Whether nobody reads along: no compiler, no transformation, no dispatch mode."""
    return (
        type(x) in (Tensor, torch.nn.Parameter)
        and not tracing()
        and torch._C._functorch.peek_interpreter_stack() is None
        and torch._C._len_torch_dispatch_stack() == 0
    )


def is_readable(x: Tensor) -> bool:
    """Whether values may be looked at: nothing waits for them, or has to see it."""
    return x.device.type == "cpu" and is_plain(x)


def check_curvature(c: object) -> None:
    """Raises a :class:`ValueError` for what is no curvature.

    The value of a tensor is not looked at here, as it may be one of many, or on its way
    to a derivative at 0; kernels look at it where nothing waits for that.
    """
    if isinstance(c, Tensor):
        return
    if not isinstance(c, Real):
        raise ValueError(
            f"'c' must be a number or a tensor (got {type(c).__name__}); of a "
            f"Curvature pass its value, such as conv.curvature()"
        )
    check_value(float(c))


def check_value(c: float) -> None:
    """Raises a :class:`ValueError` for a number that is no curvature."""
    if not (0 <= c < math.inf):
        raise ValueError(
            f"'c' must be a finite number >= 0: it is the absolute value of the "
            f"sectional curvature -c (got {c}); to keep the c of a projected "
            f"Curvature within its bounds, call project_curvatures(optimizer, model)"
        )


def prepare(c: Curved, *points: Tensor) -> tuple[Curved, list[Tensor]]:
    """Points in the dtype to compute in, and c so that it broadcasts to row scalars.

    float16 and bfloat16 are computed in float32, c in the wide dtype; callers cast
    their result back.
    """
    check_curvature(c)
    dtype = torch.float32
    for point in points:
        dtype = torch.promote_types(dtype, point.dtype)
    if isinstance(c, Tensor):
        c = c.to(wide_dtype(points[0].device))
        c = c.unsqueeze(-1) if c.dim() > 0 else c
    return c, [point.to(dtype) for point in points]


def result_dtype(*points: Tensor) -> torch.dtype:
    """The common dtype of the points, in which results are returned."""
    dtype = points[0].dtype
    for point in points[1:]:
        dtype = torch.promote_types(dtype, point.dtype)
    return dtype


def dot(u: Tensor, v: Tensor) -> Tensor:
    """Row scalars <u, v>, shape [*, 1]."""
    return (u * v).sum(dim=-1, keepdim=True).to(wide_dtype(u.device))


def times(scalar: Tensor, v: Tensor) -> Tensor:
    """Row scalars times points, in the dtype of the points."""
    return scalar.to(v.dtype) * v
