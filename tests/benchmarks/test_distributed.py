"""Two processes train as one, and go on where one of them was killed."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_geometric.typing
from torch_geometric.data import Data

from benchmarks import distributed
from pyg_hyperbolic.datasets import DiseaseTree
from tests.processes import run_group
from tests.sampler import needs_sampler


def train(rank: int, folder: Path, args: list[str], fatal: int) -> None:
    """Runs the benchmark in float64, and leaves its model in a file.

    Process 1 kills itself when it is asked for the loss the ``fatal``-th time.
    """
    torch.set_default_dtype(torch.float64)
    tasks: list[Any] = []

    name = "SampledShare" if "--neighbors" in args else "Share"

    class Recorded(getattr(distributed, name)):  # type: ignore[misc]
        calls = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            tasks.append(self)

        def loss(self) -> torch.Tensor:
            self.calls += 1
            if rank == 1 and self.calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().loss()

    setattr(distributed, name, Recorded)
    assert distributed.main(args) == 0
    (task,) = tasks
    found = {
        "calls": task.calls,
        "nodes": task.nodes,
        "state": task.module.state_dict(),
    }
    torch.save(found, folder / f"{rank}.pt")


class Group:
    """The benchmark on a small tree, in some number of processes."""

    def __init__(self, folder: Path) -> None:
        tree = DiseaseTree(150)[0]
        self.folder, graph = folder, folder / "tree.pt"
        torch.save(Data(x=tree.x.double(), edge_index=tree.edge_index, y=tree.y), graph)
        self.args = ["--dataset", str(graph), "--model", "hgcn", "--seeds", "0"]
        self.args += ["--epochs", "12", "--set", "dropout=0.2", "lr=0.05"]

    def run(
        self, name: str, size: int, *options: str, fatal: int = 0
    ) -> tuple[list[int | None], dict[str, Any], list[dict[str, Any]]]:
        """Exit statuses, the record, and what each process ended with."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        args = [*self.args, "--out", str(folder), *options]
        statuses = run_group(train, size, folder, args, fatal)
        path = folder / "distributed.jsonl"
        lines = path.read_text().splitlines() if path.exists() else ["{}"]
        (record,) = map(json.loads, lines)
        files = sorted(folder.glob("*.pt"))
        return statuses, record, [torch.load(f, weights_only=True) for f in files]


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Group:
    return Group(tmp_path_factory.mktemp("distributed"))


@pytest.fixture(scope="module")
def two(group: Group) -> Any:
    return group.run("two", 2)


def test_two_halves_are_one_whole(group: Group, two: Any) -> None:
    statuses, record, ends = two
    assert statuses == [0, 0] and record["device"] == "2 x cpu"
    shares = [set(end["nodes"].tolist()) for end in ends]
    assert shares[0] and shares[1] and not shares[0] & shares[1]

    statuses, alone, (end,) = group.run("one", 1)
    assert statuses == [0] and shares[0] | shares[1] == set(end["nodes"].tolist())
    for name, value in end["state"].items():
        assert value.dtype == torch.float64
        torch.testing.assert_close(ends[0]["state"][name], value, rtol=0, atol=1e-10)
    assert alone["val"]["loss"] == pytest.approx(record["val"]["loss"], abs=1e-10)


def test_both_end_with_the_same_model(two: Any) -> None:
    _, record, (first, second) = two
    for name, value in first["state"].items():
        assert torch.equal(value, second["state"][name])
    assert len(record["curvature"]) == 2
    assert all(c not in (0.0, 1.0) for c in record["curvature"].values())


@needs_sampler
def test_batches_with_all_neighbors_are_the_whole(group: Group) -> None:
    options = ("--set", "lr=0.05", "dropout=0.0")
    _, _, (expected,) = group.run("whole", 1, *options)
    sampling = ("--neighbors", "-1", "-1", "--batch-size", "1000")
    statuses, record, (end,) = group.run("batch", 1, *options, *sampling)
    assert statuses == [0] and record["preset"]["neighbors"] == [-1, -1]
    for name, value in end["state"].items():
        torch.testing.assert_close(value, expected["state"][name], rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    "sampling",
    [
        (),
        pytest.param(
            ("--neighbors", "3", "3", "--batch-size", "8"), marks=needs_sampler
        ),
    ],
    ids=["whole graph", "sampled neighbors"],
)
def test_a_killed_process_leaves_a_checkpoint_to_go_on_from(
    group: Group, two: Any, tmp_path: Path, sampling: tuple[str, ...]
) -> None:
    options = (*sampling, "--checkpoint", str(tmp_path), "--every", "3")
    broken = f"broken{len(sampling)}"
    statuses, record, ends = group.run(broken, 2, *options, fatal=9)
    assert statuses[1] == -signal.SIGKILL and statuses[0] not in (0, None)
    assert not record and not ends
    (file,) = tmp_path.iterdir()
    assert torch.load(file, weights_only=True)["progress"]["epoch"] == 6

    statuses, record, ends = group.run(broken, 2, *options, "--resume")
    assert statuses == [0, 0] and [end["calls"] for end in ends] == [6, 6]
    _, unbroken, expected = group.run("sampled", 2, *sampling) if sampling else two
    for end in ends:
        for name, value in expected[0]["state"].items():
            assert torch.equal(end["state"][name], value)
    assert all(record[key] == unbroken[key] for key in ("val", "test", "curvature"))
    assert not list(tmp_path.iterdir())


@pytest.mark.cuda
def test_cuda_devices_give_what_the_cpu_gives(group: Group) -> None:
    size = torch.cuda.device_count()
    # Other random numbers are drawn there: without dropout there are none.
    found = [
        group.run(name, size, "--set", "lr=0.05", "--device", name)
        for name in ("cpu", "cuda")
    ]
    assert found[1][0] == [0] * size and found[1][1]["device"] == f"{size} x cuda"
    for name, value in found[0][2][0]["state"].items():
        for end in found[1][2]:
            torch.testing.assert_close(
                end["state"][name].cpu(), value, rtol=0, atol=1e-8
            )


def test_sampling_needs_a_sampler(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("WITH_PYG_LIB", "WITH_TORCH_SPARSE"):
        monkeypatch.setattr(torch_geometric.typing, name, False)
    assert distributed.main(["--neighbors", "5"]) == 1
    assert "'--neighbors' needs PyG's sampler" in capsys.readouterr().err
    assert distributed.main(["--batch-size", "0"]) == 1
    assert "'--batch-size' must be positive (got 0)" in capsys.readouterr().err


def test_it_has_to_be_started_by_torchrun(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    assert distributed.main([]) == 1
    assert "start one with torchrun --standalone" in capsys.readouterr().err
