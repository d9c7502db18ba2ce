"""One table of calls, run on PyG's layer and on ours where the space is flat."""

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
from pyg_hyperbolic.nn import (
    HGAT,
    HGCN,
    HGATConv,
    HGCNConv,
    HGraphSAGE,
    HSAGEConv,
    HyboNetConv,
)
from pyg_hyperbolic.testing.case import gradients
from tests.where import each

# Each node has a neighbor besides itself: what one without has is said in the docs.
EDGES = torch.tensor([[0, 1, 2, 3, 4, 0, 2, 2, 5], [1, 2, 3, 4, 5, 2, 0, 2, 5]])
N, E = 6, EDGES.size(1)
LONELY = EDGES % 5  # which leaves the last node alone
TO_TWO = torch.tensor([[0, 1, 2, 5, 4], [0, 0, 1, 1, 1]])  # from N nodes to two
FLAT: dict[str, Any] = {"curvature": 1e-12}

GCNS: tuple[Any, Any] = (GCNConv, lambda *a, **k: HGCNConv(*a, scale=True, **k))
HYBOS: tuple[Any, Any] = (GCNConv, lambda *a, **k: HyboNetConv(*a, scale=True, **k))
GATS: tuple[Any, Any] = (GATConv, HGATConv)
SAGES: tuple[Any, Any] = (SAGEConv, HSAGEConv)


def square(kind: Callable[..., Tensor], value: Tensor | None = None) -> Tensor:
    value = torch.ones(E, dtype=torch.float64) if value is None else value
    return kind(EDGES.flip(0), value, size=(N, N))


def known() -> dict[str, Any]:
    """Whatever a call may be given, by its name."""
    weight = torch.linspace(1, 4, E, dtype=torch.float64)
    x, y = torch.randn(N, 3).double(), torch.randn(2, 5).double()
    ones = torch.ones(TO_TWO.size(1), dtype=torch.float64)
    features = torch.randn(E, 2).double()
    return {
        "x": x,
        "static": torch.randn(2, N, 3).double(),
        "sparse": x.to_sparse(),
        "positive": x.abs(),  # PowerMean takes roots
        "pair": (x, y),
        "alone": (x, None),
        "edges": EDGES,
        "lonely": LONELY,
        "sorted": EDGES[:, EDGES[1].argsort()],  # for the LSTM
        "none": EDGES[:, :0],
        "index": EdgeIndex(EDGES, sparse_size=(N, N)),
        "csr": square(to_torch_csr_tensor),
        "coo": square(to_torch_coo_tensor),
        "weighted": square(to_torch_csr_tensor, weight),
        "two": TO_TWO,
        "matrix": to_torch_csr_tensor(TO_TWO.flip(0), ones, size=(2, N)),
        "weight": weight,
        "float": weight.float(),
        "long": weight.long(),
        "column": weight[:, None],
        "features": features,
        "feature": features[:, 0],
        "size": (N, 2),
        "-": None,
        "yes": True,
    }


