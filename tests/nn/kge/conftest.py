from collections.abc import Callable

import pytest
import torch

from pyg_hyperbolic.nn.kge import AttH, HyperbolicKGEModel, MuRP, RefH, RotH

MODELS = [MuRP, RefH, RotH, AttH]
Triples = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.fixture(params=MODELS, ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> type[HyperbolicKGEModel]:
    return request.param


@pytest.fixture(params=["hyperbolic", "euclidean"])
def geometry(request: pytest.FixtureRequest) -> str:
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


@pytest.fixture
def tree() -> Triples:
    """A binary tree of 31 nodes: the parent, and the parent's parent."""
    child = torch.arange(1, 31)
    grandchild = torch.arange(3, 31)
    head, tail = (
        torch.cat([child, grandchild]),
        torch.cat([(child - 1) // 2, ((grandchild - 1) // 2 - 1) // 2]),
    )
    rel = torch.cat([torch.zeros(30), torch.ones(28)]).long()
    return head, rel, tail
