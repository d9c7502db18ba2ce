"""Convolutions of PyG whose messages are averaged in hyperbolic space."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import (
    EGConv,
    FastRGCNConv,
    FiLMConv,
    GATv2Conv,
    GCNConv,
    GINConv,
    SAGEConv,
    TAGConv,
    TransformerConv,
)
from torch_geometric.nn.conv import MessagePassing, PNAConv, SimpleConv

from pyg_hyperbolic import Curvature, geometry, kernels
from pyg_hyperbolic.nn import HGCNConv, Hyperbolic
from pyg_hyperbolic.testing.graphs import FORMS
from tests.where import each

CONVS: dict[str, Callable[[], MessagePassing]] = {
    "FiLMConv": lambda: FiLMConv(3, 4),
    "GATv2Conv": lambda: GATv2Conv(3, 2, heads=2),
    "GCNConv": lambda: GCNConv(3, 4),
    "GINConv": lambda: GINConv(torch.nn.Linear(3, 4)),
    "SAGEConv": lambda: SAGEConv(3, 4),
    "TAGConv": lambda: TAGConv(3, 4),
    "TransformerConv": lambda: TransformerConv(3, 2, heads=2),
}


names = each("name", CONVS)


@names
def test_without_curvature_it_is_the_convolution(
    graph: Any, name: str, torch_scatter: bool
) -> None:
    conv, x = CONVS[name]().double(), graph.x()
    twin = copy.deepcopy(conv)
    wrapped = Hyperbolic(conv, curvature=Curvature(1e-12))
    out, expected = wrapped(x, graph.edge_index), twin(x, graph.edge_index)
    torch.testing.assert_close(out, expected, rtol=1e-9, atol=1e-9)
    # And with curvature it is not.
    curved = Hyperbolic(twin, curvature=1.0)(x, graph.edge_index)
    assert (curved - expected).abs().max() > 1e-4


@each("name", CONVS.keys() - {"GCNConv"})  # whose weights make two points of one
def test_one_message_is_left_alone(name: str) -> None:
    conv, x = CONVS[name]().double(), torch.randn(4, 3, dtype=torch.float64)
    twin = copy.deepcopy(conv)
    # With the self-loops that some add there are two: at the same point.
    x[1] = x[0]
    edge_index = torch.tensor([[0], [1]])
    out, expected = Hyperbolic(conv)(x, edge_index), twin(x, edge_index)
    torch.testing.assert_close(out, expected)


@each("radius", [1.0, 30.0])
@each("aggr", ["add", "mean"])
def test_the_formula(graph: Any, aggr: str, radius: float) -> None:
    wrapped = Hyperbolic(SimpleConv(aggr=aggr), curvature=0.7)
    x, weight = radius * graph.x(), graph.edge_weight
    out = wrapped(x, graph.edge_index, weight)
    source, target = graph.edge_index
    messages, c = weight[:, None] * x[source], wrapped.curvature()
    for i in range(6):
        own = messages[target == i]
        expected = torch.zeros(3, dtype=torch.float64)
        if len(own) > 0:
            expected = geometry.midpoint(own, c)
            expected = len(own) * expected if aggr == "add" else expected
        torch.testing.assert_close(out[i], expected, rtol=1e-10, atol=1e-10)


def test_every_head_has_a_space_of_its_own(graph: Any) -> None:
    """Heads that compute the same give the same, whatever the others do."""
    wrapped = Hyperbolic(GATv2Conv(3, 2, heads=2, bias=False).double())
    x, conv = graph.x(), wrapped.conv
    expected = wrapped(x, graph.edge_index)[:, :2]
    with torch.no_grad():
        conv.lin_l.weight[2:] *= 3.0
        conv.att[:, 1] = 0.5
    out = wrapped(x, graph.edge_index)
    torch.testing.assert_close(out[:, :2], expected)
    assert not torch.allclose(out[:, 2:], expected)


@each("name", ["GATv2Conv", "GCNConv", "SAGEConv"])
def test_it_learns(graph: Any, name: str, assert_finite: Callable[..., None]) -> None:
    wrapped, x = Hyperbolic(CONVS[name]().double()), graph.x()
    target = torch.randn(6, 4, dtype=torch.float64)
    optimizer = torch.optim.Adam(wrapped.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = (wrapped(x, graph.edge_index) - target).square().mean()
        loss.backward()
        assert losses or wrapped.curvature.raw.grad.abs() > 1e-5
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
    assert wrapped.curvature().item() != 1.0
    assert_finite(*wrapped.parameters())


@each("scale", [0.0, 1000.0])
@names
def test_it_is_finite(
    graph: Any,
    name: str,
    assert_finite: Callable[..., None],
    dtype: torch.dtype,
    scale: float,
) -> None:
    wrapped = Hyperbolic(CONVS[name]()).to(dtype)
    x = (scale * graph.x(dtype)).requires_grad_()
    out = wrapped(x, graph.edge_index)
    out.sin().sum().backward()
    assert_finite(out, x.grad, wrapped.curvature.raw.grad)


@each("form", FORMS)
@each("name", ["GCNConv", "SAGEConv", "GATv2Conv"])
def test_a_sparse_product_does_not_get_around_it(
    graph: Any, form: str, name: str
) -> None:
    wrapped, x = Hyperbolic(CONVS[name]().double()), graph.x()
    adjacency, _ = graph.form(form, None)
    torch.testing.assert_close(wrapped(x, adjacency), wrapped(x, graph.edge_index))


@names
def test_no_edges(name: str) -> None:
    x = torch.randn(3, 3, dtype=torch.float64)
    none = torch.empty(2, 0, dtype=torch.long)
    assert Hyperbolic(CONVS[name]().double())(x, none).isfinite().all()


@pytest.mark.parametrize("name", ["GCNConv", "TransformerConv"])
@pytest.mark.compile
def test_compiles_as_one_graph(name: str) -> None:
    torch._dynamo.reset()
    conv = GCNConv(3, 4, add_self_loops=False) if name == "GCNConv" else CONVS[name]()
    wrapped = Hyperbolic(conv)
    compiled = torch.compile(wrapped, fullgraph=True, dynamic=True, backend="eager")
    for n in (7, 11):
        x, edge_index = torch.randn(n, 3), torch.randint(n, (2, 3 * n))
        expected = wrapped(x, edge_index)
        torch.testing.assert_close(
            compiled(x, edge_index), expected, rtol=1e-5, atol=1e-5
        )


@each("name", ["GATv2Conv", "TAGConv"])
def test_copies_and_states(graph: Any, name: str) -> None:
    wrapped, x = Hyperbolic(CONVS[name]().double(), curvature=0.3), graph.x()
    expected = wrapped(x, graph.edge_index)
    twins = [copy.deepcopy(wrapped), pickle.loads(pickle.dumps(wrapped))]
    for twin in twins:
        assert torch.equal(twin(x, graph.edge_index), expected)
    names = [name for name, _ in wrapped.named_parameters() if "curvature" in name]
    assert names == ["conv.aggr_module.curvature.raw"]
    assert wrapped.curvature().item() == pytest.approx(0.3, rel=2e-6)
    with torch.no_grad():
        for parameter in wrapped.parameters():
            parameter.fill_(float("nan"))
    wrapped.reset_parameters()
    assert wrapped(x, graph.edge_index).isfinite().all()
    assert wrapped.curvature().item() == pytest.approx(0.3, rel=2e-6)


def test_arguments_are_passed_on(graph: Any) -> None:
    wrapped, x = Hyperbolic(GATv2Conv(3, 4).double()), graph.x()
    out, (edge_index, alpha) = wrapped(
        x, graph.edge_index, return_attention_weights=True
    )
    torch.testing.assert_close(out, wrapped(x, graph.edge_index))
    assert alpha.shape == (edge_index.size(1), 1)


@each(
    ("make", "message"),
    [
        (lambda: HGCNConv(3, 4), r"must not be hyperbolic already \(got HGCNConv\)"),
        (lambda: Hyperbolic(GCNConv(3, 4)).conv, "must not be hyperbolic already"),
        (lambda: SAGEConv(3, 4, aggr="max"), r"by a sum or a mean.*aggr='max'"),
        (
            lambda: PNAConv(3, 4, ["mean"], ["identity"], deg=torch.ones(3).long()),
            "by a sum or a mean",
        ),
        (lambda: GCNConv(3, 4, decomposed_layers=2), "must not split channels"),
        (lambda: EGConv(3, 4, num_heads=2, num_bases=2), "'aggregate' of its own"),
        (lambda: FastRGCNConv(3, 4, 2), "'aggregate' of its own"),
    ],
)
def test_what_it_refuses(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Hyperbolic(make())


def gradients_of(wrapped: Hyperbolic, x: Tensor, edge_index: Tensor) -> list[Tensor]:
    out = wrapped(x, edge_index)
    return list(torch.autograd.grad(out.sin().sum(), [x, wrapped.curvature.raw]))


@each("radius", [0.5, 5.0])
def test_back_ends_have_the_same_gradients(graph: Any, radius: float) -> None:
    wrapped = Hyperbolic(SimpleConv(aggr="mean")).double()
    x = (radius * graph.x()).requires_grad_()
    with kernels.backend("portable"):
        expected = gradients_of(wrapped, x, graph.edge_index)
    got = gradients_of(wrapped, x, graph.edge_index)
    torch.testing.assert_close(got, expected, rtol=1e-8, atol=1e-8)
