"""Some curvatures, and another library's model of hyperbolic space at them."""

import geoopt
import pytest
import torch


@pytest.fixture(params=[0.05, 1.0, 2.5], ids=lambda c: f"c={c}")
def c(request: pytest.FixtureRequest) -> float:
    return request.param


@pytest.fixture
def ball(c: float) -> geoopt.PoincareBall:
    """geoopt's Poincare ball; its ``expmap0(u)`` is the point of coordinates 2 u."""
    return geoopt.PoincareBall(c=torch.tensor(c, dtype=torch.float64))
