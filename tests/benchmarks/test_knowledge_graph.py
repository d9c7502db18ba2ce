"""A short run of the benchmark of knowledge graphs, as a user starts it."""

from pathlib import Path

import pytest

from benchmarks import knowledge_graph
from benchmarks.common import runs
from benchmarks.common.triples import FILES, load_triples

SHORT = ["--epochs", "4", "--dim", "4", "--seeds", "0", "--set", "every=2"]


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
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [*SHORT, "--dataset", small, "--out", str(tmp_path)]
    for _ in range(2):
        assert knowledge_graph.main(args) == 0
    picture = tmp_path / "knowledge_graph.png"
    assert not picture.exists()
    text = capsys.readouterr().out
    for names in knowledge_graph.NAMES.values():
        assert all(name in text for name in names.values())
    assert knowledge_graph.main([*args, "--model", "roth", "--dim", "4", "6"]) == 0
    assert picture.stat().st_size > 10_000
    done = runs.read(tmp_path / "knowledge_graph.jsonl")
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


def test_errors_say_what_to_do(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = [*SHORT, "--out", str(tmp_path), "--dataset"]
    assert knowledge_graph.main([*args, "nowhere"]) == 1
    assert "must be one of wn18rr, fb15k-237, or a folder" in capsys.readouterr().err
    (Path(small) / "valid.txt").write_text("a b c\n")
    assert knowledge_graph.main([*args, small]) == 1
    assert "with tabs between them" in capsys.readouterr().err
