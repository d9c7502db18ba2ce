"""What torch.func does to functions: derivatives in both modes, and batches."""

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import geometry
from tests.geometry.functions import FROM, NAMES, function

every = pytest.mark.parametrize("name", NAMES)
# A mean that is searched for looks at values, so it has no batches; its second
# derivatives, which take long, are those of a layer's tests.
formulas = pytest.mark.parametrize("name", [n for n in NAMES if n != "frechet_mean"])
CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@every
def test_jacobians_are_central_differences_in_both_modes(name: str) -> None:
    f, inputs = function(name, rows=2)
    everything = tuple(range(len(inputs)))
    expected = torch.autograd.functional.jacobian(f, inputs)
    for jacobian in (torch.func.jacrev, torch.func.jacfwd):
        got = jacobian(f, everything)(*inputs)
        torch.testing.assert_close(got, expected, **CLOSE)
    leaves = [x.requires_grad_() for x in inputs]
    assert torch.autograd.gradcheck(f, leaves, fast_mode=True)


@formulas
def test_gradients_and_products_with_the_hessian(name: str) -> None:
    """By reverse mode over reverse mode, and by forward mode over it."""
    f, inputs = function(name)
    cotangent = torch.randn_like(f(*inputs))
    w = tuple(torch.randn_like(x) for x in inputs)

    def loss(*inputs: Tensor) -> Tensor:
        return (cotangent * f(*inputs)).sum()

    gradient = torch.func.grad(loss, tuple(range(len(inputs))))
    leaves = [x.clone().requires_grad_() for x in inputs]
    first = torch.autograd.grad(loss(*leaves), leaves, create_graph=True)
    second = torch.autograd.grad(first, leaves, w, materialize_grads=True)
    got, forward = torch.func.jvp(gradient, inputs, w)
    reverse = torch.func.vjp(gradient, *inputs)[1](w)
    found, true = (*got, *forward, *reverse), (*first, *second, *second)
    torch.testing.assert_close(found, true, rtol=1e-8, atol=1e-8)


@formulas
def test_batches(name: str) -> None:
    """Of every input, c among them, and of gradients."""
    f, inputs = function(name)
    copies = [torch.stack([x, 0.9 * x]) for x in inputs]
    out = torch.vmap(f)(*copies)
    with_gradients = torch.vmap(torch.func.jacrev(f, len(inputs) - 1))(*copies)
    for i in range(2):
        own = [copy[i] for copy in copies]
        torch.testing.assert_close(out[i], f(*own), **CLOSE)
        expected = torch.func.jacrev(f, len(inputs) - 1)(*own)
        torch.testing.assert_close(with_gradients[i], expected, **CLOSE)
    learned = copies[-1].clone().requires_grad_()  # outside of the transformation
    (gradient,) = torch.autograd.grad(
        torch.vmap(f)(*copies[:-1], learned).sum(), learned
    )
    summed = with_gradients.flatten(1).sum(dim=1)
    torch.testing.assert_close(gradient, summed, **CLOSE)


@pytest.mark.parametrize("name", FROM)
def test_charts_in_a_batch_take_points_for_valid(name: str) -> None:
    """There is no looking at values there."""
    f, x = getattr(geometry, name), 0.3 * torch.rand(5, 3).double()
    if name == "from_lorentz":
        x = geometry.to_lorentz(x, 0.7)
    torch.testing.assert_close(torch.vmap(lambda x: f(x, 0.7))(x), f(x, 0.7))
