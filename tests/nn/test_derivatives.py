"""First and second derivatives of every layer, against differences.

Penalties on gradients, Hessian-vector products and optimizers of the second order take
gradients with a graph of their own, which come from other code than those without.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Module
from torch.nn.functional import normalize
from torch_geometric.nn import GCNConv, SAGEConv

from pyg_hyperbolic import Curvature, nn
from pyg_hyperbolic.kernels import backend


class Curved(Module):
    """A function of points and c, with a curvature of its own."""

    def __init__(self, function: Callable[..., Tensor]) -> None:
        super().__init__()
        self.function = function
        self.curvature = Curvature()

    def forward(self, *args: Tensor) -> Tensor:
        return self.function(*args, c=self.curvature())


def named(
    kind: Any, given: str, *options: dict[str, Any], size: tuple[int, ...] = (3, 4)
) -> dict[str, Any]:
    """Makers by the names of layers and options, and what these are given besides."""
    out = {}
    for some in options or ({},):
        name = " ".join([kind.__name__, *(f"{k}={v}" for k, v in some.items())])
        out[name] = partial(kind, *size, **some), given
    return out


GCNS = [
    {"aggregation": aggregation, "bias": bias}
    for aggregation in ("midpoint", "tangent", "local")
    for bias in (True, False)
]
GATS = [
    {},
    {"score": "distance"},
    {"score": "distance", "heads": 2},
    {"heads": 2, "concat": False},
    {"heads": 2, "concat": False, "residual": True},
    {"heads": 2, "score": "v2"},
]
SAGES = [{}, {"aggr": "max"}, {"aggr": "add"}, {"project": True}]
PLANE = {"form": "hyperplane"}
HYBOS = [{}, {"bounded": True}, {"scale": True}, {**PLANE, "scale": True}]
# Each layer's maker, and what it is given besides the points `x`.
LAYERS: dict[str, tuple[Callable[[], Module], str]] = {
    **named(nn.HGCNConv, "edges weight", *GCNS, {"scale": True}),
    **named(nn.HGATConv, "edges", *GATS),
    **named(nn.HGATConv, "edges features", {"edge_dim": 2}),
    **named(nn.HSAGEConv, "edges size weight", *SAGES),
    **named(nn.HSAGEConv, "edges", {"normalize": True}),
    **named(nn.HyboNetConv, "edges weight", *HYBOS),
    "Hyperbolic(GCNConv)": (lambda: nn.Hyperbolic(GCNConv(3, 4)), "edges weight"),
    "Hyperbolic(SAGEConv)": (lambda: nn.Hyperbolic(SAGEConv(3, 4)), "edges"),
    **named(nn.LorentzLinear, "", {}, {"bounded": True}, PLANE),
    **named(nn.HLinear, ""),
    **named(nn.PoincareLinear, ""),
    **named(nn.HyperbolicMLR, ""),
    **named(nn.CentroidDistance, ""),
    **named(nn.HyperbolicBatchNorm, "", {}, {"mean": "frechet"}, size=(3,)),
    **named(nn.HyperbolicLayerNorm, "batch", size=(3,)),
    **named(nn.HyperbolicAggregation, "batch", size=()),
    "hyperbolic_mean_pool": (lambda: Curved(nn.hyperbolic_mean_pool), "batch"),
    "FermiDiracDecoder": (
        lambda: Curved(nn.FermiDiracDecoder(learnable=True)),
        "other",
    ),
    **named(nn.FermiDiracEdges, "edges", {"learnable": True}, size=(1, 20, 20)),
}
Leaves = dict[str, Tensor]
STEP = 1e-5
# One at which no operation is near a kink or the end of its reach, and none is so ill
# conditioned that differences are of a few digits.
SEED = 135


def problem(
    name: str, radius: float, dtype: torch.dtype = torch.float64
) -> tuple[Callable[..., Tensor], Leaves]:
    """Some scalar of a layer's output, and all that it has derivatives by.

    It may be given other points than those of the leaves.
    """
    torch.manual_seed(SEED)
    make, names = LAYERS[name]
    layer = make()
    with torch.no_grad():
        for parameter in layer.parameters():  # of which none is to be zero
            parameter.add_(0.2 * torch.randn_like(parameter))
    layer = layer.to(dtype)

    def points(number: int) -> Tensor:
        length = radius * (0.8 + 0.4 * torch.rand(number, 1))
        return (length * normalize(torch.randn(number, 3), dim=-1)).to(dtype)

    known = {
        "x": points(6),
        "other": points(6),
        "weight": 0.5 + torch.rand(12).to(dtype),
        "features": torch.randn(12, 2).to(dtype),
        # From 0 to 1 goes an edge twice, from and to 5 none; graph 1 has no nodes.
        "edges": torch.tensor(
            [[0, 0, 0, 1, 1, 2, 2, 2, 3, 3, 4, 4], [1, 1, 2, 2, 4, 3, 4, 1, 0, 1, 0, 3]]
        ),
        "batch": torch.tensor([0, 0, 2, 2, 2, 2]),
        "size": None,
    }
    args = {key: known[key] for key in ["x", *names.split()]}
    leaves = {
        key: value.requires_grad_()
        for key, value in args.items()
        if value is not None and value.is_floating_point()
    }

    def loss(x: Tensor = args["x"]) -> Tensor:
        out = layer(*(args | {"x": x}).values())
        cotangent = torch.arange(1, out.numel() + 1, dtype=out.dtype).sin()
        return (out * cotangent.view_as(out)).sum()

    return loss, leaves | dict(layer.named_parameters())


def derivatives(value: Tensor, leaves: Leaves, create_graph: bool = False) -> Leaves:
    grads = torch.autograd.grad(
        value,
        list(leaves.values()),
        create_graph=create_graph,
        materialize_grads=True,  # some values don't depend on some leaves
    )
    return dict(zip(leaves, grads, strict=True))


def vectors(leaves: Leaves, seed: int) -> Leaves:
    torch.manual_seed(seed)
    return {name: torch.randn_like(leaf) for name, leaf in leaves.items()}


def slopes(grads: Leaves, directions: Leaves) -> Leaves:
    return {name: (grads[name] * directions[name]).sum() for name in grads}


def mixed(grads: Leaves) -> Tensor:
    """Some scalar of all first derivatives."""
    return torch.stack([*slopes(grads, vectors(grads, 1)).values()]).sum()


def differences(f: Callable[[], Tensor], leaves: Leaves, directions: Leaves) -> Leaves:
    """Slopes of a function along a direction of each leaf."""
    out = {}
    for key, leaf in leaves.items():
        start = leaf.detach().clone()
        step = STEP * float(start.abs().max())
        ends = []
        for place in (start + step * directions[key], start - step * directions[key]):
            with torch.no_grad():
                leaf.copy_(place)
            ends.append(f().detach())
        with torch.no_grad():
            leaf.copy_(start)
        out[key] = (ends[0] - ends[1]) / (2 * step)
    return out


def assert_equal(actual: Leaves, expected: Leaves, rtol: float) -> None:
    """Each to a share of itself; where it is a small one, to less of the largest."""
    largest = max(float(value.abs().max()) for value in expected.values())
    torch.testing.assert_close(actual, expected, rtol=rtol, atol=1e-3 * rtol * largest)


@pytest.fixture(params=["cpu", "portable"], autouse=True)
def engine(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "cpu":
        pytest.importorskip("numba")
    with backend(request.param):
        yield request.param


@pytest.mark.parametrize("radius", [0.5, 6.0])
@pytest.mark.parametrize("name", LAYERS)
def test_first_and_second_derivatives(name: str, radius: float) -> None:
    loss, leaves = problem(name, radius)
    directions = vectors(leaves, 2)
    plain = derivatives(loss(), leaves)
    first = differences(loss, leaves, directions)
    assert_equal(slopes(plain, directions), first, rtol=2e-6)
    grads = derivatives(loss(), leaves, create_graph=True)
    assert_equal(grads, plain, rtol=1e-9)
    actual = slopes(derivatives(mixed(grads), leaves), directions)
    second = differences(lambda: mixed(derivatives(loss(), leaves)), leaves, directions)
    assert_equal(actual, second, rtol=1e-5)


# Running statistics are written to, which torch.func refuses, PyTorch's as well.
@pytest.mark.parametrize("name", [x for x in LAYERS if "BatchNorm" not in x])
def test_derivatives_by_torch_func(name: str) -> None:
    loss, leaves = problem(name, 0.5)
    plain = derivatives(loss(), {"x": leaves["x"]})
    for transform in (torch.func.grad, torch.func.jacfwd):
        found = transform(loss)(leaves["x"].detach())
        assert_equal({"x": found}, plain, rtol=1e-9)
