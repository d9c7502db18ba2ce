"""Tables in ``benchmarks/results`` are those that scripts write of the runs there."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.common.sweep import RESULTS

COMMANDS = (
    *("curvature", "epochs", "knowledge_graph", "reconstruction", "scale"),
    *("scale --allocator system", "speed", "tasks", "twins"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_tables_are_those_of_the_runs(command: str, start: Any, tmp_path: Path) -> None:
    name = command.replace(" --allocator ", "_")
    table = "README.md" if name == "tasks" else f"{name}.md"
    shutil.copy(RESULTS / f"{name}.jsonl", tmp_path)
    start(f"{command} --report")
    assert (tmp_path / table).read_text() == (RESULTS / table).read_text()
