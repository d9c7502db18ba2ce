"""A short run of the benchmarks that train, as a user starts them."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch_geometric.data import Data

from benchmarks import main, search, tasks, twins
from benchmarks.common import cli, presets, runs, sweep
from benchmarks.common.encoders import HYPERBOLIC, MODELS
from benchmarks.common.graphs import GRAPHS, MissingDataset
from benchmarks.common.negatives import HEURISTICS
from benchmarks.common.presets import CLASSES, LINKS, Preset
from pyg_hyperbolic.datasets import DiseaseTree

SHORT = "--epochs 3 --seeds 0"
OF_LINKS = f"tasks {SHORT} --task {LINKS} --dataset"


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "tree.pt"
    tree = DiseaseTree(120)[0]
    torch.save(Data(x=tree.x, edge_index=tree.edge_index, y=tree.y), path)
    return str(path)


@pytest.mark.parametrize("task", [LINKS, CLASSES])
def test_all_models_run_on_a_graph_of_ones_own(
    task: str, start: Any, small: str, tmp_path: Path
) -> None:
    options = f"--task {task} --dataset {small} --model {' '.join(MODELS)}"
    done, shown, _ = start(f"tasks {SHORT} {options}")
    assert [run["model"] for run in done] == list(MODELS)
    for run in done:
        assert run["epochs"] == 3 and run["seconds_per_epoch"] > 0
        assert run["versions"]["torch"] == torch.__version__
        assert all(c > 0 for c in run["curvature"].values())
        assert bool(run["curvature"]) == (run["model"] in HYPERBOLIC)
        assert min(run["test"].values()) >= 0
        assert ("mrr" in run["test"]) == (task == LINKS)
        assert len(run["radius"]) == len(run["curvature"])
    assert "HGCN, as published" in shown
    assert (tmp_path / "README.md").exists()


def test_rules_that_learn_nothing_stand_beside(
    start: Any, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "MAIN", ("mlp", "hnn"))
    done = start(f"{OF_LINKS} {small}").runs
    assert [run["model"] for run in done] == [*HEURISTICS, *tasks.MAIN]
    assert all({"mrr", "hits_10", "roc_auc"} <= run["test"].keys() for run in done)


def test_an_interrupted_sweep_goes_on_where_it_stopped(
    start: Any, small: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, calls = sweep.train, []

    def interrupted(*args: Any) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        train(*args)

    monkeypatch.setattr(sweep, "train", interrupted)
    command = f"{OF_LINKS} {small} --model gcn hgcn"
    said = start(command, status=cli.INTERRUPTED).err
    assert "the same command goes on" in said
    for _ in range(2):
        start(command)
        assert len(calls) == 3  # gcn, hgcn interrupted, hgcn again


def test_equal_seeds_give_equal_runs_in_several_processes_too(
    start: Any, small: str
) -> None:
    command, found = f"{OF_LINKS} {small} --model hgcn --seeds 0 1 --jobs", []
    for jobs in ("1", "2"):
        done = start(f"{command} {jobs}", folder=jobs).runs
        found.append({run["seed"]: run["test"] for run in done})
    assert found[0].keys() == {0, 1} and found[0] == found[1]


def test_presets_can_be_changed_and_reports_are_of_finished_runs(
    start: Any, small: str
) -> None:
    default = f"{OF_LINKS} {small} --model hgcn"
    changed = f"{default} --set lr=0.5 norm=true curvature=auto adjacency=symmetric"
    (done,) = start(changed).runs
    used = done["preset"]
    assert used["lr"] == 0.5 and used["norm"] is True and used["curvature"] == "auto"
    start(f"{changed} --report")
    said = start(f"{default} --report", status=1).err
    assert "has all runs of no table" in said
    said = start(f"{changed} --report --seeds 0 1", status=1).out
    assert f"{small}: 1 of 2 runs are there" in said


@pytest.mark.parametrize(
    ("command", "status", "message"),
    [
        ("curvature --lr 0", 1, "'--lr' must be positive (got 0)"),
        ("knowledge_graph --dataset no", 1, "must be one of wn18rr, fb15k-237, or a"),
        ("tasks --dataset cara", 1, "'dataset' must be one of disease"),
        pytest.param(
            *("main --device cuda", 1, "'device' must be 'cpu' where PyTorch"),
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="a device"),
        ),
        ("tasks --set speed=2", 2, "NAME one of layers"),
        ("speed --sizes 20000", 2, "invalid nodes_x_edges value: '20000'"),
        ("speed --sizes ax3", 2, "invalid nodes_x_edges value: 'ax3'"),
    ],
)
def test_errors_say_what_to_do(
    command: str, status: int, message: str, start: Any
) -> None:
    assert message in start(command, status=status).err


def test_missing_datasets_are_left_out(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = MissingDataset("disease: no network")
    monkeypatch.setattr(sweep, "load_graph", Mock(side_effect=missing))
    said = start(f"{OF_LINKS} disease --model mlp", status=1).out
    assert "left out link prediction on disease: no network" in said


def test_the_first_look_has_all_columns(start: Any) -> None:
    done, shown, _ = start(f"main {SHORT}")
    assert [run["model"] for run in done] == [*main.MODELS, *main.MODELS]
    assert "epoch, times GCN's" in shown
    rows = [[c.strip() for c in line.split("|")] for line in shown.splitlines()]
    gcn, hgcn = (next(r for r in rows if x in r) for x in ("GCN", "HGCN, midpoint"))
    assert gcn[-2] == "1.00" and gcn[-4:-2] == ["-", "-"] and "-" not in hgcn


def test_dimensions_are_those_of_all_layers(
    start: Any, small: str, tmp_path: Path
) -> None:
    options = f"--dataset {small} --dimensions 2 4 --model hgcn gcn"
    done = start(f"dimensions {SHORT} {options}").runs
    for size, run in zip((2, 2, 4, 4), done, strict=True):
        widths = run["preset"]["hidden_channels"], run["preset"]["out_channels"]
        assert widths == (size, size)
    assert (tmp_path / "dimensions.png").stat().st_size > 10_000


def test_twins_have_a_table_for_each_task(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(twins.ROWS, CLASSES, twins.ROWS[CLASSES][:3])
    for _ in range(2):  # nothing is done again
        assert len(start(f"twins {SHORT} --dataset 'blocks x 0.1'").runs) == 3
    row = (tmp_path / "twins.md").read_text().splitlines()[2]
    assert row.startswith("| blocks x 0.1") and "-" not in row
    for rows in twins.ROWS.values():
        for each in rows:
            assert (each.preset.curvature == "auto") == ("recipe" in each.name)


def test_epochs_of_real_training(start: Any) -> None:
    for _ in range(2):  # once more, and nothing is left to do
        done, shown, _ = start("epochs --epochs 3 --dataset disease-tree")
        assert [run["model"] for run in done] == ["gcn", "hgcn", "hgcn-tangent"]
    assert done[0]["ratio"] == 1 and done[0]["radii"] is None
    for run in done[1:]:
        low, high = run["quartiles"]
        assert low <= run["ratio"] <= high and 0 < run["radii"][0] < run["radii"][1]
    assert "hgcn-tangent" in shown


@pytest.fixture
def no_graphs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And presets of its own."""
    monkeypatch.setattr(presets, "FOUND", tmp_path / "presets.json")
    monkeypatch.setattr(search, "load_graph", lambda *_: None)


@pytest.mark.usefixtures("no_graphs")
def test_search_sees_no_test_score_and_goes_on(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Preset] = []

    def train(_: Any, data: Any, run: runs.Run, *more: Any, further: bool) -> None:
        assert not further
        trained.append(Preset(**run["preset"]))
        run["score"] = 0.9 if run["preset"]["lr"] == 0.005 else 0.5  # and no test

    monkeypatch.setattr(search, "train", train)
    command = f"search --dataset airport --task {LINKS} --model hgcn gcn --trials"
    start(f"{command} 12")
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
    for trials, number in ((12, 24), (13, 26)):
        start(f"{command} {trials}")
        assert len(trained) == number


@pytest.mark.usefixtures("no_graphs")
def test_search_gives_up_what_is_below_the_median(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[int] = []

    def train(
        _: Any, data: Any, run: runs.Run, device: Any, report: Any, **more: Any
    ) -> None:
        ended.append(0)
        for epoch in range(5, 305, 5):
            report(epoch, 1 / len(ended))  # each is worse than those before
            ended[-1] = epoch
        run["score"] = 1 / len(ended)

    monkeypatch.setattr(search, "train", train)
    start(f"search --dataset cora --task {CLASSES} --model gcn --trials 6")
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
