import networkx
import pytest
import torch
from torch_geometric.utils import from_networkx

from pyg_hyperbolic.datasets import SyntheticTree
from tests.where import each


@each("unit_rows", [False, True])
@each(("branching", "depth", "gamma"), [(1, 3, 1.0), (3, 2, 0.3), (2, 4, 0)])
def test_features_are_those_of_a_slow_loop(
    branching: int, depth: int, gamma: float, unit_rows: bool
) -> None:
    data = SyntheticTree(branching, depth, 5, gamma, unit_rows, seed=3)[0]
    tree = networkx.balanced_tree(branching, depth)
    generator = torch.Generator().manual_seed(3)
    rows = torch.randn(len(tree), 5, dtype=torch.float64, generator=generator)
    for parent, child in networkx.bfs_edges(tree, 0):
        rows[child] += gamma * rows[parent]
    if unit_rows:
        rows = torch.nn.functional.normalize(rows)
    torch.testing.assert_close(data.x, rows.float())
    assert torch.equal(data.edge_index, from_networkx(tree).edge_index)


def test_the_default_is_the_published_tree_in_unit_rows() -> None:
    data = SyntheticTree()[0]
    assert data.x.shape == (1111, 1000) and data.edge_index.shape == (2, 2 * 1110)
    torch.testing.assert_close(data.x.norm(dim=1), torch.ones(1111))
    raw = SyntheticTree(unit_rows=False)[0].x
    assert raw[0].norm().item() == pytest.approx(1000**0.5, rel=0.1)
    # The variance of a sum of powers: 1 + 1/4 + 1/16 + 1/64.
    assert raw[111:].var().item() == pytest.approx(1.328, rel=0.01)


def test_seeds_and_the_global_state() -> None:
    torch.manual_seed(0)
    state = torch.get_rng_state()
    one, same, other = (SyntheticTree(2, 2, 4, seed=s)[0].x for s in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), state)
    assert str(SyntheticTree(2, 2, 4, seed=1)) == "SyntheticTree(gamma=0.5, seed=1)"
