"""What a model's curvatures are, and whether they learn."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass

import torch

from pyg_hyperbolic.curvature.module import Curvature


@dataclass(frozen=True)
class CurvatureState:
    """One curvature of a model, after its last backward pass.

    Of several curvatures in one :class:`~pyg_hyperbolic.Curvature`, such as those of a
    layer's heads, each has a state of its own, and its number in its names.

    Attributes:
        names: Where it is used: the names of all places that share it.
        parametrization: See :class:`~pyg_hyperbolic.Curvature`.
        c: The absolute value of the sectional curvature.
        raw: The parameter behind it.
        grad: Gradient of the parameter, :obj:`None` before any backward pass.
        blocked: Whether that gradient is exactly zero although c is learnable.
    """

    names: tuple[str, ...]
    parametrization: str
    c: float
    raw: float
    grad: float | None
    blocked: bool


class CurvatureReport(list[CurvatureState]):
    """A list of curvatures, whose text is a table with a line for each."""

    def __str__(self) -> str:
        rows = [["curvature", "parametrization", "c", "raw", "gradient", ""]]
        for state in self:
            names, parametrization, c, raw, grad, blocked = astuple(state)
            rows.append(
                [
                    ", ".join(names),
                    parametrization,
                    f"{c:.6g}",
                    f"{raw:.6g}",
                    "-" if grad is None else f"{grad:.3g}",
                    "blocked" if blocked else "",
                ]
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return "\n".join(
            "  ".join(
                cell.ljust(width) for cell, width in zip(row, widths, strict=True)
            ).rstrip()
            for row in rows
        )


def curvature_report(module: torch.nn.Module) -> CurvatureReport:
    """The state of every distinct curvature of a model, in the order of its modules.

    Args:
        module: A model, or a single layer.

    Raises:
        ValueError: If the module has no curvature.
    """
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
    numbers = zip(curvature().flatten().tolist(), raw.flatten().tolist(), strict=True)
    for i, (c, rho) in enumerate(numbers):
        yield CurvatureState(
            names=tuple(f"{name}[{i}]" if several else name for name in names),
            parametrization=curvature.parametrization,
            c=c,
            raw=rho,
            grad=grads[i],
            blocked=curvature.learnable and grads[i] == 0,
        )
