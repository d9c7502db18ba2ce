import math

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.nn.inits import ones, zeros
from torch_geometric.typing import OptTensor
from torch_geometric.utils import scatter

from pyg_hyperbolic.checks import check_flags, check_number, check_whole, number
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.geometry import exp, frechet_mean, log, midpoint
from pyg_hyperbolic.nn.aggr import hyperbolic_mean_pool
from pyg_hyperbolic.nn.curved import Curved
from pyg_hyperbolic.nn.points import add

MEANS = ("midpoint", "frechet")


class _Norm(Curved):
    """What both norms share: a learned center, a learned deviation, a curvature."""

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        eps: float,
        affine: bool,
        curvature: CurvatureLike,
    ) -> None:
        super().__init__()
        check_whole(1, in_channels=in_channels)
        check_flags(affine=affine)
        check_number(0, math.inf, eps=eps)
        self.in_channels = in_channels
        self.eps = eps
        self.curvature = as_curvature(curvature)
        if affine:
            self.weight = Parameter(torch.empty(()))
            self.bias = Parameter(torch.empty(in_channels))
        else:
            self.register_parameter("weight", None)
            self.register_parameter("bias", None)

    def _reset_weights(self) -> None:
        ones(self.weight)
        zeros(self.bias)

    def _check_rows(self, x: Tensor) -> None:
        self._check(x, self.in_channels)
        if x.dim() != 2:
            raise ValueError(
                f"'x' must have the shape [N, {self.in_channels}] (got "
                f"{list(x.shape)}); flatten other axes into that of the nodes"
            )

    def _scaled(self, centered: Tensor, variance: Tensor, c: Tensor) -> Tensor:
        """Points about the learned center at the learned deviation."""
        out = centered * (variance + self.eps).rsqrt()
        if self.weight is None or self.bias is None:
            return out
        return add(self.bias, self.weight * out, c)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_channels})"


