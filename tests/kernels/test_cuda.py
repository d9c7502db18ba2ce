"""The back end for CUDA, in Triton's interpreter."""

from functools import cache

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="needs Triton")

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import backend
from pyg_hyperbolic.kernels.cuda import launch
from tests.kernels import cases
from tests.kernels.cases import (
    DOUBLE,
    OPERATIONS,
    Case,
    agree,
    derived,
    interpreted,
    silent,
    star,
)

WIDTH = 3
RADII = torch.tensor([0.0, 1e-6, 0.5, 8.0, 20.0, 100.0, 1000.0], dtype=DOUBLE)
NUMBER = len(RADII)
# Of values and of gradients, relative to each radius.
BARS = {
    torch.float32: (1e-6, 3e-5),
    DOUBLE: (1e-12, 1e-9),
    torch.bfloat16: (8e-3, 2e-2),
}

pytestmark = [silent, interpreted]


@cache
def case(dtype: torch.dtype, device: str = "cpu") -> Case:
    """Points and edges of each radius by turns.

    Of the targets of a radius the first has three neighbors of it, the second one of
    weight 0, the third none.
    """
    torch.manual_seed(12345)

    def points() -> Tensor:
        direction = torch.nn.functional.normalize(torch.randn(3 * NUMBER, WIDTH), dim=1)
        length = RADII.repeat(3) * (0.5 + 0.5 * torch.rand(3 * NUMBER))
        return length[:, None] * direction

    target = (torch.arange(NUMBER) + torch.tensor([[0], [0], [0], [NUMBER]])).flatten()
    source = torch.arange(4 * NUMBER) % (3 * NUMBER)
    weight = torch.rand(4 * NUMBER)
    weight[4], weight[3 * NUMBER :] = 0, 0
    leaves = {
        "x": points(),
        "other": points(),
        "target": points(),
        "bias": torch.full((WIDTH,), 0.3),
        "weight": weight,
        "signed": weight,
        "c": torch.tensor(0.8, dtype=DOUBLE),
    }
    leaves = {name: x.to(device) for name, x in leaves.items()}
    ends = source.to(device), target.to(device)
    return Case(*ends, leaves, 3 * NUMBER, 3 * NUMBER).to(dtype)


def run(name: str, dtype: torch.dtype, by: str, device: str = "cpu") -> list[Tensor]:
    """Result and gradients."""
    with backend(by):
        return OPERATIONS[name].run(case(dtype, device))


def by_radius(x: Tensor) -> tuple[Tensor, ...]:
    """The rows of each radius; c and the bias, which have none, as they are."""
    rows = x.dim() > 0 and len(x) % NUMBER == 0
    return x.view(-1, NUMBER, *x.shape[1:]).unbind(1) if rows else (x,)


def check(got: list[Tensor], true: list[Tensor], dtype: torch.dtype) -> None:
    """Values, then gradients, relative to the largest of the same radius."""
    assert got[0].dtype == dtype
    value, gradient = BARS[dtype]
    for bar, a, b in zip([value] + 9 * [gradient], got, true, strict=False):
        assert a.isfinite().all()
        both = by_radius(a.double().cpu()), by_radius(b.double())
        for x, y in zip(*both, strict=True):
            atol = bar * y.abs().max().item() + 2e-15  # where all that is left is 0
            torch.testing.assert_close(x, y, rtol=0, atol=atol)


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


def test_points_of_more_channels_than_a_program_holds_are_portable() -> None:
    x = torch.randn(2, 2049)
    with backend("portable"):
        true = kernels.gyro_add(x, x.flip(0), 1.0)
    with backend("cuda"):
        assert torch.equal(kernels.gyro_add(x, x.flip(0), 1.0), true)


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
