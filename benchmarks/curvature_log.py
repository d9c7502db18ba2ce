"""What the curvatures of a run were at every epoch, and whether they learned."""

import dataclasses
import math
from pathlib import Path

import torch

from benchmarks import runs
from pyg_hyperbolic import Curvature, curvature_report


class CurvatureLog:
    """The report on a model's curvatures, a line an epoch; none for a Euclidean model.

    Lines are kept until the run ends, as the run itself is: one that was interrupted,
    and is done again, leaves no lines twice.

    Args:
        module: The model.
        run: The run that the lines belong to, by its ``id``.
    """

    def __init__(self, module: torch.nn.Module, run: str) -> None:
        self.module, self.run = module, run
        self.lines: list[runs.Run] = []
        self._curved = any(isinstance(m, Curvature) for m in module.modules())

    def note(self) -> None:
        """Notes the epoch that has ended: c after its step, gradients before it."""
        if not self._curved:
            return
        states = map(dataclasses.asdict, curvature_report(self.module))
        self.lines.append(
            {
                "run": self.run,
                "epoch": len(self.lines) + 1,
                "curvatures": [{k: _json(v) for k, v in s.items()} for s in states],
            }
        )

    def write(self, path: Path) -> None:
        """Appends the lines to a file, if there are any."""
        if self.lines:
            runs.append(path, *self.lines)


def _json(value: object) -> object:
    """JSON knows no numbers that are not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
