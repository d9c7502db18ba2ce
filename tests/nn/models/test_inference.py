"""Inference layer by layer gives what the model gives for the whole graph."""

from typing import Any

import pytest
import torch
import torch_geometric.typing
from torch import Tensor
from torch_geometric import transforms as T
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import NeighborLoader

from pyg_hyperbolic.nn import HGAT, HGCN, HNN, HGraphSAGE, HyboNet
from tests.where import each

# Nothing is sampled here, and no sampler has to be installed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Using '.*' without a 'pyg-lib' installation:UserWarning",
)
NUM_NODES, BATCH = 41, 6
BACK = {"flow": "target_to_source"}
PLAIN = {"normalize": False, "aggr": "mean"}  # sums would go out to radius 1000
GRAPHS: list[dict[str, Any]] = [
    {"improved": True},
    {"add_self_loops": False},
    PLAIN,
    BACK,
    BACK | PLAIN,
]
KINDS = (HGCN, HGraphSAGE, HyboNet, HGAT)
TRAINED = {"norm": "batch_norm", "jk": "last"}


@pytest.fixture
def data() -> Data:
    """Directed and weighted, with self-loops, some edges twice, and a lonely node."""
    edge_index = torch.randint(NUM_NODES - 1, (2, 150))
    edge_index = torch.cat([edge_index, edge_index[:, :9]], dim=1)
    edge_index[1, :3] = edge_index[0, :3]
    return Data(
        x=torch.randn(NUM_NODES, 3),
        edge_index=edge_index,
        edge_weight=torch.rand(159) + 0.2,
        edge_attr=torch.randn(159, 5),
    )


def loader(data: Data, **options: Any) -> NeighborLoader:
    return NeighborLoader(data, [-1], batch_size=BATCH, **options)


def without(data: Data, *names: str) -> Data:
    out = data.clone()
    for name in names:
        del out[name]
    return out


def whole(model: Any, data: Data) -> Tensor:
    """The output for all nodes at once."""
    names = ["edge_weight"] if model.supports_edge_weight else []
    names += ["edge_attr"] if model.supports_edge_attr else []
    adj = data.adj_t if "adj_t" in data else data.edge_index
    return model(data.x, adj, **{name: data.get(name) for name in names})


def check(model: Any, data: Data, **options: Any) -> None:
    expected = whole(model, data)
    out = model.inference(loader(data, shuffle=True), **options)
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)


@each(
    ("kind", "options"),
    [
        *((kind, {**TRAINED, **flow}) for kind in KINDS for flow in ({}, BACK)),
        *(
            (HGCN, {"aggregation": aggregation, **graph})
            for aggregation in ("midpoint", "tangent", "local")
            for graph in GRAPHS
        ),
        *(
            (HGCN, {"norm": norm, "act_first": first, "jk": jk, "dropout": 0.5})
            for norm, first in (
                ("batch_norm", True),
                ("layer_norm", False),
                ("graph_norm", True),
                ("pair_norm", False),
            )
            for jk in (None, "last")
        ),
        (HGCN, {"num_layers": 1}),
        (HGCN, {"cached": True}),
        (HGAT, {"edge_dim": 5}),
        (HGAT, {"edge_dim": 5, "fill_value": "add", **BACK}),
        (HGAT, {"edge_dim": 5, "heads": 2}),
        *((HNN, options) for options in ({}, {"norm": "batch_norm"}, {"jk": "last"})),
    ],
)
def test_every_model_and_option(data: Data, kind: Any, options: dict[str, Any]) -> None:
    model = kind(3, 8, **{"num_layers": 3, "out_channels": 4, **options})
    data = data if "edge_dim" in options else without(data, "edge_attr")
    if not options.get("cached"):  # batch norm has seen something
        whole(model, data)
    check(model.eval(), data, cache=len(options) % 2 == 0)
    if "edge_dim" not in options and not options.get("cached"):
        check(model, without(data, "edge_weight"), cache=len(options) % 2 == 1)


@each("kind", KINDS)
def test_a_lazy_model_that_is_called_afterwards(data: Data, kind: Any) -> None:
    data, model = without(data, "edge_attr"), kind(-1, 8, 2, 4).eval()
    out = model.inference(loader(data), cache=True)
    torch.testing.assert_close(out, whole(model, data), rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(
    not torch_geometric.typing.WITH_TORCH_SPARSE,
    reason="SparseTensor needs torch-sparse, which is not installed",
)
@each(
    ("kind", "options"), [*((kind, {}) for kind in KINDS), (HGCN, {"normalize": False})]
)
def test_a_sparse_adjacency(data: Data, kind: Any, options: dict[str, Any]) -> None:
    data, model = without(data, "edge_attr"), kind(3, 8, 2, 4, **options).eval()
    check(model, T.ToSparseTensor(attr="edge_weight")(data.clone()))
    check(model, T.ToSparseTensor(attr=None)(without(data, "edge_weight")))


def test_layers_may_see_different_graphs(data: Data) -> None:
    model = HyboNet(3, 8, 3, 4).eval()
    model.convs[1].improved = True
    model.convs[2].add_self_loops = False
    check(model, without(data, "edge_attr"), cache=True)


def test_a_layer_sees_one_batch_at_a_time(data: Data) -> None:
    model, sizes = HGCN(3, 8, 2, 4).eval(), []
    for conv in model.convs:
        conv.register_forward_hook(lambda _conv, _x, out: sizes.append(len(out)))
    model.inference(loader(data))
    assert sizes == 2 * [6, 6, 6, 6, 6, 6, 5]


def test_it_leaves_the_model_as_it_was(
    data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    model = HGCN(3, 8, 2, 4, cached=True).eval()
    assert not model.inference(loader(data)).requires_grad
    assert not capsys.readouterr().err
    small = Data(x=data.x[:9], edge_index=torch.arange(8).view(2, 4))
    torch.testing.assert_close(  # `cached` has kept no graph
        model.inference(loader(small)), model(small.x, small.edge_index)
    )
    model.inference(loader(data), progress_bar=True)
    assert "14/14" in capsys.readouterr().err


def test_errors(data: Data) -> None:
    model = HGCN(3, 8, 2).eval()
    bare = Data(edge_index=data.edge_index, num_nodes=NUM_NODES)
    kinds = HeteroData(
        {"a": {"x": data.x}, ("a", "to", "a"): {"edge_index": data.edge_index}}
    )
    right = loader(data)
    for wrong, given, message in (
        (HGCN(3, 8, 2), right, r"wants a model in evaluation mode; call ev"),
        (HGCN(3, 8, 2, jk="cat").eval(), right, r"'jk' must be None or 'last' .*'cat'"),
        (model, loader(bare), r"'loader' must have one graph .*got Data\)"),
        (model, loader(kinds, input_nodes="a"), r"'loader' must .*got HeteroData\)"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong.inference(given)
