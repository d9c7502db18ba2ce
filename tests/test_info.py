import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
import torch

from pyg_hyperbolic import info as module
from pyg_hyperbolic.info import info

ROOT = Path(__file__).parents[1]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        if name in ("numba", "pyg-lib"):
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(module, "version", missing)
    monkeypatch.setitem(module.INSTALLED, "cpu", False)
    lines = info()
    assert lines["numba"] == lines["pyg-lib"] == "not installed"
    assert lines["back end cpu"] == "needs numba"
    assert lines["back end portable"] == "works"


def test_what_can_not_be_imported_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> None:
        if name.split(".")[-1] in ("torch_scatter", "numba", "cpu", "triton", "cuda"):
            raise OSError("undefined symbol: _ZN3c10\nand much more")

    monkeypatch.setattr(module, "version", lambda name: "1.0")
    monkeypatch.setattr(module, "import_module", broken)
    monkeypatch.setattr(module, "INSTALLED", {"cpu": True, "cuda": True})
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setitem(sys.modules, "pyg_hyperbolic.kernels.cpu", None)
    why = "can't be imported: OSError: undefined symbol: _ZN3c10"
    lines = info()
    assert lines["torch_scatter"] == lines["numba"] == f"1.0, {why}"
    assert lines["back end cpu"] == lines["back end cuda"] == why
    assert lines["threads of numba"] == lines["compiled loops"] == "none"


def test_it_is_printed_and_counts_compiled_loops_where_numba_keeps_them(
    tmp_path: Path,
) -> None:
    pytest.importorskip("numba")
    code = """
import runpy, torch
runpy.run_module("pyg_hyperbolic.info", run_name="__main__")
from pyg_hyperbolic.info import info
from pyg_hyperbolic.kernels import gyro_add
gyro_add(torch.ones(1, 2), torch.ones(1, 2), 1.0)
print(info()["compiled loops"])
"""
    out = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    *lines, after = out.stdout.splitlines()
    found = {name: rest.strip() for name, rest in (x.split("  ", 1) for x in lines)}
    assert list(found) == list(info())
    assert torch.__version__.startswith(found["torch"])
    assert found["Python"].startswith(f"3.{sys.version_info.minor}.")
    assert found["compiled loops"].startswith(f"none yet in {tmp_path}")
    kept = len(list(tmp_path.rglob("*.nbc")))
    assert kept > 0 and after.startswith(f"{kept} in {tmp_path}")
