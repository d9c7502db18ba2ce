"""The fully hyperbolic linear layer."""

import math

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.dense.linear import Linear
from torch_geometric.nn.inits import zeros

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.geometry.hyperplane import at_hyperplane_dists, hyperplane_scores
from pyg_hyperbolic.geometry.lorentz import lorentz_form, lorentz_map, with_cosh
from pyg_hyperbolic.nn.curved import Curved
from pyg_hyperbolic.nn.validation import check_widths

FORMS = ("space", "hyperplane")
LEAST = 1.1  # hyperbolic cosine of the smallest radius of a bounded map


class LorentzMap(torch.nn.Module):
    """The weights of a :class:`LorentzLinear`, to be used at any curvature.

    Args:
        in_channels: Size of each input sample; :obj:`-1` derives it from the first
            input.
        out_channels: Size of each output sample.
        bias: Whether to learn a translation of the space coordinates.
        bounded: Whether the radius of the images is bounded.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        bounded: bool = False,
    ) -> None:
        super().__init__()
        check_widths(in_channels, out_channels)
        check_flags(bias=bias, bounded=bounded)
        self.space = Linear(
            in_channels, out_channels, bias=False, weight_initializer="glorot"
        )
        self.time = Parameter(torch.empty(out_channels))
        if bias:
            self.bias = Parameter(torch.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.bounded = bounded
        if bounded:
            self.gate = Linear(in_channels, 1, bias=False, weight_initializer="glorot")
            self.gate_time = Parameter(torch.empty(()))
            self.gate_bias = Parameter(torch.empty(()))
            self.log_scale = Parameter(torch.empty(()))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets all learnable parameters."""
        self.space.reset_parameters()
        zeros(self.time)
        zeros(self.bias)
        if self.bounded:
            self.gate.reset_parameters()
            zeros(self.gate_time)
            zeros(self.gate_bias)
            with torch.no_grad():
                self.log_scale.fill_(math.log(10.0))

    @property
    def in_channels(self) -> int:
        """Size of each input sample, -1 if it is not known yet."""
        return self.space.in_channels

    def forward(self, x: Tensor, c: Tensor, bias: bool = True) -> Tensor:
        """Images of points at the curvature c, with or without the bias."""
        h, shared = self.space(x), (self.time, self.bias if bias else None, c)
        if x.layout != torch.strided:
            out = lorentz_map(x, h, *shared)
        else:
            images, points = (y.reshape(-1, y.size(-1)) for y in (h, x))
            out = kernels.lorentz_map(images, points, *shared).view(h.shape)
        if not self.bounded:
            return out
        gate = lorentz_form(x, self.gate(x), self.gate_time, c) + self.gate_bias
        cosh = LEAST + self.log_scale.to(gate.dtype).exp() * gate.sigmoid()
        return with_cosh(out, cosh, c)


