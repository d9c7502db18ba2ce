"""A short run of every benchmark script, as a user starts it."""

import itertools
import json
import math
import os
import shutil
from pathlib import Path

import pytest
import torch
from torch_geometric.data import Data

from benchmarks import (
    cli,
    link_prediction,
    main,
    node_classification,
    report,
    runs,
    sweep,
)
from benchmarks.curvature_log import CurvatureLog
from benchmarks.encoders import HYPERBOLIC, MODELS
from benchmarks.link_prediction import LinkPrediction
from benchmarks.node_classification import NodeClassification
from pyg_hyperbolic import Curvature
from pyg_hyperbolic.datasets import DiseaseTree

SHORT = ["--epochs", "5", "--seeds", "0"]
SCRIPTS = {
    "link_prediction": (LinkPrediction, link_prediction),
    "node_classification": (NodeClassification, node_classification),
}
script = pytest.mark.parametrize("name", SCRIPTS)


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "tree.pt"
    tree = DiseaseTree(200)[0]
    torch.save(Data(x=tree.x, edge_index=tree.edge_index, y=tree.y), path)
    return str(path)


def start(name: str, out: Path, *args: str) -> int:
    task, module = SCRIPTS[name]
    return cli.main(task, module.__doc__, [*SHORT, "--out", str(out), *args])


