"""Words beside points, none on another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

AWAY = 3  # from the point, in points of print
SIDES = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # where a word may stand, the first best
ACROSS, UP = {1: "left", -1: "right"}, {1: "bottom", -1: "top"}


def place_words(
    ax: "Axes", points: "np.ndarray[Any, Any]", words: Sequence[str]
) -> None:
    """Writes words beside points, from the center outward, where there is room.

    Args:
        ax: The axes, with their final limits.
        points: Where the points are drawn, shape [N, 2].
        words: One for each, empty for none.
    """
    ax.figure.canvas.draw()  # places the axes
    taken: list[Any] = []
    for i in np.linalg.norm(points, axis=1).argsort(kind="stable"):
        if words[i] == "":
            continue
        for side in SIDES:
            text = _write(ax, words[i], points[i], side)
            box = text.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def _write(
    ax: "Axes", word: str, point: "np.ndarray[Any, Any]", side: tuple[int, int]
) -> "Annotation":
    from matplotlib.patheffects import withStroke

    return ax.annotate(
        word,
        (point[0], point[1]),
        (AWAY * side[0], AWAY * side[1]),
        textcoords="offset points",
        ha=ACROSS[side[0]],
        va=UP[side[1]],
        fontsize="small",
        path_effects=[withStroke(linewidth=2, foreground="white")],
        zorder=3,
    )
