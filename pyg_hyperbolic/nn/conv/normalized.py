# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
from typing import Any

from torch import Tensor
from torch_geometric.typing import Adj, OptTensor

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.nn.conv.base import HyperbolicConv
from pyg_hyperbolic.nn.conv.edges import normalize as gcn_normalize


class NormalizedConv(HyperbolicConv):
    r"""Convolutions with the weights of :class:`~torch_geometric.nn.conv.GCNConv`.

    Not a layer by itself.  Arguments are those of :class:`HyperbolicConv`, and

    Args:
        improved (bool): If set to :obj:`True`, self-loops get weight two.
        cached (bool): If set to :obj:`True`, the layer keeps the normalized graph of
            its first execution.
        add_self_loops (bool, optional): Whether to add self-loops; by default as
            :obj:`normalize`.
        normalize (bool): Whether to normalize the graph on the fly.
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
        """Resets all learnable parameters, the curvature included."""
        super().reset_parameters()
        self._cached_graph = None

    def graph_settings(self) -> tuple[Any, ...]:
        """What :meth:`seen_graph` depends on."""
        own = self.normalize, self.improved, self.add_self_loops
        return *super().graph_settings(), *own

    def seen_graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor
    ) -> tuple[Adj, OptTensor]:
        """The graph with its self-loops and normalized weights."""
        if not self.normalize:
            return edge_index, edge_weight
        return gcn_normalize(
            edge_index,
            edge_weight,
            x.shape[self.node_dim],
            self.improved,
            self.add_self_loops,
            self.flow,
            x.dtype,
        )

    def on_seen_graph(self) -> HyperbolicConv:
        """A copy with the same parameters, which takes its graph for normalized."""
        conv = copy.copy(self)
        conv.normalize = False
        return conv

    def _graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor, bipartite: bool
    ) -> tuple[Adj, OptTensor]:
        if not self.normalize:
            return edge_index, edge_weight
        if bipartite:
            raise ValueError(
                f"'{type(self).__name__}' normalizes square graphs only; pass "
                f"normalize=False for bipartite message passing, or other weights "
                f"through 'edge_weight'"
            )
        if self._cached_graph is not None:
            return self._cached_graph
        graph = self.seen_graph(edge_index, edge_weight, x)
        if self.cached:
            self._cached_graph = graph
        return graph
