"""The back end for CUDA, in Triton's interpreter."""

from functools import cache

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="needs Triton")

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, backend
from pyg_hyperbolic.kernels.cuda import launch
from tests.kernels import cases
from tests.kernels.cases import (
    DOUBLE,
    OPERATIONS,
    Case,
    agree,
    derived,
    interpreted,
    star,
)

WIDTH = 3
RADII = torch.tensor([0.0, 1e-6, 0.5, 8.0, 20.0, 100.0, 1000.0], dtype=DOUBLE)
NUMBER = len(RADII)
GROUPS = torch.arange(NUMBER).repeat_interleave(3)  # the radii of sources
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


@cache
def case(dtype: torch.dtype, device: str = "cpu") -> Case:
    """A target with three neighbors at each radius, one with none, one of weight 0."""
    generator = torch.Generator().manual_seed(3)

    def points(number: int) -> Tensor:
        direction = torch.randn(NUMBER, number, WIDTH, generator=generator)
        direction = torch.nn.functional.normalize(direction.double(), dim=-1)
        share = 0.5 + 0.5 * torch.rand(NUMBER, number, 1, generator=generator)
        return (RADII[:, None, None] * share * direction).flatten(0, 1)

    source = torch.cat([torch.arange(3 * NUMBER), torch.tensor([7])])
    target = torch.cat([GROUPS, torch.tensor([NUMBER])])
    order = torch.randperm(len(source), generator=generator)
    weight = torch.rand(len(source), generator=generator)
    weight[4], weight[-1] = 0, 0
    x = points(3)
    leaves = {
        "x": x,
        "other": x.roll(1, 0),
        "target": torch.cat([points(1), torch.full((2, WIDTH), 0.5)]),
        "bias": torch.full((WIDTH,), 0.3),
        "weight": weight[order],
        "signed": weight[order],
        "c": torch.tensor(0.8, dtype=DOUBLE),
    }
    leaves = {name: x.to(device) for name, x in leaves.items()}
    ends = source[order].to(device), target[order].to(device)
    return Case(*ends, leaves, 3 * NUMBER, NUMBER + 2).to(dtype)


def run(name: str, dtype: torch.dtype, by: str, device: str = "cpu") -> list[Tensor]:
    """Result and gradients."""
    with backend(by):
        return OPERATIONS[name].run(case(dtype, device))


def check(got: list[Tensor], true: list[Tensor], dtype: torch.dtype) -> None:
    """Values, then gradients, relative to the largest of the same radius."""
    ids = (GROUPS, torch.tensor([*range(NUMBER), 2, 2]), case(dtype).target)
    known = {len(x): x for x in ids}
    assert got[0].dtype == dtype
    value, gradient = BARS[dtype]
    for bar, a, b in zip([value] + 9 * [gradient], got, true, strict=False):
        a, b = a.double().cpu(), b.double()
        assert a.isfinite().all()
        scale = b.abs().max()
        if b.dim() > 0 and len(b) in known:
            rows = b.abs().view(len(b), -1).amax(-1)
            largest = torch.zeros(NUMBER + 2, dtype=DOUBLE)
            largest = largest.scatter_reduce(0, known[len(b)], rows, "amax")
            scale = largest[known[len(b)]].view(-1, *(1 for _ in b.shape[1:]))
        wrong = (a - b).abs() > bar * scale + 2e-15  # where all that is left is 0
        assert not wrong.any(), (a[wrong], b[wrong])


CHOSEN = {torch.float32: ["midpoint", "weighted_sum", "log_sum", "sqdist"]}
CHOSEN[torch.bfloat16] = ["midpoint_of_sums", "sum_of_rows", "sum_with_one", "dist"]
# Midpoints with a bias and without, and both distances, take the same way.
CHOSEN[DOUBLE] = [x for x in OPERATIONS if x not in ("midpoint", "sqdist")]


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, dtype) for dtype in CHOSEN for name in CHOSEN[dtype]],
    ids=str,
)
def test_all_radii(name: str, dtype: torch.dtype) -> None:
    true, got = (run(name, dtype, by) for by in ("reference", "cuda"))
    check(got, true, dtype)


@pytest.mark.parametrize(
    ("name", "radius"),
    [("midpoint_of_sums", 1.0), ("midpoint_of_sums", 60.0)]
    + [(name, 1.0) for name in ("weighted_sum", "log_sum", "dist")],
)
def test_long_rows_are_shared(
    name: str, radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that begins with a piece, one that does not, short and empty ones."""
    monkeypatch.setattr(launch, "LONGEST", 3)
    target = torch.tensor([0] * 7 + [1] * 3 + [3] * 7 + [4])
    given = cases.case(radius)
    some = {"weight": 18, "signed": 18, "target": 5}
    leaves = given.leaves | {x: given.leaves[x][:n] for x, n in some.items()}
    long = Case(given.source[:18], target, leaves, targets=5).to(DOUBLE)
    results = []
    for by in ("cuda", "reference"):
        with backend(by):
            results.append(OPERATIONS[name].run(long))
    agree(*results, 1e-11)


def test_the_log_of_the_point_itself_is_0() -> None:
    x = (3 * torch.randn(4, WIDTH)).requires_grad_()
    ends = torch.arange(4)
    with backend("cuda"):
        assert not kernels.log_sum(x, x, Graph(ends, ends, 4, 4), 1.0).any()
        for zero in derived(lambda x: kernels.sqdist(x, x, 1.0, ends, ends), [x]):
            assert not zero.any()


def test_points_of_more_channels_than_a_program_holds_are_portable() -> None:
    x = torch.randn(2, 2049)
    with backend("portable"):
        true = kernels.gyro_add(x, x.flip(0), 1.0)
    with backend("cuda"):
        assert torch.equal(kernels.gyro_add(x, x.flip(0), 1.0), true)


def test_no_edges_and_no_points() -> None:
    none = torch.empty(0, dtype=torch.long)
    for number in (0, 2):
        graph = Graph(none, none, number, 2)
        leaves = [torch.randn(number, WIDTH), torch.tensor(1.0)]
        with backend("cuda"):
            out, *grads = derived(
                lambda x, c, g=graph: kernels.midpoint(x, g, c, None, c.expand(WIDTH)),
                [x.requires_grad_() for x in leaves],
            )
        assert out.shape == (2, WIDTH)
        assert not any(x.any() for x in (out, *grads))


@pytest.mark.compile
def test_compiled() -> None:
    """One node of a compiler's graph, which starts the same kernels."""
    torch.compiler.reset()

    def f(x: Tensor) -> Tensor:
        return kernels.midpoint(x, star(3), 1.0, None, x[0])

    x = [torch.randn(3, WIDTH, requires_grad=True)]
    with backend("cuda"):
        compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
        torch.testing.assert_close(derived(compiled, x), derived(f, x), rtol=0, atol=0)
