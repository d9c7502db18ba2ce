import pytest
import torch

from pyg_hyperbolic import Curvature, curvature_report
from pyg_hyperbolic.nn import HGCN


def test_one_entry_a_curvature_wherever_it_is_used() -> None:
    (state,) = curvature_report(HGCN(3, 8, 2, curvature=0.5, shared_curvature=True))
    assert state.names == ("convs.0.curvature", "convs.1.curvature")
    assert state.parametrization == "softplus"
    assert state.c == pytest.approx(0.5)
    assert state.grad is None
    assert not state.blocked
    report = curvature_report(HGCN(3, 8, 2))
    assert [s.names for s in report] == [("convs.0.curvature",), ("convs.1.curvature",)]


@pytest.mark.parametrize(
    ("raw", "blocked"), [(0.05, True), (1.0, False), (20.0, True)], ids=str
)
def test_a_clamped_curvature_is_blocked_beyond_its_bounds(
    raw: float, blocked: bool
) -> None:
    curvature = Curvature(1.0, parametrization="clamp", bounds=(0.1, 10.0))
    with torch.no_grad():
        curvature.raw.fill_(raw)
    (3 * curvature()).backward()
    (state,) = curvature_report(curvature)
    assert state.raw == pytest.approx(raw)
    assert state.grad == (0 if blocked else 3)
    assert state.blocked == blocked
    assert ("blocked" in str(curvature_report(curvature))) == blocked


def test_a_fixed_curvature_is_not_blocked() -> None:
    (state,) = curvature_report(Curvature(2.0, learnable=False))
    assert state.grad is None
    assert not state.blocked


def test_the_text_is_an_aligned_table() -> None:
    model = HGCN(3, 8, 2, curvature=0.5)
    model(torch.randn(4, 3), torch.tensor([[0, 1], [1, 2]])).sum().backward()
    head, *lines = str(curvature_report(model)).splitlines()
    assert head.split() == ["curvature", "parametrization", "c", "raw", "gradient"]
    assert len(lines) == 2
    assert all(
        line.index("softplus") == head.index("parametrization") for line in lines
    )
    assert "0.5" in lines[0]


def test_a_module_without_a_curvature() -> None:
    with pytest.raises(ValueError, match=r"'module' has no curvature \(got Linear\)"):
        curvature_report(torch.nn.Linear(2, 2))
