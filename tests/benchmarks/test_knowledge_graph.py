"""A short run of the benchmark of knowledge graphs, as a user starts it."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import knowledge_graph
from benchmarks.common.triples import FILES, load_triples

COMMAND = "knowledge_graph --epochs 4 --dim 4 --seeds 0 --set every=2 --dataset"


@pytest.fixture
def small(tmp_path: Path) -> str:
    """A binary tree of 15 nodes; some edges are for validation and test."""
    lines = [f"n{child}\tparent\tn{(child - 1) // 2}" for child in range(1, 15)]
    lines += [f"n{(child - 1) // 2}\tchild\tn{child}" for child in range(1, 15)]
    folder = tmp_path / "tree"
    folder.mkdir()
    for name, part in zip(FILES, (lines[4:], lines[:2], lines[2:4]), strict=True):
        (folder / name).write_text("\n".join(part) + "\n")
    return str(folder)


def test_all_models_and_their_twins_run_once(
    start: Any, small: str, tmp_path: Path
) -> None:
    picture, once = tmp_path / "knowledge_graph.png", start(f"{COMMAND} {small}").runs
    again, shown, _ = start(f"{COMMAND} {small}")
    assert again == once and not picture.exists()
    for names in knowledge_graph.NAMES.values():
        assert all(name in shown for name in names.values())
    done = start(f"{COMMAND} {small} --model roth --dim 4 6").runs
    assert picture.stat().st_size > 10_000
    assert len(done) == 10
    for run in done:
        assert [epoch for epoch, *_ in run["curve"]] == [2, 4]
        assert 0 < run["test"]["mrr"] <= 1 and run["score"] == max(
            mrr for *_, mrr in run["curve"]
        )
        curved = run["preset"]["geometry"] == "hyperbolic"
        assert len(run.get("curvature", [])) == 2 * curved


def test_a_folder_is_read_as_it_stands(small: str) -> None:
    graph = load_triples(small)
    assert graph[:2] == (15, 2)
    assert [len(triples[0]) for triples in graph[2:]] == [24, 2, 2]
    head, rel, tail = graph.known
    assert len(set(zip(head.tolist(), rel.tolist(), tail.tolist(), strict=True))) == 28


def test_a_line_that_is_no_triple_is_said(start: Any, small: str) -> None:
    (Path(small) / "valid.txt").write_text("a b c\n")
    assert "with tabs between them" in start(f"{COMMAND} {small}", status=1).err
