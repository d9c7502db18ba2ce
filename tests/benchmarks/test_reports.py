"""Tables in ``benchmarks/results`` are those that scripts write of the runs there."""

import importlib
import shutil
from pathlib import Path

import pytest

from benchmarks.common.sweep import RESULTS

SCRIPTS = (
    *("curvature", "epochs", "knowledge_graph", "reconstruction", "scale", "speed"),
    "twins",
)


@pytest.mark.parametrize(
    "script, name, table",
    [
        ("tasks", "tasks", "README.md"),
        *((x, x, f"{x}.md") for x in SCRIPTS),
        ("scale", "scale_system", "scale_system.md"),
    ],
)
def test_tables_are_those_of_the_runs(
    script: str, name: str, table: str, tmp_path: Path
) -> None:
    shutil.copy(RESULTS / f"{name}.jsonl", tmp_path)
    more = ["--allocator", "system"] if name.endswith("system") else []
    main = importlib.import_module(f"benchmarks.{script}").main
    assert main(["--report", "--out", str(tmp_path), *more]) == 0
    assert (tmp_path / table).read_text() == (RESULTS / table).read_text()
