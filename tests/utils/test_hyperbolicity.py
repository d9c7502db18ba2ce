from collections.abc import Iterator
from itertools import combinations

import networkx
import pytest
import torch
from torch import Tensor
from torch_geometric.utils import from_networkx

from pyg_hyperbolic.utils import gromov_hyperbolicity
from tests.where import each


def edges(graph: networkx.Graph) -> Tensor:
    return from_networkx(graph).edge_index


def deltas(graph: networkx.Graph) -> Iterator[float]:
    """By the definition, quadruple by quadruple."""
    for nodes in networkx.connected_components(graph):
        d = dict(networkx.all_pairs_shortest_path_length(graph.subgraph(nodes)))
        for w, x, y, z in combinations(nodes, 4):
            sums = sorted([d[w][x] + d[y][z], d[w][y] + d[x][z], d[w][z] + d[x][y]])
            yield (sums[2] - sums[1]) / 2


def slow(graph: networkx.Graph) -> float:
    return max(deltas(graph), default=0.0)


@each("n", range(3, 30))
def test_cycles(n: int) -> None:
    expected = n // 4 - 0.5 * (n % 4 == 1)
    assert gromov_hyperbolicity(edges(networkx.cycle_graph(n))).delta == expected


@each("samples", [None, 50])
def test_trees_have_none(samples: int | None) -> None:
    graph = networkx.random_labeled_tree(500, seed=0)
    delta, share, diameter = gromov_hyperbolicity(edges(graph), samples)
    assert delta == 0
    assert (share > 0) == (samples is not None)
    longest = networkx.diameter(graph)
    assert diameter == longest if samples is None else diameter <= longest


@each(
    ("graph", "delta"),
    [
        (networkx.complete_graph(9), 0.0),
        (networkx.grid_2d_graph(4, 7), 3.0),  # the shorter side, less one
        (networkx.petersen_graph(), 0.5),
        (networkx.path_graph(30), 0.0),
        (networkx.empty_graph(5), 0.0),
    ],
)
def test_known_graphs(graph: networkx.Graph, delta: float) -> None:
    index = edges(graph)
    assert slow(graph) == delta
    assert gromov_hyperbolicity(index, num_nodes=len(graph)).delta == delta
    assert gromov_hyperbolicity(index, 200, num_nodes=len(graph)).delta == delta


@each("seed", range(12))
def test_random_graphs_against_the_definition(seed: int) -> None:
    graph = networkx.gnm_random_graph(16, 14 + seed, seed=seed)
    assert gromov_hyperbolicity(edges(graph), num_nodes=16).delta == slow(graph)


def test_one_direction_self_loops_and_double_edges_change_nothing() -> None:
    index = edges(networkx.cycle_graph(12))
    once = index[:, index[0] < index[1]]
    loops = torch.arange(12).expand(2, -1)
    for other in (once, torch.cat([index, index, loops], dim=1)):
        assert gromov_hyperbolicity(other).delta == 3
        assert gromov_hyperbolicity(other, 300).delta == 3


def test_the_statement_about_samples_holds() -> None:
    """Of many runs, no more than 5 % may miss more quadruples than they say."""
    graph = networkx.gnm_random_graph(14, 20, seed=3)
    graph = graph.subgraph(max(networkx.connected_components(graph), key=len))
    graph = networkx.convert_node_labels_to_integers(graph)
    every = torch.tensor(list(deltas(graph)))
    generator = torch.Generator().manual_seed(0)
    wrong = 0
    for _ in range(200):
        delta, share, _ = gromov_hyperbolicity(edges(graph), 3, generator=generator)
        wrong += int((every > delta).double().mean() > share)
    assert wrong <= 10


def test_the_generator_decides() -> None:
    index = edges(networkx.gnm_random_graph(60, 70, seed=1))
    first, second = (
        gromov_hyperbolicity(index, 2, generator=torch.Generator().manual_seed(5))
        for _ in range(2)
    )
    assert first == second


def test_large_graphs_are_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyg_hyperbolic.utils.hyperbolicity.SAMPLES", 400)
    index = edges(networkx.cycle_graph(500))
    found = gromov_hyperbolicity(index)
    assert found.delta > 110 and found.diameter == 250
    assert found.share == pytest.approx(1 - 0.05 ** (1 / 400))
    share = f"2 delta / diameter = {found.delta / 125:.2f}"
    assert share in str(found) and "95 % confidence" in str(found)


def test_text_of_an_exact_result() -> None:
    text = str(gromov_hyperbolicity(edges(networkx.cycle_graph(12))))
    assert text.startswith("delta = 3, diameter = 6, 2 delta / diameter = 1.00")
    assert "samples" not in text
