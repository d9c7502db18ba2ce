"""What many tests of layers begin with."""

import pytest

from pyg_hyperbolic.testing.graphs import small_graph
from tests.nn.reference import Graph


@pytest.fixture(params=["midpoint", "tangent", "local"])
def aggregation(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def graph() -> Graph:
    return Graph(*small_graph())
