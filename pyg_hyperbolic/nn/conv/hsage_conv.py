# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
from typing import Any, Union

from torch import Tensor
from torch.nn.functional import normalize as to_unit_length
from torch_geometric.nn.aggr import Aggregation, MultiAggregation
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature import CurvatureLike
from pyg_hyperbolic.nn.conv.base import HyperbolicConv
from pyg_hyperbolic.nn.points import add, add_bias, product
from pyg_hyperbolic.nn.validation import both_ends, check_widths


class HSAGEConv(HyperbolicConv):
    r"""A hyperbolic :class:`~torch_geometric.nn.conv.SAGEConv`, after the `"Inductive
    Representation Learning on Large Graphs" <https://arxiv.org/abs/1706.02216>`_ paper.

    .. math::
        \mathbf{x}^{\prime}_i = \left( \mathbf{W}_1 \operatorname{mean}_{j \in
        \mathcal{N}(i)} \mathbf{x}_j \oplus_c \mathbf{W}_2 \mathbf{x}_i \right)
        \oplus_c \mathbf{b}

    with the hyperbolic mean (Lorentz centroid) of the neighbors.  Features are points
    of the hyperbolic space of curvature :math:`-c`, in normal coordinates (see
    :mod:`pyg_hyperbolic.geometry`).  For :math:`c \to 0` this is :class:`SAGEConv`.

    Edge weights, which :class:`SAGEConv` does not take, are the weights of the mean;
    those of a sparse adjacency count as well.

    Args:
        in_channels (int or tuple): Size of each input sample, or :obj:`-1` to derive
            the size from the first input(s) to the forward method.  A tuple
            has the sizes of source and target samples.
        out_channels (int): Size of each output sample.
        aggr (str or list or Aggregation, optional): ``"mean"`` is the hyperbolic mean;
            all others of :class:`SAGEConv` reduce vectors in the tangent space at the
            origin, so that only the gyro-sums depend on the curvature.
            (default: :obj:`"mean"`)
        normalize (bool, optional): If set to :obj:`True`, outputs are moved along
            their radius to distance one from the origin. (default: :obj:`False`)
        root_weight (bool, optional): If set to :obj:`False`, the layer will not add
            the transformed target to the output. (default: :obj:`True`)
        project (bool, optional): If set to :obj:`True`, neighbors are
            :math:`\sigma(\mathbf{W}_3 \mathbf{x}_j \oplus_c \mathbf{b}_3)` before
            aggregation, as in Eq. (3) of the paper. (default: :obj:`False`)
        bias (bool, optional): If set to :obj:`False`, the layer will not learn
            :math:`\mathbf{b}`. (default: :obj:`True`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, the absolute
            value of the sectional curvature, learned from there on; or a
            :class:`~pyg_hyperbolic.Curvature`, which layers may share.
            (default: :obj:`1.0`)
        validate (bool, optional): If set to :obj:`True`, every forward pass also
            checks that features, indices and weights are finite and in range, which
            takes time. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`torch_geometric.nn.conv.MessagePassing`.

    Shapes:
        - **inputs:**
          node features :math:`(|\mathcal{V}|, F_{in})` or
          :math:`((|\mathcal{V_s}|, F_{s}), (|\mathcal{V_t}|, F_{t}))`
          if bipartite, where those of the targets may be missing,
          edge indices :math:`(2, |\mathcal{E}|)`
          or sparse matrix :math:`(|\mathcal{V}|, |\mathcal{V}|)`,
          edge weights :math:`(|\mathcal{E}|)` *(optional)*.
          Several sets of features on one graph are
          :math:`(*, |\mathcal{V}|, F_{in})`.
        - **outputs:** node features :math:`(|\mathcal{V}|, F_{out})` or
          :math:`(|\mathcal{V_t}|, F_{out})` if bipartite

    Raises:
        ValueError: On :obj:`project` with a lazy :obj:`in_channels`, and features of
            another width than :obj:`in_channels`; on a CPU indices out of range and,
            with ``"mean"``, negative weights; with :obj:`validate=True` these on any
            device, and features and weights that are not finite.
    """

    def __init__(
        self,
        in_channels: Union[int, tuple[int, int]],
        out_channels: int,
        aggr: Union[str, list[str], Aggregation, None] = "mean",
        normalize: bool = False,
        root_weight: bool = True,
        project: bool = False,
        bias: bool = True,
        *,
        curvature: CurvatureLike = 1.0,
        validate: bool = False,
        **kwargs: Any,
    ) -> None:
        check_widths(in_channels, out_channels, pairs=True)
        check_flags(
            normalize=normalize, root_weight=root_weight, project=project, bias=bias
        )
        sources, targets = both_ends(in_channels)
        if aggr == "lstm":
            sizes = {"in_channels": sources, "out_channels": sources}
            kwargs["aggr_kwargs"] = {**sizes, **kwargs.get("aggr_kwargs", {})}
        super().__init__(
            in_channels, out_channels, curvature, validate, aggr=aggr, **kwargs
        )
        if project and sources <= 0:
            raise ValueError(
                f"'{type(self).__name__}' does not support lazy initialization with "
                f"project=True (got in_channels={sources}); pass the size"
            )
        self.normalize = normalize
        self.root_weight = root_weight
        self.project = project
        if project:
            self.lin = Linear(sources, sources, bias=True)
        reduced = sources
        if isinstance(self.aggr_module, MultiAggregation):
            reduced = self.aggr_module.get_out_channels(sources)
        self.lin_l = Linear(reduced, out_channels, bias=bias)
        if root_weight:
            self.lin_r = Linear(targets, out_channels, bias=False)
        self._reset_weights()

    def _reset_weights(self) -> None:
        if self.project:
            self.lin.reset_parameters()
        self.lin_l.reset_parameters()
        if self.root_weight:
            self.lin_r.reset_parameters()
        zeros(self.lin_l.bias)

    def forward(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        size: Size = None,
        edge_weight: OptTensor = None,
    ) -> Tensor:
        """Runs the layer.

        Args:
            x: Node features, or a pair of source and target features.
            edge_index: Edge indices, an :class:`~torch_geometric.EdgeIndex`, or the
                transposed adjacency as a sparse tensor.
            size: The numbers of source and target nodes of a bipartite graph, where
                :obj:`x` does not tell them.
            edge_weight: Edge weights.
        """
        # As in SAGEConv, targets without features are left out of the sum.
        pair = isinstance(x, tuple | list)
        complete = not pair or not any(end is None for end in x)
        root = self.root_weight and complete
        source, target, edge_index, edge_weight, size = self._prepared(
            x,
            edge_index,
            edge_weight,
            size,
            source_channels=self._source_channels(),
            target_channels=self.lin_r.in_channels if root else None,
            nonnegative=self.aggr == "mean",
        )
        c = self.curvature(source)
        if self.project:
            source = add_bias(product(self.lin, source), self.lin.bias, c).relu()
        if self.aggr == "mean":
            out = self._midpoints(source, None, edge_index, edge_weight, c, size)
        else:
            out = self._sums(source, edge_index, edge_weight, size)
        out = product(self.lin_l, out)
        if root:
            out = add(out, self.lin_r(target), c)
        out = add_bias(out, self.lin_l.bias, c)
        return to_unit_length(out, dim=-1) if self.normalize else out

    def _source_channels(self) -> int:
        """How many features a source must have; -1 if that is not known yet."""
        if self.project:
            return int(self.lin.in_channels)
        if isinstance(self.aggr_module, MultiAggregation):  # lin_l reads all of them
            channels = self.in_channels
            return channels if isinstance(channels, int) else channels[0]
        return int(self.lin_l.in_channels)

    def _averages(self) -> bool:
        return self.aggr == "mean"

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"aggr={self.aggr})"
        )
