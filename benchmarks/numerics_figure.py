"""The relative error of each library against the distance from the origin."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.peers import Library
from benchmarks.report import COLORS
from benchmarks.torture import (
    curvature_gradient_error,
    distance_error,
    pairs,
    round_trip_error,
)

RADII = [10 ** (k / 6) for k in range(-48, 16)]  # 1e-8 to 300
FLOOR = 1e-9  # where an error of exactly 0 is drawn
WRONG = 10.0  # where a result that is no number, or worse than this, is drawn

Error = Callable[[Library, float], float]


def _distance(library: Library, radius: float) -> float:
    """Of two points a hundredth of a radian apart."""
    u, v = pairs(radius, 1.0)[1]
    return distance_error(library, torch.float32, u, v, 1.0)


PANELS: dict[str, Error] = {
    "log0(exp0(v))": lambda library, radius: round_trip_error(
        library, torch.float32, radius, 1.0
    ),
    "distance of points 0.01 rad apart": _distance,
    "derivative of a distance by c": lambda library, radius: curvature_gradient_error(
        library, torch.float32, radius, 1.0
    ),
}
STYLES = ("-", "--", "-.", ":")  # told apart also without colours


def figure(libraries: Sequence[Library], path: Path) -> None:
    """A panel a question, a line a library, at c = 1 in single precision."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    shown, panels = pyplot.subplots(
        1, len(PANELS), figsize=(12, 4), sharey=True, layout="constrained"
    )
    for panel, (title, error) in zip(panels, PANELS.items(), strict=True):
        for i, library in enumerate(libraries):
            errors = [_shown(error(library, radius)) for radius in RADII]
            style, color = STYLES[i % len(STYLES)], COLORS[i % len(COLORS)]
            label = library.name
            panel.loglog(RADII, errors, style, color=color, label=label, lw=1.8)
        panel.set_title(title)
        panel.set_xlabel("distance from the origin (c = 1)")
        panel.set_ylim(FLOOR / 2, 2 * WRONG)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
        panel.set_yticks([FLOOR, 1e-7, 1e-5, 1e-3, 1e-1, WRONG])
    panels[0].set_yticklabels(
        [f"≤ 10$^{{{math.log10(FLOOR):.0f}}}$"]
        + [f"10$^{{{k}}}$" for k in (-7, -5, -3, -1)]
        + [f"≥ {WRONG:g} or\nno number"]
    )
    panels[0].set_ylabel("relative error, float32")
    labels = panels[0].get_legend_handles_labels()
    look: dict[str, Any] = {"frameon": False, "handlelength": 3}
    shown.legend(*labels, loc="outside upper center", ncols=4, **look)
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.savefig(path, dpi=150)
    pyplot.close(shown)


def _shown(error: float) -> float:
    """An error within the panel."""
    return WRONG if math.isnan(error) else min(max(error, FLOOR), WRONG)
