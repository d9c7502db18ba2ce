"""Figures that others have published: split, dimension and protocol beside each.

Nothing in ``published.csv`` was run by us.  Figures come from other splits, other
stopping rules and other code: beside ours they tell the order of magnitude, and no test
can be made with them.  Left out are those that cannot be right, such as 99 to 100 % for
links of Cora.
"""

import csv
from pathlib import Path
from typing import NamedTuple

from benchmarks.common.presets import CLASSES, LINKS

FILE = Path(__file__).with_suffix(".csv")


class Figure(NamedTuple):
    """A line of the file: a score in per cent as printed, and how it came about."""

    task: str
    dataset: str
    model: str
    score: str
    source: str
    url: str
    read: str  # where it was read, or that it was not verified
    split: str
    dimension: str
    protocol: str

    @property
    def link(self) -> str:
        """The source, in Markdown."""
        return f"[{self.source}]({self.url})" if self.url else self.source


def published(task: str, dataset: str) -> list[Figure]:
    """All figures of a table."""
    with FILE.open(newline="") as file:
        every = [Figure(**line) for line in csv.DictReader(file)]
    return [f for f in every if (f.task, f.dataset) == (task, dataset)]


# What this package is to reach, in per cent, by a hyperbolic model.
TARGETS: dict[tuple[str, str], float] = {
    (LINKS, "disease"): 99.0,
    (LINKS, "airport"): 98.7,
    (LINKS, "cora"): 96.0,
    (LINKS, "citeseer"): 97.0,
    (CLASSES, "cora-random"): 85.0,
    (CLASSES, "citeseer-random"): 73.2,
    (CLASSES, "airport"): 94.0,
}
