"""What a layer is told to be, and given, that can't be right."""

import math
from typing import Any

import pytest
import torch

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HGATConv, HGCNConv, HSAGEConv, HyboNetConv
from pyg_hyperbolic.testing.graphs import FORMS, to_form
from tests.where import each

EDGES = torch.tensor([[0, 1, 2], [1, 2, 0]])
BACK = {"flow": "target_to_source"}
aggregations = each("aggregation", ["midpoint", "tangent", "local"])


@each(
    ("layer", "options", "message"),
    [
        (
            HGCNConv,
            {"normalize": False, "add_self_loops": True},
            "'HGCNConv' does not support adding self-loops .* when no on-the-fly "
            "normalization is applied; pass add_self_loops=False, .* AddSelfLoops",
        ),
        (
            HGCNConv,
            {"aggr": "max"},
            r"'aggr' must be 'add' or 'mean' for aggregation='midpoint', .* "
            r"\(got 'max'\); use aggregation='tangent'",
        ),
        (HGCNConv, {"aggr": ["add", "mean"]}, "'aggr' must be 'add' or 'mean'"),
        (HGCNConv, {"aggr": None}, r"'aggr' must be 'add' or 'mean' .*\(got None\)"),
        (
            HGCNConv,
            {"aggregation": "local", "decomposed_layers": 2},
            r"'decomposed_layers' must be 1 for aggregation='local', .* \(got 2\)",
        ),
        *(
            (HGCNConv, {"aggregation": name, "scale": True}, "'scale' is for aggregat")
            for name in ("tangent", "local")
        ),
        (HGCNConv, {"flow": "sideways"}, "Expected 'flow' to be either"),
        (HyboNetConv, {"aggr": "max"}, r"'aggr' must be .* for HyboNetConv, .*'max'\)"),
        (
            HyboNetConv,
            {"normalize": False, "add_self_loops": True},
            "'HyboNetConv' does not support adding self-loops",
        ),
        (HyboNetConv, {"bounded": True, "form": "hyperplane"}, "'bounded' must be Fal"),
        (HGATConv, {"aggr": "max"}, r"'aggr' must be 'add'"),
        (HGATConv, {"decomposed_layers": 2}, "'decomposed_layers' must be 1"),
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
    ],
)
def test_contradictory_options(layer: Any, options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layer(3, 4, **options)


@aggregations
def test_two_sets_of_nodes(aggregation: str) -> None:
    x, wide = torch.randn(3, 3), torch.randn(3, 5)
    options: dict[str, Any] = {"normalize": False, "aggregation": aggregation}
    conv, back = HGCNConv(3, 4, **options), HGCNConv(3, 4, **options, **BACK)
    message = r"'x' must have 3 features per node \(got 5\); build the layer with in_c"
    with pytest.raises(ValueError, match=message):
        conv((wide, x), EDGES)
    if aggregation == "local":
        with pytest.raises(ValueError, match=message):
            conv((x, wide), EDGES)
        for layer, pair in ((conv, (x, None)), (back, (None, x))):
            with pytest.raises(ValueError, match=r"'x' must be a pair of two tensors"):
                layer(pair, EDGES)
    else:  # only the number of targets is of interest
        conv((x, wide), EDGES)
    for layer, pair in ((conv, (None, x)), (back, (x, None))):
        with pytest.raises(ValueError, match="'x' must hold features of the nodes tha"):
            layer(pair, EDGES)


def test_what_normalizes_takes_square_graphs() -> None:
    x = torch.randn(3, 3)
    for kind in (HGCNConv, HyboNetConv):
        message = f"'{kind.__name__}' normalizes square graphs only; pass normalize=Fal"
        with pytest.raises(ValueError, match=message):
            kind(3, 4)((x, x), EDGES)


def test_widths_of_the_targets_of_hsage() -> None:
    with pytest.raises(ValueError, match=r"lazy initialization with project=True .*-1"):
        HSAGEConv(-1, 4, project=True)
    x = torch.randn(2, 3)
    with pytest.raises(ValueError, match=r"'x' must have 5 features per node \(got 3"):
        HSAGEConv((3, 5), 4)((x, x), torch.tensor([[0], [1]]))


def test_targets_that_attention_reads() -> None:
    with pytest.raises(ValueError, match=r"reads the features of targets"):
        HGATConv(4, 2, score="distance")((torch.randn(3, 4), None), EDGES)


@each(("row", "end"), enumerate(["source", "target"]))
def test_indices_out_of_range(row: int, end: str) -> None:
    message = (
        rf"'edge_index' must hold {end} indices from 0 to 2 \(got 0 to 7\); check "
        "that 'x' has a row for every node, and pass 'size' for a bipartite graph"
    )
    edges = EDGES.clone()
    edges[row, 1] = 7
    for aggregation in ("midpoint", "tangent", "local"):
        conv = HGCNConv(3, 4, aggregation=aggregation, validate=True)
        for form in ("edge_index", *FORMS):
            edge_index, weight = to_form(edges, torch.ones(3), form, (8, 8))
            with pytest.raises(ValueError, match=message):
                conv(torch.randn(3, 3), edge_index, weight)


@each("options", [{}, BACK])
@aggregations
def test_ranges_of_two_sets_of_nodes(aggregation: str, options: Any) -> None:
    options = {"aggregation": aggregation, "normalize": False, **options}
    conv = HGCNConv(3, 4, validate=True, **options)
    x, y = torch.randn(5, 3), torch.randn(2, 3)
    edges = torch.tensor([[4, 3, 0], [0, 1, 1]])
    assert conv((x, y), edges).shape == (5 if "flow" in options else 2, 4)
    with pytest.raises(ValueError, match="source indices from 0 to 1"):
        conv((y, x), edges)
    with pytest.raises(ValueError, match="target indices from 0 to 1"):
        conv((x, y), edges + torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match=r"source indices .* \(got -1 to 3\)"):
        conv((x, y), edges - torch.tensor([[1], [0]]))


@each("aggregation", ["midpoint", "tangent"])
def test_the_given_size_is_the_range_of_targets_without_features(
    aggregation: str,
) -> None:
    conv = HGCNConv(3, 4, normalize=False, aggregation=aggregation, validate=True)
    x, edges = torch.randn(5, 3), torch.tensor([[4, 3, 0], [0, 1, 6]])
    assert conv((x, None), edges, size=(5, 7)).shape == (7, 4)
    with pytest.raises(ValueError, match="target indices from 0 to 5"):
        conv((x, None), edges, size=(5, 6))


@each("form", ["edge_index", *FORMS])
@aggregations
def test_unusable_weights(aggregation: str, form: str) -> None:
    """Masses may not be negative, which is told anyway; what is no number, if asked."""
    x, conv = torch.randn(3, 3), HGCNConv(3, 4, aggregation=aggregation)
    negative = (
        r"'edge_weight' must not be negative for a midpoint, where weights are masses "
        r"\(smallest: -0.5\); use HGCNConv with agg.*normalize=False"
    )
    for value in (-0.5, math.nan):
        given = to_form(EDGES, torch.tensor([1.0, value, 2.0]), form, (3, 3))
        for normalize, conv.validate in ((False, True), (False, False), (True, False)):
            conv.normalize = conv.add_self_loops = normalize
            message = ""
            if value < 0 and aggregation == "midpoint":
                message = negative
            elif math.isnan(value) and conv.validate:
                message = r"'edge_weight' must be finite \(got 1 entries that are not"
            if message:
                with pytest.raises(ValueError, match=message):
                    conv(x, *given)
            else:  # signed weights are fine there
                conv(x, *given)


@aggregations
def test_validation_lets_a_proper_graph_pass_unchanged(
    graph: Any, aggregation: str
) -> None:
    conv, x = HGCNConv(3, 4, aggregation=aggregation).double(), graph.x()
    graphs = [graph.form(f, w) for f in FORMS for w in (None, graph.edge_weight)]
    none = torch.empty(2, 0, dtype=torch.long)
    for given in [*graphs, (graph.edge_index,), (none,)]:
        conv.validate = True
        out = conv(x, *given)
        conv.validate = False
        assert torch.equal(conv(x, *given), out)
