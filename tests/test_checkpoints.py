"""Curvatures in checkpoints, other dtypes and on other devices."""

import copy
import io
from typing import Any

import pytest
import torch

from pyg_hyperbolic import Curvature, curvature_report, project_curvatures
from pyg_hyperbolic.curvature import PARAMETRIZATIONS
from pyg_hyperbolic.nn import HGCN
from tests.where import each

DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
names = each("name", PARAMETRIZATIONS)


def saved(module: torch.nn.Module) -> dict[str, Any]:
    """The module's state, through a file."""
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def train(c: Curvature, steps: int = 5, state: Any = None) -> dict[str, Any]:
    """Some steps, from a state of the optimizer on; returns that of the last."""
    optimizer = torch.optim.Adam(c.parameters(), lr=0.05)
    if c.parametrization == "projected":
        project_curvatures(optimizer, c)
    if state is not None:
        optimizer.load_state_dict(state)
    for _ in range(steps):
        optimizer.zero_grad()
        (c() - 2).square().backward()
        optimizer.step()
    return optimizer.state_dict()


@each("dtype", DTYPES)
@names
def test_the_same_c_in_another_dtype_but_for_rounding(
    name: str, dtype: torch.dtype
) -> None:
    c = Curvature(0.3, parametrization=name)
    train(c)
    loaded = Curvature(1.0, parametrization=name).to(dtype)
    loaded.load_state_dict(saved(c))
    assert loaded().item() == pytest.approx(c().item(), rel=torch.finfo(dtype).eps)
    there = copy.deepcopy(c).to(dtype)
    assert there.raw.dtype == dtype
    assert torch.equal(there(), loaded())
    back = Curvature(1.0, parametrization=name).double()
    back.load_state_dict(saved(there))
    assert torch.equal(back(), there())


@each("others", [[], [1e-9, -1e-9]])
@names
def test_a_checkpoint_with_what_rounding_took_loads(
    name: str, others: list[float]
) -> None:
    """As development versions wrote it: parametrization, rounding, bounds, rounding."""
    init = [0.5] * (1 + len(others)) if others else 0.5
    c = Curvature(init, parametrization=name, bounds=(0.1, 1.0))
    state = saved(c)
    index, low, high = state["_extra_state"].tolist()
    old = [index, 1e-9, low, high, *others]
    state["_extra_state"] = torch.tensor(old, dtype=torch.float64)
    first = c()
    with torch.no_grad():
        c.raw.add_(0.1)
    c.load_state_dict(state)
    assert torch.equal(c(), first)


def test_a_model_made_without_memory_takes_a_checkpoint() -> None:
    model = HGCN(4, 8, 2, out_channels=3, curvature=0.3)
    with torch.device("meta"):
        empty = HGCN(4, 8, 2, out_channels=3)
    assigned = copy.deepcopy(empty)
    assigned.load_state_dict(saved(model), assign=True)
    empty.to_empty(device="cpu").load_state_dict(saved(model))
    expected = [state.c for state in curvature_report(model)]
    for other in (assigned, empty):
        assert [state.c for state in curvature_report(other)] == expected


@each("other", PARAMETRIZATIONS)
@names
def test_another_parametrization_is_an_error(name: str, other: str) -> None:
    c = Curvature(0.5, parametrization=name)
    target = torch.nn.Sequential(Curvature(parametrization=other))
    state = torch.nn.Sequential(c).state_dict()
    if name == other:
        target.load_state_dict(state)
        assert torch.equal(target[0](), c())
        return
    for strict in (True, False):
        with pytest.raises(RuntimeError, match=rf"'0.raw' is of .*'{name}'.*build it"):
            target.load_state_dict(state, strict=strict)
    assert target[0]().item() == pytest.approx(1.0)


@names
def test_other_bounds_are_an_error_where_c_depends_on_them(name: str) -> None:
    c = Curvature(0.5, parametrization=name, bounds=(0.1, 1.0))
    target = Curvature(0.5, parametrization=name, bounds=(0.1, 2.0))
    if name in ("softplus", "projected"):
        target.load_state_dict(saved(c))
        assert torch.equal(target(), c()) and target.bounds == (0.1, 2.0)
        return
    with pytest.raises(RuntimeError, match=rf"'raw' is of .*{name}.*\(0.1, 1\)"):
        target.load_state_dict(saved(c))


def test_a_parameter_alone_is_taken_as_it_is() -> None:
    c = Curvature(1e-8)
    raw = {"raw": torch.tensor(0.25)}
    with pytest.raises(RuntimeError, match=r'Missing key.*"_extra_state"'):
        c.load_state_dict(raw)
    c = Curvature(1e-8)
    c.load_state_dict(raw, strict=False)
    expected = torch.nn.functional.softplus(torch.tensor(0.25, dtype=torch.float64))
    assert c().item() == expected.item()
    with pytest.raises(RuntimeError, match="size mismatch for raw"):
        c.load_state_dict({"raw": torch.ones(2)}, strict=False)


def test_training_goes_on_where_it_stopped() -> None:
    whole, first, second = (
        Curvature(0.3, parametrization="projected", bounds=(0.1, 0.9)) for _ in range(3)
    )
    train(whole, 40)
    state = train(first, 13)
    second.load_state_dict(saved(first))
    train(second, 27, state)
    assert second().item() == whole().item() == pytest.approx(0.9)


def test_the_state_is_tensors_that_can_be_cloned_and_averaged() -> None:
    c, other = Curvature(0.3), Curvature(0.3)
    state = {key: value.clone() for key, value in c.state_dict().items()}
    mean = {key: (value + other.state_dict()[key]) / 2 for key, value in state.items()}
    other.load_state_dict(mean)
    assert torch.equal(c(), other())


@pytest.mark.compile
def test_compiled_the_loaded_value_is_seen() -> None:
    c = Curvature(0.3)
    compiled = torch.compile(c, backend="eager", fullgraph=True)
    assert compiled().item() == c().item()
    c.load_state_dict(Curvature(1e-8).state_dict())
    assert compiled().item() == pytest.approx(1e-8, rel=2e-6, abs=0)
