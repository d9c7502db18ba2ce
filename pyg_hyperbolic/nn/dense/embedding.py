from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_device, check_integers, check_whole, is_whole


class HyperbolicEmbedding(torch.nn.Embedding):
    r"""A table of points in normal coordinates, as :class:`torch.nn.Embedding` has
    vectors.

    Every vector is a point, so that its parameter is a plain one, which any optimizer
    moves; no Riemannian optimizer is needed.  The first points are as near to the
    origin as those of the `"Poincaré Embeddings" <https://arxiv.org/abs/1705.08039>`_
    paper, with coordinates in :math:`[-10^{-3}, 10^{-3}]`.

    Args:
        num_embeddings: Number of points.
        embedding_dim: Their dimension.
        padding_idx: Index of a point that stays at the origin.
        *args: All others of :class:`torch.nn.Embedding`.
        **kwargs: Those of :class:`torch.nn.Embedding`, but for :obj:`max_norm`.

    Raises:
        ValueError: If :obj:`max_norm` is given: it would clip radii in the forward
            pass; or something is no number of points, or no tensor of indices.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        check_whole(0, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        number = num_embeddings
        if padding_idx is not None and not (
            is_whole(padding_idx) and -number <= padding_idx < number
        ):
            raise ValueError(
                f"'padding_idx' must be the index of one of the {number} points (got "
                f"{padding_idx!r})"
            )
        super().__init__(number, embedding_dim, padding_idx, *args, **kwargs)
        if self.max_norm is not None:
            raise ValueError(
                f"'max_norm' must be None: it would clip radii in the forward pass, "
                f"and every radius is allowed (got {self.max_norm})"
            )

    def forward(self, input: Tensor) -> Tensor:
        """Points, shape :math:`(*, d)`, of their indices, shape :math:`(*)`."""
        check_integers(input, "input")
        check_device(input.device, self.weight.device, "input", "the layer")
        return super().forward(input)

    def reset_parameters(self) -> None:
        """Draws new points near the origin; that of :obj:`padding_idx` is there."""
        torch.nn.init.uniform_(self.weight, -1e-3, 1e-3)
        if self.padding_idx is not None:
            with torch.no_grad():
                self.weight[self.padding_idx].zero_()
