"""What all pictures start from."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# The palette of Okabe and Ito, which the colour-blind can tell apart.
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
        ValueError: If these are no axes.
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
