"""The measurements themselves: what is counted, and what is said of it."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks import speed, speed_layers, speed_report


def test_kept_is_what_the_backward_pass_needs_and_nobody_gave() -> None:
    x = torch.randn(100, 7, requires_grad=True)
    w = torch.randn(100, 7, requires_grad=True)
    assert speed.kept(lambda: x * w, ()) == 2 * 100 * 7 * 4
    assert speed.kept(lambda: x * w, (w,)) == 100 * 7 * 4
    assert speed.kept(lambda: x.exp() * w, (x, w)) == 100 * 7 * 4  # the result, once
    assert speed.kept(lambda: x + w, ()) == 0


def test_a_sparse_matrix_counts_as_given() -> None:
    graph = speed_layers.random_graph(30, 90, 1.0, torch.device("cpu"))
    layer = speed_layers.build("GCNConv")
    given = (*layer.parameters(), *graph.tensors)
    forward = speed_layers.call("GCNConv", layer, "SpMM", graph)
    assert speed.kept(forward, given) == 30 * 64 * 4  # its input


def test_both_forms_of_a_graph_are_the_same() -> None:
    graph = speed_layers.random_graph(30, 90, 1.0, torch.device("cpu"))
    for name in ("GCNConv", "tangent", "midpoint"):
        layer = speed_layers.build(name)
        one, other = (
            speed_layers.call(name, layer, form, graph)() for form in speed_layers.FORMS
        )
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_short_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speed, "PEERS", ("geoopt-ball",))
    threads = torch.get_num_threads()
    argv = ["--sizes", "200x900", "--repeats", "2", "--threads", str(threads)]
    argv += ["--out", str(tmp_path)]
    assert speed.main(argv) == 0
    lines = (tmp_path / "speed.jsonl").read_text().splitlines()
    done = [json.loads(line) for line in lines]
    assert len(done) == 8 + 3 + 2 + 4 * 2
    for run in done:
        low, high = run["quartiles"]
        assert low <= run["ratio"] <= high
        assert (run["ratio"] == 1) == (run["model"] == run["reference"])
    # The layer itself: its input and the points, and what each row has a few of.
    tangent = next(run for run in done if run["model"] == "tangent")
    assert 2 < tangent["kept_ratio"] < 2.1
    out = capsys.readouterr().out
    assert "[1.25]" in out and "[3.2]" in out
    assert "midpoint, radius 20" in out
    assert (tmp_path / "speed.png").stat().st_size > 10_000
    # Once more, and nothing is left to do.
    assert speed.main(argv) == 0
    assert (tmp_path / "speed.jsonl").read_text().splitlines() == lines


def test_far_out_there_is_no_bar() -> None:
    run = {"model": "midpoint", "preset": {"radius": 5.0, "compiled": False}}
    assert speed_report.time_bar(run) is None
    run["preset"] = {"radius": 1.2, "compiled": True}
    assert speed_report.time_bar(run) == 1.25


@pytest.mark.parametrize("text", ["20000", "ax3", "0x5", "5x-1"])
def test_a_size_that_is_none(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        speed.main(["--sizes", text])
    assert "NODESxEDGES" in capsys.readouterr().err
