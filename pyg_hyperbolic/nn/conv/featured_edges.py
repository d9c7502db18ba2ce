# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
from typing import Any, Union

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import add_self_loops, remove_self_loops

from pyg_hyperbolic.kernels import edges, remembered
from pyg_hyperbolic.nn.conv.base import HyperbolicConv
from pyg_hyperbolic.nn.validation import (
    check_features,
    check_finite,
    check_like_layer,
)


class FeaturedEdgesConv(HyperbolicConv):
    """A convolution whose edges have features in place of weights.

    Attributes:
        add_self_loops: Whether self-loops are added to the graph.
        edge_dim: Size of the features, :obj:`None` if they are not read.
        fill_value: Features of the self-loops that are added.
    """

    add_self_loops: bool
    edge_dim: int | None
    fill_value: Union[float, Tensor, str]

    def _checked_attr(self, edge_attr: OptTensor, edge_index: Adj) -> OptTensor:
        """Edge features with an axis of features, if the layer reads any."""
        if edge_attr is None or self.edge_dim is None:
            return None
        check_features(edge_attr, -1, "edge_attr", axes=1)
        check_like_layer(edge_attr, self, "edge_attr")
        count = edges(edge_index, None)[0].numel()
        if edge_attr.dim() == 1 and self.edge_dim == 1:
            edge_attr = edge_attr.view(-1, 1)
        if edge_attr.shape != (count, self.edge_dim):
            raise ValueError(
                f"'edge_attr' must have the shape [{count}, {self.edge_dim}]: "
                f"'edge_dim' features of every edge (got {list(edge_attr.shape)})"
            )
        if self.validate:
            check_finite(edge_attr, "edge_attr")
        return edge_attr

    def graph_settings(self) -> tuple[Any, ...]:
        """What :meth:`seen_graph` depends on."""
        return *super().graph_settings(), self.add_self_loops

    def seen_graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor
    ) -> tuple[Tensor, OptTensor]:
        """The graph with self-loops, and edge features in place of weights."""
        edge_attr = self._checked_attr(edge_weight, edge_index)
        return self._with_loops(edge_index, edge_attr, x.shape[self.node_dim])

    def on_seen_graph(self) -> HyperbolicConv:
        """A copy with the same parameters that adds no self-loops."""
        conv = copy.copy(self)
        conv.add_self_loops = False
        return conv

    def _with_loops(
        self, edge_index: Adj, edge_attr: OptTensor, num_nodes: int
    ) -> tuple[Tensor, OptTensor]:
        if edge_attr is not None:
            return self._new_loops(edge_index, edge_attr, num_nodes)
        key = "self-loops", self.add_self_loops, num_nodes
        return remembered(
            edge_index, (), key, lambda: self._new_loops(edge_index, None, num_nodes)
        )

    def _new_loops(
        self, edge_index: Adj, edge_attr: OptTensor, num_nodes: int
    ) -> tuple[Tensor, OptTensor]:
        first, second, _ = edges(edge_index, None)
        ends = torch.stack([first, second])
        if not self.add_self_loops:
            return ends, edge_attr
        ends, attr = remove_self_loops(ends, edge_attr)
        return add_self_loops(ends, attr, self.fill_value, num_nodes)
