"""Who computes an operation: which back end, how many threads, in which process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import kernels
from pyg_hyperbolic.kernels import Graph, available, backend
from tests.kernels.cases import (
    DOUBLE,
    OPERATIONS,
    Case,
    agree,
    case,
    derived,
    every,
    expected,
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations that have been left to the loops."""
    made: list[str] = []
    loops = available.cpu()
    for name in ("gyro_add", "midpoint", "weighted_sum", "log_sum", "dist"):
        for call in (name, f"{name}_backward"):
            f = getattr(loops, call)
            monkeypatch.setattr(
                loops, call, lambda *x, f=f, call=call: (made.append(call), f(*x))[1]
            )
    return made


@every
def test_loops_compute_both_passes_on_a_cpu(name: str, calls: list[str]) -> None:
    OPERATIONS[name].run(case())
    assert len(calls) == 2 and calls[1] == f"{calls[0]}_backward"
    for other in ("portable", "reference"):
        with backend(other):
            OPERATIONS[name].run(case())
    assert len(calls) == 2


def test_back_ends_are_nested(calls: list[str]) -> None:
    x = torch.randn(3, 2)
    with backend("portable"):
        with backend("cpu"):
            kernels.gyro_add(x, x, 1.0)
        assert calls == ["gyro_add"]
        with pytest.raises(RuntimeError), backend("reference"):
            raise RuntimeError
        kernels.gyro_add(x, x, 1.0)
        assert calls == ["gyro_add"]
    kernels.gyro_add(x, x, 1.0)
    assert calls == ["gyro_add", "gyro_add"]


def test_a_back_end_that_is_not_there_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(available, "_loaded", {"cuda": None})
    with pytest.raises(ValueError, match="must not be 'cuda' without Triton; pip"):
        backend("cuda").__enter__()
    monkeypatch.setattr(available, "_loaded", {})  # what is loaded here is not kept
    monkeypatch.setitem(available.INSTALLED, "cuda", False)  # as with torch.version.hip
    assert available.loops("cuda") is None


@pytest.fixture
def without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(available, "_loaded", {})
    monkeypatch.delattr(kernels, "cpu", raising=False)
    monkeypatch.setitem(sys.modules, "pyg_hyperbolic.kernels.cpu", None)
    monkeypatch.setitem(available.INSTALLED, "cpu", False)


@pytest.mark.usefixtures("without_numba")
def test_without_numba_the_portable_back_end_takes_over_and_says_so_once() -> None:
    with pytest.warns(UserWarning, match="without Numba.*pip install numba"):
        kernels.gyro_add(torch.ones(1, 2), torch.ones(1, 2), 1.0)
    for name, operation in OPERATIONS.items():  # a second warning would be an error
        given, grad, true = expected(name, 3.0, 1.0)
        agree(operation.run(given, grad), true, 1e-10)
    with pytest.raises(ValueError, match="must not be 'cpu' without Numba"):
        backend("cpu").__enter__()
    with pytest.raises(ValueError, match=r"^'edge_index' must hold target indices"):
        Graph(torch.tensor([0]), torch.tensor([3]), 3, 3).rows()


@pytest.mark.usefixtures("without_numba")
@pytest.mark.filterwarnings("ignore:.*without Numba")
@pytest.mark.compile
def test_compiled_without_numba() -> None:
    torch.compiler.reset()
    x, ends = torch.randn(5, 3, requires_grad=True), torch.randint(5, (2, 12))

    def f(x: Tensor) -> Tensor:
        return kernels.weighted_sum(x, Graph(ends[0], ends[1], 5, 5))

    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(derived(compiled, [x]), derived(f, [x]))


def large(name: str, n: int = 4000) -> list[Tensor]:
    """Result and gradients where there is enough to do for several threads."""
    source = torch.Generator().manual_seed(0)  # threads share the global one

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=DOUBLE, generator=source)

    c = torch.tensor(0.8, dtype=DOUBLE)
    if name == "lorentz_map":
        rows = normal(10 * n, 5), normal(10 * n, 7)
        inputs = [*rows, normal(5), normal(5), c]
        return derived(kernels.lorentz_map, [x.requires_grad_() for x in inputs])
    points, edges = (n, 2, 16), (12000, 2)
    ends = torch.randint(n, (2, 12000), generator=source)
    leaves = {name: normal(*points) for name in ("x", "target", "other")}
    leaves |= {"bias": normal(2, 16), "signed": normal(*edges)}
    leaves |= {"weight": normal(*edges).abs(), "c": c}
    return OPERATIONS[name].run(Case(*ends, leaves, n, n).to(DOUBLE))


@pytest.fixture
def _one_thread_again() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_one_thread_again")
@pytest.mark.parametrize("name", [*OPERATIONS, "lorentz_map"])
def test_any_number_of_threads_gives_the_same(name: str) -> None:
    torch.set_num_threads(1)
    true = large(name)
    for number in (2, 3):
        torch.set_num_threads(number)
        agree(large(name), true, 1e-12)


@pytest.mark.usefixtures("_one_thread_again")
def test_several_python_threads_at_once() -> None:
    names = 3 * ["midpoint_of_sums", "log_sum", "dist", "midpoint_of_sums"]
    true = {name: large(name) for name in names}
    torch.set_num_threads(2)
    with ThreadPoolExecutor(4) as pool:
        for name, got in zip(names, pool.map(large, names), strict=True):
            agree(got, true[name], 1e-12)


FORK = """
import os, signal, sys, torch
from pyg_hyperbolic.kernels.cpu import threads
from tests.kernels.test_backends import agree, large
torch.set_num_threads(2)
names = ["midpoint_of_sums", "log_sum", "dist"]
true = {name: large(name, 900) for name in names}  # PyTorch itself takes one thread
child = os.fork()
signal.alarm(60)
for name in names:
    agree(large(name, 900), true[name], 1e-12)
assert bool(threads._pools) == (child == 0 or threads._openmp() is None)
if child == 0:
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_of_a_process_with_threads_computes_too() -> None:
    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        check=True,
        cwd=Path(__file__).parents[2],
    )
