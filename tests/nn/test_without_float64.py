"""No float64 on devices that have none: a CPU that is taken for one, as Apple's MPS."""

from contextlib import nullcontext
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.nn.test_derivatives import LAYERS, Leaves, backend, derivatives, problem


class WithoutFloat64(TorchDispatchMode):
    """Raises where an operation gives a tensor in float64, also in a backward pass."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for value in tree_leaves(out):
            if isinstance(value, Tensor) and value.dtype == torch.float64:
                raise TypeError(f"{func} gives float64, which the device does not have")
        return out


def learned(name: str, radius: float, monkeypatch: pytest.MonkeyPatch) -> Leaves:
    """Gradients in float32 of a layer on a device without float64."""
    loss, leaves = problem(name, radius, torch.float32)
    devices = "pyg_hyperbolic.geometry.rows.WITHOUT_FLOAT64"
    with monkeypatch.context() as patch, portable(), WithoutFloat64():
        patch.setattr(devices, {"mps", "cpu"})
        return derivatives(loss(), leaves)


def portable() -> Any:
    return nullcontext() if backend is None else backend("portable")


def test_float64_is_seen_in_both_passes() -> None:
    x = torch.ones(2, requires_grad=True)
    with WithoutFloat64():
        x.sin().sum().backward()
    with pytest.raises(TypeError, match="gives float64"), WithoutFloat64():
        x.double()
    out = x.double().float().sum()
    with pytest.raises(TypeError, match="gives float64"), WithoutFloat64():
        out.backward()


@pytest.mark.parametrize("name", LAYERS)
def test_near_the_origin_gradients_are_right(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    actual = learned(name, 0.5, monkeypatch)
    loss, leaves = problem(name, 0.5)
    with portable():
        expected = derivatives(loss(), leaves)
    largest = max(float(grad.abs().max()) for grad in expected.values())
    for key, grad in actual.items():
        assert grad.dtype == torch.float32
        torch.testing.assert_close(
            grad.double(), expected[key], rtol=1e-3, atol=1e-4 * largest
        )


@pytest.mark.parametrize("name", LAYERS)
def test_far_out_gradients_are_finite(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    grads = learned(name, 6.0, monkeypatch)
    for key, grad in grads.items():
        assert grad.dtype == torch.float32 and grad.isfinite().all(), key
    assert any(grad.any() for grad in grads.values())
