"""Several curvatures in one parameter."""

import copy

import pytest
import torch

from pyg_hyperbolic import Curvature, curvature_report, project_curvatures

INITS = [1e-8, 0.5, 300.0]


def test_starts_where_it_was_asked_to() -> None:
    curvature = Curvature(INITS)
    assert curvature().tolist() == pytest.approx(INITS, rel=2e-6, abs=0)
    assert curvature().dtype == torch.float64
    assert copy.deepcopy(curvature)().tolist() == curvature().tolist()
    assert "1e-08, 0.5, 300" in repr(curvature)


def test_checkpoints_restore_all_of_them() -> None:
    curvature = Curvature(INITS)
    with torch.no_grad():
        curvature.raw.add_(torch.tensor([0.1, -0.2, 0.3]))
    other = Curvature([1.0, 1.0, 1.0]).double()
    other.load_state_dict(curvature.state_dict())
    assert torch.equal(other(), curvature())
    curvature.reset_parameters()
    assert curvature().tolist() == pytest.approx(INITS, rel=2e-6, abs=0)
    with pytest.raises(RuntimeError, match="size mismatch"):
        Curvature([1.0, 2.0]).load_state_dict(curvature.state_dict())


@pytest.mark.parametrize("parametrization", ["softplus", "sigmoid", "projected"])
def test_each_learns_by_itself(parametrization: str) -> None:
    curvature = Curvature(
        [0.5, 1.0, 1.5], parametrization=parametrization, bounds=(0.1, 3.0)
    )
    optimizer = torch.optim.Adam(curvature.parameters(), lr=0.05)
    if parametrization == "projected":
        project_curvatures(optimizer, curvature)
    target = torch.tensor([2.0, 0.2, 1.5], dtype=torch.float64)
    for _ in range(600):
        optimizer.zero_grad()
        (curvature() - target).square().sum().backward()
        optimizer.step()
    torch.testing.assert_close(curvature(), target, rtol=0.01, atol=0)


def test_projection_brings_each_back() -> None:
    curvature = Curvature([0.5, 1.0], parametrization="projected", bounds=(0.4, 1.2))
    optimizer = torch.optim.SGD(curvature.parameters(), lr=10.0)
    project_curvatures(optimizer, curvature)
    (curvature()[0] - curvature()[1]).backward()
    optimizer.step()
    low, high = curvature().tolist()
    assert low == pytest.approx(0.4) and low >= 0.4
    assert high == pytest.approx(1.2) and high <= 1.2


def test_report_has_a_line_for_each() -> None:
    curvature = Curvature([0.5, 1.0])
    curvature()[0].backward()
    first, second = curvature_report(torch.nn.ModuleDict({"heads": curvature}))
    assert first.names == ("heads[0]",) and second.names == ("heads[1]",)
    assert not first.blocked and second.blocked
    assert second.c == pytest.approx(1.0)


def test_errors() -> None:
    with pytest.raises(ValueError, match=r"\(got none\)"):
        Curvature([])
    with pytest.raises(ValueError, match=r"'init' must be a positive number.*-1"):
        Curvature([1.0, -1.0])
