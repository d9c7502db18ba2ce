"""Operations over graphs against slow loops over targets and edges."""

from collections.abc import Callable
from typing import NamedTuple

import mpmath as mp
import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck, gradgradcheck

from pyg_hyperbolic import geometry
from pyg_hyperbolic.kernels import portable
from tests.numerics import textbook

DOUBLE = torch.float64
RADII = [0.0, 1e-6, 0.1, 1.0, 5.0, 20.0, 100.0, 300.0]
WEIGHTS = ["none", "edges", "heads"]
radii = pytest.mark.parametrize("radius", RADII)
weights = pytest.mark.parametrize("kind", WEIGHTS)


class Graph(NamedTuple):
    """Points, weights and a graph: target 6 has no edges, some edges are doubled."""

    x: Tensor  # [9, 2, 3]
    bias: Tensor  # [2, 3]
    weight: Tensor | None
    c: Tensor  # [2]
    source: Tensor
    target: Tensor
    num_targets: int

    @property
    def leaves(self) -> list[Tensor]:
        given = (self.x, self.bias, self.weight, self.c)
        return [leaf for leaf in given if leaf is not None]

    def weights(self) -> Tensor:
        """Those of each edge and head."""
        if self.weight is None:
            return torch.ones(len(self.source), 2, dtype=DOUBLE)
        weight = self.weight.double()
        return weight if weight.dim() == 2 else weight[:, None].expand(-1, 2)


def graph(radius: float, kind: str = "edges", dtype: torch.dtype = DOUBLE) -> Graph:
    """Radii in units of 1; the weights of heads are of any size, those of edges not."""
    c = torch.tensor([0.5, 1.0], dtype=dtype)
    x = torch.nn.functional.normalize(torch.randn(9, 2, 3, dtype=DOUBLE), dim=-1)
    x = x * (radius * torch.rand(9, 2, 1, dtype=DOUBLE))
    bias = torch.randn(2, 3, dtype=DOUBLE) * min(radius, 1)
    source, target = torch.randint(0, 9, (24,)), torch.randint(0, 6, (24,))
    source, target = torch.cat([source, source[:4]]), torch.cat([target, target[:4]])
    weight = None
    if kind == "edges":
        weight = torch.rand(28, dtype=DOUBLE).to(dtype)
    elif kind == "heads":
        weight = (10 ** (60 * torch.rand(28, 2, dtype=DOUBLE) - 30)).to(dtype)
    return Graph(x.to(dtype), bias.to(dtype), weight, c, source, target, 7)


def edges(given: Graph) -> list[tuple[int, int]]:
    return list(zip(given.source.tolist(), given.target.tolist(), strict=True))


def exact_midpoints(given: Graph) -> Tensor:
    """The Einstein midpoints of Moebius sums, in as many digits as they lose."""
    out = torch.zeros(given.num_targets, 2, 3, dtype=DOUBLE)
    with mp.workdps(700):
        for head in range(2):
            c = mp.mpf(given.c[head].item())
            bias = textbook.vector(given.bias[head])
            points = [
                textbook.gyro_add(textbook.vector(v), bias, c) for v in given.x[:, head]
            ]
            weight = textbook.vector(given.weights()[:, head])
            for i in set(given.target.tolist()):
                of = [k for k, (_, target) in enumerate(edges(given)) if target == i]
                rows = [points[int(given.source[k])] for k in of]
                mean = textbook.midpoint(rows, [weight[k] for k in of], c)
                out[i, head] = torch.tensor([float(m) for m in mean], dtype=DOUBLE)
    return out


def dense_midpoints(given: Graph) -> Tensor:
    """By the geometry, target by target, in double precision."""
    points = geometry.gyro_add(given.x.double(), given.bias.double(), given.c.double())
    rows = []
    for i in range(given.num_targets):
        of = (given.target == i).nonzero().squeeze(-1)
        v = points[given.source[of]].transpose(0, 1)
        rows.append(geometry.midpoint(v, given.c.double(), given.weights()[of].t()))
    return torch.stack(rows)


