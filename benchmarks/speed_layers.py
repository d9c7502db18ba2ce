"""The layers whose cost is compared, on random graphs."""

import dataclasses
import warnings
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch_geometric.index import index2ptr
from torch_geometric.nn import GATConv, GCNConv
from torch_geometric.utils import scatter

from benchmarks.peers import LIBRARIES, Library
from pyg_hyperbolic.nn import HGATConv, HGCNConv

CHANNELS = 64
FORMS = ("gather-scatter", "SpMM")
OURS = ("tangent", "midpoint", "local")
ATTENTION: dict[str, tuple[Callable[..., Module], int, dict[str, str]]] = {
    "GATConv": (GATConv, 1, {}),
    "attention": (HGATConv, 1, {}),
    "attention, distance": (HGATConv, 1, {"score": "distance"}),
    "GATConv, 8 heads": (GATConv, 8, {}),
    "attention, 8 heads": (HGATConv, 8, {}),
}
PEERS = tuple(name for name in LIBRARIES if name != "ours")


@dataclasses.dataclass(frozen=True)
class Graph:
    """A random graph with edges in the order of their targets, and features."""

    x: Tensor
    edge_index: Tensor
    weight: Tensor
    adj: Tensor  # the same, transposed, as a sparse CSR matrix

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that is given, and not kept by a layer."""
        parts = (self.adj.crow_indices(), self.adj.col_indices(), self.adj.values())
        return (self.edge_index, self.weight, *parts)


def random_graph(
    nodes: int, edges: int, radius: float, device: torch.device, seed: int = 0
) -> Graph:
    """Uniform edges, weights in (0, 1) and features in all directions.

    Args:
        nodes: Number of nodes.
        edges: Number of edges.
        radius: Mean length of the features, sqrt(c) r at c = 1.
        device: Where it is to be.
        seed: Seed of all random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    source, target = ends[:, (ends[1] * nodes + ends[0]).argsort()]
    weight = torch.rand(edges, generator=generator)
    x = torch.randn(nodes, CHANNELS, generator=generator) * radius / CHANNELS**0.5
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse tensors are in beta state
        ptr = index2ptr(target, nodes)
        adj = torch.sparse_csr_tensor(ptr, source, weight, (nodes, nodes))
    edge_index = torch.stack([source, target])
    return Graph(
        x.to(device).requires_grad_(),
        edge_index.to(device),
        weight.to(device),
        adj.to(device),
    )


class PeerConv(Module):
    """HGCN's layer with another library's operations, aggregated at the origin.

    Tangent vectors at the origin come in and go out, which spares it two maps.

    Args:
        library: The geometry.
        channels: Number of features, before and after.
    """

    def __init__(self, library: Library, channels: int) -> None:
        super().__init__()
        self.space = library
        self.weight = Parameter(torch.empty(channels, channels))
        self.bias = Parameter(torch.empty(channels))
        torch.nn.init.xavier_uniform_(self.weight)
        self.c = library.curvature(1.0)

    def forward(self, x: Tensor, edge_index: Tensor, edge_weight: Tensor) -> Tensor:
        """Tangent vectors to tangent vectors."""
        space, c = self.space, self.c()
        h = space.exp0(x @ self.weight.T, c)
        h = space.log0(space.add(h, space.exp0(self.bias, c).expand_as(h), c), c)
        messages = edge_weight[:, None] * h[edge_index[0]]
        return scatter(messages, edge_index[1], 0, x.size(0))


def build(name: str) -> Module:
    """A layer by name, its bias random where it has one of its own."""
    torch.manual_seed(1)
    layer: Module
    if name == "GCNConv":
        layer = GCNConv(CHANNELS, CHANNELS, normalize=False)
    elif name in ATTENTION:
        kind, heads, options = ATTENTION[name]
        layer = kind(
            CHANNELS, CHANNELS // heads, heads, add_self_loops=False, **options
        )
    elif name in OURS:
        layer = HGCNConv(CHANNELS, CHANNELS, normalize=False, aggregation=name)
    else:
        layer = PeerConv(LIBRARIES[name](), CHANNELS)
    with torch.no_grad():
        layer.get_parameter("bias").normal_(std=0.1)
    return layer


def call(
    name: str, layer: Module, form: str, graph: Graph, weight: Tensor | None = None
) -> Callable[[], Tensor]:
    """A forward pass of a layer in one form, perhaps with other weights."""
    weight = graph.weight if weight is None else weight
    if name in ATTENTION:
        return lambda: layer(graph.x, graph.edge_index)
    if form == "SpMM":
        return lambda: layer(graph.x, graph.adj)
    return lambda: layer(graph.x, graph.edge_index, weight)
