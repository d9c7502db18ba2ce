"""Models whose points and biases are drawn all over the place."""

from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.nn.kge import HyperbolicKGEModel

Kind = type[HyperbolicKGEModel]
Triples = tuple[Tensor, Tensor, Tensor]


def spread(kind: Kind, *sizes: int, radius: float = 1.0, **options: Any) -> Any:
    model = kind(*sizes, **options)
    for table in (model.node_emb, model.rel_emb, model.head_bias, model.tail_bias):
        torch.nn.init.normal_(table.weight, std=radius)
    return model
