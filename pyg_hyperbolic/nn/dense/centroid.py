import torch
from torch import Tensor
from torch.nn import Parameter

from pyg_hyperbolic.checks import check_whole
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.nn.curved import Curved
from pyg_hyperbolic.nn.points import all_distances


class CentroidDistance(Curved):
    r"""Distances to learned points, the head of the `"Hyperbolic Graph Neural Networks"
    <https://arxiv.org/abs/1910.12892>`_ paper, Eq. 8.

    The distances are features for a Euclidean classifier; their negatives are logits.

    Args:
        in_channels: Size of each input sample.
        num_centroids: Number of points.
        curvature: Initial :math:`c > 0`, learned from there on, or a
            :class:`~pyg_hyperbolic.Curvature`, such as that of the last convolution.

    Shapes:
        - **input:** points :math:`(*, F)`
        - **output:** distances :math:`(*, K)`

    Raises:
        ValueError: If one of the sizes is not positive.
    """

    def __init__(
        self,
        in_channels: int,
        num_centroids: int,
        *,
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__()
        check_whole(1, in_channels=in_channels, num_centroids=num_centroids)
        self.in_channels = in_channels
        self.num_centroids = num_centroids
        self.weight = Parameter(torch.empty(num_centroids, in_channels))
        self.curvature = as_curvature(curvature)
        self._reset_weights()

    def _reset_weights(self) -> None:
        # At a mean distance of 1 from the origin: apart from each other in any space.
        torch.nn.init.normal_(self.weight, std=self.in_channels**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        self._check(x, self.in_channels)
        return all_distances(x, self.weight, self.curvature(x))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels}, {self.num_centroids})"
