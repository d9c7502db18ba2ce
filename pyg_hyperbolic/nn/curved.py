"""What all layers with a curvature share."""

import torch
from torch import Tensor

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.nn.validation import check_features, check_like_layer


class Curved(torch.nn.Module):
    """A layer with a curvature, which others may share.

    A subclass draws its weights in :meth:`_reset_weights`.  Its constructor calls only
    that, and does not reset the curvature, which may have been trained already.
    """

    curvature: Curvature

    def _reset_weights(self) -> None:
        """Draws new weights; the curvature stays as it is."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        self._reset_weights()
        self.curvature.reset_parameters()

    def _check(self, x: Tensor, in_channels: int) -> None:
        """Raises if x does not hold points, [*, F], that the layer can take."""
        check_features(x, in_channels, axes=1)
        check_like_layer(x, self)
