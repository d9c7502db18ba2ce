"""A device without float64, for which the CPU is taken here."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pyg_hyperbolic.geometry import rows


class NoFloat64(TorchDispatchMode):
    """Raises where an operation gives a tensor in float64, also in a backward pass."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and x.dtype == torch.float64:
                raise TypeError(f"{func} gives float64, which the device does not have")
        return out


@contextmanager
def taken_for_one() -> Iterator[None]:
    """The CPU is computed on as such a device, and may have float64 all the same."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "WITHOUT_FLOAT64", {"mps", "cpu"})
        yield


@contextmanager
def without_float64() -> Iterator[None]:
    """A CPU that has no float64."""
    with taken_for_one(), NoFloat64():
        yield
