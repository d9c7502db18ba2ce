# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
from typing import Any, Union

from torch import Tensor
from torch_geometric.typing import Adj, OptPairTensor, OptTensor

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.nn.conv.base import HyperbolicConv
from pyg_hyperbolic.nn.conv.edges import normalize as normalized


class NormalizingConv(HyperbolicConv):
    r"""A convolution that weighs its edges as
    :class:`~torch_geometric.nn.conv.GCNConv` does; not a layer by itself.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1`.
        out_channels (int): Size of each output sample.
        improved (bool): Whether self-loops get weight two.
        cached (bool): Whether to keep the normalized graph of the first execution.
        add_self_loops (bool, optional): Whether to add self-loops; by default as
            :obj:`normalize`.
        normalize (bool): Whether to normalize symmetrically.
        curvature (float or Curvature): See :class:`HyperbolicConv`.
        validate (bool): See :class:`HyperbolicConv`.
        **kwargs: Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool,
        cached: bool,
        add_self_loops: bool | None,
        normalize: bool,
        curvature: float | Curvature,
        validate: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, curvature, validate, **kwargs)
        if add_self_loops is None:
            add_self_loops = normalize
        if add_self_loops and not normalize:
            raise ValueError(
                f"'{type(self).__name__}' does not support adding self-loops to the "
                f"graph when no on-the-fly normalization is applied; pass "
                f"add_self_loops=False, or add them with the transform AddSelfLoops"
            )
        self.improved = improved
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self._cached_graph: tuple[Adj, OptTensor] | None = None

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, and forgets the graph."""
        super().reset_parameters()
        self._cached_graph = None

    def whole_graph(
        self, edge_index: Adj, edge_weight: OptTensor, num_nodes: int
    ) -> tuple[Adj, OptTensor]:
        """Adds normalized weights, and self-loops."""
        if not self.normalize:
            return edge_index, edge_weight
        return normalized(
            edge_index,
            edge_weight,
            num_nodes,
            self.improved,
            self.add_self_loops,
            self.flow,
            next(self.parameters()).dtype,
        )

    def _normalized(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        edge_weight: OptTensor,
        size: tuple[int, int],
    ) -> tuple[Adj, OptTensor]:
        """The graph to aggregate over, and its weights."""
        if self.normalize:
            if not isinstance(x, Tensor):
                raise ValueError(
                    f"'{type(self).__name__}' normalizes square graphs only; pass "
                    f"normalize=False for bipartite message passing, or other weights "
                    f"through 'edge_weight'"
                )
            graph = self._cached_graph
            if graph is None:
                nodes = x.shape[self.node_dim]
                graph = self.whole_graph(edge_index, edge_weight, nodes)
            if self.cached:
                self._cached_graph = graph
            edge_index, edge_weight = graph
        return self._fitted(edge_index, size), edge_weight
