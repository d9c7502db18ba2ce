"""The linear layer of hyperbolic neural networks."""

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros

from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.nn.curved import Curved
from pyg_hyperbolic.nn.points import add_bias
from pyg_hyperbolic.nn.validation import check_widths


class HLinear(Curved):
    r"""The linear layer :math:`\mathbf{W} \mathbf{x} \oplus_c \mathbf{b}` of the
    `"Hyperbolic Neural Networks" <https://arxiv.org/abs/1805.09112>`_ paper, Eq. 27
    and 28.

    In normal coordinates the Möbius matrix product is :math:`\mathbf{W} \mathbf{x}`.

    Args:
        in_channels: Size of each input sample, or -1 to derive it from the first input.
        out_channels: Size of each output sample.
        bias: If :obj:`False`, the layer will not learn a bias.
        curvature: Initial :math:`c > 0`, learned from there on, or a
            :class:`~pyg_hyperbolic.Curvature`.

    Shapes:
        - **input:** points :math:`(*, F_{in})`
        - **output:** points :math:`(*, F_{out})`
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__()
        check_widths(in_channels, out_channels)
        check_flags(bias=bias)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.lin = Linear(
            in_channels, out_channels, bias=False, weight_initializer="glorot"
        )
        self.curvature = as_curvature(curvature)
        if bias:
            self.bias = Parameter(torch.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self._reset_weights()

    def _reset_weights(self) -> None:
        self.lin.reset_parameters()
        zeros(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x, self.lin.in_channels)
        h = self.lin(x)
        return add_bias(h, self.bias, self.curvature(h))

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.in_channels}, {self.out_channels}, "
            f"bias={self.bias is not None})"
        )
