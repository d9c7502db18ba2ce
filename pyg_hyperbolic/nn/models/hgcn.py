from typing import Any, Final, Union

from pyg_hyperbolic.nn.conv.hgcn_conv import HGCNConv
from pyg_hyperbolic.nn.models.base import HyperbolicGNN


class HGCN(HyperbolicGNN):
    r"""The hyperbolic graph convolutional network of the `"Hyperbolic Graph
    Convolutional Neural Networks" <https://arxiv.org/abs/1910.12933>`_ paper, on
    :class:`~pyg_hyperbolic.nn.HGCNConv`, as a drop-in for
    :class:`~torch_geometric.nn.models.GCN`.

    Activation, normalization, dropout and jumping knowledge act on normal
    coordinates: an activation between layers is the paper's :math:`\exp_0^{c'}
    (\sigma(\log_0^c(x)))`, which here needs no maps at all.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the size
            from the first input to the forward method.
        hidden_channels (int): Size of each hidden sample.
        num_layers (int): Number of message passing layers.
        out_channels (int, optional): Size of each output sample; by default the
            hidden size. (default: :obj:`None`)
        dropout (float, optional): Dropout probability. (default: :obj:`0.`)
        act (str or Callable, optional): The non-linear activation function.
            (default: :obj:`"relu"`)
        norm (str or Callable, optional): The normalization function.
            (default: :obj:`None`)
        jk (str, optional): The jumping knowledge mode. (default: :obj:`None`)
        curvature (float or Curvature, optional): Initial :math:`c > 0` of every
            layer, or a :class:`~pyg_hyperbolic.Curvature` to start from.
            (default: :obj:`1.0`)
        shared_curvature (bool, optional): If set to :obj:`True`, all layers share one
            curvature; otherwise each learns its own. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`~torch_geometric.nn.models.basic_gnn.BasicGNN` (``act_first``,
            ``act_kwargs``, ``norm_kwargs``) and of
            :class:`~pyg_hyperbolic.nn.HGCNConv`.
    """

    supports_edge_weight: Final[bool] = True
    supports_edge_attr: Final[bool] = False

    def hyperbolic_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> HGCNConv:
        assert isinstance(in_channels, int)
        return HGCNConv(in_channels, out_channels, **kwargs)
