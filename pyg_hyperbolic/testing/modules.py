"""Checks of what PyTorch and PyG do to a layer: copy, save, reset, trace, compile."""

import copy
import io
import pickle
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module
from torch_geometric.nn import to_hetero

from pyg_hyperbolic.curvature import Curvature
from pyg_hyperbolic.testing.case import Case, close, expect, finite, gradients
from pyg_hyperbolic.testing.graphs import small_graph


def copies(case: Case) -> None:
    """A deepcopy, a pickle and a saved layer compute the same, each on its own."""
    conv, x, (edge_index, _) = case.make(curvature=0.3), case.x(), small_graph()
    expected = conv(x, edge_index)
    file = io.BytesIO()
    torch.save(conv, file)
    file.seek(0)
    way_out = "keep nothing in the layer but parameters, buffers and plain settings"
    for how, twin in {
        "a deepcopy": copy.deepcopy(conv),
        "a pickle": pickle.loads(pickle.dumps(conv)),
        "a saved layer": torch.load(file, weights_only=False),
    }.items():
        same = torch.equal(twin(x, edge_index), expected)
        expect(same, f"{how} computes something else", way_out)
        twin.reset_parameters()
        same = torch.equal(conv(x, edge_index), expected)
        expect(same, f"{how} has something in common with its original", way_out)


def state(case: Case) -> None:
    """A state dict goes through a file, and holds all that the result depends on."""
    conv, x, (edge_index, _) = case.make(curvature=0.3), case.x(), small_graph()
    file = io.BytesIO()
    torch.save(conv.state_dict(), file)
    file.seek(0)
    twin = case.make()
    twin.load_state_dict(torch.load(file, weights_only=True))
    wrong = "the state dict of a layer makes another layer of a second one"
    way_out = "register what is learned as parameters, and what is kept as buffers"
    close(twin(x, edge_index), conv(x, edge_index), 1e-12, wrong, way_out)


def reset(case: Case) -> None:
    """``reset_parameters`` writes every parameter, and the first curvature again."""
    conv = case.build(*case.dims, curvature=0.37)
    values = []
    for start in (0.0, float("nan")):  # the second as memory that nobody wrote to
        with torch.no_grad():
            for parameter in conv.parameters():
                parameter.fill_(start)
        torch.manual_seed(2)
        conv.reset_parameters()
        values.append({k: v.clone() for k, v in conv.state_dict().items()})
    way_out = "draw it anew in _reset_weights, which reset_parameters calls"
    for name, value in values[0].items():
        same = torch.equal(value, values[1][name])
        expect(same, f"reset_parameters leaves {name} as it was", way_out)
    c = conv.curvature().item()
    wrong = f"the curvature is {c:g} after reset_parameters, not 0.37 as at the start"
    expect(abs(c - 0.37) < 1e-6, wrong, way_out)


def curvature(case: Case) -> None:
    """A number is where c starts, a ``Curvature`` is shared, none has a default."""
    way_out = "pass 'curvature' on to HyperbolicConv, or through as_curvature"
    default = case.build(*case.dims).curvature()
    expect(bool(default > 0), "the layer has no positive c of its own", way_out)
    c = case.build(*case.dims, curvature=0.37).curvature().item()
    expect(abs(c - 0.37) < 1e-6, f"curvature=0.37 became {c:g}", way_out)
    shared = Curvature(0.5)
    with torch.no_grad():
        shared.raw.fill_(2.0)
    convs = torch.nn.ModuleList(
        [case.build(*case.dims, curvature=shared) for _ in range(2)]
    )
    own = all(conv.curvature is shared for conv in convs)
    expect(own, "a Curvature that is given is not the layer's", way_out)
    kept = shared.raw.item() == 2.0
    instead = "end it with _reset_weights, as reset_parameters resets curvatures too"
    expect(kept, "a constructor resets a given Curvature", instead)
    twins: Any = copy.deepcopy(convs)
    tied = twins[0].curvature is twins[1].curvature
    expect(tied, "copies of two layers no longer share a Curvature", way_out)
    fixed = case.build(*case.dims, curvature=Curvature(2.0, learnable=False))
    free = not any("curvature" in name for name, _ in fixed.named_parameters())
    expect(free, "a curvature that is not learnable is a parameter", way_out)


