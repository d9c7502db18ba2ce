"""A short run of the benchmarks that train, as a user starts them."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch_geometric.data import Data

from benchmarks import dimensions, epochs, main, search, tasks, twins
from benchmarks.common import cli, presets, runs, sweep
from benchmarks.common.encoders import HYPERBOLIC, MODELS
from benchmarks.common.graphs import GRAPHS, MissingDataset
from benchmarks.common.negatives import HEURISTICS
from benchmarks.common.presets import CLASSES, LINKS, Preset
from pyg_hyperbolic.datasets import DiseaseTree

SHORT = ["--epochs", "3", "--seeds", "0"]
both = pytest.mark.parametrize("task", [LINKS, CLASSES])


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "tree.pt"
    tree = DiseaseTree(120)[0]
    torch.save(Data(x=tree.x, edge_index=tree.edge_index, y=tree.y), path)
    return str(path)


def start(task: str, dataset: str, out: Path, *args: str) -> int:
    options = ["--task", task, "--dataset", dataset, "--out", str(out)]
    return tasks.main([*SHORT, *options, *args])


@both
def test_all_models_run_on_a_graph_of_ones_own(
    task: str, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(task, small, tmp_path, "--model", *MODELS) == 0
    done = runs.read(tmp_path / "tasks.jsonl")
    assert [run["model"] for run in done] == list(MODELS)
    for run in done:
        assert run["epochs"] == 3 and run["seconds_per_epoch"] > 0
        assert run["versions"]["torch"] == torch.__version__
        assert all(c > 0 for c in run["curvature"].values())
        assert bool(run["curvature"]) == (run["model"] in HYPERBOLIC)
        assert min(run["test"].values()) >= 0 and ("mrr" in run["test"]) == (
            task == LINKS
        )
        assert len(run["radius"]) == len(run["curvature"])
    assert "HGCN, as published" in capsys.readouterr().out
    assert (tmp_path / "README.md").exists()


def test_rules_that_learn_nothing_stand_beside(
    small: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAIN", ("mlp", "hnn"))
    assert start(LINKS, small, tmp_path) == 0
    done = runs.read(tmp_path / "tasks.jsonl")
    assert [run["model"] for run in done] == [*HEURISTICS, *tasks.MAIN]
    assert all({"mrr", "hits_10", "roc_auc"} <= run["test"].keys() for run in done)


def test_an_interrupted_sweep_goes_on_where_it_stopped(
    small: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train, calls = sweep.train, []

    def interrupted(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        train(*args)

    monkeypatch.setattr(sweep, "train", interrupted)
    args = (LINKS, small, tmp_path, "--model", "gcn", "hgcn")
    assert start(*args) == cli.INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err
    for _ in range(2):
        assert start(*args) == 0
        assert len(calls) == 3  # gcn, hgcn interrupted, hgcn again


def test_equal_seeds_give_equal_runs_in_several_processes_too(
    small: str, tmp_path: Path
) -> None:
    for jobs in ("1", "2"):
        options = ("--model", "hgcn", "--jobs", jobs, "--seeds", "0", "1")
        assert start(LINKS, small, tmp_path / jobs, *options) == 0
    one, two = (
        {run["seed"]: run["test"] for run in runs.read(tmp_path / n / "tasks.jsonl")}
        for n in ("1", "2")
    )
    assert one.keys() == {0, 1} and one == two


def test_presets_can_be_changed_and_reports_are_of_finished_runs(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changes = ("lr=0.5", "norm=true", "curvature=auto", "adjacency=symmetric")
    args = (LINKS, small, tmp_path, "--model", "hgcn", "--set", *changes)
    assert start(*args) == 0
    (done,) = runs.read(tmp_path / "tasks.jsonl")
    used = done["preset"]
    assert used["lr"] == 0.5 and used["norm"] is True and used["curvature"] == "auto"
    assert start(*args, "--report") == 0
    capsys.readouterr()
    assert start(LINKS, small, tmp_path, "--model", "hgcn", "--report") == 1
    assert "has all runs of no table" in capsys.readouterr().err
    assert start(*args, "--report", "--seeds", "0", "1") == 1
    assert f"{small}: 1 of 2 runs are there" in capsys.readouterr().out


def test_errors_say_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(LINKS, "cara", tmp_path, "--model", "mlp") == 1
    assert "'dataset' must be one of disease" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        start(LINKS, "cora", tmp_path, "--set", "speed=2")
    assert "NAME one of layers" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["--device", "cuda", "--out", str(tmp_path)]) == 1
    assert "'device' must be 'cpu' where PyTorch" in capsys.readouterr().err


def test_missing_datasets_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = MissingDataset("disease: no network")
    monkeypatch.setattr(sweep, "load_graph", Mock(side_effect=missing))
    assert start(LINKS, "disease", tmp_path, "--model", "mlp") == 1
    assert "left out link prediction on disease: no network" in capsys.readouterr().out


def test_the_first_look_has_all_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main([*SHORT, "--out", str(tmp_path)]) == 0
    done = runs.read(tmp_path / "main.jsonl")
    assert [run["model"] for run in done] == [*main.MODELS, *main.MODELS]
    text = (tmp_path / "main.md").read_text()
    assert text in capsys.readouterr().out and "epoch, times GCN's" in text
    rows = [[c.strip() for c in line.split("|")] for line in text.splitlines()]
    gcn, hgcn = (next(r for r in rows if x in r) for x in ("GCN", "HGCN, midpoint"))
    assert gcn[-2] == "1.00" and gcn[-4:-2] == ["-", "-"] and "-" not in hgcn


def test_dimensions_are_those_of_all_layers(small: str, tmp_path: Path) -> None:
    args = ["--dataset", small, "--dimensions", "2", "4", "--model", "hgcn", "gcn"]
    assert dimensions.main([*SHORT, *args, "--out", str(tmp_path)]) == 0
    done = runs.read(tmp_path / "dimensions.jsonl")
    for size, run in zip((2, 2, 4, 4), done, strict=True):
        widths = run["preset"]["hidden_channels"], run["preset"]["out_channels"]
        assert widths == (size, size)
    assert (tmp_path / "dimensions.png").stat().st_size > 10_000


def test_twins_have_a_table_for_each_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(twins.ROWS, CLASSES, twins.ROWS[CLASSES][:3])
    args = [*SHORT, "--out", str(tmp_path), "--dataset"]
    for _ in range(2):  # nothing is done again
        assert twins.main([*args, "blocks x 0.1"]) == 0
        assert len(runs.read(tmp_path / "twins.jsonl")) == 3
    row = (tmp_path / "twins.md").read_text().splitlines()[2]
    assert row.startswith("| blocks x 0.1") and "-" not in row
    for rows in twins.ROWS.values():
        for each in rows:
            assert (each.preset.curvature == "auto") == ("recipe" in each.name)


def test_epochs_of_real_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["--epochs", "3", "--dataset", "disease-tree", "--out", str(tmp_path)]
    for _ in range(2):  # once more, and nothing is left to do
        assert epochs.main(argv) == 0
        done = runs.read(tmp_path / "epochs.jsonl")
        assert [run["model"] for run in done] == ["gcn", "hgcn", "hgcn-tangent"]
    assert done[0]["ratio"] == 1 and done[0]["radii"] is None
    for run in done[1:]:
        low, high = run["quartiles"]
        assert low <= run["ratio"] <= high and 0 < run["radii"][0] < run["radii"][1]
    assert "hgcn-tangent" in capsys.readouterr().out


@pytest.fixture
def no_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And presets of its own."""
    monkeypatch.setattr(presets, "FOUND", tmp_path / "presets.json")
    monkeypatch.setattr(search, "load_graph", lambda *_: None)


