"""What reads a layer from outside: Jacobians row by row or at once, and tracers."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.autograd.functional import hessian, jacobian

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv

LAYERS: dict[str, Callable[[], Any]] = {
    "midpoint": lambda: HGCNConv(3, 2),
    "tangent": lambda: HGCNConv(3, 2, aggregation="tangent"),
    "local": lambda: HGCNConv(3, 2, aggregation="local"),
    "HGATConv": lambda: HGATConv(3, 2, heads=2, score="distance"),
    "HSAGEConv": lambda: HSAGEConv(3, 2),
    "HyboNetConv": lambda: HyboNetConv(3, 2),
}
layer = pytest.mark.parametrize("name", LAYERS)
EDGES = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])


@layer
def test_derivatives_at_once_are_those_one_by_one(name: str) -> None:
    conv, x = LAYERS[name]().double(), torch.randn(4, 3, dtype=torch.float64)
    expected = jacobian(lambda x: conv(x, EDGES), x)
    at_once = jacobian(lambda x: conv(x, EDGES), x, vectorize=True)
    torch.testing.assert_close(at_once, expected)

    def loss(x: torch.Tensor) -> torch.Tensor:
        return conv(x, EDGES).square().sum()

    torch.testing.assert_close(hessian(loss, x, vectorize=True), hessian(loss, x))


@layer
def test_second_derivatives_by_points_alone(name: str) -> None:
    conv = LAYERS[name]().double().requires_grad_(False)
    x = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: conv(x, EDGES).square(), x)


@pytest.mark.filterwarnings("ignore:.*torch.jit")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
@layer
def test_a_trace_runs_on_other_graphs(name: str) -> None:
    conv = LAYERS[name]()
    trace = torch.jit.trace(conv, (torch.randn(4, 3), EDGES))
    file = io.BytesIO()
    torch.jit.save(trace, file)
    file.seek(0)
    loaded = torch.jit.load(file)
    x = torch.randn(5, 3)
    edge_index = torch.tensor([[0, 1, 2, 4, 0, 3], [1, 2, 4, 0, 2, 2]])
    torch.testing.assert_close(loaded(x, edge_index), conv(x, edge_index))
    loaded(x, edge_index).sum().backward()
    with pytest.raises(RuntimeError, match=r"indices from 0 to 3|index 4"):
        loaded(x[:4], edge_index)


def test_a_curvature_has_no_attribute_that_raises() -> None:
    curvature = Curvature()
    for name in dir(curvature):
        getattr(curvature, name)
