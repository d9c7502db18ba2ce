import math

import pytest
import torch

from pyg_hyperbolic import Curvature, parameter_groups
from pyg_hyperbolic.nn import HGCN, FermiDiracDecoder, HGATConv
from tests.where import each


def decay(model: HGCN, parameters: object) -> list[float]:
    """500 steps of nothing but weight decay."""
    optimizer = torch.optim.Adam(parameters, lr=0.01, weight_decay=0.0)
    for _ in range(500):
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        optimizer.step()
    return [conv.curvature().item() for conv in model.convs]


def test_weight_decay_does_not_move_a_curvature() -> None:
    model = HGCN(3, 8, 2, curvature=0.7)
    before = [conv.curvature().item() for conv in model.convs]
    assert decay(model, parameter_groups(model, 0.1)) == before
    assert model.convs[0].lin.weight.abs().max() < 1e-3
    everything = [{"params": list(model.parameters()), "weight_decay": 0.1}]
    assert decay(model, everything) != before


@each("shared", [False, True])
def test_every_parameter_is_in_one_group(shared: bool) -> None:
    model = HGCN(3, 8, 3, shared_curvature=shared)
    weights, curvatures = parameter_groups(model, 0.1, lr=0.5)
    assert weights["weight_decay"] == 0.1
    assert curvatures["weight_decay"] == 0
    assert weights["lr"] == curvatures["lr"] == 0.5
    assert len(curvatures["params"]) == (1 if shared else 3)
    assert {p.dim() for p in curvatures["params"]} == {0}
    assert len(weights["params"]) == 6
    torch.optim.SGD(parameter_groups(model, 0.1), lr=0.1)


def test_a_radius_and_a_temperature_are_spared_as_well() -> None:
    decoder = FermiDiracDecoder(r=3.0, t=0.5, learnable=True)
    model = torch.nn.ModuleList([HGCN(3, 8, 2), decoder])
    optimizer = torch.optim.AdamW(parameter_groups(model, weight_decay=0.5), lr=0.1)
    weight = model[0].convs[0].lin.weight.detach().clone()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert decoder.r.item() == 3.0 and decoder.log_t.item() == pytest.approx(
        math.log(0.5)
    )
    torch.testing.assert_close(model[0].convs[0].lin.weight, 0.95 * weight)


def test_a_vector_of_one_number_is_decayed() -> None:
    (group,) = parameter_groups(torch.nn.Linear(1, 1), 0.1)
    assert group["weight_decay"] == 0.1 and len(group["params"]) == 2


def test_weights_of_lazy_layers_are_decayed() -> None:
    model = HGCN(-1, 8, 2)
    weights, curvatures = parameter_groups(model, 0.1)
    assert any(p is model.convs[0].lin.weight for p in weights["params"])
    assert len(weights["params"]) == 4 and len(curvatures["params"]) == 2


def test_groups_without_members_are_left_out() -> None:
    (group,) = parameter_groups(torch.nn.Linear(2, 2), 0.1)
    assert group["weight_decay"] == 0.1
    (group,) = parameter_groups(Curvature(), 0.1)
    assert group["weight_decay"] == 0


def test_a_module_without_parameters() -> None:
    with pytest.raises(ValueError, match=r"'module' has no parameters \(got ReLU\)"):
        parameter_groups(torch.nn.ReLU(), 0.1)


def test_several_curvatures_in_one_are_spared() -> None:
    conv = HGATConv(3, 2, heads=2, curvature=Curvature([1.0, 2.0]))
    decayed, spared = parameter_groups(conv, 0.1)
    assert any(p is conv.curvature.raw for p in spared["params"])
    assert not any(p is conv.curvature.raw for p in decayed["params"])


def test_a_learning_rate_of_their_own() -> None:
    model = HGCN(3, 8, 2)
    groups = parameter_groups(model, 0.1, lr=0.01, curvature_lr=0.2)
    own = groups[-1]
    assert (own["lr"], own["weight_decay"]) == (0.2, 0.0)
    assert {id(p) for p in own["params"]} == {id(c.curvature.raw) for c in model.convs}
    assert all(group["lr"] == 0.01 for group in groups[:-1])
    every = [id(p) for group in groups for p in group["params"]]
    assert sorted(every) == sorted(id(p) for p in model.parameters())
    before = model.convs[0].curvature().item()
    optimizer = torch.optim.SGD(groups)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    model.convs[0].curvature.raw.data.add_(0.2)
    assert model.convs[0].curvature().item() == pytest.approx(before, rel=1e-6)
