"""The benchmark of curvature parametrizations: its bar, its runs, its reports."""

import json
import math
from pathlib import Path

import pytest
import torch

from benchmarks import curvature
from benchmarks.common import runs
from benchmarks.curvature import STARTS, WAYS, make_curvature, planned, summary, table
from tests.where import each

OUTSIDE = ("below", "above", "out below", "out above")


@pytest.fixture(scope="module")
def recovered() -> list[runs.Run]:
    group = [run for run in planned(0.2) if run["preset"]["start"] in OUTSIDE]
    group = [run for run in group if run["model"] != "raw"]
    for run in group:
        run["preset"]["steps"] = 200
    curvature.recover(group)
    return group


@each("name", ["softplus", "sigmoid", "projected"])
def test_a_curvature_that_met_a_bound_comes_back(
    name: str, recovered: list[runs.Run]
) -> None:
    mine = [run for run in recovered if run["model"] == name]
    assert len(mine) == len(OUTSIDE)
    for run in mine:
        assert run["final"] == pytest.approx(1.0, rel=0.02), run["preset"]
        assert run["zero_gradient"] == 0 and not run["nan"]


def test_detours_do_lead_out_of_the_bounds(recovered: list[runs.Run]) -> None:
    softplus = {
        run["preset"]["start"]: run["trajectory"]["c"]
        for run in recovered
        if run["model"] == "softplus"
    }
    assert min(softplus["out below"]) < 0.5 < softplus["out below"][0]
    assert max(softplus["out above"]) > 2.0 > softplus["out above"][0]


def test_a_clamp_stalls_at_the_bound(recovered: list[runs.Run]) -> None:
    for run in recovered:
        if run["model"] == "clamp":
            at = 0.5 if run["preset"]["start"].endswith("below") else 2.0
            assert run["final"] == at
            assert run["zero_gradient"] > 0.5


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


def start(out: Path) -> int:
    return curvature.main(["--lr", "1", "--out", str(out)])


def test_a_run_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(curvature, "TRAVEL", 6)
    monkeypatch.setattr(curvature, "LEAST_STEPS", 6)
    assert start(tmp_path) == 0
    path = tmp_path / "curvature.jsonl"
    lines = path.read_text().splitlines()
    assert len(lines) == len(WAYS) * len(STARTS)
    path.write_text("\n".join(lines[:-3]))  # its process was killed in the last line

    recover, sizes = curvature.recover, []

    def count(group: list[runs.Run]) -> None:
        sizes.append(len(group))
        recover(group)

    monkeypatch.setattr(curvature, "recover", count)
    for _ in range(2):
        assert start(tmp_path) == 0
    assert sizes == [3]
    again = path.read_text().splitlines()
    for old, new in zip(map(json.loads, lines), map(json.loads, again), strict=True):
        assert runs.key(old) == runs.key(new)
        assert old["final"] == pytest.approx(new["final"], rel=1e-5)
    out = capsys.readouterr().out
    assert all(f" {name} " in out for name in WAYS)
    assert (tmp_path / "curvature.md").read_text() in out
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


def test_a_rate_that_trains_nothing_is_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert curvature.main(["--lr", "0", "--out", str(tmp_path)]) == 1
    assert "'--lr' must be positive (got 0)" in capsys.readouterr().err