class HyperplaneMap(torch.nn.Module):
    """The weights of a :class:`LorentzLinear` by distances to hyperplanes.

    Args:
        in_channels: Size of each input sample; :obj:`-1` derives it from the first
            input.
        out_channels: Size of each output sample.
        bias: Whether hyperplanes may lie off the origin.
    """

    def __init__(self, in_channels: int, out_channels: int, bias: bool = True) -> None:
        super().__init__()
        check_widths(in_channels, out_channels)
        check_flags(bias=bias)
        self.space = Linear(
            in_channels, out_channels, bias=False, weight_initializer="glorot"
        )
        if bias:
            self.bias = Parameter(torch.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Resets all learnable parameters."""
        self.space.reset_parameters()
        zeros(self.bias)

    @property
    def in_channels(self) -> int:
        """Size of each input sample, -1 if it is not known yet."""
        return self.space.in_channels

    def forward(self, x: Tensor, c: Tensor, bias: bool = True) -> Tensor:
        """Images of points at the curvature c, with or without the bias."""
        if self.in_channels < 0:
            self.space.initialize_parameters(self.space, (x,))
        weight = self.space.weight
        if self.bias is None or not bias:
            scores = hyperplane_scores(x, weight, weight.new_zeros(len(weight)), c)
        else:
            norm = torch.linalg.vector_norm(weight, dim=-1)
            some = norm > 0  # else the score is the bias
            offset = -self.bias / torch.where(some, norm, 1.0)
            scores = hyperplane_scores(x, weight, offset, c)
            scores = torch.where(some, scores, self.bias.to(scores.dtype))
        return at_hyperplane_dists(scores, c)


def lorentz_weights(
    in_channels: int, out_channels: int, bias: bool, bounded: bool, form: str
) -> LorentzMap | HyperplaneMap:
    """The weights of one form of the map."""
    if form not in FORMS:
        raise ValueError(f"'form' must be one of {FORMS} (got {form!r})")
    if form == "space":
        return LorentzMap(in_channels, out_channels, bias, bounded)
    check_flags(bounded=bounded)
    if bounded:
        raise ValueError(
            "'bounded' must be False with form='hyperplane', whose radius has no gate "
            "(got True); pass form='space' for bounded radii"
        )
    return HyperplaneMap(in_channels, out_channels, bias)


class LorentzLinear(Curved):
    r"""The Lorentz linear layer of the `"Fully Hyperbolic Neural Networks"
    <https://arxiv.org/abs/2105.14686>`_ paper, at a curvature that is learned.

    It maps the space coordinates of the hyperboloid of curvature :math:`-c`, and
    restores the time coordinate:

    .. math::
        \mathbf{y} = \mathbf{W} \mathbf{x} + \sqrt{c}\, x_0\, \mathbf{t} + \mathbf{b},
        \quad
        y_0 = \sqrt{\lVert \mathbf{y} \rVert^2 + 1/c}

    Points go in and come out in normal coordinates, at any radius, even where a
    hyperboloid would overflow.  The column :math:`\mathbf{t}` for the time, zero at the
    start, moves the origin, as a boost does.  For :math:`c \to 0` the layer is
    :math:`\mathbf{W} \mathbf{x} + \mathbf{t} + \mathbf{b}`.

    With :obj:`bounded=True`, the time is bounded by a learned scale, and the space
    coordinates keep only their direction (the paper's Eq. 3, with the constants of its
    code):

    .. math::
        \sqrt{c}\, y_0 = 1.1 + \lambda\, \sigma(\sqrt c\, \mathbf{v}^{\top}
        \mathbf{x} + \sqrt c\, v_0 x_0 + b)

    This has no limit for :math:`c \to 0`, where all points move off to infinity, nor
    for :math:`\mathbf{y} \to 0`; at :math:`\mathbf{y} = 0` the image is the origin.

    Args:
        in_channels (int): Size of each input sample, or :obj:`-1` to derive the size
            from the first input to the forward method.
        out_channels (int): Size of each output sample.
        bias (bool, optional): If set to :obj:`False`, the layer will not learn a
            bias. (default: :obj:`True`)
        bounded (bool, optional): If set to :obj:`True`, the radius is bounded, by
            :math:`\operatorname{arcosh}(1.1 + \lambda)/\sqrt c` with :math:`\lambda =
            10` at the start. (default: :obj:`False`)
        form (str, optional): ``"space"``, a linear map of the space coordinates, or
            ``"hyperplane"``, distances to hyperplanes.
            (default: :obj:`"space"`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on; or a :class:`~pyg_hyperbolic.Curvature`, which layers may share.
            (default: :obj:`1.0`)

    Shapes:
        - **input:** points :math:`(*, F_{in})`
        - **output:** points :math:`(*, F_{out})`

    Raises:
        ValueError: On an unknown :obj:`form`, or :obj:`bounded=True` with
            ``"hyperplane"``.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        bias: bool = True,
        *,
        bounded: bool = False,
        form: str = "space",
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.map = lorentz_weights(in_channels, out_channels, bias, bounded, form)
        self.curvature = as_curvature(curvature)

    def _reset_weights(self) -> None:
        self.map.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """Images of points."""
        self._check(x, self.map.in_channels)
        return self.map(x, self.curvature(x))

    def __repr__(self) -> str:
        bias = self.map.bias is not None
        return (
            f"{type(self).__name__}({self.map.in_channels}, {self.out_channels}, "
            f"bias={bias})"
        )
