"""One curvature, or several in one parameter: values, gradients and bounds."""

import copy
import math
import pickle
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch.nn import ModuleDict
from torch.nn.init import constant_
from torch.optim import Adam

from pyg_hyperbolic import Curvature, curvature_report, project_curvatures
from pyg_hyperbolic.curvature import PARAMETRIZATIONS
from tests.where import each

INITS = [2e-28, 3e-19, 1e-8, 1e-5, 0.1, 0.3, 0.7, 1.0, 2.5, 7.3, 19.9, 20.1, 30.0, 1e2]
SEVERAL = [1e-8, 0.5, 300.0]
close = partial(pytest.approx, rel=2e-6, abs=0)  # the error of the first c in float32

every = each("name", PARAMETRIZATIONS)


@each("init", INITS)
@every
def test_first_value(name: str, init: float) -> None:
    bounds = None if name == "softplus" else (init / 20, 20 * init)  # far from it
    make = partial(Curvature, init, parametrization=name, bounds=bounds)
    model, loaded, fixed = make(), make(), make(learnable=False)
    loaded.load_state_dict(model.state_dict())
    copied, pickled = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for c in (model, loaded, copied, pickled, fixed):
        assert c().shape == () and c().dtype == torch.float64
        assert c().item() == close(init)
    first = model()
    assert torch.equal(model.double()(), first)  # and only a reset makes it exact
    assert torch.equal(copy.deepcopy(model)(), first)
    model.reset_parameters()
    assert abs(model().item() / init - 1) < 1e-13
    assert not list(fixed.parameters()) and not fixed().requires_grad
    assert "raw" in fixed.state_dict() and fixed.double()().dtype == torch.float64


# Half the distance of numbers of a dtype, at rho, is the relative error of c = e^rho.
@each(
    ("dtype", "small", "tiny"),
    [
        (torch.float16, 8e-3, 4e-2),
        (torch.bfloat16, 7e-2, 3e-1),
        (torch.float32, 1e-6, 4e-6),
        (torch.float64, 1e-13, 1e-13),
    ],
)
def test_first_value_is_close_at_all_sizes(
    dtype: torch.dtype, small: float, tiny: float
) -> None:
    eps = torch.finfo(dtype).eps
    for exponent in range(-30, 31):
        for init in (10.0**exponent, 3.7 * 10.0**exponent):
            if init > torch.finfo(dtype).max:
                continue
            c = Curvature(init)
            c.raw = torch.nn.Parameter(c.raw.to(dtype))
            c.reset_parameters()
            error = abs(c().item() / init - 1)
            assert error < (tiny if init < 1e-8 else small if init < 0.1 else 2 * eps)
            assert dtype != torch.float32 or init < 2e-28 or error < 2e-6


@every
def test_no_dtype_takes_c_to_zero(name: str) -> None:
    bounds = None if name == "softplus" else (1e-30, 3e-30)
    c = Curvature(2e-30, parametrization=name, bounds=bounds)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        assert c.to(dtype)().item() > 0


def test_no_step_takes_c_to_zero() -> None:
    """In float32 c would be 0 at rho = -104, and with it the gradient."""
    c = Curvature()
    constant_(c.raw, -300.0)
    assert c().item() == pytest.approx(math.exp(-300), rel=1e-12)


def test_c_is_never_the_parameter_itself() -> None:
    c = Curvature(1.0, parametrization="projected").double()
    first = c()
    constant_(c.raw, 3.0)
    assert first.item() == 1.0


def test_several_in_one_parameter() -> None:
    c, other = Curvature(SEVERAL), Curvature([1.0, 1.0, 1.0]).double()
    assert c().tolist() == close(SEVERAL) and c().dtype == torch.float64
    with torch.no_grad():
        c.raw.add_(torch.tensor([0.1, -0.2, 0.3]))
    other.load_state_dict(c.state_dict())
    assert torch.equal(other(), c())
    c.reset_parameters()
    assert c().tolist() == close(SEVERAL)
    c()[0].backward()
    first, *rest = curvature_report(ModuleDict({"heads": c}))
    assert first.names == ("heads[0]",) and rest[1].names == ("heads[2]",)
    assert not first.blocked and rest[0].blocked and rest[0].c == close(0.5)


