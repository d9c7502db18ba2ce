from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import (
    check_device,
    check_flags,
    check_integers,
    check_whole,
    is_whole,
    number,
    whole,
)
from pyg_hyperbolic.geometry.rows import Curved
from pyg_hyperbolic.nn.validation import check_dtype, check_features, check_pairs

_PAIRS = 1 << 21  # distances that are looked at at once


class HyperbolicEmbedding(torch.nn.Embedding):
    r"""A table of points in normal coordinates, as :class:`torch.nn.Embedding` has
    vectors.

    Every vector is a point, so that its parameter is an ordinary one that any optimizer
    can move; no Riemannian optimizer is needed.  With :obj:`sparse=True` gradients are
    sparse, for :class:`torch.optim.SparseAdam`.

    Args:
        num_embeddings: Number of points.
        embedding_dim: Their dimension.
        padding_idx: Index of a point that stays at the origin.
        *args: Further arguments of :class:`torch.nn.Embedding`.
        initial: The first points have coordinates up to this number in size; by default
            this is 1e-3, half as far out as in the `"Poincaré Embeddings"
            <https://arxiv.org/abs/1705.08039>`_ paper.
        **kwargs: Further ones by name, except :obj:`max_norm`.

    Raises:
        ValueError: If :obj:`max_norm` is given: it would clip radii in the forward
            pass; or a size is not a whole number, or indices are not a tensor of
            integers.
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        *args: Any,
        initial: float = 1e-3,
        **kwargs: Any,
    ) -> None:
        check_whole(0, num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        rows = num_embeddings
        if padding_idx is not None and not (
            is_whole(padding_idx) and -rows <= padding_idx < rows
        ):
            raise ValueError(
                f"'padding_idx' must be the index of one of the {rows} points (got "
                f"{padding_idx!r})"
            )
        if not 0 <= number(initial) < float("inf"):
            raise ValueError(f"'initial' must be a number >= 0 (got {initial!r})")
        self.initial = initial
        super().__init__(rows, embedding_dim, padding_idx, *args, **kwargs)
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
        """Draws new points near the origin; that of :obj:`padding_idx` is at it."""
        torch.nn.init.uniform_(self.weight, -self.initial, self.initial)
        if self.padding_idx is not None:
            with torch.no_grad():
                self.weight[self.padding_idx].zero_()

    def dist(self, pairs: Tensor, c: Curved, squared: bool = False) -> Tensor:
        """Distances of pairs of points, without a copy of each pair.

        Args:
            pairs: Indices, shape :math:`(2, P)`.
            c: Absolute value of the curvature, 0 for Euclidean points.
            squared: Whether to return their squares.

        Returns:
            Distances, shape :math:`(P)`.

        Raises:
            ValueError: If :obj:`pairs` is not such a tensor.
            IndexError: If an index is out of range.
        """
        check_pairs(pairs, "pairs", self.weight.device)
        check_flags(squared=squared)
        measure = kernels.sqdist if squared else kernels.dist
        if not self.sparse and self.padding_idx is None:
            return measure(self.weight, self.weight, c, pairs[0], pairs[1])
        # the gradients of points that come up, and of no others
        index, place = pairs.unique(return_inverse=True)
        points = self(index)
        return measure(points, points, c, place[0], place[1])

    @torch.no_grad()
    def nearest(self, points: Tensor, k: int, c: Curved) -> tuple[Tensor, Tensor]:
        """The points of the table that are nearest to given points.

        Args:
            points: Points in normal coordinates, shape :math:`(N, d)`.  One of the
                table's own finds itself first, at the distance 0.
            k: How many to find for each.
            c: Absolute value of the curvature.

        Returns:
            Their distances, ascending, and their indices, both of shape
            :math:`(N, k)`.

        Raises:
            ValueError: If the table has fewer than :obj:`k`, or the points do not fit.
        """
        check_features(points, self.embedding_dim, "points")
        check_device(points.device, self.weight.device, "points", "the layer")
        check_dtype(points, self.weight.dtype, "points")
        if points.dim() != 2:
            raise ValueError(
                f"'points' must have the shape [N, {self.embedding_dim}] (got "
                f"{list(points.shape)})"
            )
        check_whole(1, k=k)
        rows = self.num_embeddings
        if whole(k) > rows:
            raise ValueError(
                f"'k' must be at most {rows}, the number of points (got {k})"
            )
        found = []
        every = torch.arange(rows, device=points.device)
        for block in points.split(max(_PAIRS // rows, 1)):
            own = torch.arange(len(block), device=points.device)
            first, second = own.repeat_interleave(rows), every.repeat(len(block))
            far = kernels.dist(block, self.weight, c, first, second)
            found.append(far.view(-1, rows).topk(whole(k), largest=False))
        distances = torch.cat([part.values for part in found])
        return distances, torch.cat([part.indices for part in found])
