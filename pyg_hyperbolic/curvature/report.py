"""A model's curvatures: what they are, and whether they learn."""

import math
from collections.abc import Iterator
from dataclasses import astuple, dataclass

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_kind
from pyg_hyperbolic.curvature.module import Curvature

# Median radii of a space that is flat in all but name, and of one in which nearly all
# points are as good as at infinity.
FLAT, SATURATED = 0.1, 8.0


@dataclass(frozen=True)
class CurvatureState:
    """One curvature of a model, after its last backward pass.

    Where one :class:`~pyg_hyperbolic.Curvature` has several numbers, such as those of a
    layer's heads, each has a state of its own, and its index in its names.

    Attributes:
        names: Where it is used: the names of all places that share it.
        parametrization: See :class:`~pyg_hyperbolic.Curvature`.
        c: The absolute value of the sectional curvature.
        raw: The parameter behind it.
        grad: Gradient of the parameter, :obj:`None` before any backward pass.
        blocked: Whether that gradient is exactly zero although c is learnable.
        radius: Median of the radii √c·r of a sample of the points that it was used with
            in the last forward pass; :obj:`None` if no points were seen.
        far: The 99 % quantile of these radii.
        outside: Whether a ``projected`` c has left its bounds, as it can without
            :func:`~pyg_hyperbolic.project_curvatures`.
    """

    names: tuple[str, ...]
    parametrization: str
    c: float
    raw: float
    grad: float | None
    blocked: bool
    radius: float | None
    far: float | None
    outside: bool


class CurvatureReport(list[CurvatureState]):
    """A list of curvatures, whose text is a table with a line for each."""

    def __str__(self) -> str:
        head = ["curvature", "parametrization", "c", "raw", "gradient"]
        rows = [[*head, "√c·r: median, 99 %", ""]]
        for state in self:
            names, parametrization, c, raw, grad, _, radius, far, _ = astuple(state)
            rows.append(
                [
                    ", ".join(names),
                    parametrization,
                    f"{c:.6g}",
                    f"{raw:.6g}",
                    "-" if grad is None else f"{grad:.3g}",
                    "-" if radius is None else f"{radius:.2g}, {far:.2g}",
                    "; ".join(_words(state)),
                ]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        )


def _words(state: CurvatureState) -> Iterator[str]:
    """What a reader should know about a curvature, in words."""
    if state.blocked:
        yield "blocked"
    if state.radius is not None and state.radius < FLAT:
        yield "flat"
    if state.radius is not None and state.radius > SATURATED:
        yield "saturated"
    if state.outside:
        yield "outside its bounds: call project_curvatures"


def curvature_report(module: torch.nn.Module) -> CurvatureReport:
    """The state of every distinct curvature of a model, in the order of its modules.

    Args:
        module: A model, or a single layer.

    Returns:
        A list of :class:`CurvatureState`, whose text is a table.

    Raises:
        ValueError: If the module has no curvature.
    """
    check_kind(module, torch.nn.Module, "module")
    names: dict[Curvature, list[str]] = {}
    for name, child in module.named_modules(remove_duplicate=False):
        if isinstance(child, Curvature):
            names.setdefault(child, []).append(name)
    if not names:
        raise ValueError(
            f"'module' has no curvature (got {type(module).__name__}); pass a model "
            f"with hyperbolic layers"
        )
    return CurvatureReport(
        state for child, places in names.items() for state in _states(child, places)
    )


@torch.no_grad()
def _states(curvature: Curvature, names: list[str]) -> Iterator[CurvatureState]:
    raw, gradient = curvature.raw, curvature.raw.grad
    several = raw.dim() > 0
    grads = [None] * raw.numel() if gradient is None else gradient.flatten().tolist()
    projected = curvature.parametrization == "projected"
    low, high = curvature.bounds or (0.0, math.inf)
    # A curvature that is not set yet, or out of range, is shown as it is.
    usable = curvature.is_set and bool((raw >= 0).all() or not projected)
    values = curvature() if usable else raw
    numbers = zip(values.flatten().tolist(), raw.flatten().tolist(), strict=True)
    for i, (c, rho) in enumerate(numbers):
        radii = _radii(curvature, i, c)
        yield CurvatureState(
            names=tuple(f"{name}[{i}]" if several else name for name in names),
            parametrization=curvature.parametrization,
            c=c,
            raw=rho,
            grad=grads[i],
            blocked=curvature.learnable and grads[i] == 0,
            radius=None if radii is None else radii.median().item(),
            far=None if radii is None else radii.quantile(0.99).item(),
            outside=projected and not low <= rho <= high,
        )


def _radii(curvature: Curvature, i: int, c: float) -> Tensor | None:
    """Radii √c·r of the points that the i-th number of a curvature was used with."""
    lengths = curvature.lengths
    if lengths is None:
        return None
    if curvature.raw.dim() > 0 and lengths.dim() == 2:  # of heads
        lengths = lengths[:, i]
    return math.sqrt(max(c, 0.0)) * lengths.flatten().double()
