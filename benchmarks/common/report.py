"""Tables and figures: what all of them share."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
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
