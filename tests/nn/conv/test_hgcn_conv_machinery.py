"""What PyTorch and PyG do to a layer: compile, pickle, explain, make heterogeneous."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor
from torch.nn import Module, ReLU
from torch_geometric.explain import Explainer, GNNExplainer
from torch_geometric.nn import Sequential, to_hetero

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGCNConv


def test_propagate_is_the_generated_one(graph: Any, aggregation: str) -> None:
    # PyG falls back to a slower one without a word if it can't write the code.
    conv = HGCNConv(3, 4, aggregation=aggregation)
    conv(graph.x(torch.float32), graph.edge_index)
    assert conv.propagate.__module__.endswith("HGCNConv_propagate")


@pytest.mark.parametrize("weighted", [False, True])
def test_compiles_as_one_graph_for_all_sizes(
    graph: Any,
    gradients: Callable[..., dict[str, Tensor]],
    aggregation: str,
    weighted: bool,
) -> None:
    if weighted == (aggregation == "local"):  # one of the two each: this is slow
        pytest.skip("compiled with the other aggregations")
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    conv = HGCNConv(4, 5, aggregation=aggregation, add_self_loops=False)
    torch.nn.init.normal_(conv.bias, std=0.3)  # far out, float32 tells them apart
    compiled = torch.compile(conv, fullgraph=True, dynamic=True, backend=counter)
    compilations = set()
    for n in (7, 11, 30):
        x = (torch.randn(n, 4) / 2).requires_grad_()
        edge_index = torch.randint(n, (2, 3 * n))
        weight = torch.rand(3 * n, requires_grad=True) if weighted else None
        expected = conv(x, edge_index, weight)
        out = compiled(x, edge_index, weight)
        torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(
            gradients(conv, out, x=x, edge_weight=weight),
            gradients(conv, expected, x=x, edge_weight=weight),
            rtol=1e-3,  # that of the curvature, in float32, is autograd's
            atol=1e-4,
        )
        compilations.add(counter.frame_count)
    # Not more for the other sizes; dynamo may hand its first one in twice.
    assert len(compilations) == 1


class Net(Module):
    def __init__(self, aggregation: str, curvature: float | Curvature) -> None:
        super().__init__()
        kwargs: dict[str, Any] = {
            "normalize": False,
            "aggregation": aggregation,
            "curvature": curvature,
        }
        self.conv1 = HGCNConv(3, 8, **kwargs)
        self.conv2 = HGCNConv(8, 4, **kwargs)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.conv1(x, edge_index).relu()
        return self.conv2(x, edge_index)


def test_to_hetero_runs_and_learns(
    aggregation: str, assert_finite: Callable[..., None]
) -> None:
    types = ["author", "paper"]
    relations = [
        ("author", "writes", "paper"),
        ("paper", "written_by", "author"),
        ("paper", "cites", "paper"),
    ]
    model = to_hetero(Net(aggregation, 0.8), (types, relations))
    x = {"author": torch.randn(5, 3), "paper": torch.randn(4, 3)}
    edges = {
        relations[0]: torch.tensor([[0, 1, 2, 4], [0, 1, 3, 2]]),
        relations[1]: torch.tensor([[0, 1, 3, 2], [0, 1, 2, 4]]),
        relations[2]: torch.tensor([[0, 1], [1, 2]]),
    }
    target = {name: torch.randn(len(value), 4) for name, value in x.items()}
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        out = model(x, edges)
        assert {k: v.shape for k, v in out.items()} == {
            "author": (5, 4),
            "paper": (4, 4),
        }
        loss = sum((out[k] - target[k]).square().mean() for k in types)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        assert_finite(loss, *out.values(), *model.parameters())
    assert losses[-1] < 0.8 * losses[0]


def test_explainer_finds_an_edge_mask(graph: Any, aggregation: str) -> None:
    class Classifier(Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = HGCNConv(3, 4, aggregation=aggregation)

        def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
            return self.conv(x, edge_index)

    model = Classifier()
    x = graph.x(torch.float32)
    before = model(x, graph.edge_index)
    explainer = Explainer(
        model,
        algorithm=GNNExplainer(epochs=2),
        explanation_type="model",
        node_mask_type="attributes",
        edge_mask_type="object",
        model_config={
            "mode": "multiclass_classification",
            "task_level": "node",
            "return_type": "raw",
        },
    )
    mask = explainer(x, graph.edge_index).edge_mask
    assert mask.shape == (9,)
    assert mask.isfinite().all()
    assert mask.unique().numel() > 1
    torch.testing.assert_close(model(x, graph.edge_index), before)


@pytest.mark.parametrize("aggregation", ["midpoint", "local"])
def test_an_edge_masked_to_nothing_is_no_edge(graph: Any, aggregation: str) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, normalize=False).double()
    x = graph.x()
    expected = conv(x, graph.edge_index[:, 1:])
    conv.explain = True
    conv._edge_mask = (torch.arange(9) > 0).double()
    conv._apply_sigmoid = False
    conv._loop_mask = torch.ones(9, dtype=torch.bool)
    torch.testing.assert_close(conv(x, graph.edge_index), expected)


def test_message_hooks_see_every_edge(graph: Any, aggregation: str) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, normalize=False)
    shapes = []
    handle = conv.register_message_forward_hook(
        lambda *args: shapes.append(args[-1].shape)
    )
    conv(graph.x(torch.float32), graph.edge_index)
    handle.remove()
    assert shapes == [(9, 4)]


def test_sequential(graph: Any, aggregation: str) -> None:
    curvature = Curvature(0.5)
    convs = [
        HGCNConv(i, o, aggregation=aggregation, curvature=curvature)
        for i, o in ((3, 8), (8, 4))
    ]
    model = Sequential(
        "x, edge_index, edge_weight",
        [
            (convs[0], "x, edge_index, edge_weight -> x"),
            ReLU(),
            (convs[1], "x, edge_index, edge_weight -> x"),
        ],
    )
    x, w = graph.x(torch.float32), graph.edge_weight.float()
    hidden = convs[0](x, graph.edge_index, w).relu()
    expected = convs[1](hidden, graph.edge_index, w)
    torch.testing.assert_close(model(x, graph.edge_index, w), expected)
    assert sum("curvature" in name for name, _ in model.named_parameters()) == 1


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "save"])
def test_copies_compute_the_same_on_their_own(
    graph: Any, aggregation: str, how: str, cached: bool
) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, curvature=0.3, cached=cached)
    torch.nn.init.normal_(conv.bias)
    x = graph.x(torch.float32)
    expected = conv(x, graph.edge_index)
    if how == "deepcopy":
        twin = copy.deepcopy(conv)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(conv))
    else:
        buffer = io.BytesIO()
        torch.save(conv, buffer)
        buffer.seek(0)
        twin = torch.load(buffer, weights_only=False)
    assert torch.equal(twin(x, graph.edge_index), expected)
    assert twin.propagate.__module__.endswith("HGCNConv_propagate")
    twin.reset_parameters()
    assert torch.equal(conv(x, graph.edge_index), expected)


def test_state_dict_round_trip_through_a_file(graph: Any, aggregation: str) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, curvature=0.3)
    with torch.no_grad():
        for parameter in conv.parameters():
            parameter.add_(0.1)
    buffer = io.BytesIO()
    torch.save(conv.state_dict(), buffer)
    buffer.seek(0)
    state = torch.load(buffer, weights_only=True)
    curvature = {"curvature.raw", "curvature._extra_state"}
    assert set(state) == {"lin.weight", "bias", *curvature}
    twin = HGCNConv(3, 4, aggregation=aggregation)
    twin.load_state_dict(state)
    x = graph.x(torch.float32)
    expected = conv(x, graph.edge_index)
    torch.testing.assert_close(twin(x, graph.edge_index), expected)


@pytest.mark.parametrize("bias", [False, True])
def test_autocast(graph: Any, aggregation: str, bias: bool) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, bias=bias)
    x = graph.x(torch.float32).requires_grad_()
    expected = conv(x, graph.edge_index)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = conv(x, graph.edge_index)
    torch.testing.assert_close(out.float(), expected, rtol=0.05, atol=0.05)
    out.float().square().sum().backward()
    for tensor in (x, conv.lin.weight):
        assert tensor.grad.dtype == torch.float32
        assert tensor.grad.isfinite().all()
