import math

import networkx
import pytest
import torch
from torch_geometric.utils import from_networkx

from pyg_hyperbolic.geometry import dist
from pyg_hyperbolic.utils import embedding_quality
from tests.where import each


@each("c", [0.0, 0.7])
def test_quality_is_that_of_the_definitions(
    c: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyg_hyperbolic.utils.embedding._PAIRS", 40)  # several blocks
    graph = networkx.random_labeled_tree(12, seed=0)
    graph.add_edge(0, 5)
    graph.add_edges_from([(20, 21), (21, 22)])  # another component
    graph = networkx.convert_node_labels_to_integers(graph)
    torch.manual_seed(0)
    v = torch.randn(len(graph), 3)
    v[3] = v[4]  # a tie
    d = [[dist(p, q, c).item() for q in v.double()] for p in v.double()]
    hops = dict(networkx.all_pairs_shortest_path_length(graph))
    pairs = [(i, j) for i in hops for j in hops[i] if i != j]
    mean = sum(d[i][j] for i, j in pairs) / sum(hops[i][j] for i, j in pairs)
    worst = [abs(d[i][j] / mean / hops[i][j] - 1) for i, j in pairs]
    precisions = []
    for i in graph:
        near = [d[i][j] for j in graph[i]]
        every = [d[i][j] for j in graph if j != i]
        shares = [sum(a <= x for a in near) / sum(a <= x for a in every) for x in near]
        precisions.append(sum(shares) / len(shares))
    found = embedding_quality(v, torch.tensor(c), from_networkx(graph).edge_index)
    assert found.distortion == pytest.approx(sum(worst) / len(worst), rel=1e-6)
    mean_ap = sum(precisions) / len(precisions)
    assert found.mean_average_precision == pytest.approx(mean_ap, rel=1e-6)


def test_a_path_on_a_line_is_perfect_and_a_point_is_the_worst() -> None:
    path = from_networkx(networkx.path_graph(9)).edge_index
    line = torch.arange(9.0)[:, None] * torch.eye(1, 2)
    assert embedding_quality(3 * line, 1.0, path) == pytest.approx((0, 1), abs=1e-6)
    distortion, precision = embedding_quality(0 * line, 1.0, path)
    assert distortion == 1 and precision == pytest.approx((2 * 1 + 7 * 2) / 9 / 8)


def test_distances_are_sampled_by_the_seed() -> None:
    tree = from_networkx(networkx.balanced_tree(2, 5)).edge_index
    v = torch.randn(63, 2)
    one, same, other = (embedding_quality(v, 1.0, tree, 5, seed) for seed in (0, 0, 1))
    assert one == same != other and not math.isnan(one.distortion)
