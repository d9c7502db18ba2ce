"""Checkpoints: what a killed run has lost, and that it ends as an unbroken one."""

import json
import pickle
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric import seed_everything
from torch_geometric.data import Data

from benchmarks import checkpoint, cli, link_prediction, node_classification, training
from benchmarks.checkpoint import Checkpoint, Interval
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from benchmarks.presets import Preset
from benchmarks.training import Evaluation, Task, fit
from pyg_hyperbolic import Curvature
from pyg_hyperbolic.datasets import DiseaseTree
from tests import processes

SCRIPTS = {
    "link_prediction": (LinkPrediction, link_prediction),
    "node_classification": (NodeClassification, node_classification),
}


class Noise(Task):
    """Follows random numbers of every source, by Adam: any that is amiss shows."""

    name = "noise"

    def __init__(self) -> None:
        self.module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout())
        self.module.append(Curvature(0.3))

    def loss(self) -> torch.Tensor:
        drawn = random.random(), np.random.random(), torch.rand(()).item()  # noqa: NPY002
        linear, dropout, curvature = self.module
        out = dropout(linear(torch.tensor(drawn)))
        return out.sum() + (curvature() - drawn[0]) ** 2

    def evaluate(self) -> Evaluation:
        score = self.module[0].weight.sum().sin().item()
        return Evaluation(score, {"score": score}, {})


def train(folder: Path, epochs: int, count: Any = None) -> None:
    """Trains, counts the epochs that are over, and leaves the result in a file."""
    seed_everything(0)
    training.EVALUATE_EVERY = 1
    task = Noise()

    def tick(epoch: int) -> None:
        if count is not None:
            count.value = epoch

    kept = Checkpoint(folder / "checkpoint.pt", Interval(epochs=7), resume=True)
    result = fit(task, Preset(epochs=epochs, patience=10**9), tick, kept)
    found = {**result._asdict(), "best": tuple(result.best)}
    del found["seconds_per_epoch"]
    torch.save((found, task.module.state_dict()), folder / "result.pt")


def equal(a: Any, b: Any) -> bool:
    """Bit for bit, whatever they hold."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(equal, a, b))
    return bool(a == b)


def epoch_of(folder: Path) -> int:
    path = folder / "checkpoint.pt"
    return torch.load(path, weights_only=True)["progress"]["epoch"]


def test_ten_kills_lose_an_interval_each_and_change_nothing(tmp_path: Path) -> None:
    # A process killed while it holds a lock would not give it back.
    count = processes.CONTEXT.Value("l", 0, lock=False)
    moments = random.Random(0)
    broken, unbroken = tmp_path / "broken", tmp_path / "unbroken"
    for folder in (broken, unbroken):
        folder.mkdir()
    before = 0
    for _ in range(10):
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
    assert results[0][0]["epochs"] == before + 40
    assert equal(*results)


def test_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: 40.0 * epoch)
    epoch, saved = 0, []
    kept = Checkpoint(tmp_path / "checkpoint.pt", Interval(minutes=1), resume=False)
    for epoch in range(1, 8):
        kept.save(epoch, lambda: saved.append(epoch) or {})  # noqa: B023
    assert saved == [2, 4, 6]


def test_a_write_that_fails_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "checkpoint.pt"
    checkpoint.write(path, {"epoch": 1})

    def fail(_: object, file: Any) -> None:
        file.write(b"half")
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fail)
        with pytest.raises(OSError, match="no space left"):
            checkpoint.write(path, {"epoch": 2})
    assert torch.load(path, weights_only=True) == {"epoch": 1}
    checkpoint.write(path, {"epoch": 3})
    assert torch.load(path, weights_only=True) == {"epoch": 3}
    assert list(path.parent.iterdir()) == [path]


def test_nothing_but_data_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"module": Interval(1)}, path)
    with pytest.raises(pickle.UnpicklingError, match=r"[Ww]eights"):
        Checkpoint(path, Interval(1), resume=True).load()
    assert Checkpoint(path, Interval(1), resume=False).load() is None


def test_intervals() -> None:
    assert Interval.parse("50") == Interval(epochs=50)
    assert Interval.parse("0.5min") == Interval(minutes=0.5)
    for text in ("0", "-1", "0min", "nanmin", "often", "5 hours"):
        with pytest.raises(ValueError, match=r"(must be positive|could not|invalid)"):
            Interval.parse(text)


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_interrupted_run_goes_on(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, module = SCRIPTS[name]
    tree = DiseaseTree(200)[0]
    graph = str(tmp_path / "tree.pt")
    torch.save(Data(x=tree.x, edge_index=tree.edge_index, y=tree.y), graph)
    losses, loss = [], task.loss

    def recorded(self: Any) -> torch.Tensor:
        losses.append(loss(self))
        if len(losses) == 18:
            raise KeyboardInterrupt
        return losses[-1]

    monkeypatch.setattr(task, "loss", recorded)

    def go(out: str, *options: str) -> tuple[int, Any]:
        """Exit status, and what the run has left: its record and its log."""
        args = ["--dataset", graph, "--model", "hgcn", "--seeds", "3", "--epochs", "20"]
        args += ["--set", "dropout=0.3", "--out", str(tmp_path / out), *options]
        status = cli.main(task, module.__doc__, args)
        path = tmp_path / out / f"{name}.jsonl"
        if not path.exists():
            return status, None
        log = path.with_suffix(".curvatures.jsonl").read_text()
        return status, {**json.loads(path.read_text()), "log": log}

    folder = tmp_path / "checkpoints"
    options = ("--checkpoint", str(folder), "--every", "4")
    assert go("broken", *options) == (cli.INTERRUPTED, None)
    assert len(list(folder.iterdir())) == 1
    status, broken = go("broken", *options, "--resume")
    assert status == 0
    assert len(losses) == 18 + 4
    assert not list(folder.iterdir())
    _, unbroken = go("unbroken")
    assert len(losses) == 22 + 20 and equal(losses[18:22], losses[38:])
    names = ("val", "test", "best_epoch", "epochs", "curvature", "log")
    assert all(broken[key] == unbroken[key] for key in names)
    assert unbroken["log"].count("\n") == 20


def test_resume_needs_a_folder(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(NodeClassification, "", ["--resume"]) == 1
    assert "'--resume' needs the folder" in capsys.readouterr().err
