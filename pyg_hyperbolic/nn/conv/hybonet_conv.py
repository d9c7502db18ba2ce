# No `__all__` here, and optional types written `OptTensor`: see `hgcn_conv.py`.
from typing import Any, Union

from torch import Tensor
from torch_geometric.typing import Adj, OptPairTensor, OptTensor, Size

from pyg_hyperbolic.curvature import CurvatureLike
from pyg_hyperbolic.nn.conv.normalized import NormalizedConv
from pyg_hyperbolic.nn.dense.lorentz import lorentz_weights
from pyg_hyperbolic.nn.validation import check_mean


class HyboNetConv(NormalizedConv):
    r"""The graph convolution of the `"Fully Hyperbolic Neural Networks"
    <https://arxiv.org/abs/2105.14686>`_ paper, with the interface of
    :class:`~torch_geometric.nn.conv.GCNConv`.

    .. math::
        \mathbf{x}^{\prime}_i = \operatorname{centroid}_{j \in \mathcal{N}(i) \cup
        \{ i \}} \left( w_{ij},\, \operatorname{HL}(\mathbf{x}_j) \right)

    :math:`\operatorname{HL}` is :class:`~pyg_hyperbolic.nn.LorentzLinear`, and the
    centroid of the Lorentz model is the weighted midpoint.  Both have the layer's own
    curvature :math:`-c`, which the paper fixes at :math:`-1`.  Features go in and come
    out in normal coordinates (see :mod:`pyg_hyperbolic.geometry`).  For
    :math:`c \to 0` the layer is a linear layer followed by a weighted mean.

    The radius that Lorentz linear layers reach grows only with the logarithm of the
    number of gradient steps, as `van der Klis et al.
    <https://arxiv.org/abs/2601.21529>`_ show; with :obj:`form="hyperplane"`, distances
    to hyperplanes, it grows linearly.

    Only the ratios of a node's weights matter, and they must not be negative.  The
    paper averages the neighbors and the node itself without weights: for that, pass
    :obj:`normalize=False` and a graph with self-loops.

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
        bounded (bool, optional): If set to :obj:`True`, radii are bounded before the
            mean, as in :class:`~pyg_hyperbolic.nn.LorentzLinear`.
            (default: :obj:`False`)
        form (str, optional): ``"space"``, a linear map of the space coordinates, or
            ``"hyperplane"``, distances to hyperplanes, as in
            :class:`~pyg_hyperbolic.nn.LorentzLinear`.
            (default: :obj:`"space"`)
        scale (bool, optional): If set to :obj:`True`, the midpoint is multiplied by
            :math:`\sum_j w_{ij}`, and the bias is added to it by a gyro-sum, so that
            for :math:`c \to 0` the layer is :class:`GCNConv`. (default: :obj:`False`)
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
        - **input:**
          node features :math:`(|\mathcal{V}|, F_{in})` or, with
          :obj:`normalize=False`, :math:`((|\mathcal{V_s}|, F_{in}),
          (|\mathcal{V_t}|, *))` for a bipartite graph,
          edge indices :math:`(2, |\mathcal{E}|)`
          or sparse matrix :math:`(|\mathcal{V}|, |\mathcal{V}|)`,
          edge weights :math:`(|\mathcal{E}|)` *(optional)*.
          Several sets of features on one graph are
          :math:`(*, |\mathcal{V}|, F_{in})`.
        - **output:** node features :math:`(|\mathcal{V}|, F_{out})` or
          :math:`(|\mathcal{V_t}|, F_{out})`

    Raises:
        ValueError: On unknown or contradictory arguments, features of another width
            than :obj:`in_channels`, a bipartite graph with :obj:`normalize=True`; on a
            CPU indices out of range and negative weights; with :obj:`validate=True`
            these on any device, and features and weights that are not finite.
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
        bounded: bool = False,
        form: str = "space",
        scale: bool = False,
        curvature: CurvatureLike = 1.0,
        validate: bool = False,
        **kwargs: Any,
    ) -> None:
        graph = improved, cached, add_self_loops, normalize
        super().__init__(
            in_channels, out_channels, *graph, curvature, validate, scale, **kwargs
        )
        check_mean(self.aggr, type(self).__name__)
        self.lin = lorentz_weights(in_channels, out_channels, bias, bounded, form)

    def _reset_weights(self) -> None:
        self.lin.reset_parameters()

    def forward(
        self,
        x: Union[Tensor, OptPairTensor],
        edge_index: Adj,
        edge_weight: OptTensor = None,
        size: Size = None,
    ) -> Tensor:
        """Runs the layer; arguments as in :meth:`HGCNConv.forward`."""
        source, _, edge_index, edge_weight, size = self._prepared(
            x, edge_index, edge_weight, size, self.lin.in_channels
        )
        c = self.curvature(source)
        h = self.lin(source, c, bias=not self.scale)
        bias = self.lin.bias if self.scale else None
        return self._midpoints(h, bias, edge_index, edge_weight, c, size)
