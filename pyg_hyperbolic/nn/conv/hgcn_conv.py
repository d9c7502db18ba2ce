# No `__all__` here: PyG's `propagate` template imports the type names of its hooks
# from this module with a star, and would silently take a slower path without them.
# For the same reason optional types are written `OptTensor`, not `Tensor | None`.
from typing import Any, Union

from torch import Tensor, empty, float32, promote_types
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature import CurvatureLike
from pyg_hyperbolic.geometry.gyro import log
from pyg_hyperbolic.kernels import graph_of
from pyg_hyperbolic.nn.conv.normalized import NormalizedConv
from pyg_hyperbolic.nn.points import add, add_bias, by_node, like
from pyg_hyperbolic.nn.validation import check_mean

AGGREGATIONS = ("midpoint", "tangent", "local")


class HGCNConv(NormalizedConv):
    r"""The hyperbolic graph convolution of the `"Hyperbolic Graph Convolutional
    Neural Networks" <https://arxiv.org/abs/1910.12933>`_ paper, as a drop-in for
    :class:`~torch_geometric.nn.conv.GCNConv`.

    .. math::
        \mathbf{x}^{\prime}_i = \operatorname{agg}_{j \in \mathcal{N}(i) \cup \{ i \}}
        \left( \mathbf{W} \mathbf{x}_j \oplus_c \mathbf{b} \right)

    Features are points of the hyperbolic space of curvature :math:`-c`, in normal
    coordinates (see :mod:`pyg_hyperbolic.geometry`): plain vectors, each of which is a
    point, so that other layers can come before and after this one.  With the edge
    weights :math:`w_{ij}` of :class:`~torch_geometric.nn.conv.GCNConv` and
    :math:`\mathbf{h}_j = \mathbf{W} \mathbf{x}_j \oplus_c \mathbf{b}`, aggregation is

    - ``"midpoint"``: the weighted hyperbolic mean (Lorentz centroid) of the
      :math:`\mathbf{h}_j`, as in the `"Lorentzian Graph Convolutional Networks"
      <https://arxiv.org/abs/2104.07477>`_ paper.  Only the ratios of a node's weights
      matter, and they must not be negative;
    - ``"tangent"``: :math:`\sum_j w_{ij} \mathbf{h}_j`, the paper's aggregation in the
      tangent space at the origin.  Without a bias this is :class:`GCNConv`, whatever
      the curvature;
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
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, the absolute
            value of the sectional curvature, learned from there on; or a
            :class:`~pyg_hyperbolic.Curvature`, which layers may share.
            (default: :obj:`1.0`)
        aggregation (str, optional): ``"midpoint"``, ``"tangent"`` or ``"local"``.
            (default: :obj:`"midpoint"`)
        scale (bool, optional): If set to :obj:`True`, the midpoint is multiplied by
            :math:`\sum_j w_{ij}` before the bias is added, so that for :math:`c \to 0`
            the layer is :class:`GCNConv`.  For classes, not for links: the degree of a
            node would scale its point. (default: :obj:`False`)
        validate (bool, optional): If set to :obj:`True`, every forward pass also
            checks that features, indices and weights are finite and in range, which
            takes time. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **input:**
          node features :math:`(|\mathcal{V}|, F_{in})` or, with
          :obj:`normalize=False`, :math:`((|\mathcal{V_s}|, F_{in}),
          (|\mathcal{V_t}|, F_{in}))` for a bipartite graph,
          edge indices :math:`(2, |\mathcal{E}|)`
          or sparse matrix :math:`(|\mathcal{V}|, |\mathcal{V}|)`,
          edge weights :math:`(|\mathcal{E}|)` *(optional)*.
          Several sets of features on one graph are
          :math:`(*, |\mathcal{V}|, F_{in})`.
        - **output:** node features :math:`(|\mathcal{V}|, F_{out})` or
          :math:`(|\mathcal{V_t}|, F_{out})`

    Raises:
        ValueError: On unknown or contradictory arguments, features of another width
            than :obj:`in_channels`, a bipartite graph with :obj:`normalize=True`;
            on a CPU indices out of range and, with ``"midpoint"``, negative weights;
            with :obj:`validate=True` these on any device, and features and weights that
            are not finite.
    """

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
        curvature: CurvatureLike = 1.0,
        aggregation: str = "midpoint",
        scale: bool = False,
        validate: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            improved,
            cached,
            add_self_loops,
            normalize,
            curvature,
            validate,
            scale,
            **kwargs,
        )
        if aggregation not in AGGREGATIONS:
            raise ValueError(
                f"'aggregation' must be one of {', '.join(AGGREGATIONS)} "
                f"(got {aggregation!r})"
            )
        if scale and self.aggr == "mean":
            raise ValueError(
                "'scale' is for sums: with aggr='mean' the midpoint is a mean as it "
                "is; pass scale=False"
            )
        if aggregation == "midpoint":
            check_mean(
                self.aggr,
                "aggregation='midpoint'",
                "; use aggregation='tangent' for other reductions",
            )
        if scale and aggregation != "midpoint":
            raise ValueError(
                f"'scale' is for aggregation='midpoint', others sum weights already "
                f"(got aggregation={aggregation!r})"
            )
        if aggregation == "local" and self.decomposed_layers > 1:
            raise ValueError(
                f"'decomposed_layers' must be 1 for aggregation='local', whose "
                f"messages depend on all channels (got {self.decomposed_layers})"
            )

        check_flags(bias=bias)
        self.aggregation = aggregation

        self.lin = Linear(
            in_channels, out_channels, bias=False, weight_initializer="glorot"
        )
        if bias:
            self.bias = Parameter(empty(out_channels))
        else:
            self.register_parameter("bias", None)

        self._reset_weights()

    def _reset_weights(self) -> None:
        self.lin.reset_parameters()
        zeros(self.bias)

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
        channels = self.lin.in_channels
        local = self.aggregation == "local"
        source, target, edge_index, edge_weight, size = self._prepared(
            x,
            edge_index,
            edge_weight,
            size,
            source_channels=channels,
            target_channels=channels if local else None,
            nonnegative=self.aggregation == "midpoint",
        )

        h = self.lin(source)
        c = self.curvature(h)
        if self.aggregation == "midpoint":
            return self._midpoints(h, self.bias, edge_index, edge_weight, c, size)
        h = add_bias(h, self.bias, c)
        if not local:
            return self._sums(h, edge_index, edge_weight, size)
        same = target is source
        target = h if same else add_bias(self.lin(target), self.bias, c)
        return self._local(h, target, edge_index, edge_weight, c, size)

    def _averages(self) -> bool:
        return self.aggregation == "midpoint"

    def _local(
        self,
        h: Tensor,
        target: Tensor,
        edge_index: Adj,
        edge_weight: OptTensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Aggregation in the tangent space at each target."""
        # In half precision every step on the way would be rounded.
        dtype = h.dtype
        h, target = (point.to(promote_types(dtype, float32)) for point in (h, target))
        if self.aggr in ("add", "sum") and not self._watched():
            graph, weight = graph_of(edge_index, edge_weight, size, self.flow)
            x, u = (by_node(point, self.node_dim) for point in (h, target))
            out = kernels.log_sum(x, u, graph, c, weight)
            out = like(out, target, self.node_dim)
        else:
            out = self._propagated(edge_index, size, h, edge_weight, target=target, c=c)
        return add(target, out, c).to(dtype)

    def message(  # type: ignore[override]  # PyG passes arguments by name
        self, x_j: Tensor, target_i: OptTensor, edge_weight: OptTensor, c: OptTensor
    ) -> Tensor:
        """A neighbor, or its log map at the target, times the weight."""
        if target_i is not None:
            x_j = log(target_i, x_j, c)
        return super().message(x_j, edge_weight)
