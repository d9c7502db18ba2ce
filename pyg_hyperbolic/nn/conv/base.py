# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
from functools import partial
from typing import Any, Union

from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size
from torch_geometric.utils import spmm

from pyg_hyperbolic.curvature import Curvature, as_curvature
from pyg_hyperbolic.geometry.midpoint import drop, lift
from pyg_hyperbolic.nn.conv.edges import fit
from pyg_hyperbolic.nn.conv.ops import add_bias, midpoints
from pyg_hyperbolic.nn.conv.validation import check_edges, check_features, check_graph


class HyperbolicConv(MessagePassing):
    r"""What hyperbolic convolutions have in common; not a layer by itself.

    A subclass computes points in normal coordinates, and aggregates them by
    :meth:`_midpoints` or by its own ``propagate``.

    Args:
        in_channels (int or tuple): Size of each input sample, or a pair of sizes of
            source and target samples; :obj:`-1` derives it from the first input.
        out_channels (int): Size of each output sample.
        curvature (float or Curvature): Initial :math:`c > 0`, learned from there on,
            or a :class:`~pyg_hyperbolic.Curvature`.
        validate (bool): Whether :meth:`_checked` looks at indices and weights.
        **kwargs: Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(
        self,
        in_channels: Union[int, tuple[int, int]],
        out_channels: int,
        curvature: float | Curvature,
        validate: bool,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.validate = validate
        self.curvature = as_curvature(curvature)

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        super().reset_parameters()
        self.curvature.reset_parameters()

    def graph_settings(self) -> tuple[Any, ...]:
        """What :meth:`seen_graph` depends on: alike, layers see the same graph."""
        return (self.flow,)

    def seen_graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor
    ) -> tuple[Adj, OptTensor]:
        """The edges and weights that messages really have, self-loops and all.

        Args:
            edge_index: The graph, in any form.
            edge_weight: Edge weights.
            x: Features of the nodes that messages leave from.
        """
        return edge_index, edge_weight

    def on_seen_graph(self) -> "HyperbolicConv":
        """A copy with the same parameters that takes a graph of :meth:`seen_graph`.

        It may be a part of one, whose targets have all their edges.
        """
        return copy.copy(self)

    def message(self, x_j: Tensor, edge_weight: OptTensor) -> Tensor:
        """A neighbor's columns times the weight."""
        return x_j if edge_weight is None else edge_weight.view(-1, 1) * x_j

    def message_and_aggregate(
        self, adj_t: Adj, x: Tensor, edge_weight: OptTensor
    ) -> Tensor:
        """The weighted sum as one sparse matrix product."""
        if isinstance(adj_t, EdgeIndex):
            if edge_weight is None:  # its own default is float32
                edge_weight = x.new_ones(adj_t.size(1))
            edge_weight = edge_weight.to(x.dtype)
            if adj_t.num_rows == adj_t.num_cols or edge_weight.requires_grad:
                return adj_t.matmul(x, edge_weight, reduce=self.aggr, transpose=True)
            # That product's backward pass takes the matrix to be square.
            adj_t = adj_t.to_sparse_csc(edge_weight).t()
        return spmm(adj_t.to(x.dtype), x, reduce=self.aggr)

    def _sums(
        self, x: Tensor, edge_index: Adj, edge_weight: OptTensor, size: tuple[int, int]
    ) -> Tensor:
        """Weighted sums over the neighbors of every target."""
        # propagate_type: (x: Tensor, edge_weight: OptTensor)
        return self.propagate(edge_index, x=x, edge_weight=edge_weight, size=size)

    def _midpoints(
        self,
        h: Tensor,
        bias: OptTensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Midpoints of neighbors plus a bias, the cheapest way right at their radii.

        Args:
            h: Points that messages leave from.
            bias: One point, added to each of them, or :obj:`None`.
            edge_index: The graph, as :meth:`_checked` returns it.
            edge_weight: Edge weights.
            c: Absolute value of the curvature.
            size: Numbers of nodes in the two rows of an edge index.
        """
        if self.explain:  # masks messages: one pass alone, in double precision
            lifted, shift = lift(add_bias(h, bias, c), c)
            out = self._sums(lifted, edge_index, edge_weight, size)
            return drop(out, shift, c).to(h.dtype)
        # Points are lifted before and taken back after `propagate`, which hooks and
        # feature decomposition may call piece by piece.
        num_targets = size[1 if self.flow == "source_to_target" else 0]
        total = partial(
            self._sums, edge_index=edge_index, edge_weight=edge_weight, size=size
        )
        return midpoints(
            h, bias, edge_index, edge_weight, c, num_targets, self.flow, total
        )

    def _plain(self) -> bool:
        """Whether nobody wants to see the messages, or another reduction of them."""
        hooks = (
            self._propagate_forward_pre_hooks,
            self._propagate_forward_hooks,
            self._message_forward_pre_hooks,
            self._message_forward_hooks,
            self._aggregate_forward_pre_hooks,
            self._aggregate_forward_hooks,
        )
        return self.aggr in ("add", "sum") and not (self.explain or any(hooks))

    def _ends(
        self,
        x: Union[Tensor, OptPairTensor],
        source_channels: int,
        target_channels: int | None,
    ) -> tuple[Tensor, OptTensor]:
        """Features of the nodes that messages come from, and of those they go to.

        Args:
            x: Node features, or a pair of source and target features.
            source_channels: How many of them sources must have; -1 is not known yet.
            target_channels: How many targets must have, if the layer reads them.
        """
        if isinstance(x, Tensor):
            check_features(x, source_channels)
            return x, x
        source, target = x if self.flow == "source_to_target" else x[::-1]
        if source is None:
            raise ValueError("'x' must hold features of the nodes that messages leave")
        check_features(source, source_channels)
        if target_channels is not None:
            if target is None:
                raise ValueError(
                    f"'x' must be a pair of two tensors for this "
                    f"'{type(self).__name__}', which reads the features of targets too "
                    f"(got None)"
                )
            check_features(target, target_channels)
        return source, target

    def _prepared(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        edge_weight: OptTensor,
        size: Size,
        source_channels: int,
        target_channels: int | None = None,
        nonnegative: bool = True,
    ) -> tuple[Tensor, OptTensor, Adj, OptTensor, tuple[int, int]]:
        """The arguments of a forward pass, checked and made ready for ``propagate``.

        The first of them are its own, the others those of :meth:`_ends` and
        :meth:`_checked`.

        Returns:
            Features of sources and targets, the graph, its weights and its size.
        """
        source, target = self._ends(x, source_channels, target_channels)
        size = self._size(source, target, size)
        self._checked(edge_index, edge_weight, size, nonnegative)
        bipartite = not isinstance(x, Tensor)
        edge_index, edge_weight = self._graph(
            edge_index, edge_weight, source, bipartite
        )
        return source, target, self._fitted(edge_index, size), edge_weight, size

    def _graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor, bipartite: bool
    ) -> tuple[Adj, OptTensor]:
        """:meth:`seen_graph` of a forward pass."""
        return self.seen_graph(edge_index, edge_weight, x)

    def _size(self, source: Tensor, target: OptTensor, size: Size) -> tuple[int, int]:
        """Numbers of nodes in the two rows of an edge index."""
        if size is not None:
            return size
        num_source = source.shape[self.node_dim]
        num_target = num_source if target is None else target.shape[self.node_dim]
        forward = self.flow == "source_to_target"
        return (num_source, num_target) if forward else (num_target, num_source)

    def _checked(
        self,
        edge_index: Adj,
        edge_weight: OptTensor,
        size: tuple[int, int],
        nonnegative: bool,
    ) -> None:
        """Looks at the graph's shape, and at every edge if told to validate."""
        check_edges(edge_index)
        if self.validate:
            check_graph(edge_index, edge_weight, size, nonnegative)

    def _fitted(self, edge_index: Adj, size: tuple[int, int]) -> Adj:
        """The graph in the form that ``propagate`` is right for."""
        if isinstance(edge_index, EdgeIndex):
            fuse = self.fuse and self.flow == "source_to_target"
            return fit(edge_index, size, fuse)
        return edge_index
