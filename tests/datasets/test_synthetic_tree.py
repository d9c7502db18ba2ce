import pytest
import torch
from torch_geometric.utils import is_undirected

from pyg_hyperbolic.datasets import SyntheticTree
from tests.where import each


@each("unit_rows", [False, True])
@each(("branching", "depth", "gamma"), [(1, 3, 1.0), (3, 2, 0.3), (2, 4, 0)])
def test_features_are_those_of_a_slow_loop(
    branching: int, depth: int, gamma: float, unit_rows: bool
) -> None:
    data = SyntheticTree(branching, depth, 5, gamma, unit_rows, seed=3)[0]
    parents: list[int | None] = [None]
    level = [0]
    for _ in range(depth):
        first = len(parents)
        parents += [node for node in level for _ in range(branching)]
        level = list(range(first, len(parents)))
    generator = torch.Generator().manual_seed(3)
    noise = torch.randn(len(parents), 5, dtype=torch.float64, generator=generator)
    rows: list[torch.Tensor] = []
    for own, parent in zip(noise, parents, strict=True):
        rows.append(own if parent is None else gamma * rows[parent] + own)
    if unit_rows:
        rows = [row / row.square().sum().sqrt() for row in rows]
    torch.testing.assert_close(data.x, torch.stack(rows).float())
    edges = {(p, i) for i, p in enumerate(parents) if p is not None}
    found = {(int(p), int(i)) for p, i in data.edge_index.t() if p < i}
    assert found == edges and is_undirected(data.edge_index)


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
