from typing import Any

import pytest
import torch

from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.nn.validation import check_features
from pyg_hyperbolic.testing.graphs import FORMS, to_form

EDGES = torch.tensor([[0, 1, 2], [1, 2, 0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"normalize": False, "add_self_loops": True},
            "'HGCNConv' does not support adding self-loops .* when no on-the-fly "
            "normalization is applied; pass add_self_loops=False, .* AddSelfLoops",
        ),
        (
            {"aggregation": "mean"},
            r"'aggregation' must be one of midpoint, tangent, local \(got 'mean'\)",
        ),
        (
            {"aggr": "max"},
            r"'aggr' must be 'add' or 'mean' for aggregation='midpoint', .* "
            r"\(got 'max'\); use aggregation='tangent'",
        ),
        ({"aggr": ["add", "mean"]}, "'aggr' must be 'add' or 'mean'"),
        ({"aggr": None}, r"'aggr' must be 'add' or 'mean' .*\(got None\)"),
        (
            {"aggregation": "local", "decomposed_layers": 2},
            r"'decomposed_layers' must be 1 for aggregation='local', .* \(got 2\)",
        ),
        ({"curvature": 0.0}, "'curvature' must be a positive number"),
        ({"curvature": -1.0}, "'curvature' must be a positive number"),
        ({"flow": "sideways"}, "Expected 'flow' to be either"),
    ],
)
def test_contradictory_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HGCNConv(3, 4, **options)


@pytest.mark.parametrize("validate", [False, True])
def test_features_of_another_width(aggregation: str, validate: bool) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, validate=validate)
    message = (
        r"'x' must have 3 features per node \(got 5\); build the layer with "
        r"in_channels=5, or with -1"
    )
    with pytest.raises(ValueError, match=message):
        conv(torch.randn(3, 5), EDGES)
    conv = HGCNConv(3, 4, aggregation=aggregation, normalize=False)
    with pytest.raises(ValueError, match=message):
        conv((torch.randn(3, 5), torch.randn(3, 3)), EDGES)
    if aggregation == "local":
        with pytest.raises(ValueError, match=message):
            conv((torch.randn(3, 3), torch.randn(3, 5)), EDGES)
    else:  # only the number of targets is of interest
        conv((torch.randn(3, 3), torch.randn(3, 5)), EDGES)


def test_a_width_that_is_not_known_yet_is_not_checked() -> None:
    check_features(torch.randn(3, 5), -1)
    with pytest.raises(ValueError, match="'y' must have 4 features"):
        check_features(torch.randn(3, 5), 4, "y")


def test_two_sets_of_nodes(aggregation: str) -> None:
    x = torch.randn(3, 3)
    conv = HGCNConv(3, 4, aggregation=aggregation)
    message = "'HGCNConv' normalizes square graphs only; pass normalize=False"
    with pytest.raises(ValueError, match=message):
        conv((x, x), EDGES)
    conv = HGCNConv(3, 4, normalize=False, aggregation=aggregation)
    message = "'x' must hold features of the nodes that messages leave"
    with pytest.raises(ValueError, match=message):
        conv((None, x), EDGES)
    back = HGCNConv(
        3, 4, normalize=False, aggregation=aggregation, flow="target_to_source"
    )
    with pytest.raises(ValueError, match=message):
        back((x, None), EDGES)


@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
def test_local_needs_features_of_the_targets(flow: str) -> None:
    conv = HGCNConv(3, 4, normalize=False, aggregation="local", flow=flow)
    x = torch.randn(3, 3)
    pair = (x, None) if flow == "source_to_target" else (None, x)
    with pytest.raises(ValueError, match=r"'x' must be a pair of two tensors .*None"):
        conv(pair, EDGES)


def test_indices_out_of_range(aggregation: str) -> None:
    conv = HGCNConv(3, 4, aggregation=aggregation, validate=True)
    for row, end in enumerate(["source", "target"]):
        message = (
            rf"'edge_index' must hold {end} indices from 0 to 2 \(got 0 to 7\); check "
            "that 'x' has a row for every node, and pass 'size' for a bipartite graph"
        )
        edges = EDGES.clone()
        edges[row, 1] = 7
        for form in ("edge_index", *FORMS):
            edge_index, weight = to_form(edges, torch.ones(3), form, (8, 8))
            with pytest.raises(ValueError, match=message):
                conv(torch.randn(3, 3), edge_index, weight)


@pytest.mark.parametrize("flow", ["source_to_target", "target_to_source"])
def test_ranges_of_two_sets_of_nodes(aggregation: str, flow: str) -> None:
    conv = HGCNConv(
        3, 4, normalize=False, aggregation=aggregation, validate=True, flow=flow
    )
    x, y = torch.randn(5, 3), torch.randn(2, 3)
    edges = torch.tensor([[4, 3, 0], [0, 1, 1]])
    assert conv((x, y), edges).shape == ((2 if flow == "source_to_target" else 5), 4)
    with pytest.raises(ValueError, match="source indices from 0 to 1"):
        conv((y, x), edges)
    with pytest.raises(ValueError, match="target indices from 0 to 1"):
        conv((x, y), edges + torch.tensor([[0], [1]]))
    with pytest.raises(ValueError, match=r"source indices .* \(got -1 to 3\)"):
        conv((x, y), edges - torch.tensor([[1], [0]]))


@pytest.mark.parametrize("aggregation", ["midpoint", "tangent"])
def test_the_given_size_is_the_range_of_targets_without_features(
    aggregation: str,
) -> None:
    conv = HGCNConv(3, 4, normalize=False, aggregation=aggregation, validate=True)
    x, edges = torch.randn(5, 3), torch.tensor([[4, 3, 0], [0, 1, 6]])
    assert conv((x, None), edges, size=(5, 7)).shape == (7, 4)
    with pytest.raises(ValueError, match="target indices from 0 to 5"):
        conv((x, None), edges, size=(5, 6))


@pytest.mark.parametrize("form", ["edge_index", *FORMS])
@pytest.mark.parametrize("value", [float("nan"), -0.5])
def test_unusable_weights(aggregation: str, form: str, value: float) -> None:
    weight = torch.tensor([1.0, value, 2.0])
    edge_index, edge_weight = to_form(EDGES, weight, form, (3, 3))
    conv = HGCNConv(3, 4, aggregation=aggregation, normalize=False, validate=True)
    x = torch.randn(3, 3)
    if value < 0 and aggregation != "midpoint":
        conv(x, edge_index, edge_weight)  # signed weights are fine there
        return
    message = r"'edge_weight' must be finite \(got 1 entries that are not\)"
    if value < 0:
        message = (
            r"'edge_weight' must not be negative for a midpoint, where "
            r"weights are masses \(smallest: -0.5\); use HGCNConv with agg"
        )
    with pytest.raises(ValueError, match=message):
        conv(x, edge_index, edge_weight)
    conv.validate = False
    if value < 0:  # is told anyway, where it is seen at once
        with pytest.raises(ValueError, match=message):
            conv(x, edge_index, edge_weight)
    else:
        conv(x, edge_index, edge_weight)


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
