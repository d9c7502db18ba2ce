"""What is measured on a CUDA device, where there is none."""

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import cuda


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cuda.main([]) == 1
    assert "no CUDA device" in capsys.readouterr().out


def test_one_file_has_all_that_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a step whose time is over, what it has left; of one that fails, its end."""
    (tmp_path / "step.py").write_text(
        "import sys, time, pathlib\n"
        "kind, *rest = sys.argv[1:]\n"
        "print('bad luck', flush=True)\n"
        "if kind == 'fails':\n"
        "    sys.exit(3)\n"
        "folder = pathlib.Path(rest[rest.index('--out') + 1])\n"
        "folder.mkdir()\n"
        "(folder / 'found.jsonl').write_text('{\"ms\": 4}\\n')\n"
        "time.sleep(60)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(cuda, "machine", lambda: {"what": "machine"})
    steps = {
        "one": (["step", "fails"], 20, None),
        "other": (["step", "slow"], 2, "found.jsonl"),
    }
    monkeypatch.setattr(cuda, "STEPS", steps)
    assert cuda.main(["--out", str(tmp_path / "new" / "cuda.jsonl")]) == 0
    text = (tmp_path / "new" / "cuda.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["what"] for line in lines] == ["machine", "one", "other", "other"]
    assert lines[1]["code"] == 3 and "bad luck" in lines[1]["tail"]
    assert lines[2]["code"] is None and lines[3]["ms"] == 4


@pytest.mark.parametrize("name", [name for name in cuda.STEPS if name != "tests"])
def test_the_commands_exist(name: str) -> None:
    command = cuda.STEPS[name][0]
    module = __import__(command[0], fromlist=["parser"])
    assert module.parser().parse_args([*command[1:], "--device", "cuda"])
    assert sys.modules[command[0]] is module
