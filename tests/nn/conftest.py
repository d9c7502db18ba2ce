"""One small graph in all the forms that PyG knows, and a dense float64 reference."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch_geometric.nn.conv import MessagePassing

from pyg_hyperbolic import geometry
from pyg_hyperbolic.testing import case
from pyg_hyperbolic.testing.graphs import FORMS, small_graph, to_form


@dataclass
class Graph:
    """Six nodes; nobody sends to node 5, and it sends to nobody."""

    edge_index: Tensor
    edge_weight: Tensor
    num_nodes: int = 6
    in_channels: int = 3

    def x(self, dtype: torch.dtype = torch.float64) -> Tensor:
        return torch.randn(self.num_nodes, self.in_channels, dtype=dtype)

    def form(self, name: str, weight: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """The graph and the weights to pass along with it, in differentiable steps."""
        return to_form(self.edge_index, weight, name, (self.num_nodes, self.num_nodes))


def dense_adjacency(
    graph: Graph,
    weight: Tensor | None,
    *,
    normalize: bool = True,
    add_self_loops: bool = True,
    improved: bool = False,
    flow: str = "source_to_target",
) -> Tensor:
    """Row i holds the weights of the messages that node i receives."""
    source, target = graph.edge_index
    if flow == "target_to_source":
        source, target = target, source
    if weight is None:
        weight = torch.ones(source.numel(), dtype=torch.float64)
    out = torch.zeros(graph.num_nodes, graph.num_nodes, dtype=torch.float64)
    out = out.index_put((target, source), weight.double(), accumulate=True)
    if normalize:
        loops = (2.0 if improved else 1.0) * add_self_loops
        out = out + loops * torch.eye(graph.num_nodes).double()
        scale = out.sum(dim=1).rsqrt().nan_to_num(posinf=0)
        out = scale[:, None] * out * scale
    return out


def dense_reference(
    conv: MessagePassing, x: Tensor, adjacency: Tensor, target: Tensor | None = None
) -> Tensor:
    """The formula of the docstring, at all pairs of nodes."""
    c = conv.curvature().double()

    def transform(points: Tensor) -> Tensor:
        h = points.double() @ conv.lin.weight.double().T
        return h if conv.bias is None else geometry.gyro_add(h, conv.bias.double(), c)

    h = transform(x)
    if conv.aggregation == "tangent":
        return adjacency @ h
    if conv.aggregation == "midpoint":
        return geometry.midpoint(h.expand(len(adjacency), -1, -1), c, adjacency)
    ends = h if target is None else transform(target)
    logs = geometry.log(ends[:, None], h, c)
    return geometry.exp(ends, torch.einsum("ij,ijd->id", adjacency, logs), c)


@pytest.fixture(params=["midpoint", "tangent", "local"])
def aggregation(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def graph() -> Graph:
    return Graph(*small_graph())


@pytest.fixture
def adjacency() -> Callable[..., Tensor]:
    return dense_adjacency


@pytest.fixture
def reference() -> Callable[..., Tensor]:
    return dense_reference


@pytest.fixture
def gradients() -> Callable[..., dict[str, Tensor]]:
    """Gradients of some scalar of the output: of the inputs and of all parameters."""
    return case.gradients
