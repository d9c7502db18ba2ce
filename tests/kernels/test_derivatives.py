"""Second derivatives, and the transformations of functions, of the loops."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, gradcheck, gradgradcheck

from tests.kernels.cases import DOUBLE, OPERATIONS, Case, case, derived, every

CLOSE = {"rtol": 1e-9, "atol": 1e-11}
EQUAL = {"rtol": 1e-13, "atol": 1e-14}


def small(radius: float = 1.0) -> Case:
    """Few edges, and no point where a distance has no derivative."""
    given = case(radius)
    leaves = {name: x.detach() for name, x in given.leaves.items()}
    leaves["x"][0] = leaves["target"][1] = 0.3
    for name in ("weight", "signed"):
        leaves[name] = leaves[name][8:20] + 0.1
    return Case(given.source[8:20], given.target[8:20], leaves).to(DOUBLE)


def function(
    name: str, radius: float = 1.0
) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
    given, operation = small(radius), OPERATIONS[name]
    inputs = given.at(operation.arguments)
    return lambda *x: operation.fast(given, *x), tuple(inputs)


@every
def test_first_and_second_derivatives_are_central_differences(name: str) -> None:
    f, inputs = function(name, 3.0)
    assert gradcheck(f, inputs, fast_mode=True)
    assert gradgradcheck(f, inputs, fast_mode=True)


@every
@pytest.mark.filterwarnings("ignore:There is a performance drop")  # of vmap
def test_all_ways_to_the_first_derivatives(name: str) -> None:
    """With gradients of their own, forwards, and by torch.func."""
    f, leaves = function(name)
    out = f(*leaves)
    grad = torch.randn_like(out)
    true = torch.autograd.grad(out, leaves, grad, retain_graph=True)
    again = torch.autograd.grad(out, leaves, grad, create_graph=True)
    assert all(
        a.requires_grad and not b.requires_grad
        for a, b in zip(again, true, strict=True)
    )
    torch.testing.assert_close(again, true, **CLOSE)

    inputs = tuple(x.detach() for x in leaves)
    everything = tuple(range(len(inputs)))
    scalar = torch.func.grad(lambda *x: (f(*x) * grad).sum(), everything)(*inputs)
    torch.testing.assert_close(scalar, true, **CLOSE)
    rows = torch.func.jacrev(f, everything)(*inputs)
    columns = torch.func.jacfwd(f, everything)(*inputs)
    torch.testing.assert_close(columns, rows, **CLOSE)
    products = tuple(torch.tensordot(grad, row, dims=grad.dim()) for row in rows)
    torch.testing.assert_close(products, true, **CLOSE)

    tangents = tuple(torch.randn_like(x) for x in inputs)
    with forward_ad.dual_level():
        duals = map(forward_ad.make_dual, inputs, tangents)
        value, tangent = forward_ad.unpack_dual(f(*duals))
    torch.testing.assert_close(value, out.detach())
    along = sum((a * b).sum() for a, b in zip(true, tangents, strict=True))
    torch.testing.assert_close((tangent * grad).sum(), along, **CLOSE)

    copies = [torch.stack([x, 0.5 * x]) for x in inputs]
    both = [f(*(copy[i] for copy in copies)) for i in range(2)]
    torch.testing.assert_close(torch.vmap(f)(*copies), torch.stack(both), **CLOSE)


@every
def test_gradients_of_some_inputs_alone(name: str) -> None:
    f, inputs = function(name)
    for i, true in enumerate(derived(f, inputs)[1:]):
        some = [x if i == k else x.detach() for k, x in enumerate(inputs)]
        got = derived(
            lambda x, i=i, some=some: f(*some[:i], x, *some[i + 1 :]), [some[i]]
        )
        torch.testing.assert_close(got[1], true, **EQUAL)
    assert not f(*(x.detach() for x in inputs)).requires_grad
    with torch.no_grad():
        assert not f(*inputs).requires_grad


@every
def test_gradients_of_any_layout(name: str) -> None:
    """Points and gradients that do not lie in memory in their order."""
    f, inputs = function(name)
    out = f(*inputs)

    def turned(x: Tensor) -> Tensor:
        order = range(x.dim() - 1, -1, -1)
        return x.detach().permute(*order).contiguous().permute(*order)

    strided, grad = [turned(x).requires_grad_() for x in inputs], torch.randn_like(out)
    got, true = derived(f, strided, turned(grad)), derived(f, inputs, grad)
    torch.testing.assert_close(got, true, **EQUAL)
    # of a sum, whose gradient is one number
    _, *got = derived(lambda *x: f(*x).sum(), inputs)
    _, *true = derived(f, inputs, torch.ones_like(out))
    torch.testing.assert_close(got, true, **EQUAL)
