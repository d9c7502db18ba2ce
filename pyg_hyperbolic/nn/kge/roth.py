from torch import Tensor

from pyg_hyperbolic.nn.kge.angles import OfAngles
from pyg_hyperbolic.nn.kge.givens import rotate


class RotH(OfAngles):
    r"""The RotH model from the `"Low-Dimensional Hyperbolic Knowledge Graph Embeddings"
    <https://arxiv.org/abs/2005.00545>`_ paper.

    A relation rotates the coordinates of the head two by two, and moves it by a
    gyro-sum:

    .. math::
        s(h, r, t) = -d_{c_r} \left( \operatorname{Rot}(\theta_r)\, \mathbf{e}_h
        \oplus_{c_r} \mathbf{r}_r,\; \mathbf{e}_t \right)^2 + b_h + b'_t

    The authors' code has one more gyro-sum before the rotation, which would be
    redundant in Euclidean space, and learns a cosine and a sine, which it normalizes,
    where there is an angle here.  With :obj:`geometry="euclidean"` it is the paper's
    RotE.

    Args:
        *args: As for :class:`HyperbolicKGEModel`; :obj:`hidden_channels` must be even.
        **kwargs: As for :class:`HyperbolicKGEModel`.

    Raises:
        ValueError: If :obj:`hidden_channels` is odd.
    """

    def _heads(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        return self._translated(rotate(x, self.rel_angle(rel)), rel, c)
