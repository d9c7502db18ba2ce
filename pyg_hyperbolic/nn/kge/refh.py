from torch import Tensor

from pyg_hyperbolic.nn.kge.angles import OfAngles
from pyg_hyperbolic.nn.kge.givens import reflect


class RefH(OfAngles):
    r"""The RefH model from the `"Low-Dimensional Hyperbolic Knowledge Graph Embeddings"
    <https://arxiv.org/abs/2005.00545>`_ paper.

    A relation mirrors the coordinates of the head two by two, and moves it by a
    gyro-sum:

    .. math::
        s(h, r, t) = -d_{c_r} \left( \operatorname{Ref}(\phi_r)\, \mathbf{e}_h
        \oplus_{c_r} \mathbf{r}_r,\; \mathbf{e}_t \right)^2 + b_h + b'_t

    With :obj:`geometry="euclidean"` it is the paper's RefE.

    Args:
        *args: As for :class:`HyperbolicKGEModel`; :obj:`hidden_channels` must be even.
        **kwargs: As for :class:`HyperbolicKGEModel`.

    Raises:
        ValueError: If :obj:`hidden_channels` is odd.
    """

    def _heads(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        return self._translated(reflect(x, self.rel_angle(rel)), rel, c)
