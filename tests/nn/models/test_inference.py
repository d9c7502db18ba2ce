"""Inference layer by layer gives what the model gives for the whole graph."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch_geometric.typing
from torch_geometric import transforms as T
from torch_geometric.data import Data, HeteroData
from torch_geometric.loader import NeighborLoader

from pyg_hyperbolic.nn import HGCN
from tests.where import each

Check = Callable[..., None]

# Nothing is sampled here, and no sampler has to be installed.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Using '.*' without a 'pyg-lib' installation:UserWarning",
)
BATCH = 6


def loader(data: Data, **options: Any) -> NeighborLoader:
    return NeighborLoader(data, [-1], batch_size=BATCH, **options)


@each(
    "graph",
    [
        {"improved": True},
        {"add_self_loops": False},
        {"normalize": False, "aggr": "mean"},  # sums would go out to radius 1000
        {"flow": "target_to_source"},
        {"flow": "target_to_source", "normalize": False, "aggr": "mean"},
    ],
)
def test_weights_are_those_of_the_whole_graph(
    data: Data, check: Check, aggregation: str, graph: dict[str, Any]
) -> None:
    model = HGCN(3, 8, 3, 4, aggregation=aggregation, **graph).eval()
    check(model)
    bare = data.clone()
    bare.edge_weight = None
    check(model, bare)


@each(
    ("norm", "act_first"),
    [
        ("batch_norm", True),
        ("layer_norm", False),
        ("graph_norm", True),
        ("pair_norm", False),
    ],
)
def test_options_of_basic_gnn(
    data: Data, check: Check, norm: str | None, act_first: bool
) -> None:
    for jk, cache in ((None, act_first), ("last", not act_first)):
        model = HGCN(3, 8, 3, 4, dropout=0.5, norm=norm, act_first=act_first, jk=jk)
        model(data.x, data.edge_index)  # batch norm has seen something
        check(model.eval(), cache=cache)


def test_one_layer_and_a_graph_that_it_keeps(check: Check) -> None:
    check(HGCN(3, 4, 1).eval())
    check(HGCN(3, 8, 3, 4, cached=True).eval())


def test_sparse_adjacency(data: Data, check: Check) -> None:
    if not torch_geometric.typing.WITH_TORCH_SPARSE:
        pytest.skip("SparseTensor needs torch-sparse, which is not installed")
    data = T.ToSparseTensor(attr="edge_weight")(data)
    check(HGCN(3, 8, 2, 4).eval(), data)
    check(HGCN(3, 8, 2, 4, normalize=False).eval(), data)


def test_a_layer_sees_one_batch_at_a_time(data: Data) -> None:
    model, sizes = HGCN(3, 8, 2, 4).eval(), []
    for conv in model.convs:
        conv.register_forward_hook(lambda _conv, _x, out: sizes.append(len(out)))
    model.inference(loader(data))
    assert sizes == 2 * [6, 6, 6, 6, 6, 6, 5]


def test_it_leaves_the_model_as_it_was(data: Data) -> None:
    model = HGCN(3, 8, 2, 4, cached=True).eval()
    out = model.inference(loader(data))
    assert not out.requires_grad
    assert all(conv.normalize for conv in model.convs)
    small = Data(x=data.x[:9], edge_index=torch.arange(8).view(2, 4))
    torch.testing.assert_close(  # `cached` has kept no graph
        model.inference(loader(small)), model(small.x, small.edge_index)
    )


def test_progress_is_shown_when_asked_for(
    data: Data, capsys: pytest.CaptureFixture[str]
) -> None:
    model = HGCN(3, 8, 2, 4).eval()
    model.inference(loader(data))
    assert not capsys.readouterr().err
    model.inference(loader(data), progress_bar=True)
    assert "14/14" in capsys.readouterr().err


def test_errors(data: Data) -> None:
    with pytest.raises(ValueError, match=r"wants a model in evaluation mode; call ev"):
        HGCN(3, 8, 2).inference(loader(data))
    with pytest.raises(ValueError, match=r"'jk' must be None or 'last' .*got 'cat'"):
        HGCN(3, 8, 2, jk="cat").eval().inference(loader(data))
    bare = Data(edge_index=data.edge_index, num_nodes=len(data.x))
    with pytest.raises(ValueError, match=r"'loader' must have one graph .*got Data\)"):
        HGCN(3, 8, 2).eval().inference(loader(bare))
    kinds = HeteroData(
        {"a": {"x": data.x}, ("a", "to", "a"): {"edge_index": data.edge_index}}
    )
    with pytest.raises(ValueError, match=r"'loader' must .*got HeteroData\)"):
        HGCN(3, 8, 2).eval().inference(loader(kinds, input_nodes="a"))
