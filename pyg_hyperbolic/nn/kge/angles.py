"""Angles of relations, one for each pair of coordinates."""

import math

import torch
from torch.nn import Embedding

from pyg_hyperbolic.nn.kge.base import HyperbolicKGEModel


class OfAngles(HyperbolicKGEModel):
    """A model whose relations have angles."""

    def _make_relations(self, number: int, sparse: bool) -> None:
        self.rel_angle = angles(number, self.hidden_channels, sparse)

    def _reset_relations(self) -> None:
        draw(self.rel_angle)


def angles(num_relations: int, hidden_channels: int, sparse: bool) -> Embedding:
    """A table of angles, one for each relation and pair of coordinates.

    Raises:
        ValueError: If coordinates are not in pairs.
    """
    if hidden_channels % 2 == 1:
        raise ValueError(
            f"'hidden_channels' must be even: coordinates are turned two by two (got "
            f"{hidden_channels}); take {hidden_channels + 1}"
        )
    return Embedding(num_relations, hidden_channels // 2, sparse=sparse)


def draw(table: Embedding) -> None:
    """Draws angles, all alike likely."""
    torch.nn.init.uniform_(table.weight, -math.pi, math.pi)
