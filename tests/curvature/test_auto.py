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

EDGES = torch.tensor([[0, 1, 2, 3], [1, 2, 3, 0]])


def expected(points: Tensor) -> float:
    return min(MOST, (RADIUS / points.detach().norm(dim=-1).median().item()) ** 2)


@pytest.mark.parametrize("size", [1e-3, 1.0, 30.0, 1e4])
def test_the_first_points_set_it(size: float) -> None:
    conv, x = HGCNConv(3, 8, curvature="auto"), size * torch.randn(4, 3)
    conv(x, EDGES)
    c = conv.curvature()
    assert c.item() == pytest.approx(expected(conv.lin(x)), rel=1e-5)
    conv(100 * x, EDGES)
    assert torch.equal(conv.curvature(), c)


@pytest.mark.parametrize("factor", [10.0, 1000.0])
def test_the_unit_of_the_features_changes_nothing(factor: float) -> None:
    """By homogeneity the outputs are in the same unit, and all else is as it was."""
    x = 1e3 * torch.randn(4, 3)
    one = HGCNConv(3, 8, curvature="auto", bias=False)
    other = copy.deepcopy(one)
    out = other(factor * x, EDGES)
    torch.testing.assert_close(out / factor, one(x, EDGES), rtol=1e-4, atol=1e-4)


def test_points_at_the_origin_set_the_largest() -> None:
    conv = HGCNConv(3, 8, curvature="auto")
    conv(torch.zeros(4, 3), EDGES)
    assert conv.curvature().item() == pytest.approx(MOST, rel=1e-6)


def test_it_learns_from_there() -> None:
    conv = HGCNConv(3, 8, curvature="auto")
    optimizer = torch.optim.Adam(conv.parameters(), lr=0.1)  # before it is set
    x = torch.randn(4, 3)
    loss = conv(x, EDGES).square().sum()
    before = conv.curvature().item()
    loss.backward()
    optimizer.step()
    assert conv.curvature().item() != before
    assert conv.curvature().isfinite()


def test_reset_forgets_it() -> None:
    conv, x = HGCNConv(3, 8, curvature="auto"), torch.randn(4, 3)
    conv(30 * x, EDGES)
    conv.reset_parameters()
    with pytest.raises(ValueError, match=r"'auto' and not set yet"):
        conv.curvature()
    conv(300 * x, EDGES)
    assert conv.curvature().item() == pytest.approx(
        expected(conv.lin(300 * x)), rel=1e-5
    )


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle"])
@pytest.mark.parametrize("is_set", [False, True])
def test_copies(way: str, is_set: bool) -> None:
    conv, x = HGCNConv(3, 8, curvature="auto"), 20 * torch.randn(4, 3)
    if is_set:
        conv(x, EDGES)
    twin: Any
    if way == "state_dict":
        twin = HGCNConv(3, 8, curvature="auto")
        twin(torch.ones(4, 3), EDGES)  # what was set before goes
        twin.load_state_dict(conv.state_dict())
    elif way == "deepcopy":
        twin = copy.deepcopy(conv)
    else:
        twin = pickle.loads(pickle.dumps(conv))
    assert twin.curvature.is_set == is_set
    if is_set:
        assert torch.equal(twin.curvature(), conv.curvature())
    else:
        twin(x, EDGES)
        conv(x, EDGES)
        assert torch.equal(twin.curvature(), conv.curvature())


def test_a_state_dict_fits_a_curvature_that_starts_from_a_number() -> None:
    conv = HGCNConv(3, 8, curvature="auto")
    conv(20 * torch.randn(4, 3), EDGES)
    other = HGCNConv(3, 8)
    other.load_state_dict(conv.state_dict())
    assert torch.equal(other.curvature(), conv.curvature())


def test_a_shared_one_takes_the_first_layer_s() -> None:
    curvature = Curvature("auto")
    model = HGCN(3, 8, 2, 4, curvature=curvature)
    x = 20 * torch.randn(4, 3)
    model(x, EDGES)
    first = model.convs[0]
    assert curvature().item() == pytest.approx(expected(first.lin(x)), rel=1e-5)


def test_each_layer_of_a_model_has_its_own() -> None:
    model = HGCN(3, 8, 2, 4, curvature="auto")
    model(200 * torch.randn(4, 3), EDGES)
    first, second = (conv.curvature().item() for conv in model.convs)
    assert first != second
    shared = HGCN(3, 8, 2, 4, curvature="auto", shared_curvature=True)
    assert shared.convs[0].curvature is shared.convs[1].curvature


@pytest.mark.parametrize("parametrization", ["sigmoid", "projected"])
@pytest.mark.parametrize("size", [1e-3, 1e3])
def test_bounds_hold(parametrization: str, size: float) -> None:
    curvature = Curvature("auto", parametrization=parametrization, bounds=(0.01, 0.05))
    c = curvature(size * torch.randn(5, 3)).item()
    assert 0.01 <= c <= 0.05
    curvature().backward()
    assert curvature.raw.grad is not None and curvature.raw.grad != 0


@pytest.mark.compile
def test_before_it_is_set() -> None:
    conv = HGCNConv(3, 8, curvature="auto")
    assert str(conv.curvature) == "Curvature('auto', parametrization='softplus')"
    assert "nan" in str(curvature_report(conv))
    compiled = torch.compile(conv, fullgraph=True, backend="eager")
    with pytest.raises(Exception, match="run the model once"):
        compiled(torch.randn(4, 3), EDGES)
    head = HyperbolicMLR(8, 4, curvature=conv.curvature)
    with pytest.raises(ValueError, match="there are no points"):
        head(torch.empty(0, 8))
    with pytest.raises(ValueError, match="'init' must be a number, or 'auto'"):
        Curvature("automatic")


def conv_of(**options: Any) -> HGCNConv:
    return HGCNConv(3, 8, curvature="auto", **options)


def test_a_parameter_that_is_copied_is_taken_over() -> None:
    one, other, x = conv_of(), conv_of(), 20 * torch.randn(4, 3)
    one(x, EDGES)
    vector = torch.nn.utils.parameters_to_vector(one.parameters())
    torch.nn.utils.vector_to_parameters(vector, other.parameters())
    other(100 * x, EDGES)
    assert torch.equal(other.curvature(), one.curvature())


def test_a_functional_call_leaves_the_module_s_own_unset() -> None:
    conv, x = conv_of(), 20 * torch.randn(4, 3)
    given = {k: v.detach().clone() for k, v in conv.named_parameters()}
    torch.func.functional_call(conv, given, (x, EDGES))
    assert conv(x, EDGES).isfinite().all()
    assert conv.curvature().item() == pytest.approx(expected(conv.lin(x)), rel=1e-5)


def test_what_is_not_set_does_not_load_into_a_number() -> None:
    with pytest.raises(RuntimeError, match="'auto' curvature that was not set yet"):
        HGCNConv(3, 8).load_state_dict(conv_of().state_dict())


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_points_that_are_not_finite_are_told(value: float) -> None:
    with pytest.raises(ValueError, match="first points are not finite"):
        conv_of()(torch.full((4, 3), value), EDGES)


def test_copies_of_one_are_tied_before_they_are_set() -> None:
    model = torch.nn.ModuleList([conv_of(), conv_of()])
    model[1].curvature = copy.deepcopy(model[0].curvature)
    assert tie_curvatures(model) == 1
    assert model[0].curvature is model[1].curvature
