"""A compiled layer beside itself: one graph for all sizes, radii and dtypes."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend
from torch.nn import Module
from torch.nn.functional import normalize

from pyg_hyperbolic.nn import HGCNConv
from tests.nn.reference import assert_equal

pytestmark = pytest.mark.compile
SINGLE, DOUBLE = torch.float32, torch.float64


def build(*args: Any, dtype: torch.dtype = SINGLE, **options: Any) -> HGCNConv:
    conv = HGCNConv(*args, normalize=False, **options).to(dtype)
    torch.nn.init.orthogonal_(conv.lin.weight)
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias, std=0.2)
    return conv


def compiled(conv: Module, backend: Any = "aot_eager") -> Module:
    torch._dynamo.reset()
    return torch.compile(conv, fullgraph=True, dynamic=True, backend=backend)


def random_graph(num_nodes: int, dtype: torch.dtype = SINGLE) -> tuple[Tensor, Tensor]:
    edge_index = torch.randint(num_nodes, (2, 4 * num_nodes))
    edge_index[1, edge_index[1] == 3] = 4  # nobody sends to node 3
    return edge_index, torch.rand(4 * num_nodes, dtype=dtype, requires_grad=True)


def at_radius(radius: float, num_nodes: int, dtype: torch.dtype = SINGLE) -> Tensor:
    x = normalize(torch.randn(num_nodes, 4, dtype=dtype), dim=-1)
    x = x * torch.linspace(0, radius, num_nodes, dtype=dtype)[:, None]
    return x.requires_grad_()


def check(
    conv: HGCNConv, call: Module, x: Any, graph: tuple[Any, ...], rtol: float = 2e-6
) -> None:
    """Values and gradients are those of the layer as it is."""
    out, expected = (f(x, *graph) for f in (call, conv))
    leaves = {"x": x[0] if isinstance(x, tuple) else x, "weight": (*graph, None)[1]}
    assert_equal(conv, out, expected, rtol, **leaves)


def test_a_compiled_layer_keeps_its_cache() -> None:
    conv, (edge_index, _) = HGCNConv(4, 4, cached=True), random_graph(9)
    call = compiled(conv)
    call(torch.randn(9, 4), edge_index)
    assert conv._cached_edge_index is not None


@pytest.mark.parametrize(
    ("aggregation", "flow", "dtype"),
    [
        ("midpoint", "source_to_target", SINGLE),
        ("midpoint", "target_to_source", DOUBLE),
        ("tangent", "target_to_source", SINGLE),
        ("tangent", "source_to_target", DOUBLE),
    ],
)
def test_one_graph_for_all_radii(
    aggregation: str, flow: str, dtype: torch.dtype
) -> None:
    conv = build(4, 4, aggregation=aggregation, flow=flow, dtype=dtype)
    counter = CompileCounterWithBackend("aot_eager")
    call = compiled(conv, counter)
    rtol = 2e-6 if dtype == SINGLE else 1e-13
    for n, radius in enumerate((0.5, 2.0, 6.0, 11.0, 40.0, 0.5), start=12):
        x = at_radius(radius, n, dtype)
        check(conv, call, x, random_graph(n, dtype), rtol)
    assert counter.frame_count == 1


def test_without_weights_and_bias_for_two_kinds_of_nodes() -> None:
    conv = build(4, 3, bias=False)
    edge_index = torch.stack([torch.randint(9, (20,)), torch.randint(5, (20,))])
    x = at_radius(1.0, 9), torch.zeros(5, 4)
    check(conv, compiled(conv), x, (edge_index,))


def test_several_features_of_the_same_nodes() -> None:
    conv, x = build(4, 3), torch.randn(2, 3, 9, 4, requires_grad=True)
    check(conv, compiled(conv), x, random_graph(9))


def test_autocast_and_half_precision() -> None:
    conv, (edge_index, weight) = build(4, 4), random_graph(12)
    x, call = at_radius(2.0, 12), compiled(conv)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        torch.testing.assert_close(
            call(x, edge_index, weight), conv(x, edge_index, weight)
        )
    half, x = conv.bfloat16(), x.detach().bfloat16()
    out = compiled(half)(x, edge_index)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out, half(x, edge_index))


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")
@pytest.mark.slow
def test_with_inductor() -> None:
    """What users get, where there is a C++ compiler."""
    conv = build(4, 4)
    call = compiled(conv, "inductor")
    for radius in (1.0, 6.0, 40.0):
        check(conv, call, at_radius(radius, 12), random_graph(12))
