import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch_geometric import EdgeIndex

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGCNConv

pytestmark = [
    # Both once in a process, from wherever torch or PyG make their first one.
    pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta"),
    pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly"),
]


def build(*args: Any, **kwargs: Any) -> HGCNConv:
    conv = HGCNConv(*args, **kwargs).double()
    if conv.bias is not None:
        torch.nn.init.normal_(conv.bias)
    return conv


def test_arguments_in_the_order_of_gcn_conv(graph: Any) -> None:
    conv = HGCNConv(3, 4, True, True, False, True, False)
    assert conv.improved and conv.cached and conv.normalize
    assert not conv.add_self_loops
    assert conv.bias is None
    assert HGCNConv(3, 4).add_self_loops
    assert not HGCNConv(3, 4, normalize=False).add_self_loops


def test_repr(aggregation: str) -> None:
    assert repr(HGCNConv(16, 32, aggregation=aggregation)) == "HGCNConv(16, 32)"


def test_any_leading_shape_of_a_static_graph(graph: Any, aggregation: str) -> None:
    conv = build(3, 4, aggregation=aggregation)
    x = torch.randn(2, 5, 6, 3, dtype=torch.float64)
    out = conv(x, graph.edge_index, graph.edge_weight)
    assert out.shape == (2, 5, 6, 4)
    for i in range(2):
        for j in range(5):
            expected = conv(x[i, j], graph.edge_index, graph.edge_weight)
            torch.testing.assert_close(out[i, j], expected)


@pytest.mark.parametrize("layout", [torch.sparse_csr, torch.sparse_coo])
def test_sparse_features(graph: Any, aggregation: str, layout: torch.layout) -> None:
    conv = build(3, 4, aggregation=aggregation)
    x = graph.x().relu()
    out = conv(x.to_sparse(layout=layout), graph.edge_index)
    torch.testing.assert_close(out, conv(x, graph.edge_index))


@pytest.mark.parametrize("sparse", [False, True])
def test_lazy_input_width(graph: Any, aggregation: str, sparse: bool) -> None:
    conv = HGCNConv(-1, 4, aggregation=aggregation).double()
    assert repr(conv) == "HGCNConv(-1, 4)"
    x = graph.x()
    out = conv(x.to_sparse_coo() if sparse else x, graph.edge_index)
    assert conv.lin.weight.shape == (4, 3)
    other = HGCNConv(3, 4, aggregation=aggregation).double()
    other.load_state_dict(conv.state_dict())
    torch.testing.assert_close(other(x, graph.edge_index), out)
    with pytest.raises(ValueError, match=r"'x' must have 3 features per node \(got 5"):
        conv(torch.randn(6, 5).double(), graph.edge_index)


