"""Small graphs with points, for tests of operations over graphs."""

from typing import NamedTuple

import torch
from torch import Tensor

DOUBLE = torch.float64
RADII = [0.0, 1e-6, 0.1, 1.0, 5.0, 20.0, 100.0, 300.0]
WEIGHTS = ["none", "edges", "heads"]


class Graph(NamedTuple):
    """Points, weights and a graph: target 6 has no edges, some edges are doubled."""

    x: Tensor  # [9, 2, 3]
    bias: Tensor  # [2, 3]
    weight: Tensor | None
    c: Tensor  # [2]
    source: Tensor
    target: Tensor
    num_targets: int

    @property
    def leaves(self) -> list[Tensor]:
        given = (self.x, self.bias, self.weight, self.c)
        return [leaf for leaf in given if leaf is not None]

    def weights(self) -> Tensor:
        """Those of each edge and head."""
        if self.weight is None:
            return torch.ones(len(self.source), 2, dtype=DOUBLE)
        weight = self.weight.double()
        return weight if weight.dim() == 2 else weight[:, None].expand(-1, 2)


def graph(radius: float, kind: str = "edges", dtype: torch.dtype = DOUBLE) -> Graph:
    """Radii in units of 1; the weights of heads are of any size, those of edges not."""
    c = torch.tensor([0.5, 1.0], dtype=dtype)
    x = torch.nn.functional.normalize(torch.randn(9, 2, 3, dtype=DOUBLE), dim=-1)
    x = x * (radius * torch.rand(9, 2, 1, dtype=DOUBLE))
    bias = torch.randn(2, 3, dtype=DOUBLE) * min(radius, 1)
    source, target = torch.randint(0, 9, (24,)), torch.randint(0, 6, (24,))
    source, target = torch.cat([source, source[:4]]), torch.cat([target, target[:4]])
    weight = None
    if kind == "edges":
        weight = torch.rand(28, dtype=DOUBLE).to(dtype)
    elif kind == "heads":
        weight = (10 ** (60 * torch.rand(28, 2, dtype=DOUBLE) - 30)).to(dtype)
    return Graph(x.to(dtype), bias.to(dtype), weight, c, source, target, 7)


def edges(given: Graph) -> list[tuple[int, int]]:
    return list(zip(given.source.tolist(), given.target.tolist(), strict=True))
