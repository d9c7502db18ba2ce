"""The operations by the kernels, and by the geometry at all pairs of nodes at once."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry, kernels
from pyg_hyperbolic.kernels.available import INSTALLED

# With a device kernels are compiled for it, and take no tensors of a CPU.
interpreted = pytest.mark.skipif(
    not INSTALLED["cuda"] or os.environ.get("TRITON_INTERPRET") != "1",
    reason="needs Triton's interpreter",
)
DOUBLE = torch.float64
SOURCES, TARGETS, WIDTH = 9, 8, 4  # nobody sends to the last target


@dataclasses.dataclass(frozen=True)
class Case:
    """Edges, and all that operations have gradients by."""

    source: Tensor
    target: Tensor
    leaves: dict[str, Tensor]
    sources: int = SOURCES
    targets: int = TARGETS

    @property
    def graph(self) -> kernels.Graph:
        return kernels.Graph(self.source, self.target, self.sources, self.targets)

    def to(self, dtype: torch.dtype) -> "Case":
        """The same numbers in another dtype, the curvature in float64."""
        leaves = {
            name: x.detach().to(DOUBLE if name == "c" else dtype).requires_grad_()
            for name, x in self.leaves.items()
        }
        return dataclasses.replace(self, leaves=leaves)

    def replace(self, **leaves: Tensor) -> "Case":
        return dataclasses.replace(self, leaves=self.leaves | leaves)

    def at(self, arguments: Sequence[str]) -> list[Tensor]:
        return [self.leaves[name] for name in arguments]

    def dense(self, weight: Tensor) -> Tensor:
        """Weights of all pairs of nodes, [M, N, H] or [M, N]; those of edges add up."""
        heads = self.leaves["x"].shape[1:-1]
        if weight.shape[1:] != heads:
            weight = weight.view(len(weight), *(1 for _ in heads)).expand(-1, *heads)
        out = torch.zeros(TARGETS, SOURCES, *heads, dtype=DOUBLE)
        return out.index_put((self.target, self.source), weight, accumulate=True)

    def along(self, of_pairs: Tensor) -> Tensor:
        """What edges have, of what all pairs of nodes have."""
        return of_pairs[self.target, self.source]


class Operation(NamedTuple):
    """A function of a case and its leaves of these names."""

    arguments: tuple[str, ...]
    fast: Callable[..., Tensor]
    slow: Callable[..., Tensor]

    def run(self, case: Case, grad: Tensor | None = None) -> list[Tensor]:
        """The result by the kernels, and all gradients."""
        return derived(partial(self.fast, case), case.at(self.arguments), grad)

    def run_slowly(self, case: Case, grad: Tensor | None = None) -> list[Tensor]:
        """The same by the geometry in double precision."""
        case = case.to(DOUBLE)
        return derived(partial(self.slow, case), case.at(self.arguments), grad)


def derived(
    f: Callable[..., Tensor], inputs: Sequence[Tensor], grad: Tensor | None = None
) -> list[Tensor]:
    """A result and its gradients, by default of cotangents of about one size."""
    out = f(*inputs)
    if grad is None:
        grad = 1 + torch.arange(out.numel(), device=out.device).view(out.shape) % 5
    return [out.detach(), *torch.autograd.grad(out, inputs, grad.to(out.dtype))]


def agree(got: Sequence[Tensor], true: Sequence[Tensor], *bars: float) -> None:
    """Values, then gradients: relative to the largest entry of each tensor."""
    for i, (a, b) in enumerate(zip(got, true, strict=True)):
        bar, b = bars[min(i, len(bars) - 1)], b.double()
        scale = max(b.abs().max().item(), 1e-300) if b.numel() else 0.0
        torch.testing.assert_close(a.double(), b, rtol=0, atol=bar * scale)


def leaf(x: object, dtype: torch.dtype = DOUBLE) -> Tensor:
    return torch.as_tensor(x, dtype=DOUBLE).detach().to(dtype).requires_grad_()


def log(u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    """Of pairs of points, each over a graph of one edge."""
    i = torch.arange(len(u))
    return kernels.log_sum(v, u, kernels.Graph(i, i, len(u), len(u)), c)


def distance(f: str, u: Tensor, v: Tensor, c: Tensor) -> Tensor:
    i = torch.arange(len(u))
    return getattr(kernels, f)(u, v, c, i, i)


def star(number: int) -> kernels.Graph:
    """All points are neighbors of one target."""
    return kernels.Graph(torch.arange(number), torch.zeros(number).long(), number, 1)


def _midpoint(
    case: Case, x: Tensor, weight: Tensor, c: Tensor, bias: Tensor | None = None
) -> Tensor:
    if bias is not None:
        x = geometry.gyro_add(x, bias, c)
    weight = case.dense(weight).movedim(1, -1)
    return geometry.midpoint(
        x.movedim(0, -2).expand(TARGETS, *x.shape[1:-1], -1, -1), c, weight
    )


def _log_sum(
    case: Case, x: Tensor, target: Tensor, weight: Tensor, c: Tensor
) -> Tensor:
    logs = geometry.log(target[:, None], x, c)
    return torch.einsum("ij...,ij...d->i...d", case.dense(weight), logs)


def _measure(
    case: Case, f: Callable[..., Tensor], x: Tensor, target: Tensor, c: Tensor
) -> Tensor:
    return case.along(f(target[:, None], x, c))


OPERATIONS = {
    "sum_of_rows": Operation(
        ("x", "other", "c"),
        lambda case, x, other, c: kernels.gyro_add(x, other, c),
        lambda case, x, other, c: geometry.gyro_add(x, other, c),
    ),
    "sum_with_one": Operation(
        ("x", "bias", "c"),
        lambda case, x, bias, c: kernels.gyro_add(x, bias, c),
        lambda case, x, bias, c: geometry.gyro_add(x, bias, c),
    ),
    "midpoint": Operation(
        ("x", "weight", "c"),
        lambda case, x, weight, c: kernels.midpoint(x, case.graph, c, weight),
        _midpoint,
    ),
    "midpoint_of_sums": Operation(
        ("x", "weight", "c", "bias"),
        lambda case, x, w, c, b: kernels.midpoint(x, case.graph, c, w, b),
        _midpoint,
    ),
    "weighted_sum": Operation(
        ("x", "signed"),
        lambda case, x, weight: kernels.weighted_sum(x, case.graph, weight),
        lambda case, x, w: torch.einsum("ij...,j...d->i...d", case.dense(w), x),
    ),
    "log_sum": Operation(
        ("x", "target", "signed", "c"),
        lambda case, x, u, w, c: kernels.log_sum(x, u, case.graph, c, w),
        _log_sum,
    ),
    "dist": Operation(
        ("x", "target", "c"),
        lambda case, x, u, c: kernels.dist(u, x, c, case.target, case.source),
        lambda case, *inputs: _measure(case, geometry.dist, *inputs),
    ),
    "sqdist": Operation(
        ("x", "target", "c"),
        lambda case, x, u, c: kernels.sqdist(u, x, c, case.target, case.source),
        lambda case, *inputs: _measure(case, geometry.sqdist, *inputs),
    ),
}  # fmt: skip
every = pytest.mark.parametrize("name", OPERATIONS)
backends = pytest.mark.parametrize("by", ["cpu", "portable"])
# The interpreter is slow, and warns of what a GPU computes and does not pick.
silent = pytest.mark.filterwarnings("ignore::RuntimeWarning")
all_backends = pytest.mark.parametrize(
    "by", ["cpu", "portable", pytest.param("cuda", marks=[interpreted, silent])]
)


def points(shape: tuple[int, ...], radius: float) -> Tensor:
    """Points of up to a radius, with the digits of float32."""
    v = torch.nn.functional.normalize(torch.randn(*shape, WIDTH), dim=-1)
    return v * (radius * torch.rand(*shape, 1))


def edges(number: int = 40) -> tuple[Tensor, Tensor]:
    """In no order, some of them twice and some from a node to itself."""
    source = torch.randint(SOURCES, (number,))
    target = torch.randint(TARGETS - 1, (number,))
    source[:5] = target[:5] = torch.arange(5)
    source[5:9], target[5:9] = source[-4:], target[-4:]
    return source, target


def case(radius: float = 1.0, c: float = 1.0, heads: tuple[int, ...] = (2,)) -> Case:
    """Points of up to a radius, in float64 with the digits of float32."""
    source, target = edges()
    x, u = points((SOURCES, *heads), radius), points((TARGETS, *heads), radius)
    x[0], u[1] = 0, 0
    leaves = {
        "x": x,
        "target": u,
        "other": points((SOURCES, *heads), radius),
        "bias": points(heads, radius),
        "weight": torch.rand(len(source), *heads),
        "signed": torch.randn(len(source), *heads),
        "c": c * torch.rand(heads),
    }
    leaves["weight"][::7] = 0
    return Case(source, target, leaves).to(DOUBLE)


@cache
def expected(
    name: str, radius: float, c: float, heads: tuple[int, ...] = (2,)
) -> tuple[Case, Tensor, list[Tensor]]:
    """A case, the gradient of its result, and what the geometry makes of them."""
    torch.manual_seed(12345)
    given, operation = case(radius, c, heads), OPERATIONS[name]
    grad = torch.randn_like(operation.run_slowly(given)[0].float())
    return given, grad, operation.run_slowly(given, grad)
