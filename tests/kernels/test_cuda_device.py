"""The back end for CUDA on a device: its results, repeats, waits and CUDA graphs."""

import pytest
import torch
from torch import Tensor

pytest.importorskip("triton", reason="needs Triton")

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph
from tests.kernels.cases import DOUBLE
from tests.kernels.test_cuda import BARS, case, check, operations, run

pytestmark = pytest.mark.cuda
every = pytest.mark.parametrize("name", operations(case(DOUBLE)))


@every
@pytest.mark.parametrize("dtype", [*BARS], ids=str)
def test_the_device_computes_what_the_reference_does(
    name: str, dtype: torch.dtype
) -> None:
    true = run(name, dtype, "reference")
    check(run(name, dtype, "cuda", "cuda"), true, case(dtype), BARS[dtype])


@every
def test_results_are_the_same_from_run_to_run(name: str) -> None:
    once, again = (run(name, torch.float32, "cuda", "cuda") for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(once, again, strict=True))


def large() -> tuple[Tensor, Tensor, Graph, Tensor]:
    """A graph in which one node has 100,000 neighbors."""
    n, e = 2000, 100_000
    source, target = torch.randint(n, (2, 2 * e)).cuda()
    target[:e] = 0
    x = torch.randn(n, 64, device="cuda", requires_grad=True)
    weight = torch.rand(2 * e, device="cuda", requires_grad=True)
    return x, weight, Graph(source, target, n, n), torch.ones(64, device="cuda")


def test_a_row_of_100000_edges() -> None:
    x, weight, graph, bias = large()

    def both(by: str) -> list[Tensor]:
        with kernels.backend(by):
            out = kernels.midpoint(x, graph, 1.0, weight, 0.1 * bias)
            return [out, *torch.autograd.grad(out.sin().sum(), (x, weight))]

    for a, b in zip(both("cuda"), both("reference"), strict=True):
        scale = b.abs().max().item()
        torch.testing.assert_close(a, b, rtol=0, atol=3e-5 * scale)


@every
def test_nothing_waits(name: str) -> None:
    run(name, torch.float32, "cuda", "cuda")
    given, f = operations(case(torch.float32, "cuda"))[name]
    leaves = [x.clone().requires_grad_() for x in given]
    torch.cuda.set_sync_debug_mode("error")
    try:
        f(*leaves).sum().backward()
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of inductor itself
def test_cuda_graphs() -> None:
    x, weight, graph, bias = large()

    def f(x: Tensor, weight: Tensor) -> Tensor:
        return kernels.midpoint(x, graph, 1.0, weight, 0.1 * bias)

    true = torch.autograd.grad(f(x, weight).sum(), (x, weight))
    compiled = torch.compile(f, fullgraph=True, mode="reduce-overhead")
    for _ in range(3):  # the third replays what the second recorded
        got = torch.autograd.grad(compiled(x, weight).sum(), (x, weight))
    for a, b in zip(got, true, strict=True):
        torch.testing.assert_close(a, b)
