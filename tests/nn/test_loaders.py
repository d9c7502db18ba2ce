"""PyG's loaders: batches with all neighbors give what the whole graph gives.

Weights are normalized before, for the whole graph, by PyG's own transform: a batch does
not know the degrees of nodes at its rim.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch_geometric import transforms as T
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import (
    ClusterData,
    ClusterLoader,
    LinkNeighborLoader,
    NeighborLoader,
    RandomNodeLoader,
)
from torch_geometric.nn import HeteroConv
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.utils import to_undirected

from pyg_hyperbolic.nn import HGCN, HGCNConv
from tests.sampler import needs_sampler

pytestmark = pytest.mark.filterwarnings(
    "ignore:Using '.*' without a 'pyg-lib' installation:UserWarning"
)
NUM_NODES, CHANNELS, BATCH = 60, 5, 7


@pytest.fixture
def data() -> Data:
    """Undirected and weighted; nobody is linked to the last node."""
    pairs = torch.randint(NUM_NODES - 1, (2, 90))
    edge_index, weight = to_undirected(pairs[:, pairs[0] != pairs[1]]), None
    weight = torch.rand(edge_index.size(1)) + 0.2
    x = torch.randn(NUM_NODES, CHANNELS)
    out = Data(x=x, edge_index=edge_index, edge_weight=weight)
    return T.GCNNorm()(out)


@pytest.fixture
def model(aggregation: str) -> HGCN:
    out = HGCN(CHANNELS, 8, 2, 4, normalize=False, aggregation=aggregation).eval()
    for conv in out.convs:
        torch.nn.init.normal_(conv.bias, std=0.3)
    return out


def close(actual: Tensor, expected: Tensor, bar: float = 1e-5) -> None:
    torch.testing.assert_close(actual, expected, rtol=bar, atol=bar)


def hops(batch: Data) -> dict[str, list[int]]:
    """Numbers of nodes and edges per hop, which torch-sparse does not tell."""
    source, target = batch.edge_index
    depth = torch.full((batch.num_nodes,), 2)
    depth[source[target < batch.batch_size]] = 1
    depth[: batch.batch_size] = 0
    assert (depth.diff() >= 0).all() and (depth[target].diff() >= 0).all()
    return {
        "num_sampled_nodes_per_hop": depth.bincount(minlength=3).tolist(),
        "num_sampled_edges_per_hop": depth[target].bincount(minlength=2).tolist(),
    }


@needs_sampler
@pytest.mark.parametrize("trim", [False, True])
def test_neighbor_loader(data: Data, model: HGCN, trim: bool) -> None:
    """Its gradients add up to those of the whole graph, too."""
    expected = model(data.x, data.edge_index, data.edge_weight)
    expected.sin().sum().backward()
    true = {name: p.grad.clone() for name, p in model.named_parameters()}
    model.zero_grad()
    seen = 0
    for batch in NeighborLoader(data, [-1, -1], batch_size=BATCH, shuffle=True):
        options = hops(batch) if trim else {}
        out = model(batch.x, batch.edge_index, batch.edge_weight, **options)
        out = out[: batch.batch_size]
        close(out, expected[batch.n_id[: batch.batch_size]])
        out.sin().sum().backward()
        seen += batch.batch_size
    assert seen == NUM_NODES
    for name, parameter in model.named_parameters():
        close(parameter.grad, true[name], 1e-4)
        assert true[name].any()


@needs_sampler
def test_link_neighbor_loader(data: Data, model: HGCN) -> None:
    pairs = torch.randint(NUM_NODES, (2, 20))
    expected = model(data.x, data.edge_index, data.edge_weight)
    options = {"edge_label_index": pairs, "batch_size": BATCH}
    for batch in LinkNeighborLoader(data, [-1, -1], **options):
        out = model(batch.x, batch.edge_index, batch.edge_weight)
        close(out[batch.edge_label_index], expected[pairs[:, batch.input_id]])


@needs_sampler
def test_one_more_hop_brings_the_degrees(data: Data) -> None:
    model = HGCN(CHANNELS, 8, 2, 4).eval()
    graph = Data(x=data.x, edge_index=data.edge_index)
    expected = model(graph.x, graph.edge_index)
    errors = {}
    for num_hops in (2, 3):
        (batch,) = NeighborLoader(
            graph, [-1] * num_hops, input_nodes=torch.arange(3), batch_size=3
        )
        out = model(batch.x, batch.edge_index)[:3]
        errors[num_hops] = (out - expected[:3]).abs().max().item()
    assert errors[3] < 1e-5 < errors[2]


@needs_sampler
def test_bipartite_layers_of_a_heterogeneous_graph(aggregation: str) -> None:
    data = HeteroData()
    data["user"].x, data["item"].x = torch.randn(30, CHANNELS), torch.randn(20, 5)
    for source, target in (("user", "item"), ("item", "user"), ("user", "user")):
        ends = [data[source].num_nodes, data[target].num_nodes]
        index = torch.stack([torch.randint(n, (70,)) for n in ends])
        data[source, "to", target].edge_index = index

    def layer(channels: int) -> MessagePassing:
        convs = {
            kind: HGCNConv(
                channels, 4, normalize=False, aggr="mean", aggregation=aggregation
            )
            for kind in data.edge_types
        }
        return HeteroConv(convs)

    first, second = layer(CHANNELS), layer(4)
    edges = data.edge_index_dict
    expected = second(first(data.x_dict, edges), edges)["item"]
    for batch in NeighborLoader(data, [-1, -1], "item", batch_size=BATCH):
        edges = batch.edge_index_dict
        out = second(first(batch.x_dict, edges), edges)["item"]
        size = batch["item"].batch_size
        close(out[:size], expected[batch["item"].n_id[:size]])


class GivenParts(ClusterData):
    """Parts that are known: what comes after the partition needs no METIS."""

    def _metis(self, edge_index: Tensor, num_nodes: int) -> Tensor:
        return torch.arange(num_nodes) * 3 % self.num_parts


LOADERS: dict[str, Callable[[Data], torch.utils.data.DataLoader]] = {
    "random nodes": lambda data: RandomNodeLoader(data, 4, shuffle=True),
    "clusters": lambda data: ClusterLoader(
        GivenParts(data, 5, log=False), batch_size=2, shuffle=True
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_parts_of_a_graph(data: Data, model: HGCN, name: str) -> None:
    """A batch gives what the whole graph gives with the edges between parts cut."""
    data.id = torch.arange(NUM_NODES)
    batches = list(LOADERS[name](data))
    part = torch.full((NUM_NODES,), -1)
    for i, batch in enumerate(batches):
        part[batch.id] = i
    assert part.min() == 0 and len(batches) > 1
    inside = part[data.edge_index[0]] == part[data.edge_index[1]]
    assert not inside.all()
    expected = model(data.x, data.edge_index[:, inside], data.edge_weight[inside])
    for batch in batches:
        close(model(batch.x, batch.edge_index, batch.edge_weight), expected[batch.id])
