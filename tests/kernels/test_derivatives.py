"""Second derivatives, and the transformations of functions, of the loops."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, gradcheck, gradgradcheck

from tests.kernels.cases import OPERATIONS, Case, case

every = pytest.mark.parametrize("name", OPERATIONS)


def small(radius: float = 1.0) -> Case:
    """Few edges, and no point where a distance has no derivative."""
    given = case(radius)
    leaves = {name: x.detach() for name, x in given.leaves.items()}
    leaves["x"][0] = leaves["target"][1] = 0.3
    for name in ("weight", "signed"):
        leaves[name] = leaves[name][8:20] + 0.1
    return Case(given.source[8:20], given.target[8:20], leaves).to(torch.float64)


def function(
    name: str, radius: float = 1.0
) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    given, operation = small(radius), OPERATIONS[name]
    inputs = given.at(operation.arguments)
    return lambda *x: operation.fast(given, *x), tuple(inputs)


@every
def test_gradients_with_gradients_are_those_without(name: str) -> None:
    f, inputs = function(name)
    out = f(*inputs)
    grad = torch.randn_like(out)
    plain = torch.autograd.grad(out, inputs, grad, retain_graph=True)
    again = torch.autograd.grad(out, inputs, grad, create_graph=True)
    for a, b in zip(again, plain, strict=True):
        assert a.requires_grad and not b.requires_grad
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@every
def test_first_and_second_derivatives_are_central_differences(name: str) -> None:
    f, inputs = function(name, 3.0)
    assert gradcheck(f, inputs, fast_mode=True)
    assert gradgradcheck(f, inputs, fast_mode=True)


def test_second_derivatives_through_what_arguments_have_in_common() -> None:
    """Points and bias that depend on their curvature."""
    given = small()
    x, bias = given.at(("x", "bias"))

    def f(c: Tensor) -> Tensor:
        scaled = given.replace(x=x * c[:, None], bias=bias / c[:, None])
        inputs = scaled.at(("x", "weight", "c", "bias"))
        inputs[2] = c
        return OPERATIONS["midpoint_of_sums"].fast(scaled, *inputs)

    c = torch.tensor([0.7, 1.2], dtype=torch.float64, requires_grad=True)
    assert gradcheck(f, c)
    assert gradgradcheck(f, c, fast_mode=True)
    plain = torch.autograd.grad(f(c).sum(), c)
    again = torch.autograd.grad(f(c).sum(), c, create_graph=True)
    torch.testing.assert_close(again, plain)


@every
def test_transforms_of_torch_func(name: str) -> None:
    f, inputs = function(name)
    out = f(*inputs)
    grad, bars = torch.randn_like(out), {"rtol": 1e-9, "atol": 1e-11}
    true = torch.autograd.grad(out, inputs, grad)
    inputs = tuple(x.detach() for x in inputs)
    everything = tuple(range(len(inputs)))
    scalar = torch.func.grad(lambda *x: (f(*x) * grad).sum(), everything)(*inputs)
    rows = torch.func.jacrev(f, everything)(*inputs)
    columns = torch.func.jacfwd(f, everything)(*inputs)
    for i in everything:
        torch.testing.assert_close(scalar[i], true[i], **bars)
        product = torch.tensordot(grad, rows[i], dims=grad.dim())
        torch.testing.assert_close(product, true[i], **bars)
        torch.testing.assert_close(columns[i], rows[i], **bars)


@every
@pytest.mark.filterwarnings("ignore:There is a performance drop")
def test_vmap(name: str) -> None:
    f, inputs = function(name)
    copies = [torch.stack([x, 0.5 * x]) for x in inputs]
    out = torch.vmap(f)(*copies)
    for i in range(2):
        true = f(*(copy[i] for copy in copies))
        torch.testing.assert_close(out[i], true, rtol=1e-10, atol=1e-12)


@every
def test_forward_mode(name: str) -> None:
    f, inputs = function(name)
    inputs = tuple(x.detach() for x in inputs)
    tangents = tuple(torch.randn_like(x) for x in inputs)
    out, true = torch.func.jvp(f, inputs, tangents)
    with forward_ad.dual_level():
        duals = map(forward_ad.make_dual, inputs, tangents)
        value, tangent = forward_ad.unpack_dual(f(*duals))
    torch.testing.assert_close(value, out)
    torch.testing.assert_close(tangent, true)
    step = 1e-6
    ahead, behind = (
        f(*(x + s * t for x, t in zip(inputs, tangents, strict=True)))
        for s in (step, -step)
    )
    difference = (ahead - behind) / (2 * step)
    torch.testing.assert_close(tangent, difference, rtol=1e-6, atol=1e-7)


@every
def test_gradients_of_some_inputs_alone(name: str) -> None:
    f, inputs = function(name)
    out = f(*inputs)
    assert out.requires_grad
    true = torch.autograd.grad(out.sin().sum(), inputs)
    for i, b in enumerate(true):
        some = [x if i == k else x.detach() for k, x in enumerate(inputs)]
        (a,) = torch.autograd.grad(f(*some).sin().sum(), some[i])
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-14)
    assert not f(*(x.detach() for x in inputs)).requires_grad
    with torch.no_grad():
        assert not f(*inputs).requires_grad


@every
def test_gradients_of_any_layout(name: str) -> None:
    """Points and gradients that do not lie in memory in their order."""
    f, inputs = function(name)
    out = f(*inputs)
    grad = torch.randn_like(out)
    true = torch.autograd.grad(out, inputs, grad)

    def turned(x: Tensor) -> Tensor:
        order = range(x.dim() - 1, -1, -1)
        return x.detach().permute(*order).contiguous().permute(*order)

    strided = tuple(turned(x).requires_grad_() for x in inputs)
    got = torch.autograd.grad(f(*strided), strided, turned(grad))
    for a, b in zip(got, true, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-14)
    # of a sum, whose gradient is one number
    got = torch.autograd.grad(f(*inputs).sum(), inputs)
    true = torch.autograd.grad(f(*inputs), inputs, torch.ones_like(out))
    for a, b in zip(got, true, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-14)