def test_cached_keeps_the_graph_and_only_the_graph(
    graph: Any, aggregation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = build(3, 4, cached=True, aggregation=aggregation)
    plain = build(3, 4, aggregation=aggregation)
    plain.load_state_dict(conv.state_dict())
    x, w = graph.x(), graph.edge_weight
    first = conv(x, graph.edge_index, w)
    torch.testing.assert_close(first, plain(x, graph.edge_index, w))

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("normalized again")

    with monkeypatch.context() as patch:
        patch.setattr("pyg_hyperbolic.nn.conv.normalized.gcn_normalize", refuse)
        assert torch.equal(conv(x, graph.edge_index, w), first)
        with pytest.raises(AssertionError, match="normalized again"):
            plain(x, graph.edge_index.clone(), w)
        # Other features and parameters go through the same graph.
        torch.nn.init.normal_(conv.lin.weight)
        out = conv(2 * x, graph.edge_index, w)
    plain.load_state_dict(conv.state_dict())
    torch.testing.assert_close(out, plain(2 * x, graph.edge_index, w))

    conv.reset_parameters()
    plain.load_state_dict(conv.state_dict())
    smaller = graph.edge_index[:, :5]
    torch.testing.assert_close(conv(x, smaller), plain(x, smaller))


def test_cached_graph_serves_several_backward_passes(
    graph: Any, aggregation: str
) -> None:
    conv = build(3, 4, cached=True, aggregation=aggregation)
    edge_index, perm = EdgeIndex(graph.edge_index, sparse_size=(6, 6)).sort_by("col")
    for form in (graph.edge_index, edge_index):
        conv.reset_parameters()
        for _ in range(3):
            conv(graph.x(), form, graph.edge_weight).sum().backward()
    assert perm.numel() == 9


def test_reset_parameters_restores_curvature_and_bias(
    graph: Any, aggregation: str
) -> None:
    conv = HGCNConv(3, 4, curvature=0.37, aggregation=aggregation)
    before = conv.lin.weight.clone()
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.add_(1.0)
    assert conv.curvature() > 0.5
    conv.reset_parameters()
    assert conv.curvature().item() == torch.tensor(0.37)
    assert torch.equal(conv.bias, torch.zeros(4))
    bound = (6 / 7) ** 0.5  # glorot
    assert conv.lin.weight.abs().max() <= bound
    assert not torch.equal(conv.lin.weight, before)


def test_sources_of_target_to_source_flow_are_the_second_row(
    graph: Any, aggregation: str
) -> None:
    forward = build(3, 4, aggregation=aggregation)
    backward = build(3, 4, aggregation=aggregation, flow="target_to_source")
    backward.load_state_dict(forward.state_dict())
    x, w = graph.x(), graph.edge_weight
    torch.testing.assert_close(
        backward(x, graph.edge_index, w), forward(x, graph.edge_index.flip(0), w)
    )


@pytest.mark.parametrize("shared", [True, False])
def test_a_curvature_object_is_shared_and_a_number_is_not(
    graph: Any, aggregation: str, shared: bool
) -> None:
    curvature: float | Curvature = Curvature(0.5) if shared else 0.5
    first = HGCNConv(3, 3, curvature=curvature, aggregation=aggregation)
    second = HGCNConv(3, 3, curvature=curvature, aggregation=aggregation)
    assert (first.curvature is second.curvature) == shared
    torch.nn.init.ones_(first.bias)  # a sum with the origin does not depend on c
    both = torch.nn.ModuleList([first, second])
    assert len(list(both.parameters())) == (5 if shared else 6)
    twin = copy.deepcopy(both)
    assert (twin[0].curvature is twin[1].curvature) == shared
    assert twin[0].curvature is not first.curvature
    x = graph.x(torch.float32)
    second(first(x, graph.edge_index), graph.edge_index).square().sum().backward()
    assert first.curvature.raw.grad.abs() > 0


def test_a_fixed_curvature_is_no_parameter(graph: Any, aggregation: str) -> None:
    fixed = Curvature(2.0, learnable=False)
    conv = HGCNConv(3, 4, curvature=fixed, aggregation=aggregation)
    assert [name for name, _ in conv.named_parameters()] == ["bias", "lin.weight"]
    conv(graph.x(torch.float32), graph.edge_index).sum().backward()
    free = HGCNConv(3, 4, curvature=2.0, aggregation=aggregation)
    free.load_state_dict(conv.state_dict())
    x = graph.x(torch.float32)
    torch.testing.assert_close(free(x, graph.edge_index), conv(x, graph.edge_index))


@pytest.mark.parametrize("weighted", [False, True])
def test_midpoint_is_a_mean_whatever_aggr_says(graph: Any, weighted: bool) -> None:
    x, w = graph.x(), graph.edge_weight if weighted else None
    outs = []
    for aggr in ("add", "sum", "mean"):
        torch.manual_seed(0)
        conv = build(3, 4, aggr=aggr)
        outs += [conv(x, graph.edge_index, w)]
        outs += [conv(x, *graph.form("csr", w))]
        outs += [conv(x, *graph.form("edge_index_by_col", w))]
    for out in outs[1:]:
        torch.testing.assert_close(out, outs[0])


@pytest.mark.parametrize("aggregation", ["tangent", "local"])
@pytest.mark.parametrize("aggr", ["mean", "max"])
@pytest.mark.filterwarnings("ignore:Converting sparse tensor to CSR")
def test_other_reductions(graph: Any, aggregation: str, aggr: str, form: str) -> None:
    conv = build(3, 4, aggregation=aggregation, aggr=aggr, normalize=False, bias=False)
    x, w = graph.x(), graph.edge_weight
    with torch.no_grad():
        out = conv(x, graph.edge_index, w)
        torch.testing.assert_close(conv(x, *graph.form(form, w)), out)
    if aggregation == "tangent":
        h = x @ conv.lin.weight.T
        messages = torch.stack([w[1] * h[0], w[2] * h[1]])  # to node 2
        expected = messages.mean(dim=0) if aggr == "mean" else messages.amax(dim=0)
        torch.testing.assert_close(out[2], expected)


@pytest.mark.parametrize("aggregation", ["midpoint", "tangent"])
@pytest.mark.parametrize("channels", [4, 5, 6])
def test_decomposed_layers_change_nothing(
    graph: Any, aggregation: str, channels: int
) -> None:
    conv = build(3, channels, aggregation=aggregation)
    pieces = build(3, channels, aggregation=aggregation, decomposed_layers=2)
    pieces.load_state_dict(conv.state_dict())
    x, w = graph.x(), graph.edge_weight
    expected = conv(x, graph.edge_index, w)
    torch.testing.assert_close(pieces(x, graph.edge_index, w), expected)


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize(
    "case",
    ["no edges", "one node", "no nodes", "duplicates", "self-loops", "zeros", "equal"],
)
def test_degenerate_graphs_are_finite(
    graph: Any,
    assert_finite: Callable[..., None],
    dtype: torch.dtype,
    aggregation: str,
    case: str,
    normalize: bool,
) -> None:
    x, edge_index = graph.x(dtype), graph.edge_index
    none = torch.empty(2, 0, dtype=torch.long)
    loops = torch.arange(3).repeat(2, 1)
    x, edge_index = {
        "no edges": (x, none),
        "one node": (x[:1], none),
        "no nodes": (x[:0], none),
        "duplicates": (x, edge_index.repeat(1, 2)),
        "self-loops": (x, torch.cat([edge_index, loops], dim=1)),
        "zeros": (torch.zeros_like(x), edge_index),
        "equal": (x[:1].repeat(6, 1), edge_index),
    }[case]
    conv = HGCNConv(3, 4, normalize=normalize, aggregation=aggregation).to(dtype)
    x = x.clone().requires_grad_()
    out = conv(x, edge_index)
    assert out.shape == (x.size(0), 4)
    out.sin().sum().backward()
    assert_finite(out, x.grad, conv.lin.weight.grad, conv.bias.grad)
    if aggregation != "tangent":
        assert_finite(conv.curvature.raw.grad)


@pytest.mark.parametrize("radius", [30.0, 80.0])
@pytest.mark.parametrize("c", [0.3, 1.0, 3.0])
def test_points_far_out_are_finite(
    graph: Any,
    assert_finite: Callable[..., None],
    dtype: torch.dtype,
    aggregation: str,
    radius: float,
    c: float,
) -> None:
    if aggregation == "local" and dtype == torch.float32 and c**0.5 * radius > 60:
        pytest.skip("derivatives of the log map at a far target exceed float32")
    conv = HGCNConv(3, 3, aggregation=aggregation, curvature=c).to(dtype)
    torch.nn.init.eye_(conv.lin.weight)
    torch.nn.init.normal_(conv.bias)
    x = graph.x(dtype)
    x = (radius * x / x.norm(dim=-1, keepdim=True)).requires_grad_()
    out = conv(x, graph.edge_index, graph.edge_weight.to(dtype))
    out.sin().sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in conv.parameters()))


def test_a_node_without_neighbors_stays_where_it_is(
    graph: Any,
    assert_close: Callable[..., None],
    dtype: torch.dtype,
    aggregation: str,
) -> None:
    conv = HGCNConv(3, 3, bias=False, aggregation=aggregation).to(dtype)
    torch.nn.init.eye_(conv.lin.weight)
    x = graph.x(dtype)
    x = 8 * x / x.norm(dim=-1, keepdim=True)
    out = conv(x, graph.edge_index)
    factor = 1.0 if dtype == torch.float32 else 1e4  # 1 - tanh(8) is 1e-7
    assert_close(out[5], x[5], factor=factor)
