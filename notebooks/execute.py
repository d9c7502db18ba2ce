"""Runs notebooks and saves them with their outputs: ``python notebooks/execute.py``.

Names of notebooks may be given; all of them by default.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

HERE = Path(__file__).parent
NAMES = (
    "quickstart",
    "gradient_blocking",
    "seeing_hyperbolic_space",
    "large_graphs",
    "wordnet",
)
# Kernels inherit it. No bars are shown, so no widgets are missed; that sparse tensors
# are in beta state, or that a sampler goes without pyg-lib, is nothing a reader can do
# anything about.
QUIET = "ignore:IProgress not found,ignore:Sparse,ignore:Using 'NeighborSampler'"


def prepared(name: str, settings: Mapping[str, Any] | None = None) -> Any:
    """A notebook as it is saved.

    Args:
        name: Name of the notebook.
        settings: What to set after the cell that is tagged ``parameters``.
    """
    notebook = nbformat.read(HERE / f"{name}.ipynb", as_version=4)
    if settings:
        cells = notebook.cells
        at = [c.metadata.get("tags") == ["parameters"] for c in cells].index(True)
        lines = "\n".join(f"{key} = {value!r}" for key, value in settings.items())
        cells.insert(at + 1, nbformat.v4.new_code_cell(lines))
    return notebook


def execute(name: str, folder: Path, settings: Mapping[str, Any] | None = None) -> Any:
    """Runs a notebook in a folder, where its files go, too."""
    os.environ["PYTHONWARNINGS"] = QUIET
    notebook = prepared(name, settings)
    place = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=1800, resources=place).execute()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # times of day
    return notebook


if __name__ == "__main__":
    for name in sys.argv[1:] or NAMES:
        nbformat.write(execute(name, HERE), HERE / f"{name}.ipynb")
        print(name)
