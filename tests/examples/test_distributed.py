"""Two processes train as one, and go on where one of them was killed."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
import torch_geometric.typing

from examples import distributed
from pyg_hyperbolic.datasets import DiseaseTree
from tests.processes import run_group
from tests.sampler import needs_sampler

Ends = list[dict[str, Any]]


def train(rank: int, folder: Path, args: list[str], fatal: int) -> None:
    """Trains in float64, and leaves the model in a file.

    Process 1 kills itself when it is asked for the loss the ``fatal``-th time.
    """
    torch.set_default_dtype(torch.float64)
    shares: list[Any] = []
    name = "SampledShare" if "--neighbors" in args else "Share"

    class Recorded(getattr(distributed, name)):  # type: ignore[misc]
        calls = 0

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            shares.append(self)

        def loss(self) -> torch.Tensor:
            self.calls += 1
            if rank == 1 and self.calls == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return super().loss()

    setattr(distributed, name, Recorded)
    tree = DiseaseTree(150)[0]
    tree.x = tree.x.double()
    best = distributed.main(["--epochs", "12", *args], tree)
    share = shares[-1]
    state = share.model.state_dict()
    found = {"calls": share.calls, "nodes": share.nodes, "state": state, "best": best}
    torch.save(found, folder / f"end{rank}.pt")


def run(
    folder: Path, size: int, *options: str, fatal: int = 0
) -> tuple[list[int | None], Ends]:
    """Exit statuses, and what each process ended with."""
    folder.mkdir(exist_ok=True)
    statuses = run_group(train, size, folder, list(options), fatal)
    files = sorted(folder.glob("end*.pt"))
    return statuses, [torch.load(file, weights_only=True) for file in files]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("distributed")


@pytest.fixture(scope="module")
def two(folder: Path) -> Any:
    return run(folder / "two", 2)


def near(one: dict[str, Any], other: dict[str, Any], atol: float = 1e-10) -> None:
    for name, value in one["state"].items():
        assert value.dtype == torch.float64
        found = other["state"][name].cpu()
        torch.testing.assert_close(found, value, rtol=0, atol=atol)


def test_two_halves_are_one_whole_and_end_with_the_same_model(
    folder: Path, two: Any
) -> None:
    statuses, ends = two
    assert statuses == [0, 0]
    near(*ends, atol=0)
    shares = [set(end["nodes"].tolist()) for end in ends]
    assert shares[0] and shares[1] and not shares[0] & shares[1]
    statuses, (end,) = run(folder / "one", 1)
    assert statuses == [0] and shares[0] | shares[1] == set(end["nodes"].tolist())
    near(end, ends[0])
    assert end["best"]["score"] == ends[0]["best"]["score"] > 0.5
    curvatures = [v for k, v in end["state"].items() if k.endswith("curvature.raw")]
    start = torch.tensor(1.0).expm1().log()  # of softplus at c = 1
    assert len(curvatures) == 2 and all(abs(raw - start) > 1e-4 for raw in curvatures)


@needs_sampler
def test_batches_with_all_neighbors_are_the_whole(folder: Path) -> None:
    _, (expected,) = run(folder / "whole", 1, "--dropout", "0")
    sampling = ("--neighbors", "-1", "-1", "--batch-size", "1000")
    statuses, (end,) = run(folder / "batch", 1, "--dropout", "0", *sampling)
    assert statuses == [0]
    near(expected, end)


SAMPLING = ("--neighbors", "3", "3", "--batch-size", "8")


@pytest.mark.parametrize(
    "sampling",
    [(), pytest.param(SAMPLING, marks=needs_sampler)],
    ids=["whole graph", "sampled neighbors"],
)
def test_a_killed_process_leaves_a_checkpoint_to_go_on_from(
    folder: Path, two: Any, tmp_path: Path, sampling: tuple[str, ...]
) -> None:
    options = (*sampling, "--folder", str(tmp_path / "kept"), "--every", "3")
    statuses, ends = run(tmp_path, 2, *options, fatal=9)
    assert statuses[1] == -signal.SIGKILL and statuses[0] not in (0, None)
    assert not ends
    (file,) = (tmp_path / "kept").iterdir()
    assert torch.load(file, weights_only=True)["epoch"] == 6
    statuses, ends = run(tmp_path, 2, *options)
    assert statuses == [0, 0] and [end["calls"] for end in ends] == [6, 6]
    _, expected = run(folder / "sampled", 2, *sampling) if sampling else two
    for end in ends:
        near(expected[0], end, atol=0)


@pytest.mark.cuda
def test_cuda_devices_give_what_the_cpu_gives(folder: Path) -> None:
    size = torch.cuda.device_count()
    # Other random numbers are drawn there: without dropout there are none.
    (_, cpu), (statuses, cuda) = (
        run(folder / name, size, "--dropout", "0", "--device", name)
        for name in ("cpu", "cuda")
    )
    assert statuses == [0] * size
    for end in cuda:
        near(cpu[0], end, atol=1e-8)


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    with pytest.raises(ValueError, match="start one with torchrun --standalone"):
        distributed.main([])
    with pytest.raises(ValueError, match=r"'--batch-size' must be positive \(got 0\)"):
        distributed.main(["--batch-size", "0"])
    for name in ("WITH_PYG_LIB", "WITH_TORCH_SPARSE"):
        monkeypatch.setattr(torch_geometric.typing, name, False)
    with pytest.raises(ValueError, match="'--neighbors' needs PyG's sampler"):
        distributed.main(["--neighbors", "5"])
