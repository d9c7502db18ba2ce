"""The measurements themselves: what is counted, and what is said of it."""

import functools
from typing import Any

import pytest
import torch

from benchmarks import speed
from benchmarks.common import layers, runs
from benchmarks.common.contest import kept


@pytest.fixture
def graph() -> layers.Graph:
    cpu = torch.device("cpu")
    return layers.random_graph(30, 90, layers.CHANNELS, cpu)


def test_kept_is_what_the_backward_pass_needs_and_nobody_gave() -> None:
    x = torch.randn(100, 7, requires_grad=True)
    w = torch.randn(100, 7, requires_grad=True)
    assert kept(lambda: x * w, ()) == 2 * 100 * 7 * 4
    assert kept(lambda: x * w, (w,)) == 100 * 7 * 4
    assert kept(lambda: x.exp() * w, (x, w)) == 100 * 7 * 4  # the result, once
    assert kept(lambda: x + w, ()) == 0


def test_a_sparse_matrix_counts_as_given(graph: layers.Graph) -> None:
    layer = layers.build("GCNConv", "CSR", layers.CHANNELS)
    given = (*layer.parameters(), *graph.tensors)
    forward = layers.call("GCNConv", layer, "CSR", graph)
    assert kept(forward, given) == 30 * 64 * 4  # its input


def test_both_forms_of_a_graph_are_the_same(graph: layers.Graph) -> None:
    for name in ("GCNConv", "midpoint", "tangent", "local", "HyboNetConv"):
        one, other = (
            layers.call(name, layers.build(name, mode, layers.CHANNELS), mode, graph)()
            for mode in ("CSR", "edge_index")
        )
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_features_have_the_radius_that_is_asked_for(graph: layers.Graph) -> None:
    far = graph.at(20.0)
    assert far.x.norm(dim=1).mean().item() == pytest.approx(20)
    assert far.x.requires_grad and far.edge_index is graph.edge_index


def test_every_layer_but_a_librarys_has_a_bar() -> None:
    asked = ((20, False), (5_000, False), (5_000, True))
    groups = [group for each in asked for group in layers.groups(*each)]
    own = {(group.mode, name) for group in groups for name in group.others}
    spared = (*layers.PEERS, "GCNConv-cached")
    assert {row for row in own if row[1] not in spared} == {*speed.BARS}
    assert {mode for mode, _ in own} == {*layers.MODES}


def test_other_libraries_stay_near_the_origin() -> None:
    group = layers.Group("edge_index", "GCNConv", ("midpoint", "hypll"))
    assert group.at(1.2) == ("GCNConv", "midpoint", "hypll")
    assert group.at(5.0) == ("GCNConv", "midpoint")


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(speed.FULL, "repeats", 2)
    monkeypatch.setitem(speed.FULL, "tries", 1)


def test_short_run(start: Any) -> None:
    command = "speed --sizes 20x60 2100x300 --radii 1.2 20 --threads 1"
    torch.set_num_threads(2)
    done = start(command).runs
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)
    groups = [g for n in (20, 2_100) for g in layers.groups(n, False)]
    expected = sum(len(group.at(r)) for group in groups for r in (1.2, 20))
    assert len(done) == expected
    for run in done:
        low, high = run["quartiles"]
        assert low <= run["ratio"] <= high and run["seconds"] > 0
        assert (run["ratio"] == 1) == (run["model"] == run["reference"])
    small = [run for run in done if run["preset"]["mode"] == "normalized"]
    assert len(small) == 2 * 4
    assert {run["preset"]["channels"] for run in small} == {16}
    # Once more, and nothing is left to do.
    assert start(command).runs == done


def test_only_what_is_missing_is_done(start: Any) -> None:
    command = "speed --sizes 2100x300 --radii 3 --threads 1 --layers HSAGEConv"
    first = start(command).runs
    assert [run["model"] for run in first] == ["SAGEConv", "HSAGEConv"]
    both = start(f"{command} local").runs
    assert [run["model"] for run in both[2:]] == ["GATConv", "local"]


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
def test_first_calls_of_a_compiler(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without the C++ compiler, which takes half a minute.
    quick = functools.partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", quick)
    command = "speed --sizes 2100x300 --radii 1.2 --threads 1 --compile"
    (reference, tangent), shown, _ = start(f"{command} --layers tangent")
    seconds = [run["first_seconds"] for run in (reference, tangent)]
    assert min(seconds) > 10 * tangent["seconds"]
    assert tangent["first_seconds_ratio"] == pytest.approx(seconds[1] / seconds[0])
    assert " s, " in shown


def a_run(model: str, ratio: float, **more: Any) -> runs.Run:
    preset = {"mode": "CSR", "radius": 5.0, "channels": 64, "threads": 2}
    run = {"dataset": "2,000 nodes, 9 edges", "model": model, "reference": "GCNConv"}
    return run | {"preset": preset, "ratio": ratio, "quartiles": [1, 2]} | more


def test_what_misses_its_bar_is_bold() -> None:
    text = speed.tables(
        [
            a_run("midpoint", 9.0),
            a_run("midpoint", 1.504, kept_ratio=2.11),  # the last of them counts
            a_run("tangent", 1.26, kept_ratio=2.1),
            a_run("GCNConv", 1.0),
        ]
    )
    title, _, _, _, midpoint, tangent = text.splitlines()
    assert title == "### 2,000 nodes, 9 edges, 64 channels, 2 threads"
    assert "| 1.50 " in midpoint and "**2.11** [2.1]" in midpoint
    assert "| **1.26** " in tangent and "| 2.10 [2.1]" in tangent
