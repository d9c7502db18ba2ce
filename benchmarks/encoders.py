"""Euclidean and hyperbolic encoders, built alike, and the graph as they read it."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import dropout
from torch_geometric.data import Data
from torch_geometric.nn import GAT, GCN, MLP, GraphSAGE
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.nn.models.basic_gnn import BasicGNN
from torch_geometric.utils import add_remaining_self_loops, scatter

from benchmarks.presets import Preset
from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGAT, HGCN, HNN, HGraphSAGE, HyboNet

AGGREGATIONS = {"hgcn": "midpoint", "hgcn-tangent": "tangent", "hgcn-local": "local"}
EUCLIDEAN: dict[str, Callable[..., torch.nn.Module]] = {
    "mlp": MLP,
    "gcn": partial(GCN, normalize=False),
    "gat": GAT,
    "sage": GraphSAGE,
}
HYPERBOLIC: dict[str, Callable[..., torch.nn.Module]] = {
    **{
        name: partial(HGCN, aggregation=aggregation, normalize=False)
        for name, aggregation in AGGREGATIONS.items()
    },
    "hgat": HGAT,
    "hgat-distance": partial(HGAT, score="distance"),
    "hsage": HGraphSAGE,
    "hybonet": partial(HyboNet, normalize=False),
    "hnn": HNN,
}
MODELS = (*EUCLIDEAN, *HYPERBOLIC)
# Those of the guide's recipe for classes, in benchmarks/twins.py.
SCALED: dict[str, Callable[..., torch.nn.Module]] = {
    "hgcn-scaled": partial(HGCN, normalize=False, scale=True),
    "hybonet-scaled": partial(HyboNet, normalize=False, scale=True),
}
# Models whose first step is not a linear map, which sparse features could go through.
DENSE = ("sage", "hsage")
SPARSE = 0.1  # features with a smaller share of entries other than 0 are kept sparse


class Graph(NamedTuple):
    """What an encoder reads: features, and the graph with its weights."""

    x: Tensor
    edge_index: Tensor
    edge_weight: Tensor


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
    return Graph(x, edge_index, weight)


class Encoder(torch.nn.Module):
    """A model of PyG or of this package, with dropout on its input."""

    def __init__(
        self, model: str, preset: Preset, in_channels: int, out_channels: int
    ) -> None:
        super().__init__()
        self.input_dropout = preset.input_dropout
        channels = (in_channels, preset.hidden_channels, preset.layers, out_channels)
        options: dict[str, Any] = {"dropout": preset.dropout, "act": preset.act}
        if model == "mlp":
            hidden = [preset.hidden_channels] * (preset.layers - 1)
            sizes = [in_channels, *hidden, out_channels]
            self.net: Any = MLP(sizes, norm=None, **options)
        else:
            if model not in EUCLIDEAN:
                options["curvature"] = preset.curvature
            if "gat" in model:
                options["heads"] = preset.heads
            build = (EUCLIDEAN | HYPERBOLIC | SCALED)[model]
            self.net = build(*channels, **options)
        self.dense = model in DENSE

    def forward(self, graph: Graph) -> Tensor:
        """Encodes all nodes, shape [N, out_channels]."""
        x = self._drop(graph.x)
        if self.dense and x.is_sparse:
            x = x.to_dense()
        if isinstance(self.net, MLP):
            return self.net(x)
        if not self.net.supports_edge_weight:
            return self.net(x, graph.edge_index)
        return self.net(x, graph.edge_index, graph.edge_weight)

    def _drop(self, x: Tensor) -> Tensor:
        if not x.is_sparse:
            return dropout(x, self.input_dropout, self.training)
        # Dropping stored entries only is the same, at a hundredth of the time.
        values = dropout(x.values(), self.input_dropout, self.training)
        return torch.sparse_coo_tensor(
            x.indices(), values, x.shape, is_coalesced=True, check_invariants=False
        )

    def curvature(self) -> Tensor | float:
        """The curvature that the output is to be read with; 0 if Euclidean."""
        last = self.net.convs[-1] if isinstance(self.net, BasicGNN) else self.net
        return last.curvature() if hasattr(last, "curvature") else 0.0


def curvatures(module: torch.nn.Module) -> dict[str, float]:
    """Every curvature of a model, by name."""
    return {
        name: child().item()
        for name, child in module.named_modules()
        if isinstance(child, Curvature)
    }
