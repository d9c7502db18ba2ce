"""Tables and figures: what all of them share."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import fmean
from typing import Any, TypeVar

T = TypeVar("T")

# The palette of Okabe and Ito, which the colour-blind can tell apart.
COLORS = (
    *("#0072B2", "#E69F00", "#009E73", "#D55E00"),
    *("#CC79A7", "#56B4E9", "#000000"),
)


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, its first row the head, aligned also as plain text."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def unique(items: Iterable[T]) -> list[T]:
    """In order of appearance."""
    return list(dict.fromkeys(items))


def write(text: str, path: Path) -> None:
    """Writes a document."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.rstrip() + "\n")


@contextmanager
def figure(path: Path, rows: int, columns: int, **look: Any) -> Iterator[Any]:
    """A figure and its panels, to be drawn on; saved in the end."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    options: dict[str, Any] = {"squeeze": False, "layout": "constrained"}
    shown, panels = pyplot.subplots(rows, columns, **options, **look)
    for panel in panels.flat:
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    yield shown, panels
    path.parent.mkdir(parents=True, exist_ok=True)
    shown.savefig(path, dpi=150)
    pyplot.close(shown)


def by_dimension(
    panel: Any,
    lines: Mapping[str, Mapping[int, Sequence[float]]],
    looks: Sequence[Mapping[str, Any]],
    band: Callable[[Sequence[float]], tuple[float, float]],
) -> None:
    """Draws means against the number of dimensions, a line with its band for each name.

    Args:
        panel: Where to draw.
        lines: The values of all seeds, by name and dimension.
        looks: Each line's look, with a color.
        band: From where to where the band of some values goes.
    """
    for (name, found), look in zip(lines.items(), looks, strict=True):
        if not found:
            continue
        dimensions = sorted(found)
        values = [found[dimension] for dimension in dimensions]
        panel.plot(dimensions, [*map(fmean, values)], label=name, **look)
        ends = zip(*map(band, values), strict=True)
        panel.fill_between(dimensions, *ends, color=look["color"], alpha=0.2, lw=0)
    ticks = sorted(unique(dimension for found in lines.values() for dimension in found))
    panel.set_xscale("log", base=2)
    panel.set_xticks(ticks, [*map(str, ticks)])
    panel.set_xlabel("dimensions")


def extent(values: Sequence[float]) -> tuple[float, float]:
    """From the least to the most."""
    return min(values), max(values)
