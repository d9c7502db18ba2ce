"""No float64 on devices that have none: a CPU that is taken for one, as Apple's MPS."""

import pytest
import torch

from pyg_hyperbolic.kernels import backend
from tests.nn.test_derivatives import LAYERS, Leaves, derivatives, problem
from tests.without_float64 import NoFloat64, without_float64


def learned(name: str, radius: float) -> Leaves:
    """Gradients in float32 of a layer on a device without float64."""
    loss, leaves = problem(name, radius, torch.float32)
    with backend("portable"), without_float64():
        return derivatives(loss(), leaves)


def test_float64_is_seen_in_both_passes() -> None:
    x = torch.ones(2, requires_grad=True)
    with NoFloat64():
        x.sin().sum().backward()
    with pytest.raises(TypeError, match="gives float64"), NoFloat64():
        x.double()
    out = x.double().float().sum()
    with pytest.raises(TypeError, match="gives float64"), NoFloat64():
        out.backward()


@pytest.mark.parametrize("name", LAYERS)
def test_gradients_are_right_near_the_origin_and_finite_far_out(name: str) -> None:
    actual = learned(name, 0.5)
    loss, leaves = problem(name, 0.5)
    with backend("portable"):
        expected = derivatives(loss(), leaves)
    largest = max(float(grad.abs().max()) for grad in expected.values())
    for key, grad in actual.items():
        assert grad.dtype == torch.float32
        torch.testing.assert_close(
            grad.double(), expected[key], rtol=1e-3, atol=1e-4 * largest
        )
    far = learned(name, 6.0)
    for key, grad in far.items():
        assert grad.dtype == torch.float32 and grad.isfinite().all(), key
    assert any(grad.any() for grad in far.values())
