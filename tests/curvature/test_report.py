import pytest
import torch

from pyg_hyperbolic import Curvature, curvature_report
from pyg_hyperbolic.nn import HGCN, HGATConv, HGCNConv


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
    assert head.split()[:5] == ["curvature", "parametrization", "c", "raw", "gradient"]
    assert len(lines) == 2
    assert all(
        line.index("softplus") == head.index("parametrization") for line in lines
    )
    assert "0.5" in lines[0]


def test_a_module_without_a_curvature() -> None:
    with pytest.raises(ValueError, match=r"'module' has no curvature \(got Linear\)"):
        curvature_report(torch.nn.Linear(2, 2))


@pytest.mark.parametrize(("raw", "outside"), [(3.0, False), (-3.0, True), (99.0, True)])
def test_a_projected_curvature_without_its_hook_is_told(
    raw: float, outside: bool
) -> None:
    curvature = Curvature(parametrization="projected", bounds=(0.1, 10.0))
    with torch.no_grad():
        curvature.raw.fill_(raw)
    report = curvature_report(curvature)
    assert report[0].outside == outside
    assert ("outside its bounds: call project_curvatures" in str(report)) == outside


@pytest.mark.parametrize(
    ("size", "word"), [(1e-3, "flat"), (1.0, None), (30.0, "saturated")]
)
def test_radii_of_the_last_forward_pass(size: float, word: str | None) -> None:
    conv = HGCNConv(3, 8)
    assert curvature_report(conv)[0].radius is None
    x = size * torch.randn(3000, 3)
    conv(x, torch.tensor([[0, 1], [1, 0]]))
    (state,) = report = curvature_report(conv)
    radii = conv.curvature().sqrt() * conv.lin(x).norm(dim=-1)
    assert state.radius == pytest.approx(radii.median().item(), rel=0.15)
    assert state.far == pytest.approx(radii.quantile(0.99).item(), rel=0.3)
    words = str(report).splitlines()[1].split()
    assert ("flat" in words, "saturated" in words) == (
        word == "flat",
        word == "saturated",
    )


def test_radii_of_each_head() -> None:
    conv = HGATConv(3, 4, heads=2, curvature=Curvature([1.0, 4.0]))
    x = torch.randn(50, 3)
    conv(x, torch.tensor([[0, 1], [1, 0]]))
    h = conv.lin(x).view(50, 2, 4).norm(dim=-1)
    for k, state in enumerate(curvature_report(conv)):
        expected = conv.curvature()[k].sqrt() * h[:, k].median()
        assert state.radius == pytest.approx(expected.item(), rel=1e-5)
