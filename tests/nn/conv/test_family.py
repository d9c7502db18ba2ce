"""What every hyperbolic convolution owes to whoever puts it where another stood."""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor
from torch.nn import Module
from torch_geometric.nn import to_hetero

from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv
from pyg_hyperbolic.nn.conv.base import HyperbolicConv

pytestmark = [
    pytest.mark.filterwarnings("ignore:Converting sparse tensor to CSR"),
    pytest.mark.filterwarnings("ignore:Sparse CS. tensor support is in beta"),
    pytest.mark.filterwarnings("ignore:Sparse invariant checks are implicitly"),
]

# Each with the options under which it takes a graph as it is.
FAMILY: dict[type[HyperbolicConv], dict[str, Any]] = {
    HGATConv: {"add_self_loops": False},
    HGCNConv: {"normalize": False},
    HSAGEConv: {},
    HyboNetConv: {"normalize": False},
}


@pytest.fixture(params=FAMILY, ids=lambda layer: layer.__name__)
def layer(request: pytest.FixtureRequest) -> type[HyperbolicConv]:
    return request.param


def takes_weights(layer: type[HyperbolicConv]) -> None:
    if layer is HGATConv:
        pytest.skip("the layer weighs its edges itself")


def weighted(weight: Tensor | None) -> dict[str, Tensor]:
    return {} if weight is None else {"edge_weight": weight}


def build(layer: type[HyperbolicConv], *args: Any, **kwargs: Any) -> HyperbolicConv:
    """A layer in float64 in which no parameter is zero."""
    return shaken(layer(*args, **kwargs)).double()


def shaken(conv: HyperbolicConv) -> HyperbolicConv:
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return conv


