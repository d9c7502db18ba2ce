import pytest
import torch

from pyg_hyperbolic.nn.kge import AttH, MuRP, RefH, RotH
from tests.nn.kge.models import Kind, Triples


@pytest.fixture(params=[MuRP, RefH, RotH, AttH], ids=lambda kind: kind.__name__)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def triples() -> Triples:
    head, tail = torch.randint(12, (2, 9))
    return head, torch.randint(3, (9,)), tail
