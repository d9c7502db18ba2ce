"""What is said of runs: intervals, tests, targets, and others' figures."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmarks import dimensions
from benchmarks.common.presets import CLASSES, LINKS
from benchmarks.common.published import published
from benchmarks.common.runs import Run
from benchmarks.common.statistics import confidence, holm, spread, verdicts
from benchmarks.common.tables import HEAD, document

rng = np.random.default_rng(0)


def run(model: str, seed: int, score: float, val: float | None = None) -> Run:
    own = {"roc_auc": (score if val is None else val) / 100}
    test = {"roc_auc": score / 100, "mrr": seed / 10, "distortion": 0.25}
    return {
        "task": LINKS, "dataset": "airport", "model": model, "seed": seed, "val": own,
        "test": test, "curvature": {"a": 1.0, "b": 0.5}, "radius": [3.0, 1.5],
    }  # fmt: skip


def cells(text: str, name: str) -> list[str]:
    line = next(x for x in text.splitlines() if x.startswith(f"| {name} "))
    return [cell.strip() for cell in line.split("|")[1:-1]]


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
    assert said["gcn"] == "best Euclidean" and "hsage" not in said


def test_a_table_chooses_on_validation() -> None:
    done = [run("gat", i, 93 + i / 10, val=95) for i in range(3)]
    done += [run("gcn", i, 94 + i / 10, val=92) for i in range(3)]
    done += [run("hgcn", i, 99 + i / 5, val=90) for i in range(3)]
    done += [run("hgat", i, 90 + i / 4, val=95) for i in range(3)]
    done.append({**run("degree product", 2, 70), "curvature": {}, "radius": []})
    text = document(done)
    assert text.startswith(HEAD) and "## Airport, link prediction" in text
    assert cells(text, "GAT")[-1] == "best Euclidean" and cells(text, "GCN")[-1] == ""
    row = cells(text, "HGCN, midpoint")
    assert row[1] == "99.2 ± 0.2" and row[4:8] == ["0.25 ± 0.00", "0.5", "1.5", "3"]
    assert row[-1].startswith("better (+6.1")
    assert "Target 98.7 not met: HGAT, the best hyperbolic model on validation" in text
    assert "degree product ranks best, with an MRR of 20.0" in text
    assert cells(text, "H2H-GCN")[1:5] == ["96.4", "HGCN's", "16", "HGCN's"]
    assert cells(text, "H2H-GCN")[5].startswith("[H2H-GCN, 2021](https")


def test_failed_runs_are_counted() -> None:
    failed: dict[str, Any] = {**run("hgcn", 1, 0), "error": "the loss is nan"}
    for key in ("test", "val", "curvature", "radius"):
        del failed[key]
    text = document([run("hgcn", 0, 98.0), failed])
    assert "1, 1 failed" in cells(text, "HGCN, midpoint")


def test_figures_of_others_are_whole() -> None:
    keys = [(LINKS, "disease"), (LINKS, "cora"), (CLASSES, "airport")]
    every = [f for key in keys for f in published(*key)]
    assert len(every) > 20
    for figure in every:
        assert 60 < float(figure["score"].split()[0]) < 99 or figure["model"] == "HNN"
        assert all(figure[key] for key in ("model", "source", "read", "split"))
    random = published(CLASSES, "cora-random")
    assert {f["split"] for f in random} == {"one random split, 20 a class", "not known"}
    leaking = published(CLASSES, "airport")
    assert {f["split"] for f in leaking} == {"HGCN's, which leaks"}
    (lgcn,) = [f for f in published(LINKS, "disease") if f["model"] == "LGCN"]
    assert lgcn["read"] == "not verified"
    assert published(LINKS, "own/graph.pt") == []


def test_spreads() -> None:
    assert spread([]) == "-" and spread([1.0]) == "1.0"
    assert spread([1.0, 2.0]) == "1.5 ± 0.7"


def test_where_the_euclidean_model_catches_up() -> None:
    def at(model: str, size: int, score: float, seed: int) -> Run:
        return {**run(model, seed, score), "preset": {"out_channels": size}}

    means = {"hgcn": {2: 90, 4: 95, 8: 96}, "gcn": {2: 70, 4: 90, 8: 97}}
    done = [
        at(model, size, score + seed / 10, seed)
        for model, own in means.items()
        for size, score in own.items()
        for seed in range(3)
    ]
    assert dimensions.catches_up(done, "airport") == "8"
    assert dimensions.catches_up(done[:-3], "airport") == "not up to the largest"
    text = dimensions.table(done)
    assert "| 90.1 ± 0.1 | 95.1 ± 0.1 | 96.1 ± 0.1 | 8 " in text
