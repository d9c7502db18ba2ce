"""The layers whose cost is compared, which with which, and the random graphs."""

import dataclasses
import warnings
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch_geometric.index import index2ptr
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.utils import scatter

from benchmarks.peers import LIBRARIES, Library, installed
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv

# How a layer gets its graph: as a sparse CSR matrix; as edges with weights; as edges
# that it normalizes itself, of small graphs; as edges, under torch.compile.
MODES = ("CSR", "edge_index", "normalized", "compiled")
CHANNELS = 64
SMALL = 2_000  # nodes: up to here layers have fewer channels, and normalize
SMALL_CHANNELS = 16
NEAR = 2.0  # the other libraries' points are right up to here

MEANS: dict[str, Callable[..., Module]] = {
    "GCNConv": GCNConv,
    "midpoint": HGCNConv,
    "tangent": partial(HGCNConv, aggregation="tangent"),
    "local": partial(HGCNConv, aggregation="local"),
    "HyboNetConv": HyboNetConv,
}
ATTENTION: dict[str, tuple[Callable[..., Module], int]] = {
    "GATConv": (GATConv, 1),
    "HGATConv": (HGATConv, 1),
    "HGATConv-distance": (partial(HGATConv, score="distance"), 1),
    "GATConv-8": (GATConv, 8),
    "HGATConv-8": (HGATConv, 8),
    "HGATConv-8-distance": (partial(HGATConv, score="distance"), 8),
}
PEERS = tuple(name for name in LIBRARIES if name != "ours")
WEIGHTED = (*MEANS, *PEERS)  # layers that take edge weights

# All layers in the order of tables, as they are called there.
LABELS = {
    "GCNConv": "GCNConv",
    "GCNConv-cached": "GCNConv, cached",
    "midpoint": "HGCNConv, midpoint",
    "tangent": "HGCNConv, tangent",
    "HyboNetConv": "HyboNetConv",
    **{name: name for name in PEERS},
    "SAGEConv": "SAGEConv",
    "HSAGEConv": "HSAGEConv",
    "GATConv": "GATConv",
    "local": "HGCNConv, local",
    "HGATConv": "HGATConv",
    "HGATConv-distance": "HGATConv, distance",
    "GATConv-8": "GATConv, 8 heads",
    "HGATConv-8": "HGATConv, 8 heads",
    "HGATConv-8-distance": "HGATConv, 8 heads, distance",
}


@dataclasses.dataclass(frozen=True)
class Group:
    """Layers that take turns, and the one that they are compared with."""

    mode: str
    reference: str
    others: tuple[str, ...]

    def at(self, radius: float) -> tuple[str, ...]:
        """Those that are measured at a radius, the reference first."""
        near = (x for x in self.others if x not in PEERS or radius <= NEAR)
        return (self.reference, *near)


def groups(nodes: int, compiled: bool) -> list[Group]:
    """All groups for a graph of some size, with libraries where they are installed."""
    small = nodes <= SMALL
    if small and compiled:
        return []
    if small:
        others = ("GCNConv-cached", "midpoint", "tangent")
        return [Group("normalized", "GCNConv", others)]
    peers = tuple(name for name in PEERS if installed(name))
    mode = "compiled" if compiled else "edge_index"
    means = ("midpoint", "tangent", *(() if compiled else peers))
    edges = [
        Group(mode, "GCNConv", means),
        Group(mode, "SAGEConv", ("HSAGEConv",)),
        Group(mode, "GATConv", ("local", "HGATConv", "HGATConv-distance")),
        Group(mode, "GATConv-8", ("HGATConv-8", "HGATConv-8-distance")),
    ]
    if compiled:
        return edges
    return [Group("CSR", "GCNConv", ("midpoint", "tangent", "HyboNetConv")), *edges]


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

    def at(self, radius: float) -> "Graph":
        """The same graph, its features in the same directions."""
        x = self.x.detach()
        scaled = x * (radius / x.norm(dim=1).mean())
        return dataclasses.replace(self, x=scaled.requires_grad_())


def random_graph(
    nodes: int, edges: int, channels: int, device: torch.device, seed: int = 0
) -> Graph:
    """Uniform edges, weights in (0, 1) and features in all directions.

    Args:
        nodes: Number of nodes.
        edges: Number of edges.
        channels: Number of features.
        device: Where it is to be.
        seed: Seed of all random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    source, target = ends[:, (ends[1] * nodes + ends[0]).argsort()]
    weight = torch.rand(edges, generator=generator)
    x = torch.randn(nodes, channels, generator=generator)
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


def build(name: str, mode: str, channels: int = CHANNELS) -> Module:
    """A layer by name, its bias random where it has one."""
    torch.manual_seed(1)
    both = channels, channels
    layer: Module
    if name == "GCNConv-cached":
        layer = GCNConv(*both, cached=True)
    elif name in MEANS:
        layer = MEANS[name](*both, normalize=mode == "normalized")
    elif name in ATTENTION:
        kind, heads = ATTENTION[name]
        layer = kind(channels, channels // heads, heads, add_self_loops=False)
    elif name in PEERS:
        layer = PeerConv(LIBRARIES[name](), channels)
    else:
        layer = {"SAGEConv": SAGEConv, "HSAGEConv": HSAGEConv}[name](*both)
    with torch.no_grad():
        for key, parameter in layer.named_parameters():
            if key.endswith("bias"):
                parameter.normal_(std=0.1)
    return layer


def call(
    name: str, layer: Module, mode: str, graph: Graph, weight: Tensor | None = None
) -> Callable[[], Tensor]:
    """A forward pass of a layer in one mode, perhaps with other weights."""
    weight = graph.weight if weight is None else weight
    if mode == "CSR":
        return lambda: layer(graph.x, graph.adj)
    if name not in WEIGHTED or mode == "normalized":
        return lambda: layer(graph.x, graph.edge_index)
    return lambda: layer(graph.x, graph.edge_index, weight)