def lazy(case: Case) -> None:
    """With ``in_channels=-1`` the first features tell the width."""
    x, (edge_index, _) = case.x(dtype=torch.float32), small_graph()
    conv = case.build(-1, case.dims[1])
    way_out = "make weights with torch_geometric.nn.Linear"
    named = repr(conv).startswith(f"{type(conv).__name__}(-1, ")
    expect(named, f"a lazy layer does not say so: {conv!r}", way_out)
    out = conv(x, edge_index)
    twin = case.build(*case.dims)
    twin.load_state_dict(conv.state_dict())
    wrong = "a lazy layer is not the one of that width"
    close(out, twin(x, edge_index), 1e-6, wrong, way_out)


def representation(case: Case) -> None:
    """``repr`` names the class and both widths."""
    conv = case.build(*case.dims)
    start = f"{type(conv).__name__}({case.dims[0]}, {case.dims[1]}"
    wrong = f"the layer is represented as {conv!r}"
    expect(repr(conv).startswith(start), wrong, f"let it begin with {start!r}")


def errors(case: Case) -> None:
    """What can't be right is a ``ValueError`` that names the argument."""
    conv, (edge_index, _) = case.build(*case.dims), small_graph()
    x = case.x(dtype=torch.float32)
    wrong: dict[str, tuple[str, Callable[[], Any]]] = {
        "integers": ("x", lambda: conv(x.long(), edge_index)),
        "features of another width": ("x", lambda: conv(x[:, 1:], edge_index)),
        "pairs instead of two rows": ("edge_index", lambda: conv(x, edge_index.t())),
    }
    way_out = "check inputs by HyperbolicConv._prepared"
    for what, (name, call) in wrong.items():
        said = "no error"
        try:
            call()
        except ValueError as error:
            said = str(error)
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        told = f"{what} are told by no ValueError that names '{name}' but by: {said}"
        expect(said.startswith(f"'{name}' must"), told, way_out)


class _Net(Module):
    """Two layers, as ``to_hetero`` traces them."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.conv1 = case.build(-1, 8)
        self.conv2 = case.build(8, 4)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.conv1(x, edge_index).relu()
        return self.conv2(x, edge_index)


def heterogeneous(case: Case) -> None:
    """``to_hetero`` makes a model of several node types of it, which learns."""
    relations = [("author", "writes", "paper"), ("paper", "written_by", "author")]
    model = to_hetero(_Net(case), (["author", "paper"], relations))
    x = {"author": torch.randn(5, 3), "paper": torch.randn(4, 3)}
    edges = torch.tensor([[0, 1, 2, 4], [0, 1, 3, 2]])
    out = model(x, {relations[0]: edges, relations[1]: edges.flip(0)})
    sizes = {name: tuple(value.shape) for name, value in out.items()}
    way_out = "take pairs of node sets, and inputs by the names of PyG's layers"
    right = sizes == {"author": (5, 4), "paper": (4, 4)}
    expect(right, f"to_hetero gives shapes {sizes}", way_out)
    sum(value.sin().sum() for value in out.values()).backward()
    grads = {name: p.grad for name, p in model.named_parameters()}
    finite(grads, "after to_hetero", way_out)


def compiled(case: Case) -> None:
    """``torch.compile`` makes one graph of it, for all sizes, gradients included."""
    torch.compiler.reset()
    graphs = []

    def backend(graph: Any, given: Any) -> Any:
        graphs.append(graph)
        return graph

    conv, numbers = case.make(torch.float32), set()
    run: Any = torch.compile(conv, fullgraph=True, dynamic=True, backend=backend)
    for n in (7, 11, 30):
        x = (torch.randn(n, case.dims[0]) / 2).requires_grad_()
        edge_index = torch.randint(n, (2, 3 * n))
        expected, out = conv(x, edge_index), run(x, edge_index)
        way_out = "call kernels, which are one node of a graph, and no .item()"
        close(out, expected, 1e-5, "the compiled layer is another one", way_out)
        own = gradients(conv, out, x=x)
        true = gradients(conv, expected, x=x)
        wrong = "gradients of the compiled layer are others"
        close(own, true, 1e-3, wrong, way_out, atol=1e-4)
        numbers.add(len(graphs))
    expect(len(numbers) == 1, "each size is compiled anew", way_out)


CHECKS = {
    "copies": copies,
    "state": state,
    "reset": reset,
    "curvature": curvature,
    "lazy": lazy,
    "repr": representation,
    "errors": errors,
    "to_hetero": heterogeneous,
    "compile": compiled,
}
