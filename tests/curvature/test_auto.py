"""A curvature that the first points set."""

import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from pyg_hyperbolic import Curvature, curvature_report, tie_curvatures
from pyg_hyperbolic.curvature.auto import MOST, RADIUS
from pyg_hyperbolic.nn import HGCN, HGCNConv, HyperbolicMLR
from tests.where import each

EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


def layer(**options: Any) -> HGCNConv:
    return HGCNConv(3, 8, curvature="auto", **options)


def run(conv: HGCNConv, size: float = 20.0) -> float:
    """What points of some size make of it."""
    conv(size * torch.randn(4, 3), EDGES)
    return conv.curvature().item()


def expected(points: Tensor) -> Any:
    c = (RADIUS / points.detach().norm(dim=-1).median()).square()
    return pytest.approx(min(MOST, c.item()), rel=1e-5)


@each("size", [0.0, 1e-3, 1.0, 30.0, 1e4])
def test_the_first_points_set_it_until_a_reset(size: float) -> None:
    conv, x = layer(), size * torch.randn(4, 3)
    conv(x, EDGES)
    c = conv.curvature().item()
    assert c == expected(conv.lin(x))
    assert run(conv, 1e3) == c
    conv.reset_parameters()
    with pytest.raises(ValueError, match=r"'auto' and not set yet"):
        conv.curvature()
    conv(30 * x, EDGES)
    assert conv.curvature().item() == expected(conv.lin(30 * x))


@each("factor", [10.0, 1000.0])
def test_the_unit_of_the_features_changes_nothing(factor: float) -> None:
    """By homogeneity the outputs are in the same unit, and all else is as it was."""
    x, one = 1e3 * torch.randn(4, 3), layer(bias=False)
    out = copy.deepcopy(one)(factor * x, EDGES)
    torch.testing.assert_close(out / factor, one(x, EDGES), rtol=1e-4, atol=1e-4)


def test_it_learns_from_there() -> None:
    conv = layer()
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.1)  # before it is set
    loss = conv(torch.randn(4, 3), EDGES).square().sum()
    before = conv.curvature().item()
    loss.backward()
    optimizer.step()
    assert conv.curvature().item() != before
    assert conv.curvature().isfinite()


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle", "vector"])
@each("is_set", [False, True])
def test_copies(way: str, is_set: bool) -> None:
    conv, twin = layer(), layer()
    c = run(conv) if is_set else 0.0
    if way == "state_dict":
        run(twin, 1.0)  # what was set before goes
        twin.load_state_dict(conv.state_dict())
    elif way == "vector":
        vector = torch.nn.utils.parameters_to_vector(conv.parameters())
        torch.nn.utils.vector_to_parameters(vector, twin.parameters())
    elif way == "deepcopy":
        twin = copy.deepcopy(conv)
    else:
        twin = pickle.loads(pickle.dumps(conv))
    assert twin.curvature.is_set == is_set
    x = 300 * torch.randn(4, 3)
    twin(x, EDGES)
    assert twin.curvature().item() == (c if is_set else expected(twin.lin(x)))


def test_a_state_dict_fits_a_number_once_it_is_set() -> None:
    conv, other = layer(), HGCNConv(3, 8)
    with pytest.raises(RuntimeError, match="'auto' curvature that was not set yet"):
        other.load_state_dict(conv.state_dict())
    run(conv)
    other.load_state_dict(conv.state_dict())
    assert torch.equal(other.curvature(), conv.curvature())


def test_layers_of_a_model() -> None:
    """A shared one takes the first layer's points; else each takes its own."""
    x, curvature = 200 * torch.randn(4, 3), Curvature("auto")
    model = HGCN(3, 8, 2, 4, curvature=curvature)
    model(x, EDGES)
    assert curvature().item() == expected(model.convs[0].lin(x))
    model = HGCN(3, 8, 2, 4, curvature="auto")
    model(x, EDGES)
    first, second = (conv.curvature().item() for conv in model.convs)
    assert first != second


@each("parametrization", ["sigmoid", "projected"])
@each("size", [1e-3, 1e3])
def test_bounds_hold(parametrization: str, size: float) -> None:
    curvature = Curvature("auto", parametrization=parametrization, bounds=(0.01, 0.05))
    c = curvature(size * torch.randn(5, 3)).item()
    assert 0.01 <= c <= 0.05
    curvature().backward()
    assert curvature.raw.grad is not None and curvature.raw.grad != 0


@pytest.mark.compile
def test_before_it_is_set() -> None:
    conv = layer()
    assert str(conv.curvature) == "Curvature('auto', parametrization='softplus')"
    assert "nan" in str(curvature_report(conv))
    compiled = torch.compile(conv, fullgraph=True, backend="eager")
    with pytest.raises(Exception, match="run the model once"):
        compiled(torch.randn(4, 3), EDGES)
    head = HyperbolicMLR(8, 4, curvature=conv.curvature)
    with pytest.raises(ValueError, match="there are no points"):
        head(torch.empty(0, 8))
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="first points are not finite"):
            conv(torch.full((4, 3), value), EDGES)


def test_a_functional_call_leaves_the_module_s_own_unset() -> None:
    conv, x = layer(), 20 * torch.randn(4, 3)
    given = {k: v.detach().clone() for k, v in conv.named_parameters()}
    torch.func.functional_call(conv, given, (x, EDGES))
    assert conv(x, EDGES).isfinite().all()
    assert conv.curvature().item() == expected(conv.lin(x))


def test_copies_of_one_are_tied_before_they_are_set() -> None:
    model = torch.nn.ModuleList([layer(), layer()])
    model[1].curvature = copy.deepcopy(model[0].curvature)
    assert tie_curvatures(model) == 1
    assert model[0].curvature is model[1].curvature
