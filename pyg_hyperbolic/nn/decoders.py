"""Decoders: scores of pairs of points."""

import math

import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_flags, number
from pyg_hyperbolic.curvature import CurvatureLike, as_curvature
from pyg_hyperbolic.geometry.rows import Curved
from pyg_hyperbolic.kernels.forms import check_edges
from pyg_hyperbolic.nn.points import sqdist
from pyg_hyperbolic.nn.validation import check_features, check_graph


class FermiDiracDecoder(torch.nn.Module):
    r"""The logit of an edge's probability, from the squared distance of its ends.

    The Fermi-Dirac distribution :math:`p = 1/(e^{(d^2 - r)/t} + 1)` of `"Hyperbolic
    Geometry of Complex Networks" <https://arxiv.org/abs/1006.5169>`_, with the
    squared distance as in `"Hyperbolic Graph Convolutional Neural Networks"
    <https://arxiv.org/abs/1910.12933>`_, Eq. 14.  Its logit is :math:`(r - d^2)/t`;
    the probability itself would overflow in float32 for :math:`(d^2 - r)/t > 88`.

    Args:
        r: Squared distance at which the probability is one half.
        t: Temperature, positive.
        learnable: Whether :obj:`r` and the logarithm of :obj:`t` are parameters, which
            start from the given values.

    Raises:
        ValueError: If :obj:`t` is not positive or :obj:`r` not finite.
    """

    def __init__(
        self, r: float = 2.0, t: float = 1.0, *, learnable: bool = False
    ) -> None:
        super().__init__()
        check_flags(learnable=learnable)
        if not math.isfinite(number(r)):
            raise ValueError(f"'r' must be a finite number (got {r})")
        if not (0 < number(t) < math.inf):
            raise ValueError(f"'t' must be a positive number (got {t})")
        self.r: float | Tensor = r
        self.log_t: Tensor | None = None
        self._t = t
        if learnable:
            self.r = torch.nn.Parameter(torch.tensor(float(r)))
            self.log_t = torch.nn.Parameter(torch.tensor(math.log(t)))

    @property
    def t(self) -> float | Tensor:
        """The temperature."""
        return self._t if self.log_t is None else self.log_t.exp()

    def forward(self, u: Tensor, v: Tensor, c: Curved) -> Tensor:
        """Logits, for :class:`~torch.nn.BCEWithLogitsLoss`.

        Args:
            u: Points in normal coordinates, shape :math:`(*, d)`.
            v: Points in normal coordinates, shape :math:`(*, d)`.
            c: Absolute value of the curvature.

        Returns:
            Logits, shape :math:`(*)`.
        """
        return self.logits(sqdist(u, v, c))

    def logits(self, square: Tensor) -> Tensor:
        """The logits of squared distances, of any shape."""
        return (self.r - square) / self.t

    def extra_repr(self) -> str:
        """The module's settings, for ``repr``."""
        r, t = (torch.as_tensor(value).item() for value in (self.r, self.t))
        out = f"r={r:g}, t={t:g}"
        return f"{out}, learnable=True" if self.log_t is not None else out


class FermiDiracEdges(torch.nn.Module):
    r"""A :class:`FermiDiracDecoder` for PyG's autoencoders.

    Pass it to :class:`~torch_geometric.nn.models.GAE` or
    :class:`~torch_geometric.nn.models.VGAE` in place of their inner product.

    Args:
        curvature: The curvature of the points' space: the
            :class:`~pyg_hyperbolic.Curvature` of the encoder's last layer,
            ``encoder.convs[-1].curvature``; a number gives it a curvature of its own,
            which is learned from there on.
        r: See :class:`FermiDiracDecoder`.
        t: See :class:`FermiDiracDecoder`.
        learnable: See :class:`FermiDiracDecoder`.
    """

    def __init__(
        self,
        curvature: CurvatureLike = 1.0,
        r: float = 2.0,
        t: float = 1.0,
        *,
        learnable: bool = False,
    ) -> None:
        super().__init__()
        self.curvature = as_curvature(curvature)
        self.decoder = FermiDiracDecoder(r, t, learnable=learnable)

    def forward(self, z: Tensor, edge_index: Tensor, sigmoid: bool = True) -> Tensor:
        """Probabilities of edges, or their logits.

        Args:
            z: Points, shape :math:`(N, d)`.
            edge_index: Pairs of nodes, shape :math:`(2, E)`.
            sigmoid: If :obj:`False`, logits are returned.

        Returns:
            One number for each pair, shape :math:`(E)`.
        """
        self._check(z, sigmoid)
        check_edges(edge_index, device=z.device, whose="'z'")
        c = self.curvature(z)
        try:
            square = kernels.sqdist(z, z, c, edge_index[0], edge_index[1])
        except IndexError:
            check_graph(edge_index, None, (len(z), len(z)), nonnegative=False)
            raise
        out = self.decoder.logits(square)
        return out.sigmoid() if sigmoid else out

    def forward_all(self, z: Tensor, sigmoid: bool = True) -> Tensor:
        """Probabilities or logits of all pairs of nodes, shape :math:`(N, N)`."""
        self._check(z, sigmoid)
        out = self.decoder(z[:, None], z[None], self.curvature(z))
        return out.sigmoid() if sigmoid else out

    def _check(self, z: Tensor, sigmoid: bool) -> None:
        check_flags(sigmoid=sigmoid)
        check_features(z, -1, "z")
        if z.dim() != 2:
            raise ValueError(f"'z' must have the shape [N, d] (got {list(z.shape)})")