def test_propagate_is_the_generated_one(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    conv = layer(3, 4)
    conv(graph.x(torch.float32), graph.edge_index)
    assert conv.propagate.__module__.endswith(f"{layer.__name__}_propagate")


@pytest.mark.parametrize("weights", ["none", "fixed", "learned"])
def test_every_form_of_a_graph_gives_the_same(
    graph: Any,
    gradients: Callable[..., dict[str, Tensor]],
    layer: type[HyperbolicConv],
    form: str,
    weights: str,
) -> None:
    conv = build(layer, 3, 4, **FAMILY[layer])
    x = graph.x().requires_grad_()
    weight = None if weights == "none" else graph.edge_weight
    if weight is not None:
        takes_weights(layer)
        weight.requires_grad_(weights == "learned")
    expected = conv(x, graph.edge_index, **weighted(weight))
    wanted = gradients(conv, expected, x=x, edge_weight=weight)
    edge_index, edge_weight = graph.form(form, weight)
    out = conv(x, edge_index, **weighted(edge_weight))
    torch.testing.assert_close(out, expected, rtol=1e-10, atol=1e-10)
    actual = gradients(conv, out, x=x, edge_weight=weight)
    torch.testing.assert_close(actual, wanted, rtol=1e-9, atol=1e-9)


def test_two_sets_of_nodes_are_parts_of_one(
    graph: Any, to_form: Callable[..., Any], layer: type[HyperbolicConv], form: str
) -> None:
    conv = build(layer, 3, 4, **FAMILY[layer])
    # All edges from nodes 0 to 3 to nodes 4 and 5, as one graph and as two sets.
    x = graph.x()
    edges = torch.tensor([[0, 1, 1, 3], [0, 0, 1, 1]])
    expected = conv(x, edges + torch.tensor([[0], [4]]))[4:]
    pair = (x[:4], x[4:])
    torch.testing.assert_close(conv(pair, edges), expected)
    torch.testing.assert_close(conv(pair, edges, size=(4, 2)), expected)
    adjacency, _ = to_form(edges, None, form, (4, 2))
    torch.testing.assert_close(conv(pair, adjacency), expected)
    back = copy.deepcopy(conv)
    back.flow = "target_to_source"
    torch.testing.assert_close(back(pair[::-1], edges.flip(0)), expected)


def test_flow(graph: Any, layer: type[HyperbolicConv]) -> None:
    forward = build(layer, 3, 4)
    backward = layer(3, 4, flow="target_to_source").double()
    backward.load_state_dict(forward.state_dict())
    x = graph.x()
    torch.testing.assert_close(
        backward(x, graph.edge_index), forward(x, graph.edge_index.flip(0))
    )


def test_lazy_input_width(graph: Any, layer: type[HyperbolicConv]) -> None:
    conv = layer(-1, 4).double()
    assert repr(conv).startswith(f"{layer.__name__}(-1, 4")
    x = graph.x()
    out = conv(x, graph.edge_index)
    other = layer(3, 4).double()
    other.load_state_dict(conv.state_dict())
    torch.testing.assert_close(other(x, graph.edge_index), out)
    with pytest.raises(ValueError, match=r"'x' must have 3 features per node \(got 5"):
        conv(torch.randn(6, 5).double(), graph.edge_index)


def test_any_leading_shape_of_a_static_graph(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    conv = build(layer, 3, 4)
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    if layer is HGATConv:  # attention is that of one graph, as in GATConv
        with pytest.raises(
            ValueError, match=r"'x' must have the shape \[N, F\]: .*got"
        ):
            conv(x, graph.edge_index)
        return
    expected = torch.stack([conv(part, graph.edge_index) for part in x])
    torch.testing.assert_close(conv(x, graph.edge_index), expected)


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_compute_the_same_on_their_own(
    graph: Any, layer: type[HyperbolicConv], how: str
) -> None:
    conv, x = build(layer, 3, 4, curvature=0.3), graph.x()
    expected = conv(x, graph.edge_index)
    twin = (
        copy.deepcopy(conv) if how == "deepcopy" else pickle.loads(pickle.dumps(conv))
    )
    assert torch.equal(twin(x, graph.edge_index), expected)
    twin.reset_parameters()
    assert torch.equal(conv(x, graph.edge_index), expected)


def test_reset_restores_every_parameter(layer: type[HyperbolicConv]) -> None:
    torch.manual_seed(1)
    conv = layer(3, 4, curvature=0.37)
    torch.manual_seed(2)
    conv.reset_parameters()
    fresh = {name: value.clone() for name, value in conv.state_dict().items()}
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.fill_(float("nan"))  # as memory that nobody has written to
    torch.manual_seed(2)
    conv.reset_parameters()
    for name, value in conv.state_dict().items():
        assert torch.equal(value, fresh[name]), name
    assert conv.curvature().item() == pytest.approx(0.37, rel=2e-6)


def test_the_curvature_learns(graph: Any, layer: type[HyperbolicConv]) -> None:
    conv = build(layer, 3, 4)
    conv(graph.x(), graph.edge_index).sin().sum().backward()
    assert conv.curvature.raw.grad.abs() > 1e-4


@pytest.mark.parametrize(
    "case", ["no edges", "no nodes", "duplicates", "zeros", "equal", "isolated"]
)
def test_degenerate_graphs_are_finite(
    graph: Any,
    assert_finite: Callable[..., None],
    dtype: torch.dtype,
    layer: type[HyperbolicConv],
    case: str,
) -> None:
    x, edge_index = graph.x(dtype), graph.edge_index
    none = torch.empty(2, 0, dtype=torch.long)
    x, edge_index = {
        "no edges": (x, none),
        "no nodes": (x[:0], none),
        "duplicates": (x, edge_index.repeat(1, 2)),
        "zeros": (torch.zeros_like(x), edge_index),
        "equal": (x[:1].repeat(6, 1), edge_index),
        "isolated": (x, edge_index[:, :1]),
    }[case]
    for options in ({}, FAMILY[layer]):
        conv = layer(3, 4, **options).to(dtype)
        x = x.detach().clone().requires_grad_()
        out = conv(x, edge_index)
        assert out.shape == (x.size(0), 4)
        out.sin().sum().backward()
        assert_finite(out, x.grad, *(p.grad for p in conv.parameters()))


@pytest.mark.parametrize("radius", [30.0, 1000.0])
@pytest.mark.parametrize("c", [0.3, 1.0])
def test_points_far_out_are_finite(
    graph: Any,
    assert_finite: Callable[..., None],
    dtype: torch.dtype,
    layer: type[HyperbolicConv],
    radius: float,
    c: float,
) -> None:
    conv = shaken(layer(3, 3, curvature=c)).to(dtype)
    x = graph.x(dtype)
    x = (radius * x / x.norm(dim=-1, keepdim=True)).requires_grad_()
    out = conv(x, graph.edge_index)
    assert out.norm(dim=-1).max() > radius / 10
    out.sin().sum().backward()
    assert_finite(out, x.grad, *(p.grad for p in conv.parameters()))


def test_low_precision_stays_near(
    graph: Any, assert_close: Callable[..., None], layer: type[HyperbolicConv]
) -> None:
    conv = shaken(layer(3, 4)).to(torch.bfloat16)
    x = graph.x().to(torch.bfloat16)
    out = conv(x, graph.edge_index)
    assert out.dtype == torch.bfloat16
    expected = conv.double()(x.double(), graph.edge_index)
    assert_close(out, expected, factor=3.0)


def test_autocast(graph: Any, layer: type[HyperbolicConv]) -> None:
    conv = shaken(layer(3, 4))
    x = graph.x(torch.float32).requires_grad_()
    expected = conv(x, graph.edge_index)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = conv(x, graph.edge_index)
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)
    out.float().square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_both_scatter_implementations_agree(
    graph: Any,
    layer: type[HyperbolicConv],
    torch_scatter: bool,
) -> None:
    conv, x = build(layer, 3, 4, **FAMILY[layer]), graph.x()
    out = conv(x, graph.edge_index)
    adjacency, _ = graph.form("csr", None)  # summed by torch itself
    torch.testing.assert_close(out, conv(x, adjacency))


def test_compiles_as_one_graph_for_all_sizes(
    gradients: Callable[..., dict[str, Tensor]], layer: type[HyperbolicConv]
) -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("eager")
    conv = shaken(layer(4, 5, **FAMILY[layer]))
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend=counter)
    compilations = set()
    for n in (7, 11, 30):
        x = (torch.randn(n, 4) / 2).requires_grad_()
        edge_index = torch.randint(n, (2, 3 * n))
        expected, out = conv(x, edge_index), compiled(x, edge_index)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            gradients(conv, out, x=x),
            gradients(conv, expected, x=x),
            rtol=1e-3,
            atol=1e-4,
        )
        compilations.add(counter.frame_count)
    assert len(compilations) == 1


