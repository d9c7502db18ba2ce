"""The back end for CUDA on a device: its results, repeats, waits and CUDA graphs."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="needs Triton")

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph
from tests.kernels.cases import OPERATIONS, Case, agree, derived, every
from tests.kernels.test_cuda import BARS, case, check, run

pytestmark = pytest.mark.cuda


@every
@pytest.mark.parametrize("dtype", [*BARS], ids=str)
def test_the_device_computes_what_the_reference_does(
    name: str, dtype: torch.dtype
) -> None:
    check(run(name, dtype, "cuda", "cuda"), run(name, dtype, "reference"), dtype)


@every
def test_results_are_the_same_from_run_to_run(name: str) -> None:
    once, again = (run(name, torch.float32, "cuda", "cuda") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def large() -> tuple[Callable[..., Tensor], list[Tensor]]:
    """Midpoints of a graph in which one node has 100,000 neighbors, and leaves."""
    n, e = 2000, 100_000
    source, target = torch.randint(n, (2, 2 * e)).cuda()
    target[:e] = 0
    graph, bias = Graph(source, target, n, n), torch.full((64,), 0.1, device="cuda")
    leaves = torch.randn(n, 64, device="cuda"), torch.rand(2 * e, device="cuda")

    def f(x: Tensor, weight: Tensor) -> Tensor:
        return kernels.midpoint(x, graph, 1.0, weight, bias)

    return f, [x.requires_grad_() for x in leaves]


def test_a_row_of_100000_edges() -> None:
    f, leaves = large()
    results = []
    for by in ("cuda", "reference"):
        with kernels.backend(by):
            results.append(derived(f, leaves))
    agree(*results, 3e-5)


@every
def test_nothing_waits(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, operation = case(torch.float32, "cuda"), OPERATIONS[name]
    monkeypatch.setattr(Case, "graph", given.graph)  # looked at once
    operation.run(given)
    leaves = given.at(operation.arguments)
    torch.cuda.set_sync_debug_mode("error")
    try:
        torch.autograd.grad(operation.fast(given, *leaves).sum(), leaves)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of inductor itself
def test_cuda_graphs() -> None:
    f, leaves = large()
    true = torch.autograd.grad(f(*leaves).sum(), leaves)
    compiled = torch.compile(f, fullgraph=True, mode="reduce-overhead")
    for _ in range(3):  # the third replays what the second recorded
        got = torch.autograd.grad(compiled(*leaves).sum(), leaves)
    torch.testing.assert_close(got, true)