@weights
@radii
def test_midpoint(radius: float, kind: str, dtype: torch.dtype) -> None:
    given = graph(radius, kind, dtype)
    out = portable.midpoint(*given)
    assert out.dtype == dtype
    assert torch.equal(out[6], torch.zeros_like(out[6]))
    bar = 1e-11 if dtype == DOUBLE else 1e-6
    close = {"rtol": 0, "atol": bar * radius}
    torch.testing.assert_close(out.double(), exact_midpoints(given), **close)


@weights
@radii
def test_gradients_of_the_midpoint(
    radius: float, kind: str, dtype: torch.dtype
) -> None:
    given = graph(radius, kind, dtype)
    leaves = [leaf.requires_grad_() for leaf in given.leaves]
    out, expected = portable.midpoint(*given), dense_midpoints(given)
    grad = torch.randn_like(expected)
    got = torch.autograd.grad(out, leaves, grad.to(dtype))
    true = torch.autograd.grad(expected, leaves, grad)
    for leaf, a, b in zip(leaves, got, true, strict=True):
        assert a.isfinite().all()
        # Of the weights, whose sizes differ, by their logarithms.
        a, b = (g * leaf.detach() if leaf is given.weight else g for g in (a, b))
        bar = 1e-9 if dtype == DOUBLE else 1e-5
        assert (a - b).abs().max() <= bar * (b.abs().max() + 1e-3 * radius)


@pytest.mark.parametrize("radius", [0.1, 1.0, 20.0])
def test_an_edge_of_weight_zero_is_none_but_for_its_derivative(radius: float) -> None:
    given = graph(radius)
    weight = given.weight.clone()
    weight[::3] = 0
    kept = weight > 0
    expected = portable.midpoint(
        *given[:2], weight[kept], given.c, given.source[kept], given.target[kept], 7
    )
    slopes = []
    for least in (0, 1e-12 * torch.exp(-torch.tensor(2 * radius))):
        w = torch.where(kept, weight, least).requires_grad_()
        out = portable.midpoint(given.x, given.bias, w, *given[3:])
        if least == 0:
            assert torch.equal(out, expected)
        slopes.append(torch.autograd.grad(out[..., 0].sum(), w)[0])
    some = torch.isin(given.target, given.target[kept])
    torch.testing.assert_close(slopes[0][some], slopes[1][some], rtol=1e-6, atol=1e-9)
    assert (slopes[0][~some] == 0).all()


def test_a_zero_weight_far_beyond_the_others_is_no_infinity() -> None:
    x = torch.tensor([[[1.0, 0.0]], [[300.0, 0.0]], [[0.0, 900.0]]])
    weight = torch.tensor([1.0, 0.0, 0.0], requires_grad=True)
    c = torch.tensor(1.0, requires_grad=True)
    ends = torch.arange(3), torch.zeros(3, dtype=torch.long)
    x.requires_grad_()
    out = portable.midpoint(x, None, weight, c, *ends, 1)
    torch.testing.assert_close(out[0, 0], torch.tensor([1.0, 0.0]))
    for gradient in torch.autograd.grad(out.sum(), (x, weight, c)):
        assert gradient.isfinite().all()


def test_weights_near_the_smallest_numbers() -> None:
    given = graph(2.0)
    expected = portable.midpoint(*given)
    for scale in (1e-280, 1e-30, 1e30, 1e250):
        weight = (scale * given.weight).requires_grad_()
        out = portable.midpoint(*given[:2], weight, *given[3:])
        torch.testing.assert_close(out, expected)
        (slope,) = torch.autograd.grad(out.sum(), weight)
        assert slope.isfinite().all() and (slope != 0).any()


def test_a_far_point_and_the_origin_meet_half_way() -> None:
    """Though the mass of one is e^1000 that of the other."""
    x = torch.tensor([[[600.0, 800.0]], [[0.0, 0.0]]], dtype=DOUBLE)
    ends = torch.arange(2), torch.zeros(2, dtype=torch.long)
    c = torch.tensor(1.0)
    x.requires_grad_()
    out = portable.midpoint(x, None, None, c, *ends, 1)
    torch.testing.assert_close(out, x[:1] / 2)
    (slope,) = torch.autograd.grad(out[0, 0, 0], x)
    # The origin moves it along the line alone: across it, that far out, by nothing.
    expected = torch.tensor([[[0.5, 0.0]], [[0.18, 0.24]]], dtype=DOUBLE)
    torch.testing.assert_close(slope, expected)


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


