import torch


class HyperbolicEmbedding(torch.nn.Embedding):
    r"""A table of points in normal coordinates, as :class:`torch.nn.Embedding` has
    vectors.

    Every vector is a point, so that its parameter is a plain one, which any optimizer
    moves; no Riemannian optimizer is needed.  The first points are as near to the
    origin as those of the `"Poincaré Embeddings" <https://arxiv.org/abs/1705.08039>`_
    paper, with coordinates in :math:`[-10^{-3}, 10^{-3}]`.

    Args:
        *args: Those of :class:`torch.nn.Embedding`: the number of points, their
            dimension, and so on.
        **kwargs: Those of :class:`torch.nn.Embedding`, but for :obj:`max_norm`.

    Raises:
        ValueError: If :obj:`max_norm` is given: it would clip radii in the forward
            pass.
    """

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        if self.max_norm is not None:
            raise ValueError(
                f"'max_norm' must be None: it would clip radii in the forward pass, "
                f"and every radius is allowed (got {self.max_norm})"
            )

    def reset_parameters(self) -> None:
        """Draws new points near the origin; that of :obj:`padding_idx` is there."""
        torch.nn.init.uniform_(self.weight, -1e-3, 1e-3)
        if self.padding_idx is not None:
            with torch.no_grad():
                self.weight[self.padding_idx].zero_()
