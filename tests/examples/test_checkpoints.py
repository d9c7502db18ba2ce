"""Checkpoints: what a killed run has lost, and that it ends as an unbroken one."""

import pickle
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils._pytree import tree_flatten
from torch_geometric import seed_everything

from examples import checkpoints
from examples.checkpoints import Checkpoint, Interval, fit
from pyg_hyperbolic import Curvature
from pyg_hyperbolic.datasets import DiseaseTree
from tests import processes


class Noise:
    """Follows random numbers of every source, by Adam: any that is amiss shows."""

    def __init__(self) -> None:
        self.module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout())
        self.module.append(Curvature(0.3))

    def loss(self) -> torch.Tensor:
        drawn = random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002
        linear, dropout, curvature = self.module
        out = dropout(linear(torch.tensor(drawn)))
        return out.sum() + (curvature() - drawn[0]) ** 2

    def score(self) -> float:
        return self.module[0].weight.sum().sin().item()


def train(folder: Path, epochs: int, count: Any = None) -> None:
    """Trains, counts the epochs that are over, and leaves the result in a file."""
    seed_everything(0)
    task = Noise()
    kept = Checkpoint(folder / "checkpoint.pt", Interval(epochs=7))
    save = kept.save

    def counted(epoch: int, state: Any) -> None:
        save(epoch, state)
        if count is not None:
            count.value = epoch

    kept.save = counted  # type: ignore[method-assign]
    best = fit(task.module, task.loss, task.score, epochs, kept)
    torch.save((best, task.module.state_dict()), folder / "result.pt")


def equal(a: Any, b: Any) -> bool:
    """Bit for bit, whatever they hold."""
    (leaves, form), (others, other_form) = tree_flatten(a), tree_flatten(b)
    return form == other_form and all(map(np.array_equal, leaves, others))


def epoch_of(folder: Path) -> int:
    path = folder / "checkpoint.pt"
    return torch.load(path, weights_only=True)["epoch"]


def test_kills_lose_an_interval_each_and_change_nothing(tmp_path: Path) -> None:
    # A process killed while it holds a lock would not give it back.
    count = processes.CONTEXT.Value("l", 0, lock=False)
    moments = random.Random(0)
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    for folder in (broken, unbroken):
        folder.mkdir()
    before = 0
    for _ in range(6):
        count.value = 0
        process = processes.start(train, broken, 10**9, count)
        moment, deadline = before + moments.randint(1, 20), time.monotonic() + 30
        while count.value < moment:
            assert process.is_alive() and time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(0.01 * moments.random())
        processes.kill(process)
        after = epoch_of(broken)
        assert before <= after and count.value - after <= 7
        before = after
    assert before > 10
    assert len(list(broken.iterdir())) <= 2  # one may be half written
    for folder in (broken, unbroken):
        processes.run(train, folder, before + 40)
    results = [
        torch.load(folder / "result.pt", weights_only=True)
        for folder in (broken, unbroken)
    ]
    assert 0 < results[0][0]["epoch"] <= before + 40
    assert equal(*results)


def test_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: 40.0 * epoch)
    epoch, saved = 0, []
    kept = Checkpoint(tmp_path / "checkpoint.pt", Interval(minutes=1))
    for epoch in range(1, 8):
        kept.save(epoch, lambda: saved.append(epoch) or {})  # noqa: B023
    assert saved == [2, 4, 6]


def test_a_write_that_fails_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "checkpoint.pt"
    checkpoints.write(path, {"epoch": 1})

    def fail(_: object, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match="no space left"):
            checkpoints.write(path, {"epoch": 2})
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    checkpoints.write(path, {"epoch": 3})
    assert torch.load(path, weights_only=True) == {"epoch": 3}
    assert list(path.parent.iterdir()) == [path]


def test_nothing_but_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"module": Interval(1)}, path)
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights"):
        Checkpoint(path, Interval(1)).load()
    assert Checkpoint(tmp_path / "absent.pt", Interval(1)).load() is None


def test_intervals() -> None:
    assert Interval.parse("50") == Interval(epochs=50)
    assert Interval.parse("0.5min") == Interval(minutes=0.5)
    for text in ("0", "-1", "0min", "nanmin", "often", "5 hours"):
        with pytest.raises(ValueError, match=r"(must be positive|could not|invalid)"):
            Interval.parse(text)


def test_the_program_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "DiseaseTree", lambda: DiseaseTree(200))
    said = []
    for folder, epochs in (("two", "9"), ("two", "15"), ("one", "15")):
        options = ["--folder", str(tmp_path / folder), "--every", "3"]
        checkpoints.main([*options, "--epochs", epochs])
        said.append(capsys.readouterr().out)
    assert said[1] == said[2] and said[2].startswith("validation accuracy 0.")
    one, two = (
        torch.load(tmp_path / name / "tree.pt", weights_only=True)
        for name in ("one", "two")
    )
    assert one["epoch"] == 15 and equal(one, two)
