"""Devices without float64, for which the CPU is taken here."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from pyg_hyperbolic.geometry import rows
from pyg_hyperbolic.kernels import portable
from tests.geometry.functions import NAMES, function

every = pytest.mark.parametrize("name", NAMES)


class NoFloat64(TorchDispatchMode):
    """Raises where an operation gives a tensor in float64."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        for x in tree_leaves(out):
            if isinstance(x, Tensor) and x.dtype == torch.float64:
                raise TypeError(f"{func} gives float64")
        return out


@pytest.fixture
def without_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "WITHOUT_FLOAT64", {"mps", "cpu"})


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


@every
@pytest.mark.parametrize("radius", [0.1, 1.0, 5.0])
def test_values_and_derivatives(
    name: str, radius: float, without_float64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    f, inputs = function(name, radius)
    single = [x.float() for x in inputs]
    cotangent = torch.randn_like(f(*inputs))
    with NoFloat64():
        got = list(derivatives(f, single, cotangent.float()))
    assert all(x.isfinite().all() for x in got)
    monkeypatch.setattr(rows, "WITHOUT_FLOAT64", {"mps"})
    true = list(derivatives(f, [x.double() for x in single], cotangent))
    if name.startswith("from_") and radius > 4:  # charts end there, in float32
        return
    for mine, exact in zip(got[: len(inputs) + 1], true, strict=False):
        assert (mine - exact).norm() <= 1e-3 * exact.norm()


@every
@pytest.mark.parametrize("radius", [0.0, 1e-18, 1e-6, 12.0, 30.0, 80.0, 500.0, 1e4])
def test_far_out_and_near_the_origin_all_is_finite(
    name: str, radius: float, without_float64: None
) -> None:
    if name in ("to_lorentz", "to_proper_velocity") and radius > 50:
        pytest.skip("the hyperboloid's coordinates themselves are out of range")
    if name in ("from_lorentz", "from_proper_velocity"):
        name = "to_klein"
    f, inputs = function(name, radius)
    inputs = [x.float() for x in inputs]
    with NoFloat64():
        out = f(*inputs)
        got = [*derivatives(f, inputs, torch.ones_like(out))][: len(inputs) + 1]
    for x in got:
        assert x.isfinite().all()


@pytest.mark.parametrize("radius", [0.1, 1.0, 5.0, 60.0, 1e3])
@pytest.mark.parametrize("which", ["midpoint", "log_sum", "dist"])
def test_graphs(
    which: str, radius: float, without_float64: None, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    cotangent = torch.randn_like(f(*inputs))
    with NoFloat64():
        got = list(derivatives(f, inputs, cotangent))[:5]
    assert all(g.isfinite().all() for g in got)
    monkeypatch.setattr(rows, "WITHOUT_FLOAT64", {"mps"})
    true = list(derivatives(f, [x.double() for x in inputs], cotangent.double()))
    if radius <= 5:
        for mine, exact in zip(got, true, strict=False):
            assert (mine - exact).norm() <= 1e-3 * exact.norm()
