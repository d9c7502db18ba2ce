"""One small graph in all the forms that PyG knows, and a dense float64 reference."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv import MessagePassing

from pyg_hyperbolic import geometry


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
        return form_of(self.edge_index, weight, name, (self.num_nodes, self.num_nodes))


FORMS = ("csr", "coo", "edge_index_by_col", "edge_index_by_row", "edge_index_unsorted")


def form_of(
    edge_index: Tensor, weight: Tensor | None, name: str, size: tuple[int, int]
) -> tuple[Tensor, Tensor | None]:
    if name == "edge_index":
        return edge_index, weight
    if name in ("csr", "coo"):
        target, source = edge_index[1], edge_index[0]
        perm = (target * size[0] + source).argsort()
        index = torch.stack([target, source])[:, perm]
        if weight is None:
            value = torch.ones(perm.numel(), dtype=torch.float64)
        else:
            value = weight[perm]
        if name == "coo":
            return torch.sparse_coo_tensor(
                index, value, size[::-1], is_coalesced=True, check_invariants=True
            ), None
        ptr = torch.zeros(size[1] + 1, dtype=torch.long)
        ptr[1:] = torch.bincount(target, minlength=size[1]).cumsum(0)
        return torch.sparse_csr_tensor(
            ptr, index[1], value, size[::-1], check_invariants=True
        ), None
    out = EdgeIndex(edge_index, sparse_size=size)
    if name == "edge_index_unsorted":
        return out, weight
    out, perm = out.sort_by(name.removeprefix("edge_index_by_"))
    return out, None if weight is None else weight[perm]


def dense_adjacency(
    graph: Graph,
    weight: Tensor | None,
    *,
    normalize: bool = True,
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
        out = out + (2.0 if improved else 1.0) * torch.eye(graph.num_nodes).double()
        scale = out.sum(dim=1).rsqrt()
        out = scale[:, None] * out * scale
    return out


def dense_reference(
    conv: MessagePassing, x: Tensor, adjacency: Tensor, target: Tensor | None = None
) -> Tensor:
    """The formula of the docstring, node by node."""
    c = conv.curvature().double()

    def transform(points: Tensor) -> Tensor:
        h = points.double() @ conv.lin.weight.double().T
        return h if conv.bias is None else geometry.gyro_add(h, conv.bias.double(), c)

    h = transform(x)
    h_target = h if target is None else transform(target)
    rows = []
    for i, row in enumerate(adjacency):
        neighbors = row.nonzero().flatten()
        weight, points = row[neighbors], h[neighbors]
        if conv.aggregation == "local":
            tangent = h.new_zeros(h.size(1))
            for w, point in zip(weight, points, strict=True):
                tangent = tangent + w * geometry.log(h_target[i], point, c)
            rows.append(geometry.exp(h_target[i], tangent, c))
        elif conv.aggregation == "tangent":
            rows.append((weight[:, None] * points).sum(dim=0))
        elif neighbors.numel() > 0:
            rows.append(geometry.midpoint(points, c, weight))
        else:
            rows.append(h.new_zeros(h.size(1)))
    return torch.stack(rows)


@pytest.fixture(params=["midpoint", "tangent", "local"])
def aggregation(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def graph() -> Graph:
    source = torch.tensor([0, 0, 1, 2, 3, 3, 4, 1, 2])
    target = torch.tensor([1, 2, 2, 3, 0, 1, 0, 4, 4])
    weight = torch.rand(9, dtype=torch.float64) + 0.2
    return Graph(torch.stack([source, target]), weight)


@pytest.fixture
def adjacency() -> Callable[..., Tensor]:
    return dense_adjacency


@pytest.fixture
def reference() -> Callable[..., Tensor]:
    return dense_reference


@pytest.fixture
def to_form() -> Callable[..., tuple[Tensor, Tensor | None]]:
    return form_of


@pytest.fixture
def gradients() -> Callable[..., dict[str, Tensor]]:
    """Gradients of some scalar of the output: of the inputs and of all parameters."""

    def compute(
        conv: torch.nn.Module, out: Tensor, **inputs: Tensor | None
    ) -> dict[str, Tensor]:
        leaves = {k: v for k, v in inputs.items() if v is not None and v.requires_grad}
        leaves |= dict(conv.named_parameters())
        cotangent = torch.arange(out.numel(), dtype=out.dtype).sin().view_as(out)
        grads = torch.autograd.grad(
            out, list(leaves.values()), cotangent, allow_unused=True
        )
        return {
            name: torch.zeros_like(leaf) if grad is None else grad
            for (name, leaf), grad in zip(leaves.items(), grads, strict=True)
        }

    return compute
