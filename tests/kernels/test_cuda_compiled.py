"""Kernels are compiled for data center cards, of which none is needed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("triton", reason="needs Triton")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ptxas is for Linux")
ROOT = Path(__file__).parents[2]
REGISTERS = 224  # of the 255 that a thread may have


def test_every_kernel_is_compiled_and_no_register_is_spilled_into_memory() -> None:
    """In a process of its own: here kernels are interpreted."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    out = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.kernels.compile_cuda"],
        capture_output=True, text=True, check=False, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert out.returncode == 0, out.stderr[-3000:]
    lines = [json.loads(line) for line in out.stdout.splitlines()]
    for line in lines:
        assert line["stack"] == 0 and line["reg"] <= REGISTERS, line
    found = {line["kernel"] for line in lines}
    for path in (ROOT / "pyg_hyperbolic" / "kernels" / "cuda").glob("*.py"):
        for name in re.findall(r"\brun\(\s*([a-z_.]+),", path.read_text()):
            assert any(kernel.endswith(name) for kernel in found), name