SLOPES: dict[str, Callable[[float], float]] = {
    "softplus": lambda c: -math.expm1(-c),
    "sigmoid": lambda c: (c - 0.1) * (10 - c) / (10 - 0.1),
    "projected": lambda c: 1.0,
    "clamp": lambda c: 1.0,
}


INSIDE = [(name, init) for name in SLOPES for init in (0.11, 0.5, 1.0, 9.0)]
INSIDE += [("softplus", init) for init in (1e-8, 1e-20, 1e-38)]  # and is never zero


@each(("name", "init"), INSIDE)
def test_gradient_inside_the_bounds(name: str, init: float) -> None:
    c = Curvature(init, parametrization=name)
    first = c()
    assert first.item() == pytest.approx(init, rel=4e-6, abs=0)
    first.backward()
    assert math.isclose(c.raw.grad.item(), SLOPES[name](first.item()), rel_tol=1e-6)
    c = c.double()
    assert torch.autograd.gradcheck(
        lambda raw: torch.func.functional_call(c, {"raw": raw}, ()), (c.raw,)
    )


@each("raw", [-1e3, -1.0, 0.05, 11.0, 1e3])
@each(("name", "slope"), [("clamp", 0.0), ("projected", 1.0)])
def test_gradient_outside_the_bounds(name: str, slope: float, raw: float) -> None:
    c = Curvature(1.0, parametrization=name)
    constant_(c.raw, raw)
    c().backward()
    assert c.raw.grad.item() == slope


@every
def test_clamp_alone_does_not_come_back_from_a_bound(name: str) -> None:
    """Each of two goes out and back by itself."""
    c, outside = Curvature([1.0, 1.0], parametrization=name), torch.tensor([1e-3, 50.0])
    for goal, steps in ((outside, 60), (torch.ones(2), 300)):
        pushed = c().detach()
        optimizer = Adam(c.parameters(), lr=0.3)
        if name == "projected":
            project_curvatures(optimizer, c)
        for _ in range(steps):
            optimizer.zero_grad()
            (c() - goal).square().sum().backward()
            optimizer.step()
    assert ((pushed - outside).abs() < (1 - outside).abs()).all()
    if name == "clamp":
        assert c().tolist() == pushed.tolist() == [0.1, 10.0]
        assert not c.raw.grad.any()
    else:
        torch.testing.assert_close(c(), torch.ones(2).double(), rtol=0, atol=0.05)


def test_new_bounds_are_checked() -> None:
    c = Curvature(parametrization="projected")
    with pytest.raises(ValueError, match=r"'bounds' must be two positive"):
        c.bounds = (1.0, math.inf)
    assert c.bounds == (0.1, 10.0)
    for name in ("softplus", "sigmoid"):
        with pytest.raises(ValueError, match=rf"'bounds' of '{name}' are fixed"):
            Curvature(parametrization=name).bounds = (0.5, 2.0)


@each("init", [0.05, 0.1, 0.7, 10.0, 11.0])
@every
def test_which_inits_the_bounds_allow(name: str, init: float) -> None:
    bounds = (0.7, 1.9) if init == 0.7 else (0.1, 10.0)
    make = partial(Curvature, init, parametrization=name, bounds=bounds)
    if init in (0.05, 11.0):
        with pytest.raises(ValueError, match=rf"within .*\(0.1, 10.0\) \(got {init}\)"):
            make()
    elif name == "sigmoid":
        with pytest.raises(ValueError, match=rf"strictly between .*\(got {init}\)"):
            make()
    else:  # and rounding does not block it
        c = make()
        c().backward()
        assert c().item() == close(init) and c.raw.grad > 0


def test_repr_shows_the_settings() -> None:
    assert str(Curvature()) == "Curvature(1, parametrization='softplus')"
    assert "1e-08, 0.5, 300" in repr(Curvature(SEVERAL))
    fixed = Curvature(0.5, parametrization="clamp", bounds=(0.2, 3), learnable=False)
    assert str(fixed) == (
        "Curvature(0.5, parametrization='clamp', bounds=(0.2, 3), learnable=False)"
    )
