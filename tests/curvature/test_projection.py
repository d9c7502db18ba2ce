"""The hook that puts curvatures back into their bounds, with every optimizer."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, project_curvatures

OPTIMIZERS: dict[str, Callable[[Any], torch.optim.Optimizer]] = {
    "SGD": lambda p: torch.optim.SGD(p, lr=1.0, momentum=0.9),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.5),
    "Adam, foreach": lambda p: torch.optim.Adam(p, lr=0.5, foreach=True),
    "Adam, fused": lambda p: torch.optim.Adam(p, lr=0.5, fused=True),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.5, weight_decay=0.1),
    "Rprop": lambda p: torch.optim.Rprop(p, lr=0.5),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.5),
    "Adagrad": lambda p: torch.optim.Adagrad(p, lr=1.0),
    "LBFGS": lambda p: torch.optim.LBFGS(p, lr=0.5, max_iter=3),
}


def projected(init: float = 1.0) -> Curvature:
    return Curvature(init, parametrization="projected", bounds=(0.5, 2.0))


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_out_of_the_bounds_and_back_again(name: str) -> None:
    curvature = projected()
    optimizer = OPTIMIZERS[name](curvature.parameters())
    project_curvatures(optimizer, curvature)
    target = torch.tensor(5.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (curvature() - target).square()
        loss.backward()
        return loss

    for _ in range(60):
        optimizer.step(closure)
        assert 0.5 <= curvature().item() <= 2.0
    assert curvature().item() == 2.0
    target.fill_(1.2)
    for _ in range(300):
        optimizer.step(closure)
        assert 0.5 <= curvature().item() <= 2.0
    assert curvature().item() < 2.0


def test_a_step_that_the_scaler_skips() -> None:
    curvature = projected()
    optimizer = torch.optim.SGD(curvature.parameters(), lr=10.0)
    project_curvatures(optimizer, curvature)
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(curvature() * torch.inf).backward()
    scaler.step(optimizer)
    scaler.update()
    assert curvature().item() == 1.0
    optimizer.zero_grad()
    scaler.scale(curvature()).backward()
    scaler.step(optimizer)
    assert curvature().item() == 0.5


def test_several_optimizers_and_groups() -> None:
    first, second = projected(), projected()
    weight = torch.nn.Parameter(torch.ones(3))
    model = torch.nn.ModuleList([first, second])
    one = torch.optim.SGD([{"params": [weight]}, {"params": first.raw, "lr": 9.0}])
    two = torch.optim.SGD(second.parameters(), lr=9.0)
    with pytest.raises(ValueError, match=r"'optimizer' must hold all .*got 1 of 2\)"):
        project_curvatures(one, model)
    project_curvatures(one, first)
    project_curvatures(two, second)
    (first() - second() + weight.sum()).backward()
    one.step()
    two.step()
    assert (first().item(), second().item()) == (0.5, 2.0)


def test_nothing_to_project_is_an_error() -> None:
    optimizer = torch.optim.SGD(projected().parameters(), lr=1.0)
    fixed = Curvature(parametrization="projected", learnable=False)
    for model in (torch.nn.Linear(2, 2), Curvature(), fixed):
        with pytest.raises(ValueError, match=rf"no learnable .*{type(model).__name__}"):
            project_curvatures(optimizer, model)


def test_removing_the_handle_ends_the_projection() -> None:
    curvature = projected()
    optimizer = torch.optim.SGD(curvature.parameters(), lr=1.0)
    handle = project_curvatures(optimizer, curvature)
    for pull, expected in ((-9.0, 2.0), (0.25, 1.75)):  # inwards in full
        optimizer.zero_grad()
        (pull * curvature()).backward()
        optimizer.step()
        assert curvature().item() == expected
    handle.remove()
    for _ in range(6):
        optimizer.step()
    assert curvature().item() == 0.25


def test_a_frozen_curvature_need_not_be_held() -> None:
    first, second = projected(), projected()
    second.requires_grad_(False)
    optimizer = torch.optim.SGD(first.parameters(), lr=9.0)
    project_curvatures(optimizer, torch.nn.ModuleList([first, second]))
    with pytest.raises(ValueError, match=r"'optimizer' must hold all .*got 0 of 1\)"):
        project_curvatures(optimizer, second)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("end", range(2), ids=["low", "high"])
def test_no_rounding_leads_out_of_the_bounds(end: int, dtype: torch.dtype) -> None:
    random = torch.Generator().manual_seed(0)
    for low, init, high in torch.rand(200, 3, generator=random).double().add(1e-3):
        low, init, high = sorted(x.item() for x in (low, init, high))
        curvature = Curvature(init, parametrization="projected", bounds=(low, high))
        curvature.to(dtype)
        torch.nn.init.constant_(curvature.raw, -9.0 if end == 0 else 9.0)
        curvature.project_()
        assert low <= curvature().item() <= high
        assert curvature().item() == pytest.approx((low, high)[end], rel=8e-3)


def test_accumulated_gradients_and_a_schedule_of_the_learning_rate() -> None:
    curvature = projected()
    optimizer = torch.optim.SGD(curvature.parameters(), lr=1.0)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    project_curvatures(optimizer, curvature)
    for _ in range(4):
        for _ in range(3):
            (-curvature()).backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        assert curvature().item() == 2.0


def test_bounds_and_modules_may_change_while_training() -> None:
    model = torch.nn.ModuleList([projected()])
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    project_curvatures(optimizer, model)
    for high in (2.0, 1.5, 1.1, 3.0):
        model[0].bounds = (0.5, high)
        optimizer.zero_grad()
        (-model[0]()).backward()
        optimizer.step()
        assert model[0]().item() == pytest.approx(high)
    optimizer.zero_grad()
    model[0].bounds = (5.0, 9.0)  # which it is not in
    model.append(projected())
    optimizer.add_param_group({"params": [model[1].raw]})
    model[1]().backward()
    optimizer.step()
    assert [c().item() for c in model] == [5.0, 0.5]


def test_a_copy_is_not_projected_and_a_moved_model_is() -> None:
    model = torch.nn.Sequential(projected())
    twin = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    project_curvatures(optimizer, model)
    late = copy.deepcopy(model)
    model.double()
    for other in (twin, late):
        with torch.no_grad():
            other[0].raw.fill_(7.0)
    (-model[0]()).backward()
    optimizer.step()
    assert model[0]().item() == 2.0
    assert model[0]().dtype == torch.float64
    assert twin[0]().item() == late[0]().item() == 7.0


def test_what_is_not_a_number_stays_visible() -> None:
    curvature = projected()
    optimizer = torch.optim.SGD(curvature.parameters(), lr=1.0)
    project_curvatures(optimizer, curvature)
    curvature.raw.grad = torch.tensor(torch.nan)
    optimizer.step()
    assert curvature().isnan()


def test_why_a_tensor_hook_cannot_do_it() -> None:
    """It runs before the step, and is given the gradient alone."""
    curvature = projected()
    seen = []
    curvature.raw.register_hook(lambda grad: seen.append(curvature.raw.item()) or grad)
    optimizer = torch.optim.SGD(curvature.parameters(), lr=10.0)
    (-curvature()).backward()
    assert seen == [1.0]  # within the bounds: there is nothing to do yet
    optimizer.step()
    assert curvature().item() == 11.0  # and now nobody asks
