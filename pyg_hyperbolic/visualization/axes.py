"""What all pictures share."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The palette of Okabe and Ito, which the color-blind can tell apart.
COLORS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#F0E442",
    "#000000",
)


def axes_or_new(ax: "Axes | None", figsize: tuple[float, float]) -> "Axes":
    """The axes that were given, or those of a new figure.

    Raises:
        ValueError: If these are not axes.
        ImportError: If matplotlib is not installed.
    """
    if ax is not None:
        if not hasattr(ax, "add_collection"):
            raise ValueError(f"'ax' must be axes of matplotlib (got {ax!r})")
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib: pip install "pyg-hyperbolic[visualization]"'
        ) from error
    _, new = pyplot.subplots(figsize=figsize, layout="constrained")
    return new


def plain_numbers(ax: "Axes") -> None:
    """Labels a logarithmic vertical axis with numbers such as 0.2, not powers of 10."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = ax.get_ylim()
    decades = np.log10(high / low)
    if decades < 1:
        subs = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]
    else:
        subs = [1.0, 2.0, 5.0] if decades < 3 else [1.0]
    ax.yaxis.set_major_locator(LogLocator(subs=subs))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
