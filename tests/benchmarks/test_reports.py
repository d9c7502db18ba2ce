"""Tables in ``benchmarks/results`` are those that scripts write of the runs there."""

import importlib
import shutil
from pathlib import Path

import pytest

from benchmarks.common.sweep import RESULTS


@pytest.mark.parametrize(
    "script, name",
    [
        *((x, x) for x in ("curvature", "epochs", "reconstruction", "speed", "twins")),
        *(("scale", x) for x in ("scale", "scale_system")),
    ],
)
def test_tables_are_those_of_the_runs(script: str, name: str, tmp_path: Path) -> None:
    shutil.copy(RESULTS / f"{name}.jsonl", tmp_path)
    more = ["--allocator", "system"] if name.endswith("system") else []
    main = importlib.import_module(f"benchmarks.{script}").main
    assert main(["--report", "--out", str(tmp_path), *more]) == 0
    table = f"{name}.md"
    assert (tmp_path / table).read_text() == (RESULTS / table).read_text()
