"""A benchmark as a user starts it."""

import importlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from benchmarks.common import runs


class Started(NamedTuple):
    """All runs in its folder, and what it has said."""

    runs: list[runs.Run]
    out: str
    err: str


@pytest.fixture
def start(tmp_path: Path, capsys: Any) -> Callable[..., Started]:
    """Runs a command, a script and its options, in the folder of the test."""

    def run(command: str, folder: str = "", status: int = 0) -> Started:
        name, *options = shlex.split(command)
        script, out = importlib.import_module(f"benchmarks.{name}"), tmp_path / folder
        try:
            ended = script.main([*options, "--out", str(out)])
        except SystemExit as error:  # of argparse
            ended = error.code
        table, said = out / f"{name}.md", capsys.readouterr()
        assert ended == status, said.err
        if status == 0 and table.exists():
            assert table.read_text() in said.out
        return Started(runs.read(out / f"{name}.jsonl"), *said)

    return run
