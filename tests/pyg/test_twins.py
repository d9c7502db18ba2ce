"""One table of calls, run on PyG's layer and on ours where the space is flat."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn import GATConv, GCNConv, SAGEConv
from torch_geometric.nn.models import GAT, GCN, GraphSAGE
from torch_geometric.utils import to_torch_coo_tensor, to_torch_csr_tensor

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGAT, HGCN, HGATConv, HGCNConv, HGraphSAGE, HSAGEConv
from tests.where import each

# Each node has a neighbor besides itself: what one without has is said in the docs.
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 2, 5], [1, 2, 3, 4, 5, 2, 0, 2, 5]])
N, E = 6, EDGES.size(1)
TO_TWO = torch.tensor([[0, 1, 2, 5, 4], [0, 0, 1, 1, 1]])  # from N nodes to two
FLAT: dict[str, Any] = {"curvature": 1e-12}

GCNS: tuple[Any, Any] = (GCNConv, lambda *a, **k: HGCNConv(*a, scale=True, **k))
GATS: tuple[Any, Any] = (GATConv, HGATConv)
SAGES: tuple[Any, Any] = (SAGEConv, HSAGEConv)


def weight(dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.linspace(0.5, 2, E, dtype=torch.float64).mul(2).to(dtype)


def x(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def square(kind: Callable[..., Tensor], value: Tensor | None = None) -> Tensor:
    value = torch.ones(E, dtype=torch.float64) if value is None else value
    return kind(EDGES.flip(0), value, size=(N, N))


def to_two(kind: Callable[..., Tensor]) -> Tensor:
    ones = torch.ones(TO_TWO.size(1), dtype=torch.float64)
    return kind(TO_TWO.flip(0), ones, size=(2, N))


# Arguments of the constructor behind the sizes, and those of the call.
Case = tuple[tuple[Any, Any], Any, dict[str, Any], Callable[[], tuple[Any, ...]]]
CASES: dict[str, Case] = {
    "gcn": (GCNS, 3, {}, lambda: (x(N, 3), EDGES)),
    "gcn, weights": (GCNS, 3, {}, lambda: (x(N, 3), EDGES, weight())),
    "gcn, float32 weights": (
        GCNS,
        3,
        {},
        lambda: (x(N, 3), EDGES, weight(torch.float32)),
    ),
    "gcn, integer weights, as they are": (
        GCNS,
        3,
        {"normalize": False},
        lambda: (x(N, 3), EDGES, weight(torch.long)),
    ),
    "gcn, a column of weights, as they are": (
        GCNS,
        3,
        {"normalize": False},
        lambda: (x(N, 3), EDGES, weight()[:, None]),
    ),
    "gcn, improved": (GCNS, 3, {"improved": True}, lambda: (x(N, 3), EDGES, weight())),
    "gcn, no loops": (GCNS, 3, {"add_self_loops": False}, lambda: (x(N, 3), EDGES)),
    "gcn, no bias": (GCNS, 3, {"bias": False}, lambda: (x(N, 3), EDGES)),
    "gcn, cached": (GCNS, 3, {"cached": True}, lambda: (x(N, 3), EDGES)),
    "gcn, lazy": (GCNS, -1, {}, lambda: (x(N, 3), EDGES)),
    "gcn, csr": (GCNS, 3, {}, lambda: (x(N, 3), square(to_torch_csr_tensor))),
    "gcn, coo": (GCNS, 3, {}, lambda: (x(N, 3), square(to_torch_coo_tensor))),
    "gcn, csr with weights": (
        GCNS,
        3,
        {"normalize": False},
        lambda: (x(N, 3), square(to_torch_csr_tensor, weight())),
    ),
    "gcn, EdgeIndex": (
        GCNS,
        3,
        {},
        lambda: (x(N, 3), EdgeIndex(EDGES, sparse_size=(N, N))),
    ),
    "gcn, sparse features": (GCNS, 3, {}, lambda: (x(N, 3).to_sparse(), EDGES)),
    "gcn, static graph": (GCNS, 3, {}, lambda: (x(2, N, 3), EDGES)),
    "gcn, no edges": (GCNS, 3, {}, lambda: (x(N, 3), EDGES[:, :0])),
    "gcn, flow": (GCNS, 3, {"flow": "target_to_source"}, lambda: (x(N, 3), EDGES)),
    "gat": (GATS, 3, {}, lambda: (x(N, 3), EDGES)),
    "gat, heads": (GATS, 3, {"heads": 2}, lambda: (x(N, 3), EDGES)),
    "gat, averaged": (GATS, 3, {"heads": 2, "concat": False}, lambda: (x(N, 3), EDGES)),
    "gat, residual": (
        GATS,
        3,
        {"heads": 2, "residual": True},
        lambda: (x(N, 3), EDGES),
    ),
    "gat, residual of averages": (
        GATS,
        (3, 3),
        {"heads": 2, "concat": False, "residual": True},
        lambda: (x(N, 3), EDGES),
    ),
    "gat, features of edges": (
        GATS,
        3,
        {"edge_dim": 2},
        lambda: (x(N, 3), EDGES, x(E, 2)),
    ),
    "gat, one feature of edges": (
        GATS,
        3,
        {"edge_dim": 1},
        lambda: (x(N, 3), EDGES, x(E)),
    ),
    "gat, features that are not read": (GATS, 3, {}, lambda: (x(N, 3), EDGES, x(E, 2))),
    **{
        f"gat, fill value {value}": (
            GATS,
            3,
            {"edge_dim": 2, "fill_value": value},
            lambda: (x(N, 3), EDGES, x(E, 2)),
        )
        for value in ("add", "min", "max", "mul", 0.5, torch.tensor([1.0, 2.0]))
    },
    "gat, two kinds of nodes": (
        GATS,
        (3, 5),
        {"add_self_loops": False},
        lambda: ((x(N, 3), x(2, 5)), TO_TWO),
    ),
    "gat, loops of two kinds": (GATS, (3, 5), {}, lambda: ((x(N, 3), x(2, 5)), TO_TWO)),
    "gat, no targets": (
        GATS,
        (3, 3),
        {"add_self_loops": False},
        lambda: ((x(N, 3), None), EDGES),
    ),
    "gat, lazy": (GATS, -1, {}, lambda: (x(N, 3), EDGES)),
    "gat, lazy pair": (
        GATS,
        (-1, -1),
        {"add_self_loops": False},
        lambda: ((x(N, 3), x(2, 5)), TO_TWO),
    ),
    "gat, csr": (
        GATS,
        3,
        {"add_self_loops": False},
        lambda: (x(N, 3), square(to_torch_csr_tensor)),
    ),
    "gat, weights of edges": (
        GATS,
        3,
        {"heads": 2},
        lambda: (x(N, 3), EDGES, None, None, True),
    ),
    "sage": (SAGES, 3, {}, lambda: (x(N, 3), EDGES)),
    **{
        f"sage, {aggr}": (SAGES, 3, {"aggr": aggr}, lambda: (x(N, 3), EDGES))
        for aggr in ("add", "sum", "max", "min", "median", "std", ["mean", "max"])
    },
    "sage, options": (
        SAGES,
        3,
        {"normalize": True, "project": True, "bias": False},
        lambda: (x(N, 3), EDGES),
    ),
    "sage, no root": (SAGES, 3, {"root_weight": False}, lambda: (x(N, 3), EDGES)),
    "sage, two kinds of nodes": (
        SAGES,
        (3, 5),
        {},
        lambda: ((x(N, 3), x(2, 5)), TO_TWO),
    ),
    "sage, no targets": (SAGES, (3, 5), {}, lambda: ((x(N, 3), None), TO_TWO, (N, 2))),
    **{
        f"{name}, targets of a matrix": (
            pair,
            (3, 5),
            {"add_self_loops": False} if name == "gat" else {},
            lambda: ((x(N, 3), None), to_two(to_torch_csr_tensor)),
        )
        for name, pair in (("gat", GATS), ("sage", SAGES))
    },
    "sage, lazy pair": (SAGES, (-1, -1), {}, lambda: ((x(N, 3), x(2, 5)), TO_TWO)),
    "sage, csr with weights": (
        SAGES,
        3,
        {"aggr": "add"},
        lambda: (x(N, 3), square(to_torch_csr_tensor, weight())),
    ),
    "sage, static graph": (SAGES, 3, {}, lambda: (x(2, N, 3), EDGES)),
}


def twins(case: Case, **options: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    """Both layers with the same parameters, and the arguments of a call."""
    (theirs, ours), size, given, call = case
    torch.manual_seed(0)
    arguments = call()
    layer, twin = theirs(size, 4, **given), ours(size, 4, **given, **FLAT)
    layer, twin = layer.double(), twin.double()
    layer(*arguments)  # a lazy layer learns its sizes
    twin(*arguments)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    missing = twin.load_state_dict(layer.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all(key.startswith("curvature.") for key in missing.missing_keys)
    return layer, twin, arguments


def leaves(arguments: Any) -> list[Tensor]:
    """Tensors among the arguments that may have a gradient."""
    if isinstance(arguments, tuple):
        return [leaf for some in arguments for leaf in leaves(some)]
    dense = isinstance(arguments, Tensor) and arguments.layout == torch.strided
    return [arguments] if dense and arguments.is_floating_point() else []


def flat(out: Any) -> list[Tensor]:
    return [out] if isinstance(out, Tensor) else [o for some in out for o in flat(some)]


@pytest.mark.parametrize("name", CASES)
@each("watched", [False, True])
def test_values_and_gradients(name: str, watched: bool) -> None:
    layer, twin, arguments = twins(CASES[name])
    if watched:
        twin.register_message_forward_hook(lambda module, given, out: None)
    given = [leaf.requires_grad_() for leaf in leaves(arguments)]
    expected, out = flat(layer(*arguments)), flat(twin(*arguments))
    assert [o.shape for o in out] == [o.shape for o in expected]
    assert [o.dtype for o in out] == [o.dtype for o in expected]
    for ours, theirs in zip(out, expected, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    parameters = dict(twin.named_parameters())
    wanted = [*given, *layer.parameters()]
    own = [*given, *(parameters[key] for key, _ in layer.named_parameters())]
    options: dict[str, Any] = {"allow_unused": True, "materialize_grads": True}
    for ours, theirs in zip(
        torch.autograd.grad(out[0].sin().sum(), own, **options),
        torch.autograd.grad(expected[0].sin().sum(), wanted, **options),
        strict=True,
    ):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("theirs", "ours", "options"),
    [
        (GCN, HGCN, {}),
        (GCN, HGCN, {"norm": "batch_norm", "act_first": True, "jk": "cat"}),
        (GAT, HGAT, {"heads": 2}),
        (GAT, HGAT, {"heads": 2, "jk": "lstm"}),
        (GraphSAGE, HGraphSAGE, {}),
        (GraphSAGE, HGraphSAGE, {"norm": "layer_norm", "jk": "max"}),
    ],
)
def test_a_model_starts_from_its_euclidean_twin(
    theirs: Any, ours: Any, options: dict[str, Any]
) -> None:
    extra = {"scale": True} if ours is HGCN else {}
    model = theirs(3, 8, 2, 4, **options).eval()
    twin = ours(3, 8, 2, 4, curvature=Curvature(1e-12), **options, **extra).eval()
    missing = twin.load_state_dict(model.state_dict(), strict=False)
    assert not missing.unexpected_keys
    assert all("curvature" in key for key in missing.missing_keys)
    features = torch.randn(N, 3)
    torch.testing.assert_close(twin(features, EDGES), model(features, EDGES))
    copied = copy.deepcopy(twin)
    torch.testing.assert_close(copied(features, EDGES), model(features, EDGES))
