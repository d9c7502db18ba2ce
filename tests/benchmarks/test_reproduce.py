"""What is said of runs beside published figures, and how presets are searched."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks import comparison, presets, reproduce, search
from benchmarks.comparison import confidence, document, holm, verdicts
from benchmarks.graphs import MissingDataset
from benchmarks.presets import Preset
from benchmarks.runs import Run, append, latest, read

rng = np.random.default_rng(0)


def run(model: str, seed: int, score: float, val: float | None = None) -> Run:
    scores = {"roc_auc": score / 100}
    return {
        "task": "link_prediction",
        "dataset": "airport",
        "model": model,
        "seed": seed,
        "test": scores,
        "val": scores if val is None else {"roc_auc": val / 100},
    }


def test_interval_is_students() -> None:
    values = rng.normal(90, 2, 10)
    expected = stats.t.interval(0.95, 9, values.mean(), stats.sem(values))
    np.testing.assert_allclose(confidence(values.tolist()), expected)


def test_correction_is_holms() -> None:
    # Three tests: 3 p, 2 p, 1 p in order, never less than the one before.
    found = holm({"a": 0.03, "b": 0.01, "c": 0.02})
    assert found == pytest.approx({"b": 0.03, "c": 0.04, "a": 0.04})
    assert holm({"a": 0.7, "b": 0.8}) == pytest.approx({"a": 1.0, "b": 1.0})


def test_better_is_said_on_evidence_alone() -> None:
    seeds = range(10)
    gcn = dict(zip(seeds, rng.normal(90, 1, 10), strict=True))
    test = {
        "gcn": gcn,
        "hgcn": {i: gcn[i] + 2 + 0.1 * (i % 3) for i in seeds},
        "hgat": {i: gcn[i] - 2 - 0.1 * (i % 3) for i in seeds},
        "hnn": {i: gcn[i] + (-3 if i % 2 else 3.1) for i in seeds},
        "hsage": {0: 99.0, 1: 99.1},  # too few
    }
    said = verdicts(test, "gcn")
    assert said["hgcn"].startswith("better (+2.1")
    assert said["hgat"].startswith("worse (-2.1")
    assert said["hnn"].startswith("no difference shown")
    assert said["gcn"] == "the best Euclidean"
    assert "hsage" not in said


def test_models_for_a_target_are_chosen_on_validation() -> None:
    runs = [run("hgcn", i, 98 + i / 10, val=90) for i in range(3)]
    runs += [run("hgat", i, 90 + i / 10, val=95) for i in range(3)]
    text = document(runs)
    assert "To reach: 97.5; **missed** by hgat, the best on validation: 90.1." in text
    assert "| H2H-GCN" in text and "96.4 ([H2H-GCN, 2021](https" in text
    assert text.startswith(comparison.HEAD)


def test_failed_runs_are_counted() -> None:
    failed = {**run("hgcn", 1, 0), "error": "the loss of epoch 5 is nan"}
    del failed["test"], failed["val"]
    assert "1, 1 failed" in document([run("hgcn", 0, 98.0), failed])


def test_missing_datasets_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = []

    def fake(task: Any, dataset: str, models: Any, seeds: Any, **options: Any) -> Any:
        asked.append((task.name, dataset, tuple(seeds), options["changes"]))
        if dataset == "pubmed":
            raise MissingDataset("pubmed: no network")
        return [
            {**run(m, s, 90.0 + s), "dataset": dataset} for m in models for s in seeds
        ]

    monkeypatch.setattr(reproduce, "sweep", fake)
    arguments = ["--quick", "--task", "link_prediction", "--out", str(tmp_path)]
    assert reproduce.main(arguments) == 0
    assert asked[0] == ("link_prediction", "disease", (0, 1), {"epochs": 10})
    assert [dataset for _, dataset, _, _ in asked] == list(reproduce.DATASETS)
    assert "left out link_prediction on pubmed: no network" in capsys.readouterr().out
    text = (tmp_path / "README.md").read_text()
    assert "## Airport" in text and "## Pubmed" not in text


def test_a_report_is_of_finished_runs_with_the_present_presets(tmp_path: Path) -> None:
    wanted = dataclasses.asdict(presets.preset("link_prediction", "airport", "hgcn"))
    old = {**wanted, "lr": 0.5}
    runs = [{**run("hgcn", i, 98.0), "preset": wanted} for i in range(2)]
    runs += [{**run("hgcn", 2, 50.0), "preset": old}]
    append(tmp_path / "link_prediction.jsonl", *runs)
    assert reproduce.main(["--report", "--out", str(tmp_path)]) == 0
    text = (tmp_path / "README.md").read_text()
    assert "| 98.0 ± 0.0 " in text and "97.5; reached by hgcn" in text


def test_runs_of_earlier_presets_are_left_out() -> None:
    def run(model: str, seed: int, **preset: Any) -> Run:
        head = {"task": "link_prediction", "dataset": "cora", "model": model}
        return {**head, "seed": seed, "preset": preset}

    runs = [run("hgcn", 0, layers=2), run("gcn", 0, layers=2)]
    runs += [run("hgcn", 0, layers=3), run("hgcn", 1, layers=3)]
    assert latest(runs) == runs[1:]


@pytest.fixture
def own_presets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "presets.json"
    for module in (presets, search):
        monkeypatch.setattr(module, "FROZEN", path)
    return path


def test_search_sees_no_test_score_and_goes_on(
    tmp_path: Path, own_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Preset] = []

    def train(
        task: Any, data: Any, settings: Preset, run: Run, *_: Any, **__: Any
    ) -> None:
        trained.append(settings)
        run["val"] = {"roc_auc": 0.9 if settings.lr == 0.005 else 0.5}  # and no test

    monkeypatch.setattr(search, "train", train)
    monkeypatch.setattr(search, "load_graph", lambda *_: None)
    arguments = ["--dataset", "airport", "--model", "hgcn", "--out", str(tmp_path)]
    arguments += ["--task", "link_prediction", "--trials"]
    assert search.main([*arguments, "12"]) == 0
    lines = read(tmp_path / "search.jsonl")
    assert [line["trial"] for line in lines] == list(range(12))
    assert trained[0].lr == Preset().lr  # the preset as it stands comes first
    assert presets.preset("link_prediction", "airport", "hgcn").lr == 0.005
    # A relative has it too, and another model has what it had.
    assert presets.preset("link_prediction", "airport", "hgcn-tangent").lr == 0.005
    assert presets.preset("link_prediction", "airport", "gcn") == Preset()
    count = len(trained)
    assert search.main([*arguments, "12"]) == 0
    assert len(trained) == count
    assert search.main([*arguments, "13"]) == 0
    assert len(trained) > count


def test_search_leaves_what_is_set(
    tmp_path: Path, own_presets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[Preset] = []

    def train(
        task: Any, data: Any, settings: Preset, run: Run, *_: Any, **__: Any
    ) -> None:
        trained.append(settings)
        run["val"] = {"roc_auc": settings.lr}

    monkeypatch.setattr(search, "train", train)
    monkeypatch.setattr(search, "load_graph", lambda *_: None)
    arguments = ["--dataset", "airport", "--model", "gcn", "--out", str(tmp_path)]
    arguments += ["--task", "link_prediction", "--trials", "3", "--set"]
    assert search.main([*arguments, "hidden_channels=64", "dropout=0.3"]) == 0
    assert {(s.hidden_channels, s.dropout) for s in trained} == {(64, 0.3)}
    assert presets.preset("link_prediction", "airport", "gcn").hidden_channels == 64
    # Another search: its trials do not count for this one.
    count = len(trained)
    assert search.main([*arguments, "hidden_channels=16"]) == 0
    assert len(trained) >= count + 3
    assert {s.hidden_channels for s in trained[count:]} == {16}


def test_frozen_presets_are_whole() -> None:
    """Every field is one of a preset, and every choice one that was offered."""
    fields = {field.name for field in dataclasses.fields(Preset)}
    for key, models in json.loads(presets.FROZEN.read_text()).items():
        task, dataset = key.split()
        for model, changed in models.items():
            assert changed.keys() <= fields
            found = presets.preset(task, dataset, model)
            for name, values in search.choices(task, model).items():
                assert getattr(found, name) in values, (key, model, name)
