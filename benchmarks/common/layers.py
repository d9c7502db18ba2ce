"""The layers whose cost is compared, which with which, and the random graphs."""

import dataclasses
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module, Parameter
from torch_geometric.index import index2ptr
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.utils import scatter

from benchmarks.common.peers import LIBRARIES, Library, installed
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv

# How a layer gets its graph: as a sparse CSR matrix; as edges with weights; as edges
# that it normalizes itself, of small graphs; as edges, under torch.compile.
MODES = ("CSR", "edge_index", "normalized", "compiled")
CHANNELS = 64
SMALL = 2_000  # nodes: up to here layers have fewer channels, and normalize
SMALL_CHANNELS = 16
NEAR = 2.0  # the other libraries' points are right up to here

PEERS = tuple(name for name in LIBRARIES if name != "ours")


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
    if nodes <= SMALL:
        others = ("GCNConv-cached", "midpoint", "tangent")
        return [] if compiled else [Group("normalized", "GCNConv", others)]
    peers = () if compiled else tuple(name for name in PEERS if installed(name))
    mode = "compiled" if compiled else "edge_index"
    edges = [
        Group(mode, "GCNConv", ("midpoint", "tangent", *peers)),
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


def random_graph(nodes: int, edges: int, channels: int, device: torch.device) -> Graph:
    """Uniform edges, weights in (0, 1) and features in all directions."""
    generator = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, edges), generator=generator)
    source, target = ends[:, (ends[1] * nodes + ends[0]).argsort()]
    weight = torch.rand(edges, generator=generator)
    x = torch.randn(nodes, channels, generator=generator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that sparse tensors are in beta state
        ptr = index2ptr(target, nodes)
        adj = torch.sparse_csr_tensor(ptr, source, weight, (nodes, nodes))
    given = x, torch.stack([source, target]), weight, adj
    x, edge_index, weight, adj = (tensor.to(device) for tensor in given)
    return Graph(x.requires_grad_(), edge_index, weight, adj)


class PeerConv(Module):
    """HGCN's layer with another library's operations, aggregated at the origin.

    Tangent vectors at the origin come in and go out, which spares it two maps.
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


def _sum(kind: Callable[..., Module], **more: Any) -> Callable[[int, bool], Module]:
    return lambda width, own: kind(width, width, normalize=own, **more)


def _heads(
    kind: Callable[..., Module], heads: int = 1, **more: Any
) -> Callable[[int, bool], Module]:
    more |= {"heads": heads, "add_self_loops": False}
    return lambda width, own: kind(width, width // heads, **more)


def _peer(name: str) -> Callable[[int, bool], Module]:
    return lambda width, own: PeerConv(LIBRARIES[name](), width)


# All layers in the order of tables, from channels and whether they normalize the graph.
LAYERS: dict[str, Callable[[int, bool], Module]] = {
    "GCNConv": _sum(GCNConv),
    "GCNConv-cached": _sum(GCNConv, cached=True),
    "midpoint": _sum(HGCNConv),
    "tangent": _sum(HGCNConv, aggregation="tangent"),
    "HyboNetConv": _sum(HyboNetConv),
    **{name: _peer(name) for name in PEERS},
    "SAGEConv": lambda width, own: SAGEConv(width, width),
    "HSAGEConv": lambda width, own: HSAGEConv(width, width),
    "GATConv": _heads(GATConv),
    "local": _sum(HGCNConv, aggregation="local"),
    "HGATConv": _heads(HGATConv),
    "HGATConv-distance": _heads(HGATConv, score="distance"),
    "GATConv-8": _heads(GATConv, 8),
    "HGATConv-8": _heads(HGATConv, 8),
    "HGATConv-8-distance": _heads(HGATConv, 8, score="distance"),
}
# Those that take edge weights.
WEIGHTED = ("GCNConv", "midpoint", "tangent", "local", "HyboNetConv", *PEERS)


def build(name: str, mode: str, channels: int) -> Module:
    """A layer by name, its bias random where it has one."""
    torch.manual_seed(1)
    layer = LAYERS[name](channels, mode == "normalized")
    with torch.no_grad():
        for key, parameter in layer.named_parameters():
            if key.endswith("bias"):
                parameter.normal_(std=0.1)
    return layer


def label(name: str) -> str:
    """A layer as tables call it."""
    kind, *more = name.split("-") if name not in PEERS else [name]
    if kind in ("midpoint", "tangent", "local"):
        return f"HGCNConv, {kind}"
    return ", ".join([kind, *(x.replace("8", "8 heads") for x in more)])


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
