"""Values and gradients of each operation, against the geometry at all pairs of nodes."""

import pytest
import torch

from pyg_hyperbolic.kernels import backend
from tests.kernels.cases import DOUBLE, OPERATIONS, expected

every = pytest.mark.parametrize("name", OPERATIONS)
backends = pytest.mark.parametrize("by", ["cpu", "portable"])


def assert_near(got, true, dtype, bar=None) -> None:
    """Values and gradients, each relative to the largest entry of the tensor."""
    value, gradient = (1e-12, 1e-10) if dtype == DOUBLE else (1e-6, 1e-5)
    for i, (a, b) in enumerate(zip(got, true, strict=True)):
        least = gradient if i else value
        assert ((a - b).abs().max() <= least * b.abs().max()), (i, ((a - b).abs().max() / b.abs().max()).item())


@every
@backends
@pytest.mark.parametrize("c", [0.0, 1e-6, 1.0, 50.0])
@pytest.mark.parametrize("radius", [1e-6, 0.1, 1.0, 3.0, 8.0, 20.0, 100.0, 300.0])
def test_values_and_gradients(name, radius, c, by, dtype) -> None:
    given, grad, true = expected(name, radius, c)
    with backend(by):
        got = OPERATIONS[name].run(given.to(dtype), grad)
    assert got[0].dtype == dtype
    assert_near(got, true, dtype)

@every
@backends
@pytest.mark.parametrize("radius", [1.0, 20.0])
def test_without_heads(name, radius, by, dtype) -> None:
    given, grad, true = expected(name, radius, 1.0, ())
    with backend(by):
        got = OPERATIONS[name].run(given.to(dtype), grad)
    assert_near(got, true, dtype)