# What is made, from inputs of which size, what it is called with, and options.
PLAIN, ALONE = {"normalize": False}, {"add_self_loops": False}
MEAN = {"heads": 2, "concat": False, "residual": True}
Case = tuple[tuple[Any, Any], Any, str, dict[str, Any]]
CASES: list[Case] = [
    (GCNS, 3, "x edges", {}),
    (GCNS, 3, "x edges weight", {}),
    (GCNS, 3, "x edges float", {}),
    (GCNS, 3, "x edges long", PLAIN),
    (GCNS, 3, "x edges column", PLAIN),
    (GCNS, 3, "x edges weight", {"improved": True}),
    (GCNS, 3, "x edges", ALONE),
    (GCNS, 3, "x edges", {"bias": False}),
    (GCNS, 3, "x edges", {"cached": True}),
    (GCNS, -1, "x edges", {}),
    (GCNS, 3, "x csr", {}),
    (GCNS, 3, "x coo", {}),
    (GCNS, 3, "x weighted", PLAIN),
    (GCNS, 3, "x index", {}),
    (GCNS, 3, "sparse edges", {}),
    (GCNS, 3, "static edges", {}),
    (GCNS, 3, "x none", {}),
    (GCNS, 3, "x edges", {"flow": "target_to_source"}),
    (GCNS, 3, "x lonely weight", {}),
    (GCNS, 3, "x lonely weight", PLAIN),
    *(
        (HYBOS, 3, names, options)
        for names, options in (
            ("x lonely weight", {}),
            ("x lonely", {}),
            ("x lonely weight", PLAIN),
            ("x lonely weight", {"improved": True}),
            ("x lonely", {"bias": False}),
        )
    ),
    (GATS, 3, "x edges", {}),
    (GATS, 3, "x edges", {"heads": 2}),
    (GATS, 3, "x edges", {"heads": 2, "concat": False}),
    (GATS, 3, "x edges", {"heads": 2, "residual": True}),
    (GATS, (3, 3), "x edges", MEAN),
    (GATS, 3, "x edges features", {"edge_dim": 2}),
    (GATS, 3, "x edges feature", {"edge_dim": 1}),
    (GATS, 3, "x edges features", {}),  # which are not read
    *(
        (GATS, 3, "x edges features", {"edge_dim": 2, "fill_value": value})
        for value in ("add", "min", "max", "mul", 0.5, torch.tensor([1.0, 2.0]))
    ),
    (GATS, (3, 5), "pair two", ALONE),
    (GATS, (3, 5), "pair two", {}),
    (GATS, (3, 3), "alone edges", ALONE),
    (GATS, (3, 5), "alone matrix", ALONE),
    (GATS, -1, "x edges", {}),
    (GATS, (-1, -1), "pair two", ALONE),
    (GATS, 3, "x csr", ALONE),
    (GATS, 3, "x edges - - yes", {"heads": 2}),  # returns the weights
    (SAGES, 3, "x edges", {}),
    *(
        (SAGES, 3, "x edges", {"aggr": aggr})
        for aggr in ("add", "sum", "max", "min", "median", "std", ["mean", "max"])
    ),
    (SAGES, 3, "x sorted", {"aggr": "lstm"}),
    (SAGES, 3, "positive edges", {"aggr": "powermean", "aggr_kwargs": {"learn": True}}),
    (SAGES, 3, "x edges", {"normalize": True, "project": True, "bias": False}),
    (SAGES, 3, "x edges", {"root_weight": False}),
    (SAGES, (3, 5), "pair two", {}),
    (SAGES, (3, 5), "alone two size", {}),
    (SAGES, (3, 5), "alone matrix", {}),
    (SAGES, (-1, -1), "pair two", {}),
    (SAGES, 3, "x weighted", {"aggr": "add"}),
    (SAGES, 3, "static edges", {}),
]


def twins(case: Case) -> tuple[Any, Any, tuple[Any, ...]]:
    """Both layers with the same parameters, and the arguments of a call."""
    (theirs, ours), size, names, given = case
    torch.manual_seed(0)
    everything = known()
    arguments = tuple(everything[name] for name in names.split())
    layer, twin = theirs(size, 4, **given), ours(size, 4, **given, **FLAT)
    layer, twin = layer.double(), twin.double()
    layer(*arguments)  # a lazy layer learns its sizes
    twin(*arguments)
    for parameter in layer.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    state = {named(key, twin): value for key, value in layer.state_dict().items()}
    missing = twin.load_state_dict(state, strict=False)
    assert not missing.unexpected_keys
    assert all(key.startswith(("curvature.", "lin.t")) for key in missing.missing_keys)
    return layer, twin, arguments


def named(key: str, twin: Any) -> str:
    """The name of a parameter of PyG's layer in ours: HyboNetConv has a map."""
    own = {"lin.weight": "lin.space.weight", "bias": "lin.bias"}
    return own.get(key, key) if isinstance(twin, HyboNetConv) else key


def leaves(arguments: Any) -> list[Tensor]:
    """Tensors among the arguments that may have a gradient."""
    if isinstance(arguments, tuple):
        return [leaf for some in arguments for leaf in leaves(some)]
    dense = isinstance(arguments, Tensor) and arguments.layout == torch.strided
    return [arguments] if dense and arguments.is_floating_point() else []


def flat(out: Any) -> list[Tensor]:
    return [out] if isinstance(out, Tensor) else [o for some in out for o in flat(some)]


@pytest.mark.parametrize(
    "case", CASES, ids=lambda case: " ".join(map(str, (case[0][0].__name__, *case[1:])))
)
@each("watched", [False, True])
def test_values_and_gradients(case: Case, watched: bool) -> None:
    layer, twin, arguments = twins(case)
    if watched:
        twin.register_message_forward_hook(lambda module, given, out: None)
    given: Any = {
        str(i): leaf.requires_grad_() for i, leaf in enumerate(leaves(arguments))
    }
    expected, out = flat(layer(*arguments)), flat(twin(*arguments))
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    true, own = gradients(layer, expected[0], **given), gradients(twin, out[0], **given)
    own = {key: own[named(key, twin)] for key in true}
    torch.testing.assert_close(own, true, rtol=1e-5, atol=1e-5)


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
