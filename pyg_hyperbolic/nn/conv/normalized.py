# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.typing import Adj, OptTensor, SparseTensor
from torch_geometric.utils import is_sparse

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature import CurvatureLike
from pyg_hyperbolic.kernels import remembered
from pyg_hyperbolic.kernels.forms import weights_of
from pyg_hyperbolic.kernels.operator import transformed
from pyg_hyperbolic.nn.conv.base import HyperbolicConv
from pyg_hyperbolic.nn.validation import check_graph


class NormalizedConv(HyperbolicConv):
    r"""Convolutions with the edge weights of :class:`~torch_geometric.nn.conv.GCNConv`.

    Not a layer by itself.  Its arguments are those of :class:`HyperbolicConv`, and:

    Args:
        improved (bool): If set to :obj:`True`, self-loops get weight two.
        cached (bool): If set to :obj:`True`, the layer keeps the normalized graph of
            its first execution.
        add_self_loops (bool, optional): Whether to add self-loops; by default as
            :obj:`normalize`.
        normalize (bool): Whether to normalize the graph on the fly.
    """

    _takes_pairs = False
    _cached_edge_index: tuple[Adj, OptTensor] | None
    _cached_adj_t: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool,
        cached: bool,
        add_self_loops: bool | None,
        normalize: bool,
        curvature: CurvatureLike,
        validate: bool,
        scale: bool,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels, out_channels, curvature, validate, scale, **kwargs
        )
        check_flags(
            improved=improved,
            cached=cached,
            add_self_loops=add_self_loops,
            normalize=normalize,
        )
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
        self._forget()

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        super().reset_parameters()
        self._forget()

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
        num_nodes = x.shape[self.node_dim]
        settings = num_nodes, self.improved, self.add_self_loops, self.flow, x.dtype
        return remembered(
            edge_index,
            (edge_weight,),
            ("gcn_norm", *settings),
            lambda: gcn_normalize(edge_index, edge_weight, *settings),
        )

    def on_seen_graph(self) -> HyperbolicConv:
        """A copy with the same parameters that treats its graph as normalized."""
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
        sparse = isinstance(edge_index, SparseTensor)
        known = self._cached_adj_t if sparse else self._cached_edge_index
        if known is None:
            graph = self.seen_graph(edge_index, edge_weight, x)
        else:
            graph = (known, None) if sparse else known
        if self.validate:
            _check_normalized(weights_of(*graph))
        # Tensors of a transformation by torch.func are of no use after it.
        if known is None and self.cached and not transformed():
            if sparse:
                self._cached_adj_t = graph[0]
            else:
                self._cached_edge_index = graph
        return graph

    def _forget(self) -> None:
        """Empties the cache.  Its names are those of GCNConv, as users set them."""
        self._cached_edge_index = None
        self._cached_adj_t = None


def _check_normalized(weight: OptTensor) -> None:
    if weight is not None and not bool(weight.isfinite().all()):
        raise ValueError(
            f"'edge_weight' must have a finite sum >= 0 at each node to be normalized "
            f"(got {int((~weight.isfinite()).sum())} that are no numbers afterwards); "
            f"pass normalize=False for signed weights"
        )


def gcn_normalize(
    edge_index: Adj,
    edge_weight: OptTensor,
    num_nodes: int,
    improved: bool,
    add_self_loops: bool,
    flow: str,
    dtype: torch.dtype,
) -> tuple[Adj, OptTensor]:
    """PyG's symmetric normalization; :obj:`improved` also works without weights.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        num_nodes: Number of nodes.
        improved: Whether self-loops get weight two.
        add_self_loops: Whether to add self-loops.
        flow: Direction of the messages.
        dtype: Dtype of the weights if none are given.
    """
    if isinstance(edge_index, EdgeIndex):
        edge_index = edge_index.as_tensor()
    if edge_weight is not None and not edge_weight.is_floating_point():
        edge_weight = edge_weight.to(dtype)
    if edge_weight is None and not is_sparse(edge_index):
        # Without weights, gcn_norm would ignore `improved`.
        edge_weight = torch.ones(
            edge_index.size(1), dtype=dtype, device=edge_index.device
        )
    settings = num_nodes, improved, add_self_loops, flow, dtype
    try:
        out = gcn_norm(edge_index, edge_weight, *settings)
    except (IndexError, RuntimeError):  # there may be no such node
        check_graph(edge_index, None, (num_nodes, num_nodes), nonnegative=False)
        raise
    return (out, None) if isinstance(out, SparseTensor) else out