@pytest.mark.usefixtures("no_graphs")
def test_search_sees_no_test_score_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Preset] = []

    def train(
        task: Any, data: Any, run: runs.Run, device: Any, report: Any, further: bool
    ) -> None:
        assert not further
        trained.append(Preset(**run["preset"]))
        run["score"] = 0.9 if run["preset"]["lr"] == 0.005 else 0.5  # and no test

    monkeypatch.setattr(search, "train", train)
    options = ["--dataset", "airport", "--task", LINKS, "--out", str(tmp_path)]
    options += ["--model", "hgcn", "gcn", "--trials"]
    assert search.main([*options, "12"]) == 0
    assert len(trained) == 24
    kinds = [
        {key: getattr(preset, key) for key in search.SPACE[LINKS]} for preset in trained
    ]
    first = search.starts(LINKS)
    assert kinds[: len(first)] == kinds[12 : 12 + len(first)] == first
    for model in ("hgcn", "gcn"):
        assert presets.preset(LINKS, "airport", model).lr == 0.005
    # What was not searched for has the defaults, whatever was found for another.
    longest = Preset(**presets.longest(LINKS, "airport"))
    assert presets.preset(LINKS, "airport", "hgcn-tangent") == longest
    assert search.main([*options, "12"]) == 0
    assert len(trained) == 24
    assert search.main([*options, "13"]) == 0
    assert len(trained) == 26


@pytest.mark.usefixtures("no_graphs")
def test_search_gives_up_what_is_below_the_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def train(
        task: Any, data: Any, run: runs.Run, device: Any, report: Any, further: bool
    ) -> None:
        ended.append(0)
        for epoch in range(5, 305, 5):
            report(epoch, 1 / len(ended))  # each is worse than those before
            ended[-1] = epoch
        run["score"] = 1 / len(ended)

    monkeypatch.setattr(search, "train", train)
    options = ["--dataset", "cora", "--task", CLASSES, "--out", str(tmp_path)]
    assert search.main([*options, "--model", "gcn", "--trials", "6"]) == 0
    assert ended[:4] == [300] * 4 and max(ended[4:]) < 160


def test_presets_of_the_search_are_whole() -> None:
    """Every field is one of a preset, and every choice one that was offered."""
    for key, models in presets.found().items():
        task, dataset = key.split()
        assert dataset in GRAPHS[task]
        for model in models:
            found = presets.preset(task, dataset, model)
            for name, values in search.SPACE[task].items():
                assert getattr(found, name) in values, (key, model, name)
    assert {f"synthetic-tree-{gamma}" for gamma in (0.05, 0.1, 0.2, 0.5)} <= {
        *GRAPHS[LINKS]
    }
