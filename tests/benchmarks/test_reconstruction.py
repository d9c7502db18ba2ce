"""Ranks of ancestors beside a loop over pairs; the benchmark on a small tree."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch_geometric.data import Data

from benchmarks import reconstruction
from benchmarks.common import ancestors
from benchmarks.common.hierarchy import Hierarchy
from pyg_hyperbolic.geometry import dist
from tests.where import each

ABOVE: dict[int, list[int]] = {0: []}
for node in range(1, 31):
    ABOVE[node] = [(node - 1) // 2, *ABOVE[(node - 1) // 2]]
EDGES = torch.tensor([(i, j) for i, row in ABOVE.items() for j in row]).t()


@each(
    ("radius", "width"),
    [(0.01, 2.0), (1.0, 2.0), (20.0, 2.0), (1e3, 2.0), (25.0, 1e-6), (1.0, 1e-6)],
)
@each("c", [0.0, 0.5, 1.0])
def test_ranks_are_those_of_a_loop(
    c: float, radius: float, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In several blocks, edges in any order, and with two points at one place."""
    monkeypatch.setattr(ancestors, "PAIRS", 100)
    # In single precision such points are on a grid: some distances are the same but for
    # how they are rounded.
    dtype = torch.double if width < 1 else torch.float
    points = radius * (1 + width * torch.randn(31, 2, dtype=dtype))
    points[9] = points[4]
    ranks, precisions = [], []
    for node, own in ABOVE.items():
        far = dist(points[node], points, c).tolist()
        others = [far[j] for j in range(31) if j != node and j not in own]
        before = sorted(sum(d <= far[j] for d in others) for j in own)
        ranks += [1 + n for n in before]
        if own:
            own_precision = [k / (k + n) for k, n in enumerate(before, start=1)]
            precisions.append(sum(own_precision) / len(own))
    shuffled = EDGES[:, torch.randperm(EDGES.size(1))]
    found = ancestors.reconstruction(points, c, shuffled)
    assert found.mean_rank == pytest.approx(sum(ranks) / len(ranks))
    mean = sum(precisions) / len(precisions)
    assert found.mean_average_precision == pytest.approx(mean)


def test_from_coarse_to_fine() -> None:
    """Without leaves, level by level; each leaf is beside its parent at first."""
    graph = Hierarchy(EDGES[:, torch.randperm(EDGES.size(1))], 31)
    parents = [0] + [row[0] for row in ABOVE.values() if row]
    assert graph.parents().tolist() == parents
    assert graph.inner.tolist() == 15 * [True] + 16 * [False]
    coarse = graph.inner_part()
    assert (coarse.num_nodes, coarse.parents().tolist()) == (15, parents[:15])
    points = 100 * torch.randn(15, 3)
    start = reconstruction.leaves_beside_parents(graph, points)
    far = (start[:, None] - points).norm(dim=2)
    assert (
        torch.equal(start[:15], points) and far[15:].argmin(1).tolist() == parents[15:]
    )


def test_a_cycle_has_no_coarser_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconstruction, "COARSEST", 1)
    ring = torch.arange(5)
    graph = Hierarchy(torch.stack([ring, ring.roll(1)]), 5)
    settings = {"dim": 2, "epochs": 1, "batch": 2, "lr": 0.1}
    geometry = reconstruction.GEOMETRIES["hyperbolic"]
    points, loss = reconstruction.embed(graph, settings, geometry)
    assert points.shape == (5, 2) and points.isfinite().all() and loss > 0


def test_batches_have_all_edges_of_their_nodes() -> None:
    batches = list(Hierarchy(EDGES, 31).batches(7))
    edges = torch.cat(batches, dim=1)
    assert {*map(tuple, edges.t().tolist())} == {*map(tuple, EDGES.t().tolist())}
    nodes = [batch[0].unique() for batch in batches]
    assert [len(some) for some in nodes] == [7, 7, 7, 7, 2]
    assert torch.cat(nodes).unique().tolist() == list(range(1, 31))


@pytest.fixture
def command(tmp_path: Path) -> str:
    """On the binary tree, in dimensions that are still to be named."""
    path = tmp_path / "tree.pt"
    torch.save(Data(edge_index=EDGES, num_nodes=31), path)
    return f"reconstruction --dataset {path} --epochs 40 --dim"


def test_the_benchmark_goes_on(start: Any, command: str, tmp_path: Path) -> None:
    once = start(f"{command} 2 --seeds 0").runs
    done, shown, _ = start(f"{command} 2 --seeds 0 1")
    assert (len(once), len(done)) == (3, 5) and done[:3] == once
    curved, flat, built = once
    assert (built["mean_rank"], built["mean_average_precision"]) == (1, 1)
    assert curved["mean_average_precision"] > 0.8
    assert flat["mean_average_precision"] < curved["mean_average_precision"]
    assert (tmp_path / "tree_1.png").stat().st_size > 10_000
    assert "| hyperbolic " in shown


def test_a_construction_is_of_two_dimensions(start: Any, command: str) -> None:
    said = start(f"{command} 5 --geometry construction", status=1).err
    assert "'--dim' must have 2 for 'construction'" in said


def test_missing_files_are_said(start: Any, tmp_path: Path, monkeypatch: Any) -> None:
    fetch = Mock(side_effect=OSError("no network in tests"))
    monkeypatch.setattr("pyg_hyperbolic.datasets.published_files.fetch", fetch)
    monkeypatch.setattr("pyg_hyperbolic.datasets.wordnet.SYSTEM", str(tmp_path))
    said = start(f"reconstruction --data-root {tmp_path}", status=1).err
    assert "Could not download" in said
