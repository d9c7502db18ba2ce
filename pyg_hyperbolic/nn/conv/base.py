# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
from typing import Any, Union

from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size

from pyg_hyperbolic import kernels
from pyg_hyperbolic.curvature import Curvature, as_curvature
from pyg_hyperbolic.geometry.midpoint import drop, lift
from pyg_hyperbolic.kernels import graph_of
from pyg_hyperbolic.nn.points import add_bias, by_node, like
from pyg_hyperbolic.nn.validation import check_edges, check_features, check_graph


class HyperbolicConv(MessagePassing):
    r"""What hyperbolic convolutions have in common; not a layer by itself.

    A subclass computes points in normal coordinates, and aggregates them by
    :meth:`_midpoints` or :meth:`_sums`.  Both take the kernels, unless somebody wants
    to see or to change messages, by a hook or for an explanation: then they are PyG's
    ``propagate`` of the same numbers.

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
        self.fuse = False  # products with a sparse matrix are the kernels'
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

    def _sums(
        self,
        x: Tensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Weighted sums over the neighbors of every target."""
        if self.aggr in ("add", "sum") and not self._watched():
            graph, weight = graph_of(edge_index, edge_weight, size, self.flow)
            out = kernels.weighted_sum(by_node(x, self.node_dim), graph, weight)
            return like(out, x, self.node_dim)
        return self._messages(x, edge_index, edge_weight, size)

    def _messages(
        self, x: Tensor, edge_index: Adj, edge_weight: OptTensor, size: tuple[int, int]
    ) -> Tensor:
        """The same message by message."""
        if isinstance(edge_index, EdgeIndex):
            edge_index = edge_index.as_tensor()
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
        """Weighted midpoints of neighbors, a bias added to each of them.

        Args:
            h: Points that messages leave from.
            bias: One point, or :obj:`None`.
            edge_index: The graph, as :meth:`_prepared` returns it.
            edge_weight: Edge weights.
            c: Absolute value of the curvature.
            size: Numbers of nodes in the two rows of an edge index.
        """
        if self._watched():
            # A message is a point of the hyperboloid, and so is a sum of them.
            columns, shift = lift(add_bias(h, bias, c), c)
            sums = self._messages(columns, edge_index, edge_weight, size)
            return drop(sums, shift, c).to(h.dtype)
        graph, weight = graph_of(edge_index, edge_weight, size, self.flow)
        x = by_node(h, self.node_dim)
        if bias is not None and x.dim() == 3 and bias.dim() == 1:
            bias = bias.expand(x.size(1), -1)
        out = kernels.midpoint(x, graph, c, weight, bias)
        return like(out, h, self.node_dim)

    def _watched(self) -> bool:
        """Whether somebody wants to see the messages, or to change them."""
        return bool(
            self.explain
            or self._propagate_forward_pre_hooks
            or self._propagate_forward_hooks
            or self._message_forward_pre_hooks
            or self._message_forward_hooks
            or self._aggregate_forward_pre_hooks
            or self._aggregate_forward_hooks
        )

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
        return source, target, edge_index, edge_weight, size

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
