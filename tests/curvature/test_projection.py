"""The hook that puts curvatures back into their bounds, with every optimizer."""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, optim
from torch.nn.parallel import DistributedDataParallel

from pyg_hyperbolic import Curvature, project_curvatures
from pyg_hyperbolic.nn import HGCN

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": partial(optim.SGD, lr=1.0, momentum=0.9),
    "Adam": partial(optim.Adam, lr=0.5),
    "Adam, foreach": partial(optim.Adam, lr=0.5, foreach=True),
    "Adam, fused": partial(optim.Adam, lr=0.5, fused=True),
    "AdamW": partial(optim.AdamW, lr=0.5, weight_decay=0.1),
    "Rprop": partial(optim.Rprop, lr=0.5),
    "RMSprop": partial(optim.RMSprop, lr=0.5),
    "Adagrad": partial(optim.Adagrad, lr=1.0),
    "LBFGS": partial(optim.LBFGS, lr=0.5, max_iter=3),
}


def projected(init: Any = 1.0, lr: float = 10.0) -> tuple[Curvature, optim.SGD]:
    """A curvature, and an optimizer that takes it out of its bounds in a step."""
    c = Curvature(init, parametrization="projected", bounds=(0.5, 2.0))
    return c, optim.SGD(c.parameters(), lr=lr)


def step(optimizer: optim.Optimizer, loss: Tensor) -> None:
    optimizer.zero_grad()
    loss.sum().backward()
    optimizer.step()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_out_of_the_bounds_and_back_again(name: str) -> None:
    c, _ = projected()
    optimizer = OPTIMIZERS[name](c.parameters())
    project_curvatures(optimizer, c)
    target = torch.tensor(5.0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (c() - target).square()
        loss.backward()
        return loss

    for goal, steps in ((5.0, 60), (1.2, 300)):
        target.fill_(goal)
        for _ in range(steps):
            optimizer.step(closure)
            assert 0.5 <= c().item() <= 2.0
        assert (c().item() == 2.0) == (goal == 5.0)


def test_each_of_several_is_brought_back() -> None:
    c, optimizer = projected([0.6, 1.0])
    project_curvatures(optimizer, c)
    step(optimizer, c() * torch.tensor([1.0, -1.0]))
    assert c().tolist() == [0.5, 2.0]


def test_a_step_that_the_scaler_skips() -> None:
    c, optimizer = projected()
    project_curvatures(optimizer, c)
    scaler = torch.amp.GradScaler("cpu")
    for factor, expected in ((torch.inf, 1.0), (1.0, 0.5)):
        optimizer.zero_grad()
        scaler.scale(c() * factor).backward()
        scaler.step(optimizer)
        scaler.update()
        assert c().item() == expected


def test_several_optimizers_and_groups() -> None:
    (first, _), (second, two) = projected(), projected()
    weight = torch.nn.Parameter(torch.ones(3))
    model = torch.nn.ModuleList([first, second])
    one = optim.SGD([{"params": [weight]}, {"params": first.raw, "lr": 9.0}])
    with pytest.raises(ValueError, match=r"'optimizer' must hold all .*got 1 of 2\)"):
        project_curvatures(one, model)
    project_curvatures(one, first)
    project_curvatures(two, second)
    (first() - second() + weight.sum()).backward()
    one.step()
    two.step()
    assert (first().item(), second().item()) == (0.5, 2.0)
    second.requires_grad_(False)  # one that is frozen need not be held
    project_curvatures(one, model)
    with pytest.raises(ValueError, match=r"'optimizer' must hold all .*got 0 of 1\)"):
        project_curvatures(one, second)


def test_nothing_to_project_is_an_error() -> None:
    _, optimizer = projected()
    fixed = Curvature(parametrization="projected", learnable=False)
    for model in (torch.nn.Linear(2, 2), Curvature(), fixed):
        with pytest.raises(ValueError, match=rf"no learnable .*{type(model).__name__}"):
            project_curvatures(optimizer, model)


def test_removing_the_handle_ends_the_projection() -> None:
    c, optimizer = projected(lr=1.0)
    handle = project_curvatures(optimizer, c)
    for pull, expected in ((-9.0, 2.0), (0.25, 1.75)):  # inwards in full
        step(optimizer, pull * c())
        assert c().item() == expected
    handle.remove()
    for _ in range(6):
        optimizer.step()
    assert c().item() == 0.25


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_no_rounding_leads_out_of_the_bounds(dtype: torch.dtype) -> None:
    for low, init, high in torch.rand(200, 3).double().add(1e-3):
        low, init, high = sorted(x.item() for x in (low, init, high))
        c = Curvature(init, parametrization="projected", bounds=(low, high)).to(dtype)
        for far, end in ((-9.0, low), (9.0, high)):
            torch.nn.init.constant_(c.raw, far)
            c.project_()
            assert low <= c().item() <= high
            assert c().item() == pytest.approx(end, rel=8e-3)


def test_a_schedule_of_the_learning_rate() -> None:
    c, optimizer = projected(lr=1.0)
    scheduler = optim.lr_scheduler.ExponentialLR(optimizer, 0.5)
    project_curvatures(optimizer, c)
    for _ in range(4):
        step(optimizer, -2 * c())
        scheduler.step()
        assert c().item() == 2.0


def test_bounds_and_modules_may_change_while_training() -> None:
    c, optimizer = projected()
    model = torch.nn.ModuleList([c])
    project_curvatures(optimizer, model)
    for high in (2.0, 1.5, 1.1, 3.0):
        c.bounds = (0.5, high)
        step(optimizer, -c())
        assert c().item() == pytest.approx(high)
    c.bounds = (5.0, 9.0)  # which it is not in
    model.append(projected()[0])
    optimizer.add_param_group({"params": [model[1].raw]})
    step(optimizer, model[1]())
    assert [c().item() for c in model] == [5.0, 0.5]


def test_a_copy_is_not_projected_and_a_moved_model_is() -> None:
    c, optimizer = projected()
    model = torch.nn.Sequential(c)
    twin = copy.deepcopy(model)
    project_curvatures(optimizer, model)
    late = copy.deepcopy(model)
    model.double()
    for other in (twin, late):
        torch.nn.init.constant_(other[0].raw, 7.0)
    step(optimizer, -c())
    assert c().item() == 2.0 and c().dtype == torch.float64
    assert twin[0]().item() == late[0]().item() == 7.0


def test_layers_that_share_one_inside_distributed_data_parallel(tmp_path: Path) -> None:
    """In one process; in tests/examples/test_distributed.py two learn alike."""
    store = f"file://{tmp_path}/store"
    distributed.init_process_group("gloo", init_method=store, rank=0, world_size=1)
    try:
        c, optimizer = projected(lr=1e6)
        model = DistributedDataParallel(HGCN(3, 4, 2, curvature=c))
        project_curvatures(optimizer, model)
        step(optimizer, model(torch.randn(2, 3), torch.tensor([[0, 1], [1, 0]])))
        assert c().item() in (0.5, 2.0)
        # Let go of the group before it ends: as its last owner, a model that is freed
        # would wait for the group's threads with Python's lock held, forever.
        del model, optimizer
    finally:
        distributed.destroy_process_group()


def test_what_is_not_a_number_stays_visible() -> None:
    c, optimizer = projected()
    project_curvatures(optimizer, c)
    c.raw.grad = torch.tensor(torch.nan)
    optimizer.step()
    assert c().isnan()
