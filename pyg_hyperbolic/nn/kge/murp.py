import torch
from torch import Tensor
from torch.nn import Embedding

from pyg_hyperbolic.nn.kge.base import HyperbolicKGEModel


class MuRP(HyperbolicKGEModel):
    r"""The MuRP model from the `"Multi-relational Poincaré Graph Embeddings"
    <https://arxiv.org/abs/1905.09791>`_ paper.

    A relation scales the coordinates of the head by a diagonal matrix
    :math:`\mathbf{R}_r` at the origin, and moves the tail by a gyro-sum:

    .. math::
        s(h, r, t) = -d_{c_r} \left( \mathbf{R}_r \mathbf{e}_h,\;
        \mathbf{e}_t \oplus_{c_r} \mathbf{r}_r \right)^2 + b_h + b'_t

    The paper's :math:`\exp_0(\mathbf{R}_r \log_0(\mathbf{e}_h))` is
    :math:`\mathbf{R}_r \mathbf{e}_h` in normal coordinates.  In the paper all points
    lie in one Poincaré ball with :math:`c = 1` and are trained by Riemannian gradients;
    here each relation learns a :math:`c_r` of its own, and any optimizer will do.  With
    :obj:`geometry="euclidean"` it is the paper's MuRE.

    Args:
        *args: As for :class:`HyperbolicKGEModel`.
        **kwargs: As for :class:`HyperbolicKGEModel`.
    """

    def _make_relations(self, number: int, sparse: bool) -> None:
        self.rel_scale = Embedding(number, self.hidden_channels, sparse=sparse)

    def _reset_relations(self) -> None:
        torch.nn.init.uniform_(self.rel_scale.weight, -1, 1)

    def _heads(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        return self.rel_scale(rel) * x

    def _tails(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        return self._translated(x, rel, c)
