"""A graph with all that a loader has to get right."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric.data import Data
from torch_geometric.loader import NeighborLoader

NUM_NODES = 41


@pytest.fixture
def data() -> Data:
    """Directed and weighted, with self-loops, some edges twice, and a lonely node."""
    edge_index = torch.randint(NUM_NODES - 1, (2, 150))
    edge_index = torch.cat([edge_index, edge_index[:, :9]], dim=1)
    edge_index[1, :3] = edge_index[0, :3]
    return Data(
        x=torch.randn(NUM_NODES, 3),
        edge_index=edge_index,
        edge_weight=torch.rand(159) + 0.2,
    )


@pytest.fixture
def check(data: Data) -> Callable[..., None]:
    """Asserts that inference layer by layer is the model of the whole graph."""

    def compare(model: Any, given: Data = data, **options: Any) -> None:
        adj = given.adj_t if "adj_t" in given else given.edge_index
        weight = given.edge_weight if model.supports_edge_weight else None
        expected = model(given.x, adj, weight)
        batches = NeighborLoader(given, [-1], batch_size=6, shuffle=True)
        out = model.inference(batches, **options)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)

    return compare
