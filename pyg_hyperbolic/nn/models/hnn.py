from typing import Any, Final, Union

from torch import Tensor
from torch_geometric.typing import Adj

from pyg_hyperbolic.nn.dense.linear import HLinear
from pyg_hyperbolic.nn.models.base import HyperbolicGNN, check_one_size


class HNN(HyperbolicGNN):
    r"""The hyperbolic neural network of the `"Hyperbolic Neural Networks"
    <https://arxiv.org/abs/1805.09112>`_ paper: layers of
    :class:`~pyg_hyperbolic.nn.HLinear`, which do not look at edges.

    It takes a graph as the other models do, so that it can stand beside them and show
    what features alone are worth.  In normal coordinates an activation is the paper's
    :math:`\exp_0(\sigma(\log_0(x)))`.

    Args:
        *args: As for :class:`~pyg_hyperbolic.nn.HGCN`, and so for keywords.
        **kwargs (optional): Additional arguments of
            :class:`~pyg_hyperbolic.nn.HLinear`.

    Shapes:
        Those of :class:`~pyg_hyperbolic.nn.HGCN`, without edge weights.
    """

    supports_edge_weight: Final[bool] = False
    supports_edge_attr: Final[bool] = False

    def init_conv(
        self, in_channels: Union[int, tuple[int, int]], out_channels: int, **kwargs: Any
    ) -> HLinear:
        in_channels = check_one_size(in_channels, type(self).__name__)
        return _Layer(in_channels, out_channels, **kwargs)


class _Layer(HLinear):
    """A linear layer that is called as a convolution is."""

    def forward(self, x: Tensor, edge_index: Adj) -> Tensor:  # type: ignore[override]
        return super().forward(x)
