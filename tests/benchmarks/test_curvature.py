"""The benchmark of curvature parametrizations: its bar, its runs, its reports."""

import math
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch

from benchmarks import curvature
from benchmarks.common import runs
from benchmarks.curvature import STARTS, WAYS, make_curvature, planned, summary, table
from tests.where import each

OUTSIDE = ("below", "above", "out below", "out above")


def test_all_but_a_clamp_come_back_from_a_bound() -> None:
    group = [run for run in planned(0.2) if run["preset"]["start"] in OUTSIDE]
    group = [run for run in group if run["model"] != "raw"]
    for run in group:
        run["preset"]["steps"] = 200
    curvature.recover(group)
    assert len(group) == 4 * len(OUTSIDE)
    for run in group:
        start, way = run["preset"]["start"], run["trajectory"]["c"]
        if run["model"] == "clamp":
            assert run["final"] == (0.5 if start.endswith("below") else 2.0)
            assert run["zero_gradient"] > 0.5
            continue
        assert run["final"] == pytest.approx(1.0, rel=0.02), run["preset"]
        assert run["zero_gradient"] == 0 and not run["nan"]
        if run["model"] == "softplus":  # detours do lead out of the bounds
            assert start != "out below" or min(way) < 0.5 < way[0]
            assert start != "out above" or max(way) > 2.0 > way[0]
        if run["model"] == "projected":  # and the hook back, after each step
            assert all(0.5 <= c <= 2.0 for c in way[1:])


@each("name", WAYS)
@each("start", STARTS)
def test_curvatures_start_where_they_were_asked_to(name: str, start: str) -> None:
    init = STARTS[start].init
    c = make_curvature(name, init)().item()
    if name == "sigmoid":
        init = min(max(init, 0.515), 1.985)
    elif name == "clamp":
        init = min(max(init, 0.5), 2.0)
    assert c == pytest.approx(init, rel=1e-6)


def test_a_run_goes_on_where_it_stopped(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curvature, "TRAVEL", 6)
    monkeypatch.setattr(curvature, "LEAST_STEPS", 6)
    first = start("curvature --lr 1").runs
    assert len(first) == len(WAYS) * len(STARTS)
    path = tmp_path / "curvature.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:-3]))  # its process was killed in the last line
    recover = Mock(wraps=curvature.recover)
    monkeypatch.setattr(curvature, "recover", recover)
    for _ in range(2):
        again = start("curvature --lr 1").runs
    recover.assert_called_once()
    assert len(recover.call_args.args[0]) == 3
    for old, new in zip(first, again, strict=True):
        assert runs.key(old) == runs.key(new)
        assert old["final"] == pytest.approx(new["final"], rel=1e-5)
    assert (tmp_path / "curvature.png").stat().st_size > 10_000


def test_a_curvature_that_is_no_number_is_reported(tmp_path: Path) -> None:
    run = planned(1.0)[0]
    run.update(summary(torch.tensor([1.5, -0.5, math.nan]), 0.25))
    runs.append(tmp_path / "runs.jsonl", run)
    assert "NaN" not in (tmp_path / "runs.jsonl").read_text()  # which is no JSON
    assert run["nan"] and run["not_positive"]
    lines = [line.split("|") for line in table([run]).splitlines()]
    column = {line[1].strip(): line[2].strip() for line in lines}
    assert column["zero gradients"] == "25%" and column["largest error"] == "NaN"
    assert column["within 2% of c = 1"] == "0 of 1"
    assert column["runs with c ≤ 0"] == column["runs with NaN"] == "1"
