"""A compiled layer decides in its graph how to compute: every way is right."""

from collections.abc import Callable

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor
from torch.nn import Module

from pyg_hyperbolic.nn import HGCNConv

pytestmark = pytest.mark.compile
Gradients = Callable[..., dict[str, Tensor]]
RADII = (0.5, 2.0, 6.0, 11.0, 40.0)  # in float32, float64 and two passes


def compiled(conv: Module, backend: str = "aot_eager") -> Module:
    torch._dynamo.reset()
    return torch.compile(conv, fullgraph=True, dynamic=True, backend=backend)


def random_graph(num_nodes: int) -> tuple[Tensor, Tensor]:
    edge_index = torch.randint(num_nodes, (2, 4 * num_nodes))
    edge_index[1, edge_index[1] == 3] = 4  # nobody sends to node 3
    return edge_index, torch.rand(4 * num_nodes, requires_grad=True)


def at_radius(radius: float, num_nodes: int, dtype: torch.dtype) -> Tensor:
    x = torch.nn.functional.normalize(torch.randn(num_nodes, 4, dtype=dtype), dim=-1)
    x = x * torch.linspace(0, radius, num_nodes, dtype=dtype)[:, None]
    return x.requires_grad_()


def check(
    conv: HGCNConv, call: Module, gradients: Gradients, x: Tensor, rtol: float
) -> None:
    edge_index, weight = random_graph(x.size(0))
    weight = weight.detach().to(x.dtype).requires_grad_()
    expected, out = conv(x, edge_index, weight), call(x, edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=rtol, atol=rtol)
    true = gradients(conv, expected, x=x, edge_weight=weight)
    got = gradients(conv, out, x=x, edge_weight=weight)
    for name, value in true.items():
        assert (got[name] - value).norm() <= 20 * rtol * (value.norm() + rtol), name


@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
@pytest.mark.parametrize("aggregation", ["midpoint", "tangent"])
def test_one_graph_for_all_radii(
    gradients: Gradients, aggregation: str, flow: str
) -> None:
    conv = HGCNConv(4, 4, aggregation=aggregation, normalize=False, flow=flow)
    torch.nn.init.orthogonal_(conv.lin.weight)
    torch.nn.init.normal_(conv.bias, std=0.2)
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    call = compiled(conv, counter)
    for i, radius in enumerate((*RADII, RADII[0])):
        check(conv, call, gradients, at_radius(radius, 12 + i, torch.float32), 1e-5)
    assert counter.frame_count == 1


@pytest.mark.parametrize("aggregation", ["midpoint", "tangent"])
def test_double_precision(gradients: Gradients, aggregation: str) -> None:
    conv = HGCNConv(4, 4, aggregation=aggregation, normalize=False).double()
    torch.nn.init.normal_(conv.bias, std=0.2)
    call = compiled(conv)
    for radius in (1.0, 30.0):
        check(conv, call, gradients, at_radius(radius, 12, torch.float64), 1e-11)


def test_without_weights_and_bias_for_two_kinds_of_nodes(gradients: Gradients) -> None:
    conv = HGCNConv(4, 3, normalize=False, bias=False)
    call = compiled(conv)
    x, y = at_radius(1.0, 9, torch.float32), torch.zeros(5, 4)
    edge_index = torch.stack([torch.randint(9, (20,)), torch.randint(5, (20,))])
    expected, out = conv((x, y), edge_index), call((x, y), edge_index)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        gradients(conv, out, x=x),
        gradients(conv, expected, x=x),
        rtol=1e-4,
        atol=1e-6,
    )


def test_several_features_of_the_same_nodes(gradients: Gradients) -> None:
    conv = HGCNConv(4, 3, normalize=False)
    torch.nn.init.normal_(conv.bias, std=0.2)
    edge_index, weight = random_graph(9)
    x = torch.randn(2, 3, 9, 4, requires_grad=True)
    expected = conv(x, edge_index, weight)
    out = compiled(conv)(x, edge_index, weight)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(
        gradients(conv, out, x=x, edge_weight=weight),
        gradients(conv, expected, x=x, edge_weight=weight),
        rtol=1e-4,
        atol=1e-5,
    )


def test_autocast_and_half_precision() -> None:
    conv = HGCNConv(4, 4, normalize=False)
    edge_index, weight = random_graph(12)
    x = at_radius(2.0, 12, torch.float32)
    call = compiled(conv)
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
def test_with_inductor(gradients: Gradients) -> None:
    """What users get, where there is a C++ compiler."""
    conv = HGCNConv(4, 4, normalize=False)
    call = compiled(conv, "inductor")
    for radius in (1.0, 6.0, 40.0):
        check(conv, call, gradients, at_radius(radius, 12, torch.float32), 1e-5)
