"""Euclidean and hyperbolic encoders, built alike, and the graph as they read it."""

import itertools
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import BatchNorm1d, Linear, Module, ModuleList
from torch.nn.functional import dropout
from torch_geometric.data import Data
from torch_geometric.index import index2ptr
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.resolver import activation_resolver
from torch_geometric.utils import add_remaining_self_loops, scatter

from benchmarks.common.presets import Preset
from pyg_hyperbolic import Curvature, kernels
from pyg_hyperbolic.nn import (
    HGATConv,
    HGCNConv,
    HLinear,
    HSAGEConv,
    HyboNetConv,
    HyperbolicBatchNorm,
)

AGGREGATIONS = {"hgcn": "midpoint", "hgcn-tangent": "tangent", "hgcn-local": "local"}
EUCLIDEAN: dict[str, Callable[..., Module]] = {
    "mlp": Linear,
    "gcn": partial(GCNConv, normalize=False),
    "gat": GATConv,
    "sage": SAGEConv,
}
HYPERBOLIC: dict[str, Callable[..., Module]] = {
    "hnn": HLinear,
    **{
        name: partial(HGCNConv, aggregation=aggregation, normalize=False)
        for name, aggregation in AGGREGATIONS.items()
    },
    "hgat": HGATConv,
    "hgat-distance": partial(HGATConv, score="distance"),
    "hsage": HSAGEConv,
    "hybonet": partial(HyboNetConv, normalize=False),
}
MODELS = (*EUCLIDEAN, *HYPERBOLIC)
NAMES = {
    **{name: name.upper() for name in ("mlp", "gcn", "gat", "hnn", "hgat")},
    "sage": "GraphSAGE",
    "hgcn": "HGCN, midpoint",
    "hgcn-tangent": "HGCN, as published",
    "hgcn-local": "HGCN, local",
    "hgat-distance": "HGAT, distances",
    "hsage": "HGraphSAGE",
    "hybonet": "HyboNet",
}
FEATURES_ALONE, WEIGHTED = ("mlp", "hnn"), ("gcn", *AGGREGATIONS, "hybonet")
SCALED = ("hgcn", "hybonet")  # those that know ``scale``
# Models whose first step is not a linear map, which sparse features could go through.
DENSE = ("sage", "hsage")
SPARSE = 0.1  # features with a smaller share of entries other than 0 are kept sparse


class Graph(NamedTuple):
    """What an encoder reads: features, and the graph in both forms.

    A product with a sparse matrix takes a fifth of the time of GCN's sum over edges.
    """

    x: Tensor
    edge_index: Tensor  # with self-loops
    adjacency: Tensor  # normalized, a row for each target, sparse CSR

    def to(self, device: torch.device) -> "Graph":
        """The same on a device."""
        return Graph(*(tensor.to(device) for tensor in self))


def prepare_graph(data: Data, adjacency: str) -> Graph:
    """Normalizes the adjacency once, as the graph stays the same in all epochs."""
    x, edge_index, num_nodes = data.x, data.edge_index, data.num_nodes
    if adjacency == "symmetric":
        edge_index, weight = gcn_norm(edge_index, num_nodes=num_nodes)
    elif adjacency == "row":
        edge_index, weight = add_remaining_self_loops(
            edge_index, torch.ones(edge_index.size(1)), 1.0, num_nodes
        )
        target = edge_index[1]
        weight = weight / scatter(weight, target, dim_size=num_nodes)[target]
    else:
        raise ValueError(
            f"'adjacency' must be 'symmetric' or 'row' (got {adjacency!r})"
        )
    if x.count_nonzero() < SPARSE * x.numel():
        x = x.to_sparse_coo().coalesce()
    order = (edge_index[1] * num_nodes + edge_index[0]).argsort()
    source, target = edge_index[:, order]
    ptr, size = index2ptr(target, num_nodes), (num_nodes, num_nodes)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        matrix = torch.sparse_csr_tensor(
            ptr, source, weight[order], size, check_invariants=False
        )
    return Graph(x, edge_index, matrix)


class Encoder(Module):
    """Layers of one kind, with what stands between them the same for all kinds.

    Residuals are gyro-sums in hyperbolic models, and so is the normalization about the
    midpoint.
    """

    def __init__(
        self, model: str, preset: Preset, in_channels: int, out_channels: int
    ) -> None:
        super().__init__()
        self.model, self.preset = model, preset
        self.act = activation_resolver(preset.act)
        hidden = [preset.hidden_channels] * (preset.layers - 1)
        widths = [in_channels, *hidden, out_channels]
        last = len(hidden)
        self.convs = ModuleList(
            self._conv(p, q, i == last)
            for i, (p, q) in enumerate(itertools.pairwise(widths))
        )
        self.maps, self.norms = ModuleList(), ModuleList()
        if preset.residual:
            pairs = itertools.pairwise(widths)
            self.maps.extend(Linear(p, q, bias=False) for p, q in pairs)
        if preset.norm:
            self.norms.extend(self._norm(conv) for conv in self.convs[:-1])

    def _conv(self, in_channels: int, out_channels: int, last: bool) -> Module:
        model, preset, options = self.model, self.preset, dict[str, Any]()
        if model in HYPERBOLIC:
            options["curvature"] = preset.curvature
        if model in SCALED:
            options["scale"] = preset.scale
        if "gat" in model:
            options |= {"dropout": preset.dropout, "heads": preset.heads}
            options["concat"] = not last
            out_channels = out_channels if last else out_channels // preset.heads
        return (EUCLIDEAN | HYPERBOLIC)[model](in_channels, out_channels, **options)

    def _norm(self, conv: Module) -> Module:
        width = self.preset.hidden_channels
        if self.model in HYPERBOLIC:
            return HyperbolicBatchNorm(width, curvature=conv.get_submodule("curvature"))  # type: ignore[arg-type]
        return BatchNorm1d(width)

    def forward(self, graph: Graph) -> Tensor:
        """Encodes all nodes, shape [N, out_channels]."""
        x = self._drop(graph.x)
        if self.model in DENSE and x.is_sparse:
            x = x.to_dense()
        edges: tuple[Tensor, ...] = () if self.model in FEATURES_ALONE else graph[1:2]
        if self.model in WEIGHTED:
            edges = graph[2:]
        for i, conv in enumerate(self.convs):
            h = conv(x, *edges)
            if self.maps:
                h = self._add(h, self.maps[i](x), conv)
            if i + 1 < len(self.convs):
                h = self.act(self.norms[i](h) if self.norms else h)
                h = dropout(h, self.preset.dropout, self.training)
            x = h
        return x

    def _add(self, x: Tensor, y: Tensor, conv: Module) -> Tensor:
        if self.model in EUCLIDEAN:
            return x + y
        return kernels.gyro_add(x, y, conv.get_submodule("curvature")())

    def _drop(self, x: Tensor) -> Tensor:
        share = self.preset.input_dropout
        if not x.is_sparse:
            return dropout(x, share, self.training)
        # Dropping stored entries only is the same, at a hundredth of the time.
        values = dropout(x.values(), share, self.training)
        return torch.sparse_coo_tensor(
            x.indices(), values, x.shape, is_coalesced=True, check_invariants=False
        )

    def curvature(self) -> Tensor | float:
        """The curvature that the output is to be read with; 0 if Euclidean."""
        if self.model in EUCLIDEAN:
            return 0.0
        return self.convs[-1].get_submodule("curvature")()


def curvatures(module: Module) -> dict[str, float]:
    """Every curvature of a model, by name."""
    return {
        name: child().item()
        for name, child in module.named_modules()
        if isinstance(child, Curvature)
    }
