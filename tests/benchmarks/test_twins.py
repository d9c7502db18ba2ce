"""Models put where their twins stood: runs, a table, and going on."""

from pathlib import Path

import pytest

from benchmarks import runs, twins


def test_a_table_of_both_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    graphs = {"node_classification": [("blocks", 1.0)], "link_prediction": []}
    monkeypatch.setattr(twins, "GRAPHS", graphs)
    some = twins.ROWS["node_classification"][:3]
    monkeypatch.setitem(twins.ROWS, "node_classification", some)
    args = ["--epochs", "2", "--seeds", "2", "--out", str(tmp_path)]
    assert twins.main(args) == 0
    done = runs.read(tmp_path / "twins.jsonl")
    assert len(done) == 6
    assert {run["model"] for run in done} == {row.name for row in some}
    text = (tmp_path / "twins.md").read_text()
    assert text.splitlines()[2].startswith("| blocks x 1")
    assert twins.main(args) == 0  # nothing is done again
    assert len(runs.read(tmp_path / "twins.jsonl")) == 6
    capsys.readouterr()
    assert twins.main([*args, "--dataset", "nowhere"]) == 1
    assert "'--dataset' names no graph" in capsys.readouterr().err


def test_recipes_differ_from_the_defaults_by_the_guide() -> None:
    rows = {row.name: row for row in twins.ROWS["link_prediction"]}
    assert rows["HGCN, recipe"].curvature_lr == 10 * rows["HGCN, recipe"].preset.lr
    for task in twins.ROWS.values():
        for row in task:
            assert (row.preset.curvature == "auto") == ("recipe" in row.name)


def test_blocks_are_split_and_of_norm_8() -> None:
    data = twins.blocks(0)
    assert data.x.norm(dim=1).mean().item() == pytest.approx(8, rel=1e-4)
    masks = data.train_mask, data.val_mask, data.test_mask
    assert [int(mask.sum()) for mask in masks] == [100, 500, 900]
