"""Midpoints far out, in parts, against those of the geometry target by target."""

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import midpoint
from pyg_hyperbolic.nn.conv import second_pass
from pyg_hyperbolic.nn.conv.second_pass import midpoints

DOUBLE = torch.float64


def case(radius: float) -> tuple[tuple[Tensor, Tensor, Tensor], Tensor]:
    h = torch.nn.functional.normalize(torch.randn(9, 3, dtype=DOUBLE), dim=-1)
    h = h * radius * torch.rand(9, 1, dtype=DOUBLE)
    ends = torch.stack([torch.randint(9, (40,)), torch.randint(4, (40,))])
    ends[1, ends[1] == 2] = 3  # nobody sends to target 2
    weight = torch.rand(40, dtype=DOUBLE)
    inputs = h, weight, torch.tensor(0.8, dtype=DOUBLE)
    return tuple(x.requires_grad_() for x in inputs), ends  # type: ignore[return-value]


def run(h: Tensor, weight: Tensor, c: Tensor, ends: Tensor, targets: int = 5) -> Tensor:
    return midpoints(h, ends, weight, c, targets, "source_to_target")


def slow(h: Tensor, weight: Tensor, c: Tensor, ends: Tensor) -> Tensor:
    out = []
    for i in range(5):
        mine = ends[1] == i
        out.append(midpoint(h[ends[0, mine]], c, weight[mine]))
    return torch.stack(out)


@pytest.mark.parametrize("radius", [1.0, 14.0, 60.0])
def test_in_parts_as_target_by_target(
    radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs, ends = case(radius)
    parts = [slice(0, 17), slice(17, 34), slice(34, 51)]
    monkeypatch.setattr(second_pass, "parts", lambda ends: iter(parts))
    out, expected = run(*inputs, ends), slow(*inputs, ends)
    torch.testing.assert_close(out, expected, rtol=1e-11, atol=1e-12)
    grad = torch.randn_like(out)
    for a, b in zip(
        torch.autograd.grad(out, inputs, grad),
        torch.autograd.grad(expected, inputs, grad),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-10)


def test_first_and_second_derivatives() -> None:
    inputs, ends = case(2.0)
    inputs = inputs[0], inputs[1][:12].detach().requires_grad_(), inputs[2]

    def f(*x: Tensor) -> Tensor:
        return run(*x, ends[:, :12])

    assert torch.autograd.gradcheck(f, inputs)
    assert torch.autograd.gradgradcheck(f, inputs)


def test_nothing_of_the_size_of_edges_times_channels_is_kept() -> None:
    h = 30 * torch.randn(50, 32)
    ends, sizes = torch.randint(50, (2, 5000)), []

    def note(x: Tensor) -> Tensor:
        sizes.append(x.numel())
        return x

    with torch.autograd.graph.saved_tensors_hooks(note, lambda x: x):
        run(
            h.requires_grad_(), torch.rand(5000), torch.ones((), dtype=DOUBLE), ends, 50
        )
    assert max(sizes) == 2 * 5000  # the edges themselves


def test_no_edges() -> None:
    h = torch.randn(4, 3, requires_grad=True)
    c = torch.tensor(1.0, dtype=DOUBLE)
    out = midpoints(
        h, torch.empty(2, 0, dtype=torch.long), None, c, 5, "source_to_target"
    )
    assert torch.equal(out, torch.zeros(5, 3, dtype=DOUBLE))
    out.sum().backward()
    assert torch.equal(h.grad, torch.zeros_like(h))
