import copy
import math
from collections.abc import Callable

import pytest
import torch
from torch.nn import ModuleList
from torch.optim import SGD, Adam

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.curvature import PARAMETRIZATIONS
from tests.where import each

CLOSE = 2e-6  # relative error of the first c in float32

every = each("name", PARAMETRIZATIONS)


def test_c_is_never_the_parameter_itself() -> None:
    c = Curvature(1.0, parametrization="projected").double()
    first = c()
    torch.nn.init.constant_(c.raw, 3.0)
    assert first.item() == 1.0


@every
def test_reset_restores_the_first_value(name: str) -> None:
    c = Curvature(0.3, parametrization=name)
    first = c()
    with torch.no_grad():
        c.raw += 1
    assert c() != first
    c.reset_parameters()
    assert torch.equal(c(), first)


def test_parameters_can_be_made_before_their_device_is_known() -> None:
    with torch.device("meta"):
        c = Curvature(0.3)
    c.to_empty(device="cpu").reset_parameters()
    assert c().item() == pytest.approx(0.3, rel=CLOSE)


SLOPES: dict[str, Callable[[float], float]] = {
    "softplus": lambda c: -math.expm1(-c),
    "sigmoid": lambda c: (c - 0.1) * (10 - c) / (10 - 0.1),
    "projected": lambda c: 1.0,
    "clamp": lambda c: 1.0,
}


@each("init", [0.11, 0.5, 1.0, 9.0])
@every
def test_gradient_inside_the_bounds(name: str, init: float) -> None:
    c = Curvature(init, parametrization=name)
    c().backward()
    assert math.isclose(c.raw.grad.item(), SLOPES[name](init), rel_tol=1e-6)
    c = c.double()
    assert torch.autograd.gradcheck(
        lambda raw: torch.func.functional_call(c, {"raw": raw}, ()), (c.raw,)
    )


@each("raw", [-1e3, -1.0, 0.05, 11.0, 1e3])
@each(("name", "slope"), [("clamp", 0.0), ("projected", 1.0)])
def test_gradient_outside_the_bounds(name: str, slope: float, raw: float) -> None:
    c = Curvature(1.0, parametrization=name)
    torch.nn.init.constant_(c.raw, raw)
    c().backward()
    assert c.raw.grad.item() == slope


@each("init", [1e-8, 1e-20, 1e-38])
def test_softplus_gradient_is_never_zero(init: float) -> None:
    c = Curvature(init)
    c().backward()
    assert math.isclose(c.raw.grad.item(), init, rel_tol=1e-5)
    assert c.raw.grad.item() > 0


def test_no_step_takes_c_to_zero() -> None:
    """In float32 c would be 0 at rho = -104, and with it the gradient."""
    c = Curvature()
    torch.nn.init.constant_(c.raw, -300.0)
    assert c().item() == pytest.approx(math.exp(-300), rel=1e-12)


@each("target", [0.001, 50.0])
@every
def test_clamp_alone_does_not_come_back_from_a_bound(name: str, target: float) -> None:
    c = Curvature(1.0, parametrization=name)
    for goal, steps in ((target, 60), (1.0, 300)):
        pushed = c().item()
        optimizer = Adam(c.parameters(), lr=0.3)
        if name == "projected":
            project_curvatures(optimizer, c)
        for _ in range(steps):
            optimizer.zero_grad()
            (c() - goal).square().backward()
            optimizer.step()
    assert abs(pushed - target) < abs(1 - target)
    if name == "clamp":
        assert c().item() == pushed == (0.1 if target < 1 else 10)
        assert c.raw.grad == 0
    else:
        assert abs(c().item() - 1) < 0.05


@every
def test_a_fixed_curvature_has_no_parameters(name: str) -> None:
    c = Curvature(0.3, parametrization=name, learnable=False)
    assert list(c.parameters()) == []
    assert not c().requires_grad
    assert c().item() == pytest.approx(0.3, rel=CLOSE)
    assert c.double()().dtype == torch.float64
    assert "raw" in c.state_dict()


def test_modules_that_are_given_one_curvature_share_it() -> None:
    c = Curvature()
    first, second = (ModuleList([c]) for _ in range(2))
    model = ModuleList([first, second])
    assert len(list(model.parameters())) == 1
    (first[0]() * second[0]()).backward()
    SGD(model.parameters(), lr=0.1).step()
    assert torch.equal(first[0](), second[0]()) and c() < 1
    twin = copy.deepcopy(model)
    assert twin[0][0] is twin[1][0] and len(list(twin.parameters())) == 1


@each("bounds", [(2.0, 1.0), (0.0, 1.0), (1.0, math.inf)])
def test_new_bounds_are_checked(bounds: tuple[float, float]) -> None:
    c = Curvature(parametrization="projected")
    with pytest.raises(ValueError, match=r"'bounds' must be two positive"):
        c.bounds = bounds
    assert c.bounds == (0.1, 10.0)
    for name in ("softplus", "sigmoid"):
        with pytest.raises(ValueError, match=rf"'bounds' of '{name}' are fixed"):
            Curvature(parametrization=name).bounds = (0.5, 2.0)


@each("init", [0.05, 11.0])
@every
def test_init_must_lie_within_the_bounds(name: str, init: float) -> None:
    with pytest.raises(ValueError, match=rf"within .*\(0.1, 10.0\) \(got {init}\)"):
        Curvature(init, parametrization=name, bounds=(0.1, 10.0))


@each("init", [0.1, 10.0])
@every
def test_only_sigmoid_cannot_start_at_a_bound(name: str, init: float) -> None:
    if name == "sigmoid":
        with pytest.raises(ValueError, match=rf"strictly between .*\(got {init}\)"):
            Curvature(init, parametrization=name)
    else:
        assert Curvature(init, parametrization=name)().item() == pytest.approx(init)


def test_repr_shows_the_settings() -> None:
    assert str(Curvature()) == "Curvature(1, parametrization='softplus')"
    fixed = Curvature(0.5, parametrization="clamp", bounds=(0.2, 3), learnable=False)
    assert str(fixed) == (
        "Curvature(0.5, parametrization='clamp', bounds=(0.2, 3), learnable=False)"
    )