class Net(Module):
    def __init__(self, layer: type[HyperbolicConv]) -> None:
        super().__init__()
        self.conv1 = layer(-1, 8, **FAMILY[layer])
        self.conv2 = layer(8, 4, **FAMILY[layer])

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.conv1(x, edge_index).relu()
        return self.conv2(x, edge_index)


def test_to_hetero(layer: type[HyperbolicConv], assert_finite: Any) -> None:
    relations = [("author", "writes", "paper"), ("paper", "written_by", "author")]
    model = to_hetero(Net(layer), (["author", "paper"], relations))
    x = {"author": torch.randn(5, 3), "paper": torch.randn(4, 3)}
    edges = torch.tensor([[0, 1, 2, 4], [0, 1, 3, 2]])
    out = model(x, {relations[0]: edges, relations[1]: edges.flip(0)})
    assert {name: value.shape for name, value in out.items()} == {
        "author": (5, 4),
        "paper": (4, 4),
    }
    sum(value.sin().sum() for value in out.values()).backward()
    assert_finite(*(p.grad for p in model.parameters()))


def test_masked_messages_are_no_messages(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    conv, x = build(layer, 3, 4, **FAMILY[layer]), graph.x()
    keep = torch.arange(9) > 0
    expected = conv(x, graph.edge_index[:, keep])
    conv.explain = True
    conv._edge_mask = keep.double()
    conv._apply_sigmoid = False
    conv._loop_mask = torch.ones(9, dtype=torch.bool)
    torch.testing.assert_close(conv(x, graph.edge_index), expected)


def test_hyperbolic_options_are_keyword_only(layer: type[HyperbolicConv]) -> None:
    parameters = inspect.signature(layer).parameters
    for name in ("curvature", "validate"):
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


def test_validation(graph: Any, layer: type[HyperbolicConv]) -> None:
    conv = layer(3, 4, validate=True)
    x = graph.x(torch.float32)
    with pytest.raises(ValueError, match=r"'edge_index' must hold source indices fr"):
        conv(x[:3], graph.edge_index)
    takes_weights(layer)
    weight = -graph.edge_weight.float()
    with pytest.raises(ValueError, match=r"'edge_weight' must not be negative"):
        conv(x, graph.edge_index, edge_weight=weight)


def test_a_layer_on_its_seen_graph(graph: Any, layer: type[HyperbolicConv]) -> None:
    conv, x = build(layer, 3, 4), graph.x()
    given = weighted(None if layer is HGATConv else graph.edge_weight)
    expected = conv(x, graph.edge_index, **given)
    edge_index, weight = conv.seen_graph(graph.edge_index, given.get("edge_weight"), x)
    twin = conv.on_seen_graph()
    torch.testing.assert_close(twin(x, edge_index, **weighted(weight)), expected)
    # The layer itself goes on as before.
    torch.testing.assert_close(conv(x, graph.edge_index, **given), expected)


def test_integers_and_lists_of_pairs_are_told(layer: type[HyperbolicConv]) -> None:
    conv, pairs = layer(4, 2), torch.tensor([[0, 1], [1, 2], [2, 0]])
    with pytest.raises(ValueError, match=r"'x' must be floating point .*x\.float\(\)"):
        conv(torch.ones(3, 4, dtype=torch.long), pairs.t())
    with pytest.raises(ValueError, match=r"'edge_index' must have two rows.*\[3, 2\]"):
        conv(torch.ones(3, 4), pairs)


@pytest.mark.parametrize("node_dim", [0, 1, -3, -2])
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("aggregation", ["midpoint", "tangent", "local"])
def test_nodes_along_any_axis(
    graph: Any,
    layer: type[HyperbolicConv],
    node_dim: int,
    watched: bool,
    aggregation: str,
) -> None:
    if layer is HGATConv:
        pytest.skip("attention is that of one graph")
    options = FAMILY[layer]
    if layer is HGCNConv:
        options = {**options, "aggregation": aggregation}
    elif aggregation != "midpoint":
        pytest.skip("an option of HGCNConv")
    conv = build(layer, 3, 4, **options)
    axis = build(layer, 3, 4, node_dim=node_dim, **options)
    axis.load_state_dict(conv.state_dict())
    x = torch.randn(2, 6, 3, dtype=torch.float64)
    given = weighted(graph.edge_weight)
    expected = torch.stack([conv(part, graph.edge_index, **given) for part in x])
    if watched:
        axis.register_message_forward_hook(lambda module, given, out: None)
    out = axis(x.movedim(1, node_dim), graph.edge_index, **given)
    torch.testing.assert_close(out.movedim(node_dim, 1), expected)
    if node_dim > 0:
        with pytest.raises(ValueError, match=r"'node_dim' must not be the last axis"):
            axis(x[0], graph.edge_index)


def test_a_hook_sees_points_once_a_layer(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    conv, x, seen = build(layer, 3, 4), graph.x(), []
    expected = conv(x, graph.edge_index)
    conv.register_message_forward_hook(lambda module, given, out: seen.append(out))
    torch.testing.assert_close(conv(x, graph.edge_index), expected)
    (message,) = seen
    assert message.size(-1) == (3 if layer is HSAGEConv else 4)
    assert message.dtype == torch.float64


def test_features_that_are_not_numbers_are_told(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    conv, x = layer(3, 4, validate=True), graph.x(torch.float32)
    for wrong in (float("nan"), float("inf")):
        x[2, 1] = wrong
        with pytest.raises(ValueError, match=r"'x' must be finite \(got 1 entries"):
            conv(x, graph.edge_index)


@pytest.mark.parametrize("normalize", [False, True])
def test_negative_masses_are_told(
    graph: Any, to_form: Callable[..., Any], form: str, normalize: bool
) -> None:
    conv, x = HGCNConv(3, 4, normalize=normalize), graph.x(torch.float32)
    weight = -graph.edge_weight.float()
    edge_index, edge_weight = graph.form(form, weight)
    with pytest.raises(ValueError, match=r"must not be negative.*normalize=False"):
        conv(x, edge_index, edge_weight)
    signed = HGCNConv(3, 4, normalize=False, aggregation="tangent")
    assert signed(x, edge_index, edge_weight).isfinite().all()


def test_weights_of_another_number_or_shape_are_told(
    graph: Any, layer: type[HyperbolicConv]
) -> None:
    takes_weights(layer)
    conv, x = layer(3, 4), graph.x(torch.float32)
    weight = graph.edge_weight.float()
    torch.testing.assert_close(
        conv(x, graph.edge_index, edge_weight=weight[:, None]),
        conv(x, graph.edge_index, edge_weight=weight),
    )
    for wrong in (weight[:-1], weight[None], weight[:, None, None], weight.sum()):
        with pytest.raises(ValueError, match=r"'edge_weight' must have one number for"):
            conv(x, graph.edge_index, edge_weight=wrong)


@pytest.mark.parametrize("shape", [(2, 9), (9, 3), (9,), (18,), (8, 2)], ids=str)
def test_edge_features_of_another_shape_are_told(
    graph: Any, shape: tuple[int, ...]
) -> None:
    conv, x = HGATConv(3, 4, edge_dim=2), graph.x(torch.float32)
    with pytest.raises(ValueError, match=r"'edge_attr' must have the shape \[9, 2\]"):
        conv(x, graph.edge_index, torch.randn(shape))
    one = HGATConv(3, 4, edge_dim=1)
    attr = torch.randn(9)
    torch.testing.assert_close(
        one(x, graph.edge_index, attr), one(x, graph.edge_index, attr[:, None])
    )


@pytest.mark.parametrize("name", ["edge_index", "csr"])
@pytest.mark.parametrize("kind", [HGCNConv, HyboNetConv])
def test_a_cache_is_emptied_as_that_of_gcn(
    graph: Any, to_form: Callable[..., Any], kind: Any, name: str
) -> None:
    conv, x = build(kind, 3, 4, cached=True), graph.x()
    first, _ = to_form(graph.edge_index, None, name, (6, 6))
    other, _ = to_form(graph.edge_index[:, :5], None, name, (6, 6))
    before = conv(x, first)
    assert torch.equal(conv(x, other), before)
    conv._cached_edge_index = None
    fresh = kind(3, 4).double()
    fresh.load_state_dict(conv.state_dict())
    torch.testing.assert_close(conv(x, other), fresh(x, other))
