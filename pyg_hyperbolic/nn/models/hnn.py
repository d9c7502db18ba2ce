from typing import Any, Final, Union

from torch import Tensor
from torch_geometric.typing import Adj

from pyg_hyperbolic.nn.dense.linear import HLinear
from pyg_hyperbolic.nn.models.base import HyperbolicGNN


class HNN(HyperbolicGNN):
    r"""The hyperbolic neural network of the `"Hyperbolic Neural Networks"
    <https://arxiv.org/abs/1805.09112>`_ paper: layers of
    :class:`~pyg_hyperbolic.nn.HLinear`, which do not look at edges.

    It takes a graph as the other models do, so that it can stand beside them as what
    features alone are worth.  In normal coordinates an activation is the paper's
    :math:`\exp_0(\sigma(\log_0(x)))`.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the size
            from the first input to the forward method.
        hidden_channels (int): Size of each hidden sample.
        num_layers (int): Number of layers.
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
            ``act_kwargs``, ``norm_kwargs``) and of :class:`HLinear`.
    """

    supports_edge_weight: Final[bool] = False
    supports_edge_attr: Final[bool] = False

    def hyperbolic_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> HLinear:
        assert isinstance(in_channels, int)
        return _Layer(in_channels, out_channels, **kwargs)


class _Layer(HLinear):
    """A linear layer that is called as a convolution is."""

    def forward(self, x: Tensor, edge_index: Adj) -> Tensor:  # type: ignore[override]
        return super().forward(x)
