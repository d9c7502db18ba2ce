"""A short run of the torture table, as a user starts it, and its questions."""

import json
import math
from pathlib import Path

import mpmath as mp
import pytest
import torch
from torch import Tensor

from benchmarks import numerics, torture
from benchmarks.peers import GeooptBall, Library, Normal
from benchmarks.stress import Outcome, Setting, random_tree
from tests.numerics import textbook

SHORT = ["--seeds", "1", "--steps", "3"]


def test_short_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--library", "ours", "geoopt-ball", "--out", str(tmp_path)]
    assert numerics.main([*SHORT, *args]) == 0
    lines = (tmp_path / "numerics.jsonl").read_text().splitlines()
    done = [json.loads(line) for line in lines]
    assert len(done) == 2 * (len(torture.TESTS) + len(numerics.RATES))
    assert {run["library_version"] for run in done} >= {done[0]["package"]}
    for run in done[: len(torture.TESTS)]:
        assert run["passed"] == run["total"], run["dataset"]  # ours: all of them
    assert (tmp_path / "numerics.png").stat().st_size > 10_000
    table = (tmp_path / "numerics.md").read_text()
    assert table in capsys.readouterr().out
    assert "| round trip" in table and "| geoopt ball" in table


def test_libraries_that_are_missing_are_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.peers.HypLL.package", "hypll_that_is_not_there")
    args = ["--library", "hypll", "--out", str(tmp_path)]
    assert numerics.main([*SHORT, *args]) == 1
    shown = capsys.readouterr()
    assert "left out hypll: pip install" in shown.out
    assert "names no library that is installed" in shown.err


def test_hard_runs_are_named_apart() -> None:
    hard = numerics.hard_settings(None)
    assert len(hard) == (len(numerics.RATES) + 6) * 9 * 2
    assert hard["32 layers, hgcn-local, bfloat16"].layers == 32
    assert {setting.steps for setting in numerics.hard_settings(7).values()} == {7}


def test_hard_runs_have_a_table_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {
        f"lr 10, {model}, bfloat16": Setting(
            lr=10.0, steps=1, model=model, dtype="bfloat16"
        )
        for model in ("hgcn-tangent", "hnn")
    }
    monkeypatch.setattr(numerics, "hard_settings", lambda _: few)
    assert numerics.main(["--hard", "--seeds", "2", "--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "numerics.jsonl",
        "numerics_hard.md",
    }
    head, _, row = (tmp_path / "numerics_hard.md").read_text().splitlines()
    assert "| hgcn-tangent, bfloat16 | hnn, bfloat16 |" in head
    assert row.startswith("| lr 10 ") and row.count("| 2/2 ") == 2
    assert head in capsys.readouterr().out


def test_numerics_go_on_where_they_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead = Outcome([1.0, math.nan], [1.0], True)
    lived = Outcome([1.0, 0.5], [1.0], True)
    calls: list[int] = []

    def fake(library: Library, setting: Setting, seed: int) -> Outcome:
        calls.append(seed)
        return dead if seed == 1 else lived

    monkeypatch.setattr(numerics, "figure", lambda *_: None)
    monkeypatch.setattr(numerics, "stress", fake)
    monkeypatch.setattr(numerics, "TESTS", {"odd": lambda *_: [True, False, True]})
    args = ["--library", "ours", "--seeds", "3", "--out", str(tmp_path)]
    assert numerics.main(args) == 0
    assert calls == [0, 1, 2] * len(numerics.RATES)
    path = tmp_path / "numerics.jsonl"
    question, *trained = lines = path.read_text().splitlines()
    assert json.loads(question)["failed"] == [1]
    assert [json.loads(run)["failed"] for run in trained] == [[1]] * 3
    path.write_text("\n".join(lines[:-1]) + "\n")
    for _ in range(2):  # the one that is missing, then none
        assert numerics.main(args) == 0
        assert calls[9:] == [0, 1, 2]
    numerics.main(["--library", "ours", "--seeds", "2", "--out", str(tmp_path)])
    assert calls[12:] == [0, 1] * 3  # another number of seeds is another run


def test_truth_is_the_textbook_distance() -> None:
    for u, v in torture.pairs(3.0, 0.1):
        with mp.workdps(100):
            p, q = ([mp.mpf(k) for k in x] for x in (u, v))
            expected = textbook.dist(p, q, mp.mpf(0.1))
            assert abs(torture.exact_distance(u, v, 0.1) / expected - 1) < 1e-50


class _Wrong(Normal):
    """Right to one and a half per cent, without gradients, and not a number far out."""

    def dist(self, x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        out = 1.015 * super().dist(x, y, c.detach()) + 0 * c
        return torch.where(out * c.sqrt() > 10, math.nan, out)

    def log0(self, x: Tensor, c: Tensor) -> Tensor:
        return torch.where(x.norm() * c.sqrt() > 10, math.nan, x.detach() + 0 * x)


def test_questions_can_be_failed() -> None:
    answers = {
        name: question(_Wrong(), torch.float32)
        for name, question in torture.TESTS.items()
    }
    assert not any(answers["distance"])
    assert not any(answers["d/dc"])
    assert 0 < sum(answers["round trip"]) < len(answers["round trip"])
    assert sum(answers["gradient at the origin"]) == 10  # exp0 and the sum are left
    far = torture.round_trip(GeooptBall(), torch.float32)[-1]
    assert not far  # a float32 ball holds no point at 50


def test_an_outcome_tells_what_did_not_survive() -> None:
    assert Outcome([1.0, 0.5], [1.0], True).survived
    assert not Outcome([1.0, math.nan], [1.0], True).survived
    assert not Outcome([1.0], [0.0], True).survived
    assert not Outcome([1.0], [math.nan], True).survived
    assert not Outcome([1.0], [1.0], False).survived


def test_hops_of_a_random_tree() -> None:
    tree = random_tree(0)
    near = torch.zeros(48, 48).index_put(tuple(tree.edge_index), torch.ones(94))
    assert torch.equal(tree.hops == 1, near == 1)
    assert torch.equal(tree.hops, tree.hops.T)
    assert int((tree.hops == 0).sum()) == 48
    # Every other node has a neighbor that is one step nearer.
    nearest = torch.where(near == 1, tree.hops[:, None], math.inf).amin(dim=-1)
    away = ~torch.eye(48, dtype=torch.bool)
    assert torch.equal(nearest[away], (tree.hops - 1)[away])
