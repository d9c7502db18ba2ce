"""Notebooks, on small settings; what is saved in them comes from their own."""

import ast
import tempfile
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import matplotlib
import nbformat
import pytest
from matplotlib import pyplot

from benchmarks.common.presets import CLASSES, preset
from pyg_hyperbolic.datasets.root import data_root
from tests.scripts import load_script

FOLDER = Path(__file__).parents[1] / "notebooks"
SMALL: dict[str, dict[str, Any]] = {
    "quickstart": {
        "SEEDS": 1,
        "EPOCHS": 5,
        "TUNED_EPOCHS": 5,
        "LINK_SEEDS": 1,
        "LINK_EPOCHS": 5,
    },
    "gradient_blocking": {"STEPS": 20},
    "seeing_hyperbolic_space": {"STEPS": 6, "NODES": 40, "SEEDS": 1, "FRAMES": 2},
    "large_graphs": {"NODES": 300, "REPEATS": 1, "EPOCHS": 2},
    "wordnet": {"EPOCHS": 1, "STEPS": 2},
}
KERNEL = "seeing_hyperbolic_space"
NEEDED = {
    "quickstart": ("planetoid/Cora/raw/ind.cora.x", "hgcn/disease_lp"),
    "wordnet": ("wordnet",),
}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script(FOLDER / "execute.py")


def test_all_notebooks_are_here(script: ModuleType) -> None:
    assert set(SMALL) == set(script.NAMES) == {p.stem for p in FOLDER.glob("*.ipynb")}


def settings_of(name: str) -> dict[str, Any]:
    root = data_root()
    for needed in NEEDED.get(name, ()):
        if not (root / needed).exists():
            pytest.skip(f"no {needed} in {root}: set PYG_HYPERBOLIC_DATA")
    own = {"ROOT": str(root)} if name == "quickstart" else {}
    return SMALL[name] | own


def test_the_script_runs_a_notebook_in_a_kernel(
    script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(FOLDER.parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PYTHONWARNINGS", "")  # the script sets it, and it is put back
    script.execute(KERNEL, tmp_path, settings_of(KERNEL))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [x for x in SMALL if x != KERNEL])
def test_cells_run(
    name: str, script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here, which takes no time to start: they have Python alone, and no magic."""
    monkeypatch.chdir(tmp_path)
    notebook, scope = script.prepared(name, settings_of(name)), {"__name__": name}
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    with matplotlib.rc_context({"backend": "Agg"}):
        for number, source in enumerate(code):
            exec(compile(source, f"{name}, cell {number + 1}", "exec"), scope)
        pyplot.close("all")


def test_tuned_settings_are_those_of_the_tables() -> None:
    notebook = nbformat.read(FOLDER / "quickstart.ipynb", as_version=4)
    (cell,) = (cell for cell in notebook.cells if "\nTUNED = " in cell.source)
    text = cell.source.partition("TUNED = ")[2].partition("\n\n")[0]
    for name, settings in ast.literal_eval(text).items():
        used = asdict(preset(CLASSES, "cora", name))
        assert settings.items() <= used.items()


@pytest.mark.parametrize("name", SMALL)
def test_notebook_is_saved_with_its_outputs(name: str) -> None:
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    numbers = [cell.execution_count for cell in code]
    assert numbers == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs and not any(out.output_type == "error" for out in outputs)
    assert any("image/png" in out.get("data", {}) for out in outputs)
    text = (FOLDER / f"{name}.ipynb").read_text()
    for folder in (Path.home(), FOLDER.parent, Path(tempfile.gettempdir())):
        assert f"{folder}/" not in text
