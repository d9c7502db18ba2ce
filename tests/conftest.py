"""Fixtures for all tests: seed, dtypes, one table of tolerances, PyG's switches."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

# Triton reads it when it is first imported, as it is by the following.
if not torch.cuda.is_available():
    os.environ.setdefault("TRITON_INTERPRET", "1")

import torch_geometric.typing
import torch_geometric.utils._scatter
import torch_geometric.utils._segment

torch.set_num_threads(1)

# (rtol, atol) of a computation of a few steps, compared with the exact result.
TOLERANCES = {
    torch.bfloat16: (3e-2, 3e-2),
    torch.float16: (4e-3, 4e-3),
    torch.float32: (1e-5, 1e-5),
    torch.float64: (1e-11, 1e-11),
}

AssertClose = Callable[..., None]


# Programs, documents, training, kernels in an interpreter, and all derivatives of all
# layers: slow as a whole.
SLOW = (
    "benchmarks",
    "datasets",
    "examples",
    "geometry/test_transforms",
    "geometry/test_without_float64",
    "kernels/test_backends",
    "kernels/test_corners",
    "kernels/test_cuda",
    "nn/conv/test_hgat_conv",
    "nn/kge/test_ranking",
    "nn/kge/test_training",
    "nn/models",
    "nn/test_derivatives",
    "nn/test_hyperbolic",
    "nn/test_loaders",
    "nn/test_readers",
    "nn/test_waits",
    "nn/test_without_float64",
    "numerics/test_properties",
    "numerics/test_reference",
    "numerics/test_second_order",
    "numerics/test_stress",
    "test_documents",
    "test_notebooks",
    "test_package",
    "visualization",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what is slow as a whole, and skips ``cuda`` where there is no device.

    What is slow comes first: alone, at the end, a file would keep one process busy.
    """
    root = Path(__file__).parent
    for item in items:
        if item.path.relative_to(root).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("cuda") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="there is no CUDA device"))
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(12345)


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    return request.param


@pytest.fixture(scope="session")
def assert_close() -> AssertClose:
    """Asserts that two tensors agree to the tolerance of the less exact dtype.

    ``factor`` loosens the table where a quantity loses digits by its nature.
    """

    def check(actual: Tensor, expected: Tensor, factor: float = 1.0) -> None:
        expected = torch.as_tensor(expected)
        rtol, atol = max(TOLERANCES[actual.dtype], TOLERANCES[expected.dtype])
        torch.testing.assert_close(
            actual.double(), expected.double(), rtol=factor * rtol, atol=factor * atol
        )

    return check


@pytest.fixture(scope="session")
def assert_finite() -> Callable[..., None]:
    """Asserts that every entry of every tensor is a number."""

    def check(*tensors: Tensor | None) -> None:
        for i, tensor in enumerate(tensors):
            assert tensor is not None, f"tensor {i} is missing"
            bad = int((~tensor.isfinite()).sum())
            assert bad == 0, f"{bad} of {tensor.numel()} entries of tensor {i}"

    return check


@pytest.fixture(params=[True, False], ids=["torch_scatter", "no_torch_scatter"])
def torch_scatter(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> bool:
    """Runs a test with torch_scatter and with PyG's switch for it turned off.

    PyG reads the switch at every call of `scatter`, `segment` and `softmax`.  Where
    it is off, the package itself is taken away too, as PyG does where it is not
    installed, so that a function that does not read the switch fails.
    """
    if request.param:
        if not torch_geometric.typing.WITH_TORCH_SCATTER:
            pytest.skip("torch_scatter is not installed")
    else:
        monkeypatch.setattr(torch_geometric.typing, "WITH_TORCH_SCATTER", False)
        for module in (
            torch_geometric.typing,
            torch_geometric.utils._scatter,
            torch_geometric.utils._segment,
        ):
            monkeypatch.setattr(module, "torch_scatter", object)
    return bool(request.param)
