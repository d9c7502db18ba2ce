"""The back end for CUDA, in Triton's interpreter."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="needs Triton")

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, backend
from pyg_hyperbolic.kernels.cuda import launch
from tests.kernels.cases import DOUBLE, interpreted

WIDTH = 3
RADII = [0.0, 1e-6, 0.5, 8.0, 20.0, 100.0, 1000.0]
# Of values and of gradients, relative to each radius.
BARS = {
    torch.float32: (1e-6, 3e-5),
    DOUBLE: (1e-12, 1e-9),
    torch.bfloat16: (8e-3, 2e-2),
}

pytestmark = [
    # What the interpreter computes and does not pick.
    pytest.mark.filterwarnings("ignore::RuntimeWarning"),
    interpreted,
]


class Case(NamedTuple):
    """A target with three neighbors at each radius, one with none, one of weights 0."""

    x: Tensor
    target: Tensor
    bias: Tensor
    weight: Tensor
    c: Tensor
    graph: Graph
    groups: Tensor  # of sources
    targets: Tensor  # groups of targets


@cache
def case(dtype: torch.dtype, device: str = "cpu") -> Case:
    generator = torch.Generator().manual_seed(3)

    def points(number: int) -> Tensor:
        direction = torch.randn(len(RADII), number, WIDTH, generator=generator)
        direction = torch.nn.functional.normalize(direction.double(), dim=-1)
        size = torch.tensor(RADII, dtype=DOUBLE)[:, None, None]
        share = 0.5 + 0.5 * torch.rand(len(RADII), number, 1, generator=generator)
        return (size * share * direction).flatten(0, 1).to(dtype)

    number = len(RADII)
    groups = torch.arange(number).repeat_interleave(3)
    source, target = torch.arange(3 * number), groups.clone()
    # a target of one edge of weight 0, another one of none
    source, target = (
        torch.cat([source, source[7:8]]),
        torch.cat([target, groups[:1] + number]),
    )
    order = torch.randperm(len(source), generator=generator)
    weight = torch.rand(len(source), generator=generator)
    weight[4], weight[-1] = 0, 0
    rest = torch.full((2, WIDTH), 0.5, dtype=dtype)
    tensors = (
        points(3),
        torch.cat([points(1), rest]),
        torch.full((WIDTH,), 0.3, dtype=dtype),
        weight[order].to(dtype),
        torch.tensor(0.8, dtype=DOUBLE),
    )
    ends = source[order].to(device), target[order].to(device)
    return Case(
        *(x.to(device) for x in tensors),
        Graph(*ends, 3 * number, number + 2),
        groups,
        torch.cat([torch.arange(number), torch.tensor([2, 2])]),
    )


def operations(case: Case) -> dict[str, tuple[list[Tensor], Callable[..., Tensor]]]:
    """The arguments with gradients of each operation, and the operation."""
    graph, first, second = case.graph, case.graph.target, case.graph.source
    return {
        "midpoint": (
            [case.x, case.weight, case.c],
            lambda x, w, c: kernels.midpoint(x, graph, c, w),
        ),
        "midpoint_of_sums": (
            [case.x, case.weight, case.c, case.bias],
            lambda x, w, c, b: kernels.midpoint(x, graph, c, w, b),
        ),
        "gyro_add": (
            [case.x, case.x.roll(1, 0), case.c],
            lambda u, v, c: kernels.gyro_add(u, v, c),
        ),
        "gyro_add_of_one": (
            [case.x, case.bias, case.c],
            lambda u, v, c: kernels.gyro_add(u, v, c),
        ),
        "weighted_sum": (
            [case.x, case.weight],
            lambda x, w: kernels.weighted_sum(x, graph, w),
        ),
        "log_sum": (
            [case.x, case.target, case.weight, case.c],
            lambda x, u, w, c: kernels.log_sum(x, u, graph, c, w),
        ),
        "dist": (
            [case.target, case.x, case.c],
            lambda u, v, c: kernels.dist(u, v, c, first, second),
        ),
        "sqdist": (
            [case.target, case.x, case.c],
            lambda u, v, c: kernels.sqdist(u, v, c, first, second),
        ),
    }  # fmt: skip


def run(name: str, dtype: torch.dtype, by: str, device: str = "cpu") -> list[Tensor]:
    """Result and gradients."""
    given, f = operations(case(dtype, device))[name]
    leaves = [x.clone().requires_grad_() for x in given]
    with backend(by):
        out = f(*leaves)
        # of all sizes alike, so that no radius hides another
        grad = 1 + torch.arange(out.numel(), device=device) % 5
        grad = grad.view(out.shape).to(out.dtype)
        return [out.detach(), *torch.autograd.grad(out, leaves, grad)]


def check(
    got: list[Tensor], true: list[Tensor], given: Case, bars: tuple[float, float]
) -> None:
    """Values, then gradients, relative to the largest of the same radius."""
    known = {len(ids): ids for ids in (given.groups, given.targets, given.graph.target)}
    for bar, a, b in zip([bars[0]] + 9 * [bars[1]], got, true, strict=False):
        a, b = a.double().cpu(), b.double()
        assert a.isfinite().all()
        scale = b.abs().max()
        if b.dim() > 0 and len(b) in known:
            rows = b.abs().view(len(b), -1).amax(-1)
            ids = known[len(b)].cpu()
            largest = torch.zeros(len(RADII) + 2, dtype=DOUBLE)
            largest = largest.scatter_reduce(0, ids, rows, "amax")
            scale = largest[ids].view(-1, *(1 for _ in b.shape[1:]))
        wrong = (a - b).abs() > bar * scale + 2e-15  # where all that is left is 0
        assert not wrong.any(), (a[wrong], b[wrong])


CHOSEN = {torch.float32: ["midpoint", "weighted_sum", "log_sum", "sqdist"]}
CHOSEN[torch.bfloat16] = ["midpoint_of_sums", "gyro_add", "gyro_add_of_one", "dist"]
# Midpoints with a bias and without, and both distances, take the same way.
CHOSEN[DOUBLE] = [
    x for x in operations(case(DOUBLE)) if x not in ("midpoint", "sqdist")
]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for dtype in CHOSEN for name in CHOSEN[dtype]],
    ids=str,
)
def test_all_radii(name: str, dtype: torch.dtype) -> None:
    true, got = (run(name, dtype, by) for by in ("reference", "cuda"))
    assert got[0].dtype == dtype
    check(got, true, case(dtype), BARS[dtype])


LONG: dict[str, Callable[[Graph, Tensor, Tensor, Tensor], Tensor]] = {
    "midpoint": lambda graph, x, w, c: kernels.midpoint(x, graph, c, w, x[0].detach()),
    "far": lambda graph, x, w, c: kernels.midpoint(30 * x, graph, c, w, x[0].detach()),
    "weighted_sum": lambda graph, x, w, c: kernels.weighted_sum(x, graph, w) * c[0],
    "log_sum": lambda graph, x, w, c: kernels.log_sum(
        x, 1 - x[[0, 1, 2, 0]], graph, c, w
    ),
    "dist": lambda graph, x, w, c: kernels.dist(
        x, 2 * x, c, graph.source, graph.source.flip(0)
    ) * w[:, None],
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_long_rows_are_shared(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that begins with a piece, one that does not, a short and an empty one."""
    monkeypatch.setattr(launch, "LONGEST", 3)
    target = torch.tensor([0] * 7 + [1] * 3 + [3] * 8)
    source = torch.tensor([0, 1, 2, 1, 1, 2, 1, 1, 0, 2, 1, 1, 2, 1, 1, 0, 1, 1])
    graph, heads = Graph(source, target, 3, 4), 2
    x = torch.randn(3, heads, WIDTH, dtype=DOUBLE, requires_grad=True)
    weight = torch.rand(len(source), dtype=DOUBLE, requires_grad=True)
    c = torch.tensor([0.5, 1.0], dtype=DOUBLE, requires_grad=True)

    def both(by: str) -> list[Tensor]:
        with backend(by):
            out = LONG[name](graph, x, weight, c)
            return [out, *torch.autograd.grad(out.sin().sum(), (x, weight, c))]

    for a, b in zip(both("cuda"), both("reference"), strict=True):
        scale = b.abs().max().item()
        torch.testing.assert_close(a, b, rtol=0, atol=1e-11 * scale)


