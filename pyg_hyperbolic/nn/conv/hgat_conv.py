# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
import math
from typing import Any, Union

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import dropout, leaky_relu
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import glorot, zeros
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags, check_number, check_whole
from pyg_hyperbolic.curvature import CurvatureLike
from pyg_hyperbolic.kernels import graph_of
from pyg_hyperbolic.kernels.forms import check_edges
from pyg_hyperbolic.nn.conv.attention import attention_of, normalized
from pyg_hyperbolic.nn.conv.featured_edges import FeaturedEdgesConv
from pyg_hyperbolic.nn.points import group_midpoints
from pyg_hyperbolic.nn.validation import (
    both_ends,
    check_graph,
)

SCORES = ("tangent", "v2", "distance")


class HGATConv(FeaturedEdgesConv):
    r"""The hyperbolic graph attention of the `"Hyperbolic Graph Attention Network"
    <https://arxiv.org/abs/1912.03046>`_ paper, as a drop-in for
    :class:`~torch_geometric.nn.conv.GATConv`.

    .. math::
        \mathbf{x}^{\prime}_i = \operatorname{mid}_{j \in \mathcal{N}(i) \cup \{ i \}}
        \left( \alpha_{i,j},\; \mathbf{h}_j \oplus_c \mathbf{b} \right), \qquad
        \mathbf{h}_j = \mathbf{W} \mathbf{x}_j

    The weights of the hyperbolic midpoint (Lorentz centroid) are a softmax over the
    neighbors of each target, of

    - ``"tangent"``: :math:`\operatorname{LeakyReLU}(\mathbf{a}_s^{\top} \mathbf{h}_j +
      \mathbf{a}_t^{\top} \mathbf{h}_i + \mathbf{a}_e^{\top} \mathbf{W}_e
      \mathbf{e}_{i,j})`.  Normal coordinates are the logarithms at the origin of both
      ends, as in `"Hyperbolic Graph Convolutional Neural Networks"
      <https://arxiv.org/abs/1910.12933>`_, Eq. 8;
    - ``"v2"``: :math:`\mathbf{a}^{\top} \operatorname{LeakyReLU}(\mathbf{W}_s
      \mathbf{x}_j + \mathbf{W}_t \mathbf{x}_i + \mathbf{W}_e \mathbf{e}_{i,j})`, as in
      `"How Attentive are Graph Attention Networks?"
      <https://arxiv.org/abs/2105.14491>`_, Eq. 7, for which every edge has a vector;
    - ``"distance"``: :math:`-\beta\, d_c(\mathbf{h}_i, \mathbf{h}_j) +
      \mathbf{a}_e^{\top} \mathbf{W}_e \mathbf{e}_{i,j}` with a learned inverse
      temperature :math:`\beta > 0`, as in `"Hyperbolic Attention Networks"
      <https://arxiv.org/abs/1805.09786>`_, Eq. 4, whose constant cancels here.

    Concatenated heads are a product of hyperbolic spaces, each with a curvature of its
    own if :obj:`curvature` has one for each.  With :obj:`concat=False` the output is
    the midpoint of the heads.  For :math:`c \to 0` the layer with ``"tangent"`` is
    :class:`GATConv`.

    Args:
        in_channels (int or tuple): Size of each input sample, or :obj:`-1` to derive
            the size from the first input to the forward method; a tuple has the sizes
            of source and target samples.
        out_channels (int): Size of each output sample, of one head.
        heads (int, optional): Number of heads. (default: :obj:`1`)
        concat (bool, optional): If set to :obj:`False`, the output is the midpoint of
            the heads, instead of their concatenation. (default: :obj:`True`)
        negative_slope (float, optional): Slope of the LeakyReLU. (default: :obj:`0.2`)
        dropout (float, optional): Probability that a neighbor's weight is dropped
            while training. (default: :obj:`0`)
        add_self_loops (bool, optional): If set to :obj:`False`, self-loops are not
            added to the graph. (default: :obj:`True`)
        edge_dim (int, optional): Size of edge features, if there are any.
            (default: :obj:`None`)
        fill_value (float or Tensor or str, optional): Edge features of the self-loops
            that are added, see :func:`~torch_geometric.utils.add_self_loops`.
            (default: :obj:`"mean"`)
        bias (bool, optional): If set to :obj:`False`, the layer will not learn a
            bias. (default: :obj:`True`)
        residual (bool, optional): If set to :obj:`True`, a linear map of the targets
            is added, by a gyro-sum. (default: :obj:`False`)
        score (str, optional): ``"tangent"``, ``"v2"`` or ``"distance"``.
            (default: ``"tangent"``)
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on; or a :class:`~pyg_hyperbolic.Curvature`, of one number or one for
            each head. (default: :obj:`1.0`)
        validate (bool, optional): If set to :obj:`True`, every forward pass also
            checks that features are finite and, as always on a CPU, indices in range.
            (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **input:**
          node features :math:`(|\mathcal{V}|, F_{in})` or
          :math:`((|\mathcal{V_s}|, F_s), (|\mathcal{V_t}|, F_t))` for a bipartite
          graph, edge indices :math:`(2, |\mathcal{E}|)` or sparse matrix, whose values
          do not count, edge features :math:`(|\mathcal{E}|, D)` *(optional)*
        - **output:** node features :math:`(|\mathcal{V}|, H * F_{out})` or
          :math:`(|\mathcal{V_t}|, H * F_{out})`, without :math:`H` if
          :obj:`concat=False`.  With :obj:`return_attention_weights=True` also
          :math:`((2, |\mathcal{E}|), (|\mathcal{E}|, H))`, self-loops included.

    Raises:
        ValueError: On unknown or contradictory arguments, features of another width
            than expected, missing target features; on a CPU indices out of range.
    """

    def __init__(
        self,
        in_channels: Union[int, tuple[int, int]],
        out_channels: int,
        heads: int = 1,
        concat: bool = True,
        negative_slope: float = 0.2,
        dropout: float = 0.0,
        add_self_loops: bool = True,
        edge_dim: int | None = None,
        fill_value: Union[float, Tensor, str] = "mean",
        bias: bool = True,
        residual: bool = False,
        *,
        score: str = "tangent",
        curvature: CurvatureLike = 1.0,
        validate: bool = False,
        **kwargs: Any,
    ) -> None:
        check_whole(-math.inf, node_dim=kwargs.setdefault("node_dim", 0))
        if kwargs["node_dim"] not in (0, -2):
            raise ValueError(
                f"'node_dim' must be 0: attention is that of one graph, [N, F] (got "
                f"{kwargs['node_dim']})"
            )
        kwargs["node_dim"] = 0  # messages have an axis of heads
        check_whole(1, heads=heads)
        if edge_dim is not None:
            check_whole(-math.inf, edge_dim=edge_dim)
        check_flags(
            concat=concat, add_self_loops=add_self_loops, bias=bias, residual=residual
        )
        check_number(0, 1, dropout=dropout)
        check_number(-math.inf, math.inf, negative_slope=negative_slope)
        super().__init__(
            in_channels, out_channels, curvature, validate, heads=heads, **kwargs
        )
        if score not in SCORES:
            raise ValueError(
                f"'score' must be one of {', '.join(SCORES)} (got {score!r})"
            )
        if self.aggr not in ("add", "sum"):
            raise ValueError(
                f"'aggr' must be 'add': attention weights have the sum 1 "
                f"(got {self.aggr!r})"
            )
        if self.decomposed_layers > 1:
            raise ValueError(
                f"'decomposed_layers' must be 1, as attention depends on all channels "
                f"(got {self.decomposed_layers})"
            )
        if self.curvature.raw.numel() > 1 and not concat:
            raise ValueError(
                f"'curvature' must be of one number for concat=False: points of spaces "
                f"of different curvature have no midpoint (got {heads}); use "
                f"concat=True"
            )
        self.heads = heads
        self.concat = concat
        self.negative_slope = negative_slope
        self.dropout = dropout
        self.add_self_loops = add_self_loops
        self.edge_dim = edge_dim
        self.fill_value = fill_value
        self.residual = residual
        self.score = score

        # Names and shapes are those of GATConv, whose parameters can be loaded.
        width, total = heads * out_channels, out_channels * (heads if concat else 1)
        self.lin: Linear | None = None
        self.lin_src: Linear | None = None
        self.lin_dst: Linear | None = None
        pair = both_ends(in_channels)
        if isinstance(in_channels, tuple | list) or score == "v2":
            self.lin_src = _linear(pair[0], width)
            self.lin_dst = _linear(pair[1], width)
        else:
            self.lin = _linear(pair[0], width)
        if score == "tangent":
            self.att_src = Parameter(torch.empty(1, heads, out_channels))
            self.att_dst = Parameter(torch.empty(1, heads, out_channels))
        elif score == "v2":
            self.att = Parameter(torch.empty(1, heads, out_channels))
        else:
            self.log_beta = Parameter(torch.empty(heads))
        if edge_dim is not None:
            self.lin_edge = _linear(edge_dim, width)
            if score != "v2":
                self.att_edge = Parameter(torch.empty(1, heads, out_channels))
        self.res = _linear(pair[1], total) if residual else None
        if bias:
            self.bias = Parameter(torch.empty(total))
        else:
            self.register_parameter("bias", None)
        self._reset_weights()

    def _reset_weights(self) -> None:
        for lin in (self.lin, self.lin_src, self.lin_dst, self.res):
            if lin is not None:
                lin.reset_parameters()
        if self.score == "tangent":
            glorot(self.att_src)
            glorot(self.att_dst)
        elif self.score == "v2":
            glorot(self.att)
        else:
            zeros(self.log_beta)
        if self.edge_dim is not None:
            self.lin_edge.reset_parameters()
            if self.score != "v2":
                glorot(self.att_edge)
        zeros(self.bias)

    def forward(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        edge_attr: OptTensor = None,
        size: Size = None,
        return_attention_weights: bool | None = None,
    ) -> Union[Tensor, tuple[Tensor, Any]]:
        """Runs the layer.

        Args:
            x: Node features, or a pair of source and target features.
            edge_index: Edge indices, an :class:`~torch_geometric.EdgeIndex`, or the
                transposed adjacency as a sparse tensor.
            edge_attr: Edge features.
            size: The numbers of source and target nodes of a bipartite graph, where
                :obj:`x` does not tell them.
            return_attention_weights: Whether to return edges and their weights too.
        """
        check_flags(return_attention_weights=return_attention_weights)
        lin_source, lin_target = self.lin or self.lin_src, self.lin or self.lin_dst
        assert lin_source is not None and lin_target is not None
        alone = self._targets_may_be_missing(x)
        source, target = self._ends(
            x, lin_source.in_channels, None if alone else lin_target.in_channels
        )
        for end in (source, target):
            if end is not None and end.dim() != 2:
                raise ValueError(
                    f"'x' must have the shape [N, F]: attention is that of one graph "
                    f"(got {list(end.shape)}); call the layer on each graph, or on all "
                    f"of them in one Batch"
                )
        check_edges(edge_index, None, source.device)
        size = self._size(source, target, edge_index, size)
        self._checked(edge_index, None, size, nonnegative=False)
        edge_attr = self._checked_attr(edge_attr, edge_index)
        adj = edge_index
        h = self._heads(lin_source(source))
        h_target: OptTensor = None
        if target is source and lin_source is lin_target:
            h_target = h
        elif target is not None:
            h_target = self._heads(lin_target(target))
        c = self.curvature(h).expand(self.heads)
        try:
            edge_index, edge_attr = self._with_loops(adj, edge_attr, min(size))
            alpha = self._attention(h, h_target, edge_index, edge_attr, c, size)
        except (IndexError, RuntimeError):  # there may be no such node
            check_graph(adj, None, size, nonnegative=False)
            raise
        weight = dropout(alpha, self.dropout, self.training)

        bias: OptTensor = None
        if self.bias is not None:
            bias = self.bias.view(-1, self.out_channels).expand(self.heads, -1)
        out = self._head_midpoints(h, bias, edge_index, weight, c, size)
        if not self.concat:
            out, c = self._center(out, c[0]).unsqueeze(1), c[:1]
        if self.res is not None and target is not None:
            rest = self.res(target).view(out.shape)
            out = kernels.gyro_add(out, rest.to(out.dtype), c)
        out = out.flatten(1)
        if return_attention_weights:
            return out, attention_of(adj, edge_index, alpha.to(out.dtype), size)
        return out

    def _targets_may_be_missing(self, x: Union[Tensor, OptPairTensor]) -> bool:
        """Whether one end has no features, and scores can do without, as in GATConv."""
        if not isinstance(x, tuple | list) or self.score != "tangent":
            return False
        return any(end is None for end in x)

    def _heads(self, h: Tensor) -> Tensor:
        return h.view(-1, self.heads, self.out_channels)

    def _head_midpoints(
        self,
        h: Tensor,
        bias: OptTensor,
        edge_index: Tensor,
        weight: Tensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Midpoints of each head, shape [M, H, F]."""
        if self._watched():
            x = h if bias is None else kernels.gyro_add(h, bias, c)
            return self._watched_midpoints(x, edge_index, weight, c, size, alpha=weight)
        graph, _ = graph_of(edge_index, None, size, self.flow)
        return kernels.midpoint(h, graph, c, weight, bias)

    def message(self, x_j: Tensor, alpha: OptTensor) -> Tensor:
        """A neighbor's heads; explainers find the attention weights here."""
        return x_j

    def _attention(
        self,
        h: Tensor,
        h_target: OptTensor,
        edge_index: Tensor,
        edge_attr: OptTensor,
        c: Tensor,
        size: tuple[int, int],
    ) -> Tensor:
        """Weights of the edges, [E, H], which sum to 1 for every target."""
        ends = edge_index if self.flow == "source_to_target" else edge_index.flip(0)
        source, target = ends[0], ends[1]
        h_edge: OptTensor = None
        if edge_attr is not None and self.edge_dim is not None:
            h_edge = self._heads(self.lin_edge(edge_attr))
        if self.score == "v2":
            assert h_target is not None
            sums = h[source] + h_target[target]
            sums = leaky_relu(
                sums if h_edge is None else sums + h_edge, self.negative_slope
            )
            score = (sums * self.att).sum(dim=-1)
        elif self.score == "tangent":
            score = (h * self.att_src).sum(dim=-1)[source]
            if h_target is not None:
                score = score + (h_target * self.att_dst).sum(dim=-1)[target]
        else:
            assert h_target is not None
            distance = kernels.dist(h_target, h, c, target, source)
            score = -self.log_beta.exp() * distance
        if h_edge is not None and self.score != "v2":
            score = score + (h_edge * self.att_edge).sum(dim=-1)
        if self.score == "tangent":
            score = leaky_relu(score, self.negative_slope)
        number = size[1] if self.flow == "source_to_target" else size[0]
        return normalized(score, target, number)

    def _center(self, out: Tensor, c: Tensor) -> Tensor:
        """The midpoint of the heads, of shape [M, H, F]."""
        index = torch.arange(len(out), device=out.device)
        index = index.repeat_interleave(self.heads)
        return group_midpoints(out.flatten(0, 1), index, len(out), c)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"heads={self.heads})"
        )


def _linear(in_channels: int, out_channels: int) -> Linear:
    return Linear(in_channels, out_channels, bias=False, weight_initializer="glorot")
