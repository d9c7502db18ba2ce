# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import copy
import math
from typing import Any, Union, cast

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size
from torch_geometric.utils import is_sparse

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags, check_whole
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.geometry.rows import is_readable
from pyg_hyperbolic.kernels import Graph, graph_of, remembered
from pyg_hyperbolic.kernels.forms import check_edges, checked_size, weights_of
from pyg_hyperbolic.nn.conv.messages import HyperbolicMessagePassing
from pyg_hyperbolic.nn.points import add_bias, by_node, like
from pyg_hyperbolic.nn.validation import (
    check_aggregation,
    check_features,
    check_finite,
    check_graph,
    check_like_layer,
    check_nonnegative,
    check_widths,
)


class HyperbolicConv(HyperbolicMessagePassing):
    r"""What hyperbolic convolutions share; not a layer by itself.

    A subclass computes points in normal coordinates, and aggregates them by
    :meth:`_midpoints` or :meth:`_sums`.  Both call the kernels, unless a hook or an
    explainer wants to see or to change messages: then PyG's ``propagate`` computes the
    same numbers message by message.

    Args:
        in_channels (int or tuple): Size of each input sample, or a pair of sizes of
            source and target samples; :obj:`-1` derives it from the first input.
        out_channels (int): Size of each output sample.
        scale (bool): Whether midpoints are multiplied by the sum of the weights.
        curvature (CurvatureLike): Initial :math:`c > 0`, learned from there on,
            or a :class:`~pyg_hyperbolic.Curvature`.
        validate (bool): Whether every forward pass checks indices and weights.
        heads (int): Number of heads, each of which may have a curvature of its own.
        **kwargs: Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.
    """

    _takes_pairs = True  # of sizes, of sources and of targets

    def __init__(
        self,
        in_channels: Union[int, tuple[int, int]],
        out_channels: int,
        curvature: CurvatureLike,
        validate: bool,
        scale: bool = False,
        heads: int = 1,
        **kwargs: Any,
    ) -> None:
        check_widths(in_channels, out_channels, pairs=self._takes_pairs)
        check_flags(validate=validate, scale=scale)
        kwargs.setdefault("aggr", "add")
        check_aggregation(kwargs["aggr"])
        check_whole(-math.inf, node_dim=kwargs.get("node_dim", -2))
        super().__init__(**kwargs)
        self.fuse = False  # products with a sparse matrix are the kernels'
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.validate = validate
        self.scale = scale
        self.curvature = as_curvature(curvature, heads)

    def _reset_weights(self) -> None:
        """Draws new weights; the curvature stays as it is."""

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        super().reset_parameters()
        self._reset_weights()
        self.curvature.reset_parameters()

    def graph_settings(self) -> tuple[Any, ...]:
        """What :meth:`seen_graph` depends on; with equal ones layers see one graph."""
        return (self.flow,)

    def seen_graph(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor
    ) -> tuple[Adj, OptTensor]:
        """The edges and weights that messages really use, self-loops included.

        Args:
            edge_index: The graph, in any form.
            edge_weight: Edge weights, or edge features where the layer takes these.
            x: Features of the nodes that messages leave from.
        """
        return edge_index, edge_weight

    def on_seen_graph(self) -> "HyperbolicConv":
        """A copy with the same parameters, to be called with a :meth:`seen_graph`.

        Or with a part of one, as long as each target in it has all of its edges.
        """
        return copy.copy(self)

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
        return self._propagated(edge_index, size, x, edge_weight)

    def _midpoints(
        self,
        h: Tensor,
        bias: OptTensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Weighted midpoints of the neighbors, after a bias is added to each of them.

        With :obj:`scale` the midpoint is multiplied by the sum of the weights first,
        and the bias is added to that, as :class:`~torch_geometric.nn.conv.GCNConv` adds
        it to its sums.

        Args:
            h: Points that messages leave from.
            bias: One point, or :obj:`None`.
            edge_index: The graph, as :meth:`_prepared` returns it.
            edge_weight: Edge weights.
            c: Absolute value of the curvature.
            size: Numbers of nodes in the two rows of an edge index.
        """
        if self.scale and bias is not None:
            out = self._midpoints(h, None, edge_index, edge_weight, c, size)
            return add_bias(out, bias, c)
        if self._watched():
            return self._watched_midpoints(
                add_bias(h, bias, c), edge_index, edge_weight, c, size
            )
        graph, weight = graph_of(edge_index, edge_weight, size, self.flow)
        x = by_node(h, self.node_dim)
        if bias is not None and x.dim() == 3 and bias.dim() == 1:
            bias = bias.expand(x.size(1), -1)
        out = kernels.midpoint(x, graph, c, weight, bias)
        out = like(out, h, self.node_dim)
        if not self.scale:
            return out
        total = remembered(
            edge_index,
            (edge_weight,),
            ("total", size, self.flow),
            lambda: _total(graph, weight),
        )
        return self._scaled(out, total)

    def _ends(
        self,
        x: Union[Tensor, OptPairTensor],
        source_channels: int,
        target_channels: int | None,
    ) -> tuple[Tensor, OptTensor]:
        """Features of the nodes that messages come from, and of those they go to.

        Args:
            x: Node features, or a pair of source and target features.
            source_channels: How many features sources must have; -1 if not known yet.
            target_channels: How many targets must have, if the layer reads them.
        """
        if not (isinstance(x, tuple | list) and len(x) == 2):
            features = cast(Tensor, x)
            self._check_features(features, source_channels)
            return features, features
        source, target = x if self.flow == "source_to_target" else x[::-1]
        if source is None:  # nothing to send
            raise ValueError("'x' must hold features of the nodes that messages leave")
        self._check_features(source, source_channels)
        if target_channels is not None:
            if target is None:
                raise ValueError(
                    f"'x' must be a pair of two tensors for this "
                    f"'{type(self).__name__}', which reads the features of targets too "
                    f"(got None)"
                )
            self._check_features(target, target_channels)
        return source, target

    def _check_features(self, x: Tensor, channels: int) -> None:
        check_features(x, channels)
        check_like_layer(x, self)
        if self.node_dim % x.dim() == x.dim() - 1:
            raise ValueError(
                f"'node_dim' must not be the last axis, which has the features (got "
                f"{self.node_dim} and 'x' of shape {list(x.shape)})"
            )
        if self.validate:
            check_finite(x)

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

        The first four are those of the forward pass itself; for the others see
        :meth:`_ends` and :meth:`_checked`.

        Returns:
            Features of sources and targets, the graph, its weights and its size.
        """
        source, target = self._ends(x, source_channels, target_channels)
        check_edges(edge_index, edge_weight, source.device)
        size = self._size(source, target, edge_index, size)
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

    def _size(
        self, source: Tensor, target: OptTensor, edge_index: Adj, size: Size
    ) -> tuple[int, int]:
        """Numbers of nodes in the two rows of an edge index.

        Raises:
            ValueError: If :obj:`size` is not a size, or not that of the features.
        """
        forward = self.flow == "source_to_target"
        ends = (source, target) if forward else (target, source)
        rows = source.shape[self.node_dim]
        first, second = (rows if x is None else x.shape[self.node_dim] for x in ends)
        if is_sparse(edge_index):
            known = edge_index.size(1), edge_index.size(0)
            if target is None:  # the matrix knows its targets
                first, second = (first, known[1]) if forward else (known[0], second)
            if known != (first, second):
                names = ("target", "source") if forward else ("source", "target")
                raise ValueError(
                    f"'edge_index' must be a matrix of shape {[second, first]}, with a "
                    f"row for each {names[0]} and a column for each {names[1]}, to fit "
                    f"'x' (got {[*known[::-1]]})"
                )
        if size is None:
            return first, second
        given = checked_size(size)
        for x, own, asked in zip(ends, (first, second), given, strict=True):
            if x is not None and asked is not None and asked != own:
                raise ValueError(
                    f"'size' must be that of 'x', {(first, second)} (got {given}); "
                    f"leave it out where 'x' tells it"
                )
        first, second = (
            own if asked is None else asked
            for own, asked in zip((first, second), given, strict=True)
        )
        return first, second

    def _checked(
        self,
        edge_index: Adj,
        edge_weight: OptTensor,
        size: tuple[int, int],
        nonnegative: bool,
    ) -> None:
        """Checks every edge, if the layer was told to validate."""
        if self.validate:
            check_graph(edge_index, edge_weight, size, nonnegative)
        elif nonnegative:
            self._check_masses(edge_index, edge_weight)

    def _check_masses(self, edge_index: Adj, edge_weight: OptTensor) -> None:
        """Looks for negative weights, where no device has to be waited for.

        Weights that are not changed are looked at only once.
        """
        weight = weights_of(edge_index, edge_weight)
        if weight is not None and is_readable(weight):
            remembered(weight, (), "masses", lambda: check_nonnegative(weight))


def _total(graph: Graph, weight: OptTensor) -> Tensor:
    """The sum of the weights of each target, [M]."""
    ones = graph.source.new_ones(graph.num_sources, 1, dtype=torch.float32)
    if weight is not None and weight.is_floating_point():
        ones = ones.to(weight.dtype)
    return kernels.weighted_sum(ones, graph, weight).squeeze(-1)
