from collections.abc import Callable

import pytest
import torch

from pyg_hyperbolic.nn.kge import AttH, HyperbolicKGEModel, MuRP, RefH, RotH

Triples = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture(params=[MuRP, RefH, RotH, AttH], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[HyperbolicKGEModel]:
    return request.param


@pytest.fixture
def spread() -> Callable[..., HyperbolicKGEModel]:
    """A model whose points and biases are drawn all over the place."""

    def draw(model: HyperbolicKGEModel, radius: float = 1.0) -> HyperbolicKGEModel:
        for table in (model.node_emb, model.rel_emb, model.head_bias, model.tail_bias):
            torch.nn.init.normal_(table.weight, std=radius)
        return model

    return draw


@pytest.fixture
def triples() -> Triples:
    head, tail = torch.randint(12, (2, 9))
    return head, torch.randint(3, (9,)), tail