def test_the_log_of_the_point_itself_is_0() -> None:
    x = (3 * torch.randn(4, WIDTH)).requires_grad_()
    ends = torch.arange(4)
    with backend("cuda"):
        assert not kernels.log_sum(x, x, Graph(ends, ends, 4, 4), 1.0).any()
        out = kernels.sqdist(x, x, 1.0, ends, ends)
        assert not out.any()
        assert not torch.autograd.grad(out.sum(), x)[0].any()


def test_points_of_more_channels_than_a_program_holds_are_portable() -> None:
    x = torch.randn(2, 2049)
    with backend("portable"):
        true = kernels.gyro_add(x, x.flip(0), 1.0)
    with backend("cuda"):
        assert torch.equal(kernels.gyro_add(x, x.flip(0), 1.0), true)


def test_no_edges_and_no_points() -> None:
    none = torch.empty(0, dtype=torch.long)
    for number in (0, 2):
        x = torch.randn(number, WIDTH, requires_grad=True)
        c = torch.tensor(1.0, requires_grad=True)
        with backend("cuda"):
            out = kernels.midpoint(
                x, Graph(none, none, number, 2), c, None, torch.ones(WIDTH)
            )
            grads = torch.autograd.grad(out.sum(), (x, c))
        assert out.shape == (2, WIDTH) and not out.any()
        assert not any(grad.any() for grad in grads)


@pytest.mark.compile
def test_compiled() -> None:
    """One node of a compiler's graph, which starts the same kernels."""
    torch.compiler.reset()
    ends = torch.tensor([[0, 1, 2, 1], [0, 0, 1, 1]])

    def f(x: Tensor) -> Tensor:
        return kernels.midpoint(x, Graph(*ends, 3, 2), 1.0, None, x[0])

    x = torch.randn(3, WIDTH, requires_grad=True)
    with backend("cuda"):
        out = torch.compile(f, fullgraph=True, backend="aot_eager")(x)
        for a, b in zip(
            (out, *torch.autograd.grad(out.sum(), x)),
            (f(x), *torch.autograd.grad(f(x).sum(), x)),
            strict=True,
        ):
            assert torch.equal(a, b)