@pytest.mark.parametrize(("n", "m"), [(0, 0), (0, 3), (3, 0), (3, 2)])
@pytest.mark.parametrize("shape", [(0,), (0, 2), None])
def test_graphs_without_edges(n: int, m: int, shape: tuple[int, ...] | None) -> None:
    x, targets = torch.randn(n, 2, 3), torch.randn(m, 2, 3)
    weight = None if shape is None else torch.empty(shape, requires_grad=True)
    bias, c = torch.randn(2, 3), torch.tensor(1.0)
    for leaf in (x, targets, bias, c):
        leaf.requires_grad_()
    none = torch.empty(0, dtype=torch.long)
    for out in (
        portable.midpoint(x, bias, weight, c, none, none, m),
        portable.weighted_sum(x, weight, none, none, m),
        portable.log_sum(x, targets, weight, c, none, none),
    ):
        assert torch.equal(out, torch.zeros(m, 2, 3))
        for gradient in torch.autograd.grad(
            out.sum(), (x, targets, bias, c), allow_unused=True
        ):
            assert gradient is None or (gradient == 0).all()
    assert portable.dist(x, targets, c, none, none).shape == (0, 2)
    assert portable.sqdist(x, targets, c, none, none).shape == (0, 2)


def test_a_target_with_no_weight_but_zeros_is_the_origin() -> None:
    given = graph(3.0)
    leaves = [leaf.requires_grad_() for leaf in (given.x, given.c)]
    weight = torch.zeros(28, 2, requires_grad=True)
    out = portable.midpoint(given.x, given.bias, weight, *given[3:])
    assert torch.equal(out, torch.zeros_like(out))
    for gradient in torch.autograd.grad(out.sum(), [*leaves, weight]):
        assert (gradient == 0).all()


@pytest.mark.parametrize("which", ["x", "bias", "weight", "c"])
def test_what_is_not_a_number_is_not_made_one(which: str) -> None:
    given = graph(1.0)
    bad = given._replace(**{which: given._asdict()[which] * torch.nan})
    assert portable.midpoint(*bad)[:6].isnan().all()


@weights
def test_weighted_sum(kind: str, dtype: torch.dtype) -> None:
    given = graph(1.0, kind, dtype)
    expected = torch.zeros(7, 2, 3, dtype=DOUBLE)
    for k, (j, i) in enumerate(edges(given)):
        expected[i] += given.weights()[k, :, None] * given.x[j].double()
    out = portable.weighted_sum(given.x, given.weight, *given[4:])
    assert out.dtype == dtype
    rtol = 1e-12 if dtype == DOUBLE else 1e-5
    torch.testing.assert_close(out.double(), expected, rtol=rtol, atol=1e-6)


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
    with mp.workdps(700):
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
@pytest.mark.parametrize("radius", [0.3, 3.0])
def test_first_and_second_derivatives(name: str, radius: float) -> None:
    f, inputs = operations(graph(radius))[name]
    inputs = [x.detach().requires_grad_() for x in inputs]
    assert gradcheck(f, inputs, fast_mode=True)
    assert gradgradcheck(f, inputs, fast_mode=True)


@every
def test_transforms_of_torch_func(name: str) -> None:
    f, inputs = operations(graph(1.0))[name]
    everything = tuple(range(len(inputs)))
    rows = torch.func.jacrev(f, everything)(*inputs)
    columns = torch.func.jacfwd(f, everything)(*inputs)
    expected = torch.autograd.functional.jacobian(f, tuple(inputs))
    for row, column, true in zip(rows, columns, expected, strict=True):
        torch.testing.assert_close(row, true, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(column, true, rtol=1e-9, atol=1e-9)
    copies = [torch.stack([x, 0.5 * x]) for x in inputs]
    out = torch.vmap(f)(*copies)
    for i in range(2):
        torch.testing.assert_close(out[i], f(*(copy[i] for copy in copies)))


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
