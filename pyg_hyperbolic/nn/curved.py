"""What layers with a curvature have in common."""

import torch

from pyg_hyperbolic.curvature import Curvature


class Curved(torch.nn.Module):
    """A layer with a curvature, which others may share.

    A subclass draws its weights in :meth:`_reset_weights`.  Its constructor calls that
    alone: a curvature that it is given may be trained already.
    """

    curvature: Curvature

    def _reset_weights(self) -> None:
        """Draws new weights; the curvature stays as it is."""
        raise NotImplementedError

    def reset_parameters(self) -> None:
        """Resets all learnable parameters, the curvature included."""
        self._reset_weights()
        self.curvature.reset_parameters()
