"""Kernels are compiled for data center cards, of which none is needed."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("triton", reason="needs Triton")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ptxas is for Linux")
ROOT = Path(__file__).parents[2]
REGISTERS = 224  # of the 255 that a thread may have


@cache
def compiled(dtype: str, capability: int) -> list[dict[str, Any]]:
    """In a process of its own: here kernels are interpreted."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    command = [sys.executable, "-W", "ignore", "-m", "tests.kernels.compile_cuda"]
    out = subprocess.run(
        [*command, dtype, str(capability)],
        capture_output=True, text=True, check=False, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr[-3000:]
    return [json.loads(line) for line in out.stdout.splitlines()]


# The other two are as these; all four take two minutes, see compile_cuda.py.
@pytest.mark.parametrize(("dtype", "capability"), [("float32", 80), ("float64", 90)])
def test_no_register_is_spilled_into_memory(dtype: str, capability: int) -> None:
    for line in compiled(dtype, capability):
        print(line)
        assert line["stack"] == 0 and line["reg"] <= REGISTERS, line


def test_no_kernel_is_left_out() -> None:
    found = {line["kernel"] for line in compiled("float32", 80)}
    for path in (ROOT / "pyg_hyperbolic" / "kernels" / "cuda").glob("*.py"):
        for name in re.findall(r"\brun\(\s*([a-z_.]+),", path.read_text()):
            assert any(kernel.endswith(name) for kernel in found), name
