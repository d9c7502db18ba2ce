from typing import Any, Final, Union

from torch_geometric.nn.conv import MessagePassing

from pyg_hyperbolic.nn.conv.hybonet_conv import HyboNetConv
from pyg_hyperbolic.nn.models.base import HyperbolicGNN, check_one_size


class HyboNet(HyperbolicGNN):
    r"""The graph network of the `"Fully Hyperbolic Neural Networks"
    <https://arxiv.org/abs/2105.14686>`_ paper, on
    :class:`~pyg_hyperbolic.nn.HyboNetConv`.

    The paper's layers apply their activation to all Lorentz coordinates before the
    linear map; here activations come between layers and act on normal coordinates.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the
            size from the first input to the forward method.
        hidden_channels (int): Size of each hidden sample.
        num_layers (int): Number of message passing layers.
        **kwargs (optional): Further arguments of :class:`~pyg_hyperbolic.nn.HGCN`, and
            those of the layer, :class:`~pyg_hyperbolic.nn.HyboNetConv`.

    Shapes:
        Those of :class:`~pyg_hyperbolic.nn.HGCN`.
    """

    supports_edge_weight: Final[bool] = True
    supports_edge_attr: Final[bool] = False

    def init_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> MessagePassing:
        in_channels = check_one_size(in_channels, type(self).__name__)
        return HyboNetConv(in_channels, out_channels, **kwargs)
