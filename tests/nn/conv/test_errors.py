"""What a layer is told to be, and given, that can't be right.

Each argument by itself: `tests/wrong/layers.py`.
"""

import math
from typing import Any

import pytest
import torch

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.nn.reference import Graph
from tests.where import each

EDGES = torch.tensor([[0, 1, 2], [1, 2, 0]])
BACK = {"flow": "target_to_source"}
PLAIN = {"normalize": False}
LOCAL = {"normalize": False, "aggregation": "local"}
LOOPS = {"normalize": False, "add_self_loops": True}
X, Y, WIDE = torch.randn(3, 3), torch.randn(2, 3), torch.randn(3, 5)


@each(
    ("layer", "options", "message"),
    [
        (HGCNConv, LOOPS, "'HGCNConv' does not support adding self-loops .*; pass add"),
        (HyboNetConv, LOOPS, "'HyboNetConv' does not support adding self-loops"),
        (HGCNConv, {"aggr": "max"}, r"'aggr' must be .*\(got 'max'\); use aggregation"),
        (HGCNConv, {"aggr": ["add", "mean"]}, "'aggr' must be 'add' or 'mean'"),
        (HGCNConv, {"aggr": None}, r"'aggr' must be 'add' or 'mean' .*\(got None\)"),
        (HyboNetConv, {"aggr": "max"}, r"'aggr' must be .* for HyboNetConv, .*'max'\)"),
        (HGATConv, {"aggr": "max"}, r"'aggr' must be 'add'"),
        (
            HGCNConv,
            {"aggregation": "local", "decomposed_layers": 2},
            r"'decomposed_layers' must be 1 for aggregation='local', .* \(got 2\)",
        ),
        (HGATConv, {"decomposed_layers": 2}, "'decomposed_layers' must be 1"),
        (HGCNConv, {"aggregation": "tangent", "scale": True}, "'scale' is for aggreg"),
        (HGCNConv, {"aggregation": "local", "scale": True}, "'scale' is for aggregat"),
        (HyboNetConv, {"bounded": True, "form": "hyperplane"}, "'bounded' must be Fal"),
        (
            HGATConv,
            {"heads": 2, "curvature": Curvature([1, 2, 3])},
            r"one for each head \(got 3",
        ),
        (
            HGATConv,
            {"heads": 2, "curvature": Curvature([1, 2]), "concat": False},
            "no midpoint .* use concat=True",
        ),
        (HSAGEConv, {"in_channels": -1, "project": True}, "lazy init.* project=True"),
    ],
)
def test_contradictory_options(layer: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(**{"in_channels": 3, "out_channels": 4, **options})


WIDTH = r"'x' must have 3 features per node \(got 5\); build the layer with in_c"
SENDERS = "'x' must hold features of the nodes tha"
GIVEN = r"'x' must be a pair of two tensors"
SQUARE = "'{}' normalizes square graphs only; pass normalize=Fal"


@each(
    ("layer", "x", "message"),
    [
        (HGCNConv(3, 4, **PLAIN), (WIDE, X), WIDTH),
        (HGCNConv(3, 4, **PLAIN), (None, X), SENDERS),
        (HGCNConv(3, 4, **PLAIN, **BACK), (X, None), SENDERS),
        (HGCNConv(3, 4, **LOCAL), (X, WIDE), WIDTH),
        (HGCNConv(3, 4, **LOCAL), (X, None), GIVEN),
        (HGCNConv(3, 4, **LOCAL, **BACK), (None, X), GIVEN),
        (HGCNConv(3, 4), (X, X), SQUARE.format("HGCNConv")),
        (HyboNetConv(3, 4), (X, X), SQUARE.format("HyboNetConv")),
        (HSAGEConv((3, 5), 4), (X, X), r"'x' must have 5 features per node \(got 3"),
        (HGATConv(3, 2, score="distance"), (X, None), "reads the features of targets"),
    ],
)
def test_two_sets_of_nodes(layer: Any, x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(x, EDGES)


@each("aggregation", ["midpoint", "tangent"])
def test_of_targets_their_number_alone_is_of_interest(aggregation: str) -> None:
    HGCNConv(3, 4, aggregation=aggregation, **PLAIN)((X, WIDE), EDGES)
    conv = HGCNConv(3, 4, aggregation=aggregation, validate=True, **PLAIN)
    x, edges = torch.randn(5, 3), torch.tensor([[4, 3, 0], [0, 1, 6]])
    assert conv((x, None), edges, size=(5, 7)).shape == (7, 4)
    with pytest.raises(ValueError, match="target indices from 0 to 5"):
        conv((x, None), edges, size=(5, 6))


@each("form", ["edge_index", *(x for x in FORMS if "edge_index" in x)])
@each(("row", "end"), enumerate(["source", "target"]))
def test_indices_out_of_range(row: int, end: str, form: str) -> None:
    edges = EDGES.clone()
    edges[row, 1] = 7
    edge_index, weight = to_form(edges, torch.ones(3), form, (8, 8))
    message = rf"'edge_index' must hold {end} indices from 0 to 2 \(got 0 to 7\); check"
    with pytest.raises(ValueError, match=message):
        HGCNConv(3, 4, validate=True)(X, edge_index, weight)


@each("options", [{}, BACK])
def test_indices_of_two_sets_of_nodes_out_of_range(options: Any) -> None:
    conv = HGCNConv(3, 4, validate=True, **PLAIN, **options)
    x, edges = torch.randn(5, 3), torch.tensor([[4, 3, 0], [0, 1, 1]])
    assert conv((x, Y), edges).shape == (5 if options else 2, 4)
    for pair, wrong, message in (
        ((Y, x), edges, "source indices from 0 to 1"),
        ((x, Y), edges + torch.tensor([[0], [1]]), "target indices from 0 to 1"),
        ((x, Y), edges - torch.tensor([[1], [0]]), r"source .* \(got -1 to 3\)"),
    ):
        with pytest.raises(ValueError, match=message):
            conv(pair, wrong)


@each("size", [(8, 8), (3, 8), (8, 3)])
@each("form", ["csr", "coo"])
def test_sparse_matrices_of_other_nodes(form: str, size: tuple[int, int]) -> None:
    """Of more nodes than there are features of, or of fewer."""
    matrix, _ = to_form(EDGES, torch.ones(3), form, size)
    shape = rf"{[*size[::-1]]}".replace("[", r"\[")
    features = {3: X, 8: torch.randn(8, 3)}
    for layer in (HGCNConv, HGATConv, HSAGEConv, HyboNetConv):
        for x in features.values():
            if size != (len(x), len(x)):
                with pytest.raises(ValueError, match=rf"to fit 'x' \(got {shape}"):
                    layer(3, 4)(x, matrix)
    conv = HSAGEConv((3, 3), 4)
    assert conv((features[size[0]], features[size[1]]), matrix).shape == (size[1], 4)


@each("form", ["edge_index", *FORMS])
@each("options", [{}, PLAIN, {**PLAIN, "validate": True}])
def test_negative_weights(options: Any, form: str) -> None:
    """They are no masses; sums take them."""
    given = to_form(EDGES, torch.tensor([1.0, -0.5, 2.0]), form, (3, 3))
    message = r"'edge_weight' must not be negative .*: -0.5\); use HGCNConv with agg"
    with pytest.raises(ValueError, match=message):
        HGCNConv(3, 4, **options)(X, *given)
    for aggregation in ("tangent", "local"):
        HGCNConv(3, 4, aggregation=aggregation, **options)(X, *given)


@each("form", ["edge_index", *FORMS])
def test_weights_that_are_no_numbers(aggregation: str, form: str) -> None:
    """They are told if that is asked for."""
    given = to_form(EDGES, torch.tensor([1.0, math.nan, 2.0]), form, (3, 3))
    conv = HGCNConv(3, 4, aggregation=aggregation, **PLAIN)
    conv(X, *given)
    conv.validate = True
    with pytest.raises(ValueError, match=r"'edge_weight' must be finite \(got 1 entr"):
        conv(X, *given)


def test_degrees_that_cannot_be_normalized() -> None:
    conv = HGCNConv(3, 4, aggregation="tangent", validate=True)
    with pytest.raises(ValueError, match=r"must have a finite sum >= 0 .* \(got"):
        conv(X, EDGES, torch.tensor([-2.0, 1.0, 1.0]))


def test_validation_lets_a_proper_graph_pass_unchanged(
    graph: Graph, aggregation: str
) -> None:
    conv, x = HGCNConv(3, 4, aggregation=aggregation).double(), graph.x()
    graphs = [graph.form(f, w) for f in FORMS for w in (None, graph.edge_weight)]
    for given in [*graphs, (graph.edge_index,), (graph.edge_index[:, :0],)]:
        conv.validate = True
        out = conv(x, *given)
        conv.validate = False
        assert torch.equal(conv(x, *given), out)
