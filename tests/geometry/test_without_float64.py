"""Devices without float64, for which the CPU is taken here.

Other radii: ``test_functions.py``; layers: ``tests/nn/test_without_float64.py``.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import rows
from pyg_hyperbolic.kernels import portable
from tests.geometry.functions import FROM, NAMES, function
from tests.where import each
from tests.without_float64 import without_float64


def test_the_wide_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rows.wide_dtype(torch.device("cpu")) == torch.float64
    assert rows.wide_dtype(torch.device("cuda")) == torch.float64
    assert rows.wide_dtype(torch.device("mps")) == torch.float32
    monkeypatch.setattr(rows, "WITHOUT_FLOAT64", {"cpu"})
    assert rows.wide_dtype(torch.device("cpu")) == torch.float32


def derivatives(f: Any, inputs: Any, cotangent: Tensor) -> Iterator[Tensor]:
    """The value, the gradients, and the gradients of those."""
    leaves = [x.clone().requires_grad_() for x in inputs]
    out = f(*leaves)
    yield out
    grads = torch.autograd.grad(out, leaves, cotangent, create_graph=True)
    yield from grads
    sizes = sum(grad.square().sum() for grad in grads)
    yield from torch.autograd.grad(sizes, leaves)


def checked(f: Any, inputs: Any, exact: bool = True) -> list[Tensor]:
    """All of these in float32: values and gradients are finite, and if exact, right."""
    single, cotangent = [x.float() for x in inputs], torch.randn_like(f(*inputs))
    with without_float64():
        got = list(derivatives(f, single, cotangent.float()))
    first = got[: 1 + len(single)]
    assert all(x.isfinite().all() for x in first)
    if exact:
        wide = [x.double() for x in single]
        true = derivatives(f, wide, cotangent.double())
        for mine, expected in zip(first, true, strict=False):
            assert (mine - expected).norm() <= 1e-3 * expected.norm()
    return got


@pytest.mark.parametrize("name", NAMES)
@each("radius", [0.1, 5.0])
def test_functions(name: str, radius: float) -> None:
    ends = name in FROM and radius > 4  # charts end there, in float32
    got = checked(*function(name, radius), exact=not ends)
    assert all(x.isfinite().all() for x in got)


@pytest.mark.parametrize("which", ["midpoint", "log_sum", "dist"])
@each("radius", [5.0, 1e3])
def test_graphs(which: str, radius: float) -> None:
    x = torch.nn.functional.normalize(torch.randn(7, 2, 3), dim=-1) * radius
    x = x * torch.rand(7, 2, 1)
    weight, c, bias = torch.rand(20), torch.tensor([0.5, 1.0]), torch.randn(2, 3)
    source, target = torch.randint(0, 7, (2, 20))
    f = {
        "midpoint": lambda x, b, w, c: portable.midpoint(x, b, w, c, source, target, 7),
        "log_sum": lambda x, u, w, c: portable.log_sum(x, u, w, c, source, target),
        "dist": lambda x, u, w, c: portable.dist(x, u, c, source, target) * w[:, None],
    }[which]
    inputs = x, bias if which == "midpoint" else x.flip(0), weight, c
    checked(f, inputs, exact=radius == 5)
