"""A short run of the torture table, as a user starts it, and its questions."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import mpmath as mp
import networkx
import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import numerics
from benchmarks.common import questions
from benchmarks.common.peers import LIBRARIES, Library
from benchmarks.common.questions import QUESTIONS
from pyg_hyperbolic.datasets.sir import random_tree
from tests.numerics import textbook


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numerics, "STEPS", 3)
    monkeypatch.setattr(numerics, "RADII", numerics.RADII[::20])


@pytest.mark.usefixtures("short")
def test_short_run(start: Any, tmp_path: Path) -> None:
    done, shown, _ = start("numerics --library ours geoopt-ball --seeds 1")
    assert len(done) == 2 * (len(QUESTIONS) + len(numerics.RATES))
    for run in done[: len(QUESTIONS)]:
        assert run["passed"] == run["total"], run["dataset"]  # ours: all of them
    assert (tmp_path / "numerics.png").stat().st_size > 10_000
    assert "| round trip" in shown and "| geoopt ball" in shown


def test_libraries_that_are_missing_are_left_out(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numerics, "installed", lambda name: False)
    shown = start("numerics --library hypll", status=1)
    assert "left out hypll: pip install" in shown.out
    assert "names no library that is installed" in shown.err


def test_numerics_go_on_where_they_stopped(
    start: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def fake(library: Library, lr: float, seed: int) -> bool:
        calls.append(seed)
        return seed != 1

    monkeypatch.setattr(numerics, "draw", lambda *_: None)
    monkeypatch.setattr(numerics, "survives", fake)
    monkeypatch.setattr(numerics, "QUESTIONS", {})
    command = "numerics --library ours --seeds"
    done = start(f"{command} 3").runs
    assert calls == [0, 1, 2] * len(numerics.RATES)
    assert [run["failed"] for run in done] == [[1]] * 3
    path = tmp_path / "numerics.jsonl"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")
    for _ in range(2):  # the one that is missing, then none
        start(f"{command} 3")
        assert calls[9:] == [0, 1, 2]
    start(f"{command} 2")
    assert calls[12:] == [0, 1] * 3  # another number of seeds is another run


def test_truth_is_the_textbook_distance() -> None:
    for u, v in questions.pairs(3.0, 0.1):
        with mp.workdps(100):
            p, q = ([mp.mpf(k) for k in x] for x in (u, v))
            expected = textbook.dist(p, q, mp.mpf(0.1))
            assert abs(questions.exact_distance(u, v, 0.1) / expected - 1) < 1e-50


def wrong() -> Library:
    """Right to one and a half per cent, without gradients, and not a number far out."""
    right = LIBRARIES["ours"]()

    def dist(x: Tensor, y: Tensor, c: Tensor) -> Tensor:
        out = 1.015 * right.dist(x, y, c.detach()) + 0 * c
        return torch.where(out * c.sqrt() > 10, math.nan, out)

    def log0(x: Tensor, c: Tensor) -> Tensor:
        return torch.where(x.norm() * c.sqrt() > 10, math.nan, x.detach() + 0 * x)

    return dataclasses.replace(right, dist=dist, log0=log0)


def test_questions_can_be_failed() -> None:
    answers = {name: each.answers(wrong()) for name, each in QUESTIONS.items()}
    assert not any(answers["distance"])
    assert not any(answers["d/dc"])
    assert 0 < sum(answers["round trip"]) < len(answers["round trip"])
    assert sum(answers["gradient at the origin"]) == 10  # exp0 and the sum are left
    far = QUESTIONS["round trip"].answers(LIBRARIES["geoopt-ball"]())[-1]
    assert not far  # a float32 ball holds no point at 50


@pytest.mark.usefixtures("short")
def test_a_library_that_is_wrong_does_not_survive() -> None:
    ours = LIBRARIES["ours"]()
    assert numerics.survives(ours, 0.01, 0)

    def leave(x: Tensor, c: Tensor) -> Tensor:
        return x / (x.norm() < 0)

    assert not numerics.survives(dataclasses.replace(ours, log0=leave), 0.01, 0)


def test_hops_of_a_random_tree() -> None:
    parent = random_tree(30, 2.0, torch.Generator().manual_seed(0))
    graph = networkx.Graph(list(enumerate(parent.tolist()))[1:])
    exact = networkx.floyd_warshall_numpy(graph, nodelist=range(30))
    assert (np.asarray(numerics.hops(parent)) == exact).all()
