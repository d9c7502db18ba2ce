from typing import Any, Final, Union

from pyg_hyperbolic.nn.conv.hgcn_conv import HGCNConv
from pyg_hyperbolic.nn.models.base import HyperbolicGNN, check_one_size


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
        act_first (bool, optional): If set to :obj:`True`, the activation comes before
            the normalization. (default: :obj:`False`)
        act_kwargs (dict, optional): Arguments of the activation function.
            (default: :obj:`None`)
        norm (str or Callable, optional): The normalization function: PyG's by name,
            those of this package as modules. (default: :obj:`None`)
        norm_kwargs (dict, optional): Arguments of the normalization function.
            (default: :obj:`None`)
        jk (str, optional): The jumping knowledge mode. (default: :obj:`None`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0` of every
            layer, each of which learns its own; or a :class:`~pyg_hyperbolic.Curvature`
            that all layers share. (default: :obj:`1.0`)
        shared_curvature (bool, optional): If set to :obj:`True`, all layers share one
            curvature also where it is given as a number. (default: :obj:`False`)
        **kwargs (optional): Additional arguments of
            :class:`~pyg_hyperbolic.nn.HGCNConv`.

    Shapes:
        - **input:** node features :math:`(|\mathcal{V}|, F_{in})`, edge indices
          :math:`(2, |\mathcal{E}|)` or sparse matrix :math:`(|\mathcal{V}|,
          |\mathcal{V}|)`, edge weights :math:`(|\mathcal{E}|)` *(optional)*.  Several
          sets of features on one graph are :math:`(*, |\mathcal{V}|, F_{in})`.
        - **output:** node features :math:`(|\mathcal{V}|, F_{out})`, or :math:`(*,
          |\mathcal{V}|, F_{out})`
    """

    supports_edge_weight: Final[bool] = True
    supports_edge_attr: Final[bool] = False

    def init_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> HGCNConv:
        in_channels = check_one_size(in_channels, type(self).__name__)
        return HGCNConv(in_channels, out_channels, **kwargs)
