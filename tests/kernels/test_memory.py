"""What is kept for the backward pass."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, backend
from pyg_hyperbolic.nn import HGCNConv
from tests.where import each

N, E, WIDTH = 3000, 9000, 64
LARGE = N * WIDTH  # twice what all edges have


def leaf(*shape: int) -> Tensor:
    return torch.rand(shape).requires_grad_()


def kept(f: Callable[[], Tensor]) -> dict[int, int]:
    """Numbers of entries of the memory that is kept, by its address."""
    found: dict[int, int] = {}

    def note(x: Tensor) -> Tensor:
        memory = x.untyped_storage()
        found[memory.data_ptr()] = memory.nbytes() // x.element_size()
        return x

    with backend("cpu"), torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        out = f()
    out.sum().backward()
    return found


@pytest.fixture
def graph() -> Graph:
    return Graph(torch.randint(N, (E,)), torch.randint(N, (E,)), N, N)


# Each with how much it may keep beside its points, or their first ones.
ONE, BOTH = ["x"], ["x", "u"]
KEPT: dict[str, tuple[Callable[..., Tensor], list[str], int]] = {
    "gyro_add": (lambda x, u, b, w, c, g: kernels.gyro_add(x, b, c), ONE, WIDTH + 1),
    # edges by target and by source, weights, bias and c
    "midpoint": (
        lambda x, u, b, w, c, g: kernels.midpoint(x, g, c, w, b),
        ONE,
        4 * N + 9 * E + WIDTH + 9,
    ),
    "log_sum": (
        lambda x, u, b, w, c, g: kernels.log_sum(x, u, g, c, w),
        BOTH,
        N + 9 * E + 9,
    ),
    **{
        f.__name__: (
            lambda x, u, b, w, c, g, f=f: f(x, u, c, g.source, g.target),
            BOTH,
            2 * E + 9,
        )
        for f in (kernels.dist, kernels.sqdist)
    },
}


@pytest.mark.parametrize("name", KEPT)
def test_operations_keep_their_points_and_nothing_else_of_that_size(
    name: str, graph: Graph
) -> None:
    f, points, most = KEPT[name]
    given = {"x": leaf(N, WIDTH), "u": leaf(N, WIDTH)}
    found = kept(lambda: f(*given.values(), leaf(WIDTH), leaf(E), leaf(), graph))
    assert all(found.pop(given[key].data_ptr()) == LARGE for key in points)
    assert sum(found.values()) <= most


@pytest.mark.parametrize(
    "compiled", [False, pytest.param(True, marks=pytest.mark.compile)]
)
@each("learned", [False, True])
def test_weighted_sums_keep_points_for_learned_weights_alone(
    learned: bool, compiled: bool, graph: Graph
) -> None:
    x, weight = leaf(N, WIDTH), leaf(E).detach().requires_grad_(learned)
    rows = graph.source, graph.target

    def f(x: Tensor, weight: Tensor) -> Tensor:
        return kernels.weighted_sum(x, Graph(*rows, N, N), weight)

    if compiled:
        torch.compiler.reset()
        f = torch.compile(f, fullgraph=True, backend="aot_eager")
    found = kept(lambda: f(x, weight))
    assert (found.pop(x.data_ptr(), None) is not None) == learned
    assert sum(found.values()) <= N + 9 * E + 9


@each("scale", [1.0, 30.0])
@each("aggregation", ["midpoint", "tangent", "local"])
def test_layers_keep_nothing_of_the_size_of_edges_times_channels(
    aggregation: str, scale: float
) -> None:
    conv = HGCNConv(32, 32, aggregation=aggregation, normalize=False)
    x, ends = scale * torch.randn(50, 32), torch.randint(50, (2, 5000))
    found = kept(lambda: conv(x.requires_grad_(), ends, torch.rand(5000)))
    assert max(found.values()) <= 2 * 5000  # the edges themselves
