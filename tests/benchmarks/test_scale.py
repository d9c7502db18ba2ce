"""Growth of cost: graphs against definitions, fits against known laws, short runs."""

import argparse
import math
import os
import resource
from typing import Any

import numpy as np
import pytest
import torch
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from benchmarks import scale
from benchmarks.common import runs
from benchmarks.common.isolated import isolated, settle_memory
from benchmarks.common.large_graphs import DEGREE, hyperbolic, tree
from benchmarks.scale import slope
from pyg_hyperbolic.datasets.sir import random_tree
from pyg_hyperbolic.geometry import dist
from tests.where import each


def test_neighbors_are_the_pairs_nearer_than_the_radius_of_the_disk() -> None:
    pytest.importorskip("networkit")
    n, seed = 300, 3
    # The same draws, and the distance of every pair.
    alpha = 0.75
    radius = 2 * math.log(2 * n * 9 / (math.pi * 10))
    draw = np.random.default_rng(seed)
    angle = np.sort(draw.uniform(0.0, 2 * math.pi, n))
    r = np.arccosh(1 + draw.random(n) * (math.cosh(alpha * radius) - 1)) / alpha
    v = torch.from_numpy(r * np.stack([np.cos(angle), np.sin(angle)])).T
    near = dist(v[:, None], v, 1.0).numpy() <= radius
    graph = hyperbolic(n, seed)
    assert graph.has_sorted_indices and graph.has_canonical_format
    np.testing.assert_array_equal(graph.toarray(), near)


def test_mean_degree_of_hyperbolic_graphs() -> None:
    pytest.importorskip("networkit")
    graph = hyperbolic(20_000, 0)
    assert graph.nnz / 20_000 - 1 == pytest.approx(DEGREE, rel=0.15)
    assert np.array_equal(graph.indices, hyperbolic(20_000, 0).indices)
    assert graph.indices.dtype == graph.indptr.dtype == np.int32


@each("nodes", [1, 2, 3, 10, 500])
def test_rows_of_a_tree(nodes: int) -> None:
    parent = random_tree(nodes, 8.0, torch.Generator().manual_seed(1)).tolist()
    expected = np.eye(nodes)
    for child in range(1, nodes):
        expected[child, parent[child]] = expected[parent[child], child] = 1
    graph = tree(nodes, 1)
    assert graph.has_sorted_indices and graph.indices.dtype == np.int32
    np.testing.assert_array_equal(graph.toarray(), expected)


def test_adjacency_is_normalized_as_pyg_does() -> None:
    graph = tree(60, 0)
    dense = torch.from_numpy(graph.toarray())
    edge_index = dense.fill_diagonal_(0).nonzero().T
    (row, col), weight = gcn_norm(edge_index, num_nodes=60)
    expected = torch.zeros(60, 60).index_put((col, row), weight)
    adjacency = scale.as_tensor(scale.normalized(graph))
    torch.testing.assert_close(adjacency.to_dense(), expected)


def test_slope_of_a_power_law() -> None:
    sizes = [1e4, 1e5, 1e6, 1e7]
    assert slope(sizes, [3 * n**1.2 for n in sizes]) == "1.200 ± 0.000"
    # By hand: residuals (-1, 1, 1, -1) e in the logarithm leave the slope as it is;
    # the standard error is sqrt(4 e^2 / 2 / (5 log(10)^2)), and t of 2 is 4.3027.
    e = 0.01
    costs = np.array(sizes) * np.exp(e * np.array([-1, 1, 1, -1]))
    margin = 4.3027 * e * math.sqrt(0.4) / math.log(10)
    assert slope(sizes, costs.tolist()) == f"1.000 ± {margin:.3f}"
    assert slope(sizes[:2], sizes[:2]) == "-"


def _allocate(mib: int) -> dict[str, int]:
    return {"bytes": torch.ones(mib * 2**18).nbytes}


def _wrong() -> dict[str, int]:
    raise KeyError("wrong")


def test_a_job_that_memory_does_not_suffice_for_is_a_result() -> None:
    assert isolated(True, _allocate, 64) == {"bytes": 64 * 2**20}
    result = isolated(True, _allocate, 10**8)
    assert result["error"].startswith("out of memory")
    assert "ended by the system" in isolated(False, os._exit, 1)["error"]
    with pytest.raises(KeyError, match="wrong"):
        isolated(False, _wrong)


def _faults(keep: bool) -> dict[str, int]:
    if settle_memory(keep) != keep:
        return {}
    torch.ones(2**24)  # 64 MiB, which are free again at once
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    # Fewer: glibc puts no block of the very same size there, if aligned as PyTorch's.
    torch.ones(3 * 2**22)
    return {"faults": resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin}


def test_kept_memory_is_not_cleared_anew() -> None:
    kept = isolated(False, _faults, True)
    if not kept:
        pytest.skip("malloc is not glibc's")
    cleared = isolated(False, _faults, False)
    assert kept["faults"] < 100 < cleared["faults"]


def test_short_run(start: Any) -> None:
    done, shown, _ = start("scale --graph tree --nodes 600 1200")
    assert [run["model"] for run in done] == ["generator", "gcn", "hgcn"] * 2
    for run in done:
        assert run["edges"] == 2 * (run["nodes"] - 1)
        assert run["seconds_per_step"] > 0
        assert run["peak_memory_mib"] >= run["baseline_mib"] > 0
    assert "hgcn" in shown


def test_a_size_that_does_not_fit_ends_its_series_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def pretend(limited: bool, job: object, model: str, *args: object) -> runs.Run:
        if job is scale.generate:
            return {"edges": 10}
        return {"error": "out of memory"} if model == "hgcn" else {}

    monkeypatch.setattr(scale, "isolated", pretend)
    settings = {"device": "cpu", "allocator": "keep", "model": ["gcn", "hgcn"]}
    args = argparse.Namespace(**settings, nodes=[10, 20])
    done = [run["model"] for run in scale.measure(args, "tree")]
    assert done == ["generator", "gcn", "hgcn", "generator", "gcn"]
