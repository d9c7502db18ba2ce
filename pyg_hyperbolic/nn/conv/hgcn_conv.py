# No `__all__` here: PyG's `propagate` template imports the type names of its hooks
# from this module with a star, and would silently take a slower path without them.
# For the same reason optional types are written `OptTensor`, not `Tensor | None`.
from typing import Any, Union

from torch import Tensor, autocast, empty, float32, promote_types
from torch.compiler import is_compiling
from torch.nn import Parameter
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv import MessagePassing
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros
from torch_geometric.typing import (
    Adj,
    OptPairTensor,
    OptTensor,
    Size,
)
from torch_geometric.utils import spmm

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.geometry import compiled, fused
from pyg_hyperbolic.geometry.gyro import gyro_add, log
from pyg_hyperbolic.geometry.midpoint import drop, lift
from pyg_hyperbolic.nn.conv.compiled import midpoints as compiled_midpoints
from pyg_hyperbolic.nn.conv.edges import fit, normalize
from pyg_hyperbolic.nn.conv.local import tangent_sums
from pyg_hyperbolic.nn.conv.second_pass import midpoints
from pyg_hyperbolic.nn.conv.validation import check_features, check_graph

AGGREGATIONS = ("midpoint", "tangent", "local")


class HGCNConv(MessagePassing):
    r"""The hyperbolic graph convolution of the `"Hyperbolic Graph Convolutional
    Neural Networks" <https://arxiv.org/abs/1910.12933>`_ paper, as a drop-in for
    :class:`~torch_geometric.nn.conv.GCNConv`.

    .. math::
        \mathbf{x}^{\prime}_i = \operatorname{agg}_{j \in \mathcal{N}(i) \cup \{ i \}}
        \left( \mathbf{W} \mathbf{x}_j \oplus_c \mathbf{b} \right)

    Features are points of the hyperbolic space of curvature :math:`-c`, in normal
    coordinates (see :mod:`pyg_hyperbolic.geometry`): plain vectors, any of which is a
    point, so that other layers can stand before and behind this one.  With the edge
    weights :math:`w_{ij}` of :class:`~torch_geometric.nn.conv.GCNConv` and
    :math:`\mathbf{h}_j = \mathbf{W} \mathbf{x}_j \oplus_c \mathbf{b}`, aggregation is

    - ``"midpoint"``: the weighted hyperbolic mean (Lorentz centroid) of the
      :math:`\mathbf{h}_j`.  Only the ratios of a node's weights matter, and they
      must not be negative;
    - ``"tangent"``: :math:`\sum_j w_{ij} \mathbf{h}_j`, the original's aggregation at
      the origin.  Without a bias this is :class:`GCNConv`, whatever the curvature;
    - ``"local"``: :math:`\mathbf{h}_i \oplus_c \sum_j w_{ij} \left( (-\mathbf{h}_i)
      \oplus_c \mathbf{h}_j \right)`, in the tangent space at the target.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the size
            from the first input to the forward method.
        out_channels (int): Size of each output sample.
        improved (bool, optional): If set to :obj:`True`, self-loops get weight two.
            (default: :obj:`False`)
        cached (bool, optional): If set to :obj:`True`, the layer keeps the
            normalized graph of its first execution, for transductive learning.
            (default: :obj:`False`)
        add_self_loops (bool, optional): Whether to add self-loops; by default as
            :obj:`normalize`. (default: :obj:`None`)
        normalize (bool, optional): Whether to add self-loops and compute symmetric
            normalization coefficients on the fly. (default: :obj:`True`)
        bias (bool, optional): If set to :obj:`False`, the layer will not learn a
            bias. (default: :obj:`True`)
        curvature (float or Curvature, optional): Initial :math:`c > 0`, the absolute
            value of the sectional curvature, learned from there on; or a
            :class:`~pyg_hyperbolic.Curvature`, which layers may share.
            (default: :obj:`1.0`)
        aggregation (str, optional): ``"midpoint"``, ``"tangent"`` or ``"local"``.
            (default: :obj:`"midpoint"`)
        validate (bool, optional): If set to :obj:`True`, every forward pass also
            checks the range of :obj:`edge_index` and the values of
            :obj:`edge_weight`, which takes time. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **input:**
          node features :math:`(|\mathcal{V}|, F_{in})` or, with
          :obj:`normalize=False`, :math:`((|\mathcal{V_s}|, F_{in}),
          (|\mathcal{V_t}|, F_{in}))` for a bipartite graph,
          edge indices :math:`(2, |\mathcal{E}|)`
          or sparse matrix :math:`(|\mathcal{V}|, |\mathcal{V}|)`,
          edge weights :math:`(|\mathcal{E}|)` *(optional)*
        - **output:** node features :math:`(|\mathcal{V}|, F_{out})` or
          :math:`(|\mathcal{V_t}|, F_{out})`

    Raises:
        ValueError: On unknown or contradictory arguments, features of another width
            than :obj:`in_channels`, a bipartite graph with :obj:`normalize=True`;
            with :obj:`validate=True` also on indices out of range and on weights that
            are not finite, or negative with ``"midpoint"``.
    """

    SUPPORTS_FUSED_EDGE_INDEX = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        improved: bool = False,
        cached: bool = False,
        add_self_loops: bool | None = None,
        normalize: bool = True,
        bias: bool = True,
        *,
        curvature: float | Curvature = 1.0,
        aggregation: str = "midpoint",
        validate: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("aggr", "add")
        super().__init__(**kwargs)

        if add_self_loops is None:
            add_self_loops = normalize
        if add_self_loops and not normalize:
            raise ValueError(
                f"'{type(self).__name__}' does not support adding self-loops to the "
                f"graph when no on-the-fly normalization is applied; pass "
                f"add_self_loops=False, or add them with the transform AddSelfLoops"
            )
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f"'aggregation' must be one of {', '.join(AGGREGATIONS)} "
                f"(got {aggregation!r})"
            )
        if aggregation == "midpoint" and self.aggr not in ("add", "sum", "mean"):
            raise ValueError(
                f"'aggr' must be 'add' or 'mean' for aggregation='midpoint', which "
                f"is a mean already (got {self.aggr!r}); use aggregation='tangent' "
                f"for other reductions"
            )
        if aggregation == "local":
            if self.decomposed_layers > 1:
                raise ValueError(
                    f"'decomposed_layers' must be 1 for aggregation='local', whose "
                    f"messages depend on all channels (got {self.decomposed_layers})"
                )
            self.fuse = False  # a message depends on both ends of its edge

        self.in_channels = in_channels
        self.out_channels = out_channels
        self.improved = improved
        self.cached = cached
        self.add_self_loops = add_self_loops
        self.normalize = normalize
        self.aggregation = aggregation
        self.validate = validate

        self._cached_graph: tuple[Adj, OptTensor] | None = None

        self.lin = Linear(
            in_channels, out_channels, bias=False, weight_initializer="glorot"
        )
        if not isinstance(curvature, Curvature):
            curvature = Curvature(curvature)
        self.curvature = curvature
        if bias:
            self.bias = Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)

        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        super().reset_parameters()
        self.lin.reset_parameters()
        self.curvature.reset_parameters()
        zeros(self.bias)
        self._cached_graph = None

    def forward(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        edge_weight: OptTensor = None,
        size: Size = None,
    ) -> Tensor:
        """Runs the layer.

        Args:
            x: Node features, or a pair of source and target features.
            edge_index: Edge indices, an :class:`~torch_geometric.EdgeIndex`, or the
                transposed adjacency as a sparse tensor.
            edge_weight: Edge weights.
            size: The numbers of source and target nodes of a bipartite graph, where
                :obj:`x` does not tell them.
        """
        source, target = self._ends(x)
        size = self._size(source, target, size)
        if self.validate:
            check_graph(edge_index, edge_weight, size, self.aggregation == "midpoint")
        if self.normalize:
            edge_index, edge_weight = self._normalized(edge_index, edge_weight, source)
        if isinstance(edge_index, EdgeIndex):
            fuse = self.fuse and self.flow == "source_to_target"
            edge_index = fit(edge_index, size, fuse)

        c = self.curvature()
        if self.aggregation == "midpoint" and not self.explain:
            return self._midpoint(self.lin(source), edge_index, edge_weight, c, size)
        h = self._transform(source, c)
        if self.aggregation == "local":
            h_target = h if target is source else self._transform(target, c)
            # In half precision every step on the way would be rounded.
            dtype = h.dtype
            h, h_target = (
                point.to(promote_types(dtype, float32)) for point in (h, h_target)
            )
            if self._plain():
                out = tangent_sums(h, h_target, edge_index, edge_weight, c, self.flow)
                return gyro_add(h_target, out, c).to(dtype)
            # propagate_type: (x: Tensor, target: OptTensor, edge_weight: OptTensor, c: OptTensor)  # noqa: E501
            out = self.propagate(
                edge_index,
                x=h,
                target=h_target,
                edge_weight=edge_weight,
                c=c,
                size=size,
            )
            return gyro_add(h_target, out, c).to(dtype)
        # Points are lifted before and taken back after `propagate`, which hooks,
        # explainers and feature decomposition may call piece by piece.
        midpoint = self.aggregation == "midpoint"
        columns, shift = lift(h, c) if midpoint else (h, None)
        out = self.propagate(
            edge_index,
            x=columns,
            target=None,
            edge_weight=edge_weight,
            c=c,
            size=size,
        )
        # Explanations mask messages: they have one pass alone, in double precision.
        return out if shift is None else drop(out, shift, c).to(h.dtype)

    def _midpoint(
        self,
        h: Tensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Midpoints in the cheapest way that is right at these radii."""
        bias = h.new_zeros(h.size(-1)) if self.bias is None else self.bias
        num_targets = size[1 if self.flow == "source_to_target" else 0]
        if is_compiling():
            return compiled_midpoints(
                h, bias, edge_index, edge_weight, c, num_targets, self.flow
            )
        columns = fused.bias_lift(h, bias, c)
        if columns is None:
            points = gyro_add(h, bias, c)
            out = midpoints(points, edge_index, edge_weight, c, num_targets, self.flow)
            return out.to(h.dtype)
        with autocast(h.device.type, enabled=False):  # it would round the time
            out = self.propagate(
                edge_index,
                x=columns,
                target=None,
                edge_weight=edge_weight,
                c=c,
                size=size,
            )
        return fused.drop(out, c).to(h.dtype)

    def message(
        self, x_j: Tensor, target_i: OptTensor, edge_weight: OptTensor, c: OptTensor
    ) -> Tensor:
        """A neighbor's columns, or its log map at the target, times the weight."""
        if target_i is not None:
            x_j = log(target_i, x_j, c)
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

    def _ends(self, x: Union[Tensor, OptPairTensor]) -> tuple[Tensor, OptTensor]:
        """Features of the nodes that messages come from, and of those they go to."""
        if isinstance(x, Tensor):
            check_features(x, self.lin.in_channels)
            return x, x
        if self.normalize:
            raise ValueError(
                f"'{type(self).__name__}' normalizes square graphs only; pass "
                f"normalize=False for bipartite message passing, or other weights "
                f"through 'edge_weight'"
            )
        source, target = x if self.flow == "source_to_target" else x[::-1]
        if source is None:
            raise ValueError("'x' must hold features of the nodes that messages leave")
        if target is None and self.aggregation == "local":
            raise ValueError(
                "'x' must be a pair of two tensors for aggregation='local', which "
                "aggregates in the tangent space at the target (got None)"
            )
        check_features(source, self.lin.in_channels)
        if target is not None and self.aggregation == "local":
            check_features(target, self.lin.in_channels)
        return source, target

    def _size(self, source: Tensor, target: OptTensor, size: Size) -> tuple[int, int]:
        """Numbers of nodes in the two rows of an edge index."""
        if size is not None:
            return size
        num_source = source.shape[self.node_dim]
        num_target = num_source if target is None else target.shape[self.node_dim]
        forward = self.flow == "source_to_target"
        return (num_source, num_target) if forward else (num_target, num_source)

    def _transform(self, x: Tensor, c: Tensor) -> Tensor:
        h = self.lin(x)
        add = compiled.bias_sum if is_compiling() else fused.bias_sum
        return h if self.bias is None else add(h, self.bias, c)

    def _normalized(
        self, edge_index: Adj, edge_weight: OptTensor, x: Tensor
    ) -> tuple[Adj, OptTensor]:
        if self._cached_graph is not None:
            return self._cached_graph
        graph = normalize(
            edge_index,
            edge_weight,
            x.shape[self.node_dim],
            self.improved,
            self.add_self_loops,
            self.flow,
            self.lin.weight.dtype,
        )
        if self.cached:
            self._cached_graph = graph
        return graph
