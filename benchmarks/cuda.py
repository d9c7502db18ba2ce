"""All that a CUDA device is to be measured with, in a quarter of an hour, in one file.

``python -m benchmarks.cuda`` runs the tests marked ``cuda`` and the benchmarks of cost.
It ends each of them when its time is over, and keeps what was measured till then.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "triton", "torch_geometric", "pyg-hyperbolic", "torch_scatter")
# What runs, for how many seconds at most, and which file it leaves.  15 minutes less
# what setting up takes.
STEPS = {
    "tests": (["pytest", "-q", "-m", "cuda", "-p", "no:cacheprovider"], 200, None),
    "speed": (["benchmarks.speed", "--quick"], 200, "speed.jsonl"),
    "speed_compiled": (
        ["benchmarks.speed", "--quick", "--compile"],
        200,
        "speed.jsonl",
    ),
    "scale": (["benchmarks.scale"], 200, "scale.jsonl"),
}


def parser() -> argparse.ArgumentParser:
    out = argparse.ArgumentParser(prog="python -m benchmarks.cuda", description=__doc__)
    out.add_argument(
        "--out",
        type=Path,
        default=Path("benchmarks/runs/cuda.jsonl"),
        metavar="FILE",
        help="the file to write (default: benchmarks/runs/cuda.jsonl)",
    )
    return out


def machine() -> dict[str, Any]:
    """The device, its driver, and the versions of what runs on it."""
    found: dict[str, Any] = {
        "what": "machine",
        "device": torch.cuda.get_device_name(),
        "capability": list(torch.cuda.get_device_capability()),
        "memory_gib": torch.cuda.get_device_properties(0).total_memory / 2**30,
        "driver": _driver(),
        "cuda": torch.version.cuda,
        "system": platform.platform(),
        "python": platform.python_version(),
    }
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _driver() -> str | None:
    query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        out = subprocess.run(query, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    return out.split()[0] if out.split() else None


def measured(
    what: str, command: Sequence[str], limit: float, left: Path | None
) -> Iterator[dict[str, Any]]:
    """Runs one step, and gives a line on it and those that it leaves."""
    start = time.monotonic()
    step = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that it ends with all that it has started
    )
    code: int | None
    try:
        output, _ = step.communicate(timeout=limit)
        code = step.returncode
    except subprocess.TimeoutExpired:
        os.killpg(step.pid, signal.SIGKILL)
        output, _ = step.communicate()
        code = None
    print(output)
    yield {
        "what": what,
        "command": " ".join(command),
        "code": code,  # nothing where its time was over
        "seconds": round(time.monotonic() - start, 1),
        "tail": re.sub(r"\S*/site-packages/", "", output)[-2000:],
    }
    if left is not None and left.exists():
        for line in left.read_text().splitlines():
            yield {"what": what} | json.loads(line)


def main(args: Sequence[str] | None = None) -> int:
    given = parser().parse_args(args)
    if not torch.cuda.is_available():
        print("error: there is no CUDA device, or PyTorch is built without CUDA")
        return 1
    given.out.parent.mkdir(parents=True, exist_ok=True)
    with given.out.open("w") as file, tempfile.TemporaryDirectory() as folder:
        file.write(json.dumps(machine()) + "\n")
        for what, (command, limit, name) in STEPS.items():
            here = Path(folder) / what
            if name is not None:
                command = [*command, "--device", "cuda", "--out", str(here)]
            left = None if name is None else here / name
            for line in measured(what, command, limit, left):
                file.write(json.dumps(line) + "\n")
                file.flush()
    print(f"All of it is in {given.out}: commit it to benchmarks/results/, or send it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
