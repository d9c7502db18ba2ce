"""Every check that ships fails where it should, and says what to do."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch_geometric.nn import SAGEConv

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.nn import HSAGEConv
from pyg_hyperbolic.testing import CONV_CHECKS, check_conv


def with_forward(change: Callable[[Any, Tensor, Any], Tensor]) -> Callable[..., Any]:
    """Makes layers with another forward pass, of their own one, points and graph."""

    def build(*sizes: Any, **options: Any) -> Any:
        conv = HSAGEConv(*sizes, **options)
        forward = conv.forward

        def changed(x: Any, graph: Any, *given: Any, **more: Any) -> Tensor:
            return change(lambda x: forward(x, graph, *given, **more), x, graph)

        conv.forward = changed
        return conv

    return build


def stays(*sizes: Any, **options: Any) -> Any:
    conv = HSAGEConv(*sizes, **options)
    conv.reset_parameters = lambda: None
    return conv


def fixed(*sizes: Any, **options: Any) -> HSAGEConv:
    return HSAGEConv(*sizes, curvature=Curvature(1.0, learnable=False))


class Resets(HSAGEConv):
    """A layer whose constructor ends with what users call."""

    def __init__(self, *sizes: Any, **options: Any) -> None:
        super().__init__(*sizes, **options)
        self.reset_parameters()


WRONG: dict[str, tuple[str, Callable[..., Any], str]] = {
    "another limit": (
        "euclidean limit",
        with_forward(lambda own, x, graph: 2 * own(x)),
        "is not its twin .*come to its flat one",
    ),
    "a blocked gradient": (
        "finite at every radius",
        with_forward(lambda own, x, graph: own(x.detach()) + 0 * x.sum()),
        "gradient of x is zero at radius .*leave out clamps",
    ),
    "a number out of range": (
        "finite at every radius",
        with_forward(lambda own, x, graph: own(x) * x.norm().cosh()),
        "not finite at radius 1000, c = 0.3",
    ),
    "a gradient that is not the formula's": (
        "derivatives",
        with_forward(lambda own, x, graph: 2 * own(x) - own(x).detach()),
        "derivative by x is not the difference",
    ),
    "a curvature that is not there": ("curvature learns", fixed, "call self.curvature"),
    "another dtype": (
        "dtypes",
        with_forward(lambda own, x, graph: own(x).float()),
        "torch.float16 became torch.float32",
    ),
    "places of edges": (
        "order of edges",
        with_forward(lambda own, x, graph: own(x) + graph[0, 0]),
        "order of edges changes",
    ),
    "places of nodes": (
        "order of nodes",
        with_forward(lambda own, x, graph: own(x) + torch.arange(len(x))[:, None]),
        "numbers of nodes change",
    ),
    "a sum over the batch": (
        "disjoint graphs",
        with_forward(lambda own, x, graph: own(x) + x.sum()),
        "a copy of the graph beside it",
    ),
    "a division by 0": (
        "corner graphs",
        with_forward(lambda own, x, graph: own(x) / x.norm(dim=-1, keepdim=True)),
        "not finite in a graph with all points at the origin",
    ),
    "another form of a graph": (
        "forms of graphs",
        with_forward(lambda own, x, graph: own(x) * (2 - (type(graph) is Tensor))),
        "edge_index_by_col with no weights gives something else",
    ),
    "an edge that still counts": (
        "masked edges",
        with_forward(lambda own, x, graph: own(x) + graph.size(1)),
        "an edge with the mask 0 still counts",
    ),
    "parameters that stay": ("reset", stays, "reset_parameters leaves .* as it was"),
    "a constructor that resets": (
        "curvature",
        Resets,
        "a constructor resets a given Curvature; end it with _reset_weights",
    ),
    "a curvature of its own": ("curvature", fixed, r"curvature=0\.37 became 1"),
    "inputs that are let through": (
        "errors",
        with_forward(lambda own, x, graph: own(x.float())),
        "integers are told by no Value",
    ),
    "an error": ("static graphs", lambda: None, "the layer raised TypeError.*'skip'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_layer_that_is_wrong_is_told(name: str) -> None:
    check, build, message = WRONG[name]
    with pytest.raises(AssertionError, match=rf"(?s)- {check}: .*{message}.*") as error:
        check_conv(build, twin=SAGEConv, only=[check])
    assert "; " in str(error.value)


def test_all_failures_are_told_at_once_and_those_skipped_are_not() -> None:
    build = with_forward(lambda own, x, graph: own(x) + x.sum())
    with pytest.raises(AssertionError) as error:
        check_conv(build, only=["disjoint graphs", "static graphs", "repr"])
    said = str(error.value)
    assert "- disjoint graphs" in said and "- static" in said and "- repr" not in said
    check_conv(build, only=["disjoint graphs", "repr"], skip=["disjoint graphs"])


def test_names_that_are_none() -> None:
    for key in ("only", "skip"):
        with pytest.raises(ValueError, match=rf"'{key}' must hold names of .*'speed'"):
            check_conv(HSAGEConv, **{key: ["speed"]})
    with pytest.raises(ValueError, match=r"'build' must be a function or None \(got 3"):
        check_conv(3)
    assert len(set(CONV_CHECKS)) == len(CONV_CHECKS) == 25


def test_random_numbers_go_on_as_they_were() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    check_conv(HSAGEConv, only=["repr"])
    assert torch.equal(torch.rand(3), expected)