@script
def test_all_models_run_on_a_graph_of_ones_own(
    name: str, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(name, tmp_path, "--dataset", small, "--model", *MODELS) == 0
    lines = (tmp_path / f"{name}.jsonl").read_text().splitlines()
    done = [json.loads(line) for line in lines]
    assert [run["model"] for run in done] == list(MODELS)
    for run in done:
        assert run["epochs"] == 5 and run["seconds_per_epoch"] > 0
        assert run["peak_memory_mib"] > 0
        assert run["versions"]["torch"] == torch.__version__
        assert all(c > 0 for c in run["curvature"].values())
        assert bool(run["curvature"]) == (run["model"] in HYPERBOLIC)
        assert min(run["test"].values()) >= 0
    curved = {run["id"] for run in done if run["curvature"]}
    log = runs.read(tmp_path / f"{name}.curvatures.jsonl")
    assert len(log) == 5 * len(curved) and {line["run"] for line in log} == curved
    out = capsys.readouterr().out
    assert all(f" {model} " in out for model in MODELS)


@script
def test_default_dataset_needs_no_network(name: str, tmp_path: Path) -> None:
    assert start(name, tmp_path, "--model", "hgcn") == 0


def test_an_interrupted_sweep_goes_on_where_it_stopped(
    small: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train, calls = sweep.train, []

    def interrupted(*args: object) -> None:
        calls.append(args)
        if len(calls) == 2:
            raise KeyboardInterrupt
        train(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(sweep, "train", interrupted)
    args = ("link_prediction", tmp_path, "--dataset", small)
    assert start(*args) == cli.INTERRUPTED
    assert "the same command goes on" in capsys.readouterr().err
    assert start(*args) == 0
    assert len(calls) == 3  # gcn, hgcn interrupted, hgcn again
    assert start(*args) == 0
    assert len(calls) == 3


def test_equal_seeds_give_equal_runs(small: str, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        start("link_prediction", tmp_path / folder, "--dataset", small)
    first, second = (
        [run["test"] for run in runs.read(tmp_path / folder / "link_prediction.jsonl")]
        for folder in ("a", "b")
    )
    assert first == second


def test_curvatures_are_logged_at_every_epoch(small: str, tmp_path: Path) -> None:
    args = ("--dataset", small, "--model", "hgcn", "--set", "curvature=2.5", "lr=0.05")
    assert start("link_prediction", tmp_path, *args) == 0
    (run,) = runs.read(tmp_path / "link_prediction.jsonl")
    log = runs.read(tmp_path / "link_prediction.curvatures.jsonl")
    assert [line["epoch"] for line in log] == [1, 2, 3, 4, 5]
    for previous, line in itertools.pairwise(log):
        pairs = zip(previous["curvatures"], line["curvatures"], strict=True)
        for before, after in pairs:
            assert after["grad"] != 0 and not after["blocked"]
            assert after["c"] != before["c"]
            assert after["c"] == pytest.approx(math.log1p(math.exp(after["raw"])))
    # Adam's first step is the learning rate, downhill.
    for state in log[0]["curvatures"]:
        start_at = 2.5 + math.log(-math.expm1(-2.5))
        step = math.copysign(0.05, -state["grad"])
        assert state["raw"] == pytest.approx(start_at + step, rel=1e-5)
    last = {
        state["names"][0]: state["c"]
        for state in log[run["best_epoch"] - 1]["curvatures"]
    }
    assert last == run["curvature"]


def test_models_without_curvature_log_nothing(small: str, tmp_path: Path) -> None:
    args = ("--dataset", small, "--model", "gcn", "mlp")
    assert start("link_prediction", tmp_path, *args) == 0
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["link_prediction.jsonl"]


def test_numbers_that_are_not_finite_are_logged_as_json(tmp_path: Path) -> None:
    curvature = Curvature(parametrization="clamp")
    log = CurvatureLog(curvature, "x")
    for grad in (0.0, math.nan):
        curvature.raw.grad = torch.tensor(grad)
        log.note()
    log.write(tmp_path / "log")
    assert "NaN" not in (tmp_path / "log").read_text()
    first, second = (line["curvatures"][0] for line in runs.read(tmp_path / "log"))
    assert first["grad"] == 0 and first["blocked"]
    assert second["grad"] is None and not second["blocked"]


def test_a_report_reads_runs_alone(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report.main([str(tmp_path)]) == 1
    assert "'folder' must hold link_prediction.jsonl or" in capsys.readouterr().err
    args = ("--dataset", small, "--model", "hgcn")
    assert start("link_prediction", tmp_path, *args) == 0
    runs.append(tmp_path / "numerics.jsonl", {"task": "numerics"})
    assert report.main([str(tmp_path)]) == 0
    assert "hgcn" in (tmp_path / "results.md").read_text()


def test_main_leaves_out_what_is_not_there_and_says_how_to_get_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr("benchmarks.graphs.HGCNDisease", refuse)
    monkeypatch.setattr("benchmarks.graphs.Planetoid", refuse)
    root = str(tmp_path / "data")
    args = [*SHORT, "--out", str(tmp_path), "--data-root", root]
    assert main.main([*args, "--model", "gcn", "hgcn"]) == 0
    out = capsys.readouterr().out
    assert "left out link_prediction on disease: no network\n" in out
    assert "left out node_classification on cora: no network; put" in out
    assert "| hgcn" in (tmp_path / "results.md").read_text()
    assert (tmp_path / "results.png").stat().st_size > 10_000


@script
def test_cora_where_it_is(name: str, tmp_path: Path) -> None:
    root = Path(os.environ.get("PYG_HYPERBOLIC_DATA", ""), "planetoid", "Cora", "raw")
    if not root.is_dir():
        pytest.skip("$PYG_HYPERBOLIC_DATA/planetoid/Cora/raw is not there")
    shutil.copytree(root, tmp_path / "planetoid" / "Cora" / "raw")
    args = ("--dataset", "cora", "--model", "hgcn", "--data-root", str(tmp_path))
    assert start(name, tmp_path, *args) == 0


def test_presets_can_be_changed_from_the_command_line(
    small: str, tmp_path: Path
) -> None:
    changes = ("lr=0.5", "act=none", "learn_decoder=true", "adjacency=row")
    args = ("--dataset", small, "--model", "hgcn", "--set", *changes)
    assert start("link_prediction", tmp_path, *args) == 0
    (line,) = (tmp_path / "link_prediction.jsonl").read_text().splitlines()
    used = json.loads(line)["preset"]
    assert used["lr"] == 0.5 and used["act"] is None and used["learn_decoder"] is True


def test_errors_say_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start("link_prediction", tmp_path, "--dataset", "cara") == 1
    assert "'dataset' must be one of disease-tree" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        start("link_prediction", tmp_path, "--set", "speed=2")
    assert "NAME one of layers" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["--device", "cuda", "--out", str(tmp_path)]) == 1
    assert start("link_prediction", tmp_path, "--device", "cuda") == 1
    assert capsys.readouterr().err.count("'device' must be 'cpu' where PyTorch") == 2
