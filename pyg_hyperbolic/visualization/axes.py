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


def new_axes(figsize: tuple[float, float]) -> "Axes":
    """The axes of a new figure.

    Raises:
        ImportError: If matplotlib is not installed.
    """
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            'Pictures need matplotlib: pip install "pyg-hyperbolic[visualization]"'
        ) from error
    _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
    return ax