class HyperbolicBatchNorm(_Norm):
    r"""Batch normalization about the midpoint of the points of a batch, after
    `"Differentiating through the Fréchet Mean" <https://arxiv.org/abs/2003.00335>`_,
    Algorithm 2.

    .. math::
        \mathbf{x}^{\prime}_i = \mathbf{b} \oplus_c \frac{\gamma}{\sqrt{\sigma^2 +
        \epsilon}} \left( (-\mathbf{m}) \oplus_c \mathbf{x}_i \right), \qquad
        \sigma^2 = \frac{1}{n} \sum_i d_c(\mathbf{m}, \mathbf{x}_i)^2

    The Lorentz centroid :math:`\mathbf{m}` stands for the Fréchet mean, which has no
    closed form; :obj:`mean="frechet"` searches for the latter, by
    :func:`~pyg_hyperbolic.geometry.frechet_mean`, which waits for the device.
    Hyperbolic space has no preferred directions, so there is one deviation for all
    coordinates, and one :math:`\gamma`.

    Args:
        in_channels (int): Size of each input sample.
        eps (float, optional): Added to the variance. (default: :obj:`1e-5`)
        momentum (float, optional): Weight of a new batch in the running statistics.
            (default: :obj:`0.1`)
        affine (bool, optional): If set to :obj:`False`, there are no :math:`\gamma` and
            :math:`\mathbf{b}`. (default: :obj:`True`)
        track_running_stats (bool, optional): If set to :obj:`False`, batches are
            normalized by their own statistics in evaluation too. (default: :obj:`True`)
        mean (str, optional): ``"midpoint"``, the Lorentz centroid, or ``"frechet"``,
            the Fréchet mean: that of the output is then :math:`\mathbf{b}`, without
            which it is the origin. (default: :obj:`"midpoint"`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on, or a :class:`~pyg_hyperbolic.Curvature`. (default: :obj:`1.0`)

    Shapes:
        - **input:** points :math:`(|\mathcal{V}|, F)`
        - **output:** points :math:`(|\mathcal{V}|, F)`

    Raises:
        ValueError: If a batch that is normalized by its own statistics has fewer than
            two points, :obj:`momentum` is not between 0 and 1, or :obj:`mean` is
            unknown.
    """

    running_mean: OptTensor
    running_var: OptTensor

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        mean: str = "midpoint",
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__(in_channels, eps, affine, curvature)
        check_flags(track_running_stats=track_running_stats)
        if not 0 < number(momentum) <= 1:
            raise ValueError(f"'momentum' must be in (0, 1] (got {momentum})")
        if mean not in MEANS:
            raise ValueError(f"'mean' must be one of {', '.join(MEANS)} (got {mean!r})")
        self.mean = mean
        self.momentum = momentum
        self.track_running_stats = track_running_stats
        point = torch.empty(in_channels) if track_running_stats else None
        self.register_buffer("running_mean", point)
        self.register_buffer("running_var", None if point is None else torch.empty(()))
        self._reset_weights()

    def _reset_weights(self) -> None:
        super()._reset_weights()
        zeros(self.running_mean)
        ones(self.running_var)

    def forward(self, x: Tensor) -> Tensor:
        self._check_rows(x)
        c = self.curvature(x)
        mean, variance = self.running_mean, self.running_var
        if self.training or mean is None:
            if len(x) < 2:
                raise ValueError(
                    f"'x' must hold two points or more to be normalized by their own "
                    f"statistics (got {len(x)}); call eval() to use the running ones"
                )
            if self.mean == "frechet":
                mean = frechet_mean(x, c)
            else:
                mean = hyperbolic_mean_pool(x, None, c=c)[0]
            centered = add(-mean, x, c)
            variance = centered.square().sum(dim=-1).mean()
            if self.training and self.running_mean is not None:
                self._track(mean, variance, c)
        else:
            centered = add(-mean, x, c)
        return self._scaled(centered, variance, c).to(x.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, c: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        if self.mean == "frechet":  # of two points it is on the line between them
            away = log(self.running_mean, mean, c)
            self.running_mean.copy_(exp(self.running_mean, self.momentum * away, c))
            return
        means = torch.stack([self.running_mean, mean.to(self.running_mean.dtype)])
        # filled on the device, which would wait for a copy from the host
        share = means.new_full((2,), self.momentum)
        share[0] = 1 - self.momentum
        self.running_mean.copy_(midpoint(means, c.view(()), share))


class HyperbolicLayerNorm(_Norm):
    r"""Normalization of every graph about the midpoint of its nodes.

    Like :class:`HyperbolicBatchNorm`, with the midpoint and the variance of each graph
    in place of the batch's.  Its Euclidean counterpart is
    :class:`~torch_geometric.nn.norm.LayerNorm` with :obj:`mode="graph"`, except for the
    single deviation.

    Args:
        in_channels (int): Size of each input sample.
        eps (float, optional): Added to the variance. (default: :obj:`1e-5`)
        affine (bool, optional): If set to :obj:`False`, there are no :math:`\gamma` and
            :math:`\mathbf{b}`. (default: :obj:`True`)
        curvature (CurvatureLike, optional): Initial :math:`c > 0`, learned from
            there on, or a :class:`~pyg_hyperbolic.Curvature`. (default: :obj:`1.0`)

    Shapes:
        - **input:** points :math:`(|\mathcal{V}|, F)`,
          batch vector :math:`(|\mathcal{V}|)` *(optional)*
        - **output:** points :math:`(|\mathcal{V}|, F)`
    """

    def __init__(
        self,
        in_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        *,
        curvature: CurvatureLike = 1.0,
    ) -> None:
        super().__init__(in_channels, eps, affine, curvature)
        self._reset_weights()

    def forward(
        self, x: Tensor, batch: OptTensor = None, batch_size: int | None = None
    ) -> Tensor:
        self._check_rows(x)
        c = self.curvature(x)
        if batch_size is not None:
            check_whole(0, batch_size=batch_size)
        if batch is None:
            batch = torch.zeros(x.size(0), dtype=torch.long, device=x.device)
            batch_size = 1
        means = hyperbolic_mean_pool(x, batch, batch_size, c=c)
        centered = add(-means.index_select(0, batch), x, c)
        squares = centered.square().sum(dim=-1)
        variance = scatter(squares, batch, 0, len(means), "mean")
        rows = variance.index_select(0, batch)[:, None]
        return self._scaled(centered, rows, c).to(x.dtype)
