from typing import Any, Final, Union

from torch_geometric.nn.conv import MessagePassing

from pyg_hyperbolic.nn.conv.hsage_conv import HSAGEConv
from pyg_hyperbolic.nn.models.base import HyperbolicGNN


class HGraphSAGE(HyperbolicGNN):
    r"""A hyperbolic :class:`~torch_geometric.nn.models.GraphSAGE`, on
    :class:`~pyg_hyperbolic.nn.HSAGEConv`.

    Unlike the Euclidean one it takes edge weights, as its layer does.

    Args:
        in_channels (int or tuple): Size of each input sample, or a pair of those of
            sources and targets; :obj:`-1` derives a size from the first input to the
            forward method.
        hidden_channels (int): Size of each hidden sample.
        num_layers (int): Number of message passing layers.
        **kwargs (optional): Further arguments of :class:`~pyg_hyperbolic.nn.HGCN`, and
            those of the layer, :class:`~pyg_hyperbolic.nn.HSAGEConv`.

    Shapes:
        Those of :class:`~pyg_hyperbolic.nn.HGCN`; with a pair of sizes, those of
        :class:`~pyg_hyperbolic.nn.HSAGEConv`.
    """

    supports_edge_weight: Final[bool] = True
    supports_edge_attr: Final[bool] = False

    def init_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> MessagePassing:
        return HSAGEConv(in_channels, out_channels, **kwargs)
