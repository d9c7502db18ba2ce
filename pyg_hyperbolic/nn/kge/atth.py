import math

import torch
from torch import Tensor
from torch.nn import Embedding

from pyg_hyperbolic.nn.kge.angles import angles, draw
from pyg_hyperbolic.nn.kge.base import HyperbolicKGEModel
from pyg_hyperbolic.nn.kge.givens import reflect, rotate


class AttH(HyperbolicKGEModel):
    r"""The AttH model from the `"Low-Dimensional Hyperbolic Knowledge Graph Embeddings"
    <https://arxiv.org/abs/2005.00545>`_ paper.

    The head is rotated, as by :class:`RotH`, and mirrored, as by :class:`RefH`, and the
    relation attends to both images in the tangent space at the origin, whose vectors
    they are already in normal coordinates:

    .. math::
        \mathbf{x} = \operatorname{Rot}(\theta_r)\, \mathbf{e}_h, \quad
        \mathbf{y} = \operatorname{Ref}(\phi_r)\, \mathbf{e}_h, \quad
        (\alpha, \beta) = \operatorname{softmax}(\mathbf{a}_r^\top \mathbf{x} / \sqrt
        d,\, \mathbf{a}_r^\top \mathbf{y} / \sqrt d)

    .. math::
        s(h, r, t) = -d_{c_r} \left( (\alpha \mathbf{x} + \beta \mathbf{y})
        \oplus_{c_r} \mathbf{r}_r,\; \mathbf{e}_t \right)^2 + b_h + b'_t

    The division by :math:`\sqrt d` is that of the authors' code.  With
    :obj:`geometry="euclidean"` it is the paper's AttE.

    Args:
        *args: As for :class:`HyperbolicKGEModel`; :obj:`hidden_channels` must be even.
        **kwargs: As for :class:`HyperbolicKGEModel`.

    Raises:
        ValueError: If :obj:`hidden_channels` is odd.
    """

    def _make_relations(self, number: int, sparse: bool) -> None:
        self.rel_rotation = angles(number, self.hidden_channels, sparse)
        self.rel_reflection = angles(number, self.hidden_channels, sparse)
        self.rel_context = Embedding(number, self.hidden_channels, sparse=sparse)

    def _reset_relations(self) -> None:
        for table in (self.rel_rotation, self.rel_reflection):
            draw(table)
        torch.nn.init.normal_(self.rel_context.weight, std=1e-3)

    def _heads(self, x: Tensor, rel: Tensor, c: Tensor) -> Tensor:
        turned = rotate(x, self.rel_rotation(rel))
        mirrored = reflect(x, self.rel_reflection(rel))
        context = self.rel_context(rel) / math.sqrt(self.hidden_channels)
        # The softmax of two numbers is a sigmoid of their difference.
        weight = (context * (turned - mirrored)).sum(dim=-1, keepdim=True).sigmoid()
        return self._translated(torch.lerp(mirrored, turned, weight), rel, c)
