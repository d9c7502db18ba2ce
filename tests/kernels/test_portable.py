"""Operations over graphs against slow loops over edges; see also the midpoint's."""

from collections.abc import Callable

import mpmath as mp
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pyg_hyperbolic.kernels import portable
from tests.kernels.graphs import DOUBLE, RADII, WEIGHTS, Graph, edges, graph
from tests.numerics import textbook
from tests.where import each

radii = each("radius", RADII)
weights = each("kind", WEIGHTS)


def test_doubled_edges_count_twice() -> None:
    given = graph(2.0)
    weight = torch.rand(5, dtype=DOUBLE)
    source, target = torch.arange(5), torch.tensor([0, 0, 1, 1, 1])
    expected = portable.midpoint(*given[:2], 2 * weight, given.c, source, target, 2)
    out = portable.midpoint(
        *given[:2], weight.repeat(2), given.c, source.repeat(2), target.repeat(2), 2
    )
    torch.testing.assert_close(out, expected)
    of_weights = [
        portable.weighted_sum(given.x, w, source.repeat(n), target.repeat(n), 2)
        for w, n in ((2 * weight, 1), (weight.repeat(2), 2))
    ]
    torch.testing.assert_close(*of_weights)


@radii
def test_distances_and_logarithms(radius: float, dtype: torch.dtype) -> None:
    given = graph(radius, "edges", dtype)
    targets = graph(radius, "edges", dtype).x
    ends = given.source, given.target
    distance = portable.dist(given.x, targets, given.c, *ends)
    square = portable.sqdist(given.x, targets, given.c, *ends)
    logs = portable.log_sum(given.x, targets, given.weight, given.c, *ends)
    assert distance.dtype == square.dtype == logs.dtype == dtype
    assert distance.shape == square.shape == (28, 2) and logs.shape == (9, 2, 3)
    exact, sums = torch.zeros(28, 2, dtype=DOUBLE), torch.zeros(9, 2, 3, dtype=DOUBLE)
    with mp.workdps(100 + int(2 * radius)):
        for k, (j, i) in enumerate(edges(given)):
            for head in range(2):
                c = mp.mpf(given.c[head].item())
                u, v = (textbook.vector(x[head]) for x in (targets[i], given.x[j]))
                log = textbook.gyro_add([-x for x in u], v, c)
                log = torch.tensor([float(x) for x in log], dtype=DOUBLE)
                sums[i, head] += given.weights()[k, head] * log
                exact[k, head] = log.norm()
    bar = 1e-12 if dtype == DOUBLE else 1e-5
    close = {"rtol": 0, "atol": bar * radius}
    torch.testing.assert_close(distance.double(), exact, **close)
    torch.testing.assert_close(square.double().sqrt(), exact, **close)
    torch.testing.assert_close(logs.double(), sums, **close)


def test_sums_of_points_and_of_points_with_a_bias() -> None:
    given = graph(3.0)
    out = portable.gyro_add(given.x, given.bias, given.c)
    for j in range(9):
        for head in range(2):
            with mp.workdps(50):
                u, v = (
                    textbook.vector(x) for x in (given.x[j, head], given.bias[head])
                )
                true = textbook.gyro_add(u, v, mp.mpf(given.c[head].item()))
            true = torch.tensor([float(x) for x in true], dtype=DOUBLE)
            torch.testing.assert_close(out[j, head], true, rtol=0, atol=1e-13)
    rows = given.bias.expand(9, 2, 3)
    assert torch.equal(portable.gyro_add(given.x, rows, given.c), out)


def operations(given: Graph) -> dict[str, tuple[Callable[..., Tensor], list[Tensor]]]:
    """Each operation as a function of all that it can be differentiated by."""
    ends = given.source, given.target
    targets = given.x[:7].flip(-1).clone()
    x, bias, weight, c = given.leaves
    return {
        "gyro_add": (portable.gyro_add, [x, bias, c]),
        "weighted_sum": (
            lambda x, w: portable.weighted_sum(x, w, *ends, 7),
            [x, weight],
        ),
        "midpoint": (
            lambda x, b, w, c: portable.midpoint(x, b, w, c, *ends, 7),
            [x, bias, weight, c],
        ),
        "log_sum": (
            lambda x, u, w, c: portable.log_sum(x, u, w, c, *ends),
            [x, targets, weight, c],
        ),
        "dist": (
            lambda x, u, c: portable.dist(x, u, c, *ends),
            [x, targets, c],
        ),
        "sqdist": (
            lambda x, u, c: portable.sqdist(x, u, c, *ends),
            [x, targets, c],
        ),
    }


every = pytest.mark.parametrize(
    "name", ["gyro_add", "weighted_sum", "midpoint", "log_sum", "dist", "sqdist"]
)


@every
@each("radius", [0.3, 3.0])
def test_first_and_second_derivatives(name: str, radius: float) -> None:
    f, inputs = operations(graph(radius))[name]
    inputs = [x.detach().requires_grad_() for x in inputs]
    assert gradcheck(f, inputs, fast_mode=True)
    assert gradgradcheck(f, inputs, fast_mode=True)


@every
@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16], ids=str)
def test_half_precision_is_rounded_at_the_end(name: str, half: torch.dtype) -> None:
    f, inputs = operations(graph(1.0, dtype=half))[name]
    out = f(*inputs)
    assert out.dtype == half
    expected = f(*(x.float() for x in inputs))
    torch.testing.assert_close(
        out, expected.to(half), rtol=torch.finfo(half).eps, atol=0
    )
