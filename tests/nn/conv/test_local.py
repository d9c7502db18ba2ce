"""Sums of log maps in parts, against those of the geometry taken edge by edge."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import log
from pyg_hyperbolic.nn import HGCNConv
from pyg_hyperbolic.nn.conv import local
from pyg_hyperbolic.nn.conv.local import tangent_sums

DOUBLE = torch.float64
Inputs = tuple[Tensor, Tensor, Tensor, Tensor]


def slow(sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor, edges: Tensor):
    out = [torch.zeros_like(target) for target in targets]
    for (j, i), w in zip(edges.T.tolist(), weight, strict=True):
        out[i] = out[i] + w * log(targets[i], sources[j], c)
    return torch.stack(out)


def fast(sources: Tensor, targets: Tensor, weight: Tensor, c: Tensor, edges: Tensor):
    return tangent_sums(sources, targets, edges, weight, c, "source_to_target")


def case(radius: float, c: float, apart: float, dtype: torch.dtype) -> Inputs:
    """Points of up to a radius, each source that far from some target."""
    unit = c**-0.5
    u = torch.nn.functional.normalize(torch.randn(7, 3, dtype=DOUBLE), dim=-1)
    u = 0.9 * radius * unit * torch.rand(7, 1, dtype=DOUBLE) * u
    u[3] = 0
    v = u.repeat(2, 1) + apart * radius * unit * torch.randn(14, 3, dtype=DOUBLE) / 8
    v[0] = u[0]
    weight, at = torch.rand(40, dtype=DOUBLE), torch.tensor(c, dtype=DOUBLE)
    out = v.to(dtype), u.to(dtype), weight.to(dtype), at
    return tuple(x.requires_grad_() for x in out)  # type: ignore[return-value]


def ends(seed: int = 0) -> Tensor:
    """Sources of the next target as well as of any; nobody sends to node 5."""
    source, target = torch.randint(14, (40,)), torch.randint(7, (40,))
    target[:14], source[:14] = torch.arange(14) % 7, torch.arange(14)
    return torch.stack([source, torch.where(target == 5, 4, target)])


@pytest.mark.parametrize("apart", [1.0, 1e-3])
@pytest.mark.parametrize("c", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("radius", [1e-4, 0.5, 2.0, 3.9, 9.0, 40.0])
@pytest.mark.parametrize("dtype", [torch.float32, DOUBLE], ids=str)
def test_values_and_gradients(
    radius: float, c: float, apart: float, dtype: torch.dtype
) -> None:
    inputs, edges = case(radius, c, apart, dtype), ends()
    exact = tuple(x.detach().double().requires_grad_() for x in inputs)
    out, true = fast(*inputs, edges), slow(*exact, edges)
    assert out.dtype == dtype
    single = dtype == torch.float32
    bar = 2e-6 if single else 1e-10
    assert (out - true).norm() <= bar * true.norm()
    grad = torch.randn_like(out)
    got = torch.autograd.grad(out, inputs, grad)
    expected = torch.autograd.grad(true, exact, grad.double())
    for a, b in zip(got, expected, strict=True):
        assert (a - b).norm() <= (1e-4 if single else 1e-8) * b.norm()


def test_first_and_second_derivatives() -> None:
    edges = ends()[:, :6]
    v, u, weight, c = case(1.0, 0.7, 1.0, DOUBLE)
    with torch.no_grad():  # second ones at points apart, and away from the origin
        v += 0.1
        u += 0.2
    inputs = v, u, weight[:6].detach().requires_grad_(), c

    def f(*x: Tensor) -> Tensor:
        return fast(*x, edges)

    assert torch.autograd.gradcheck(f, inputs)
    assert torch.autograd.gradgradcheck(f, inputs)


@pytest.mark.parametrize("radius", [1.0, 40.0])
def test_in_parts_as_in_one(radius: float, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs, edges = case(radius, 1.0, 1.0, DOUBLE), ends()

    def run() -> tuple[Tensor, ...]:
        out = fast(*inputs, edges)
        return out, *torch.autograd.grad(out.sin().sum(), inputs)

    whole = run()
    parts = [slice(0, 17), slice(17, 34), slice(34, 51)]
    monkeypatch.setattr(local, "parts", lambda ends: iter(parts))
    for a, b in zip(run(), whole, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-12)


def test_nothing_of_the_size_of_edges_times_channels_is_kept() -> None:
    n, e, d = 50, 5000, 32
    conv = HGCNConv(d, d, aggregation="local", normalize=False)
    x, edges = torch.randn(n, d, requires_grad=True), torch.randint(n, (2, e))
    sizes = []

    def note(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        conv(x, edges, torch.rand(e))
    assert max(sizes) == 2 * e  # the edges themselves


def test_hooks_see_the_messages(gradients: Callable[..., dict[str, Tensor]]) -> None:
    conv = HGCNConv(3, 4, aggregation="local", normalize=False)
    x, edges = torch.randn(5, 3, requires_grad=True), torch.randint(5, (2, 9))
    expected = conv(x, edges)
    seen = []
    handle = conv.register_message_forward_hook(
        lambda module, args, out: seen.append(out.shape)
    )
    out = conv(x, edges)
    handle.remove()
    assert seen == [(9, 4)]
    torch.testing.assert_close(out, expected)
    torch.testing.assert_close(
        gradients(conv, out, x=x), gradients(conv, expected, x=x), rtol=1e-4, atol=1e-6
    )


def test_no_edges() -> None:
    conv = HGCNConv(3, 4, aggregation="local", normalize=False)
    x = torch.randn(5, 3, requires_grad=True)
    out = conv(x, torch.empty(2, 0, dtype=torch.long))
    out.sum().backward()
    assert torch.isfinite(x.grad).all()
