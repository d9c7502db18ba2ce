"""Layers whose scores are distances to hyperplanes."""

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.inits import glorot, zeros

from pyg_hyperbolic.checks import check_whole
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.geometry.hyperplane import at_hyperplane_dists, hyperplane_scores
from pyg_hyperbolic.nn.curved import Curved


class HyperbolicMLR(Curved):
    r"""Multinomial logistic regression by distances to hyperplanes, one for each class.

    The logit of a class is :math:`\lVert \mathbf{z}_k \rVert\, d_c(\mathbf{x}, H_k)`
    with the signed distance to the hyperplane of normal :math:`\mathbf{z}_k` and offset
    :math:`q_k`: half of the `"Hyperbolic Neural Networks++"
    <https://arxiv.org/abs/2006.08210>`_ paper's Eq. 6 with :math:`q_k = 2 r_k`, so that
    for :math:`c \to 0` it is the linear :math:`\langle \mathbf{z}_k, \mathbf{x} \rangle
    - \lVert \mathbf{z}_k \rVert q_k`.  Pass the logits to
    :func:`~torch.nn.functional.cross_entropy`.

    Args:
        in_channels: Size of each input sample.
        num_classes: Number of classes.
        curvature: Initial :math:`c > 0`, learned from there on, or a
            :class:`~pyg_hyperbolic.Curvature`, such as that of the last convolution.

    Shapes:
        - **input:** points :math:`(*, F)`
        - **output:** logits :math:`(*, K)`

    Raises:
        ValueError: If one of the sizes is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        *,
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__()
        check_whole(1, in_channels=in_channels, num_classes=num_classes)
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.weight = Parameter(torch.empty(num_classes, in_channels))
        self.offset = Parameter(torch.empty(num_classes))
        self.curvature = as_curvature(curvature)
        self._reset_weights()

    def _reset_weights(self) -> None:
        glorot(self.weight)
        zeros(self.offset)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x, self.in_channels)
        return hyperplane_scores(x, self.weight, self.offset, self.curvature(x))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.num_classes})"


class PoincareLinear(HyperbolicMLR):
    r"""The Poincaré fully-connected layer of the `"Hyperbolic Neural Networks++"
    <https://arxiv.org/abs/2006.08210>`_ paper, Eq. 7.

    The output is the point whose signed distances to the hyperplanes through the origin
    at right angles to the axes are the scores of :class:`HyperbolicMLR`: on the
    hyperboloid its coordinates are :math:`\sinh(\sqrt c\, v_k(\mathbf{x})) / \sqrt c`.
    For :math:`c \to 0` this is a linear layer.  ``LorentzLinear(form="hyperplane")``
    is the same map, with a bias in place of the offsets.

    Args:
        in_channels: Size of each input sample.
        out_channels: Size of each output sample.
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
        *,
        curvature: CurvatureLike = 1.0,
    ) -> None:
        check_whole(1, out_channels=out_channels)
        super().__init__(in_channels, out_channels, curvature=curvature)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x, self.in_channels)
        c = self.curvature(x)
        scores = hyperplane_scores(x, self.weight, self.offset, c)
        return at_hyperplane_dists(scores, c)
