"""Midpoints over graphs against slow loops over targets."""

import mpmath as mp
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from pyg_hyperbolic.kernels import portable
from tests.kernels.graphs import DOUBLE, RADII, WEIGHTS, Graph, edges, graph
from tests.numerics import textbook
from tests.where import each

radii = each("radius", RADII)
weights = each("kind", WEIGHTS)


def exact_midpoints(given: Graph) -> Tensor:
    """The Einstein midpoints of Moebius sums, in as many digits as they lose."""
    out = torch.zeros(given.num_targets, 2, 3, dtype=DOUBLE)
    farthest = float(given.x.norm(dim=-1).max())
    with mp.workdps(100 + int(2 * farthest)):
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
