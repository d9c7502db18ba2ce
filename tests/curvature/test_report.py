import pytest
import torch
from torch.nn.init import constant_

from pyg_hyperbolic import Curvature, curvature_report
from pyg_hyperbolic.nn import HGCN, HGATConv, HGCNConv
from tests.where import each

EDGES = torch.tensor([[0, 1], [1, 0]])
OUTSIDE = "outside its bounds: call project_curvatures"


def test_one_entry_a_curvature_wherever_it_is_used() -> None:
    (state,) = curvature_report(HGCN(3, 8, 2, curvature=0.5, shared_curvature=True))
    assert state.names == ("convs.0.curvature", "convs.1.curvature")
    assert state.parametrization == "softplus" and state.c == pytest.approx(0.5)
    assert state.grad is None and not state.blocked
    report = curvature_report(HGCN(3, 8, 2))
    assert [s.names for s in report] == [("convs.0.curvature",), ("convs.1.curvature",)]
    (fixed,) = curvature_report(Curvature(2.0, learnable=False))
    assert fixed.grad is None and not fixed.blocked


@each(
    ("kind", "raw", "is_outside"),
    [
        ("clamp", 0.05, True),
        ("clamp", 1.0, False),
        ("clamp", 20.0, True),
        ("projected", -3.0, True),
        ("projected", 3.0, False),
        ("projected", 99.0, True),
    ],
)
def test_a_parameter_beyond_its_bounds_is_told(
    kind: str, raw: float, is_outside: bool
) -> None:
    """That of "clamp" is blocked there; that of "projected" has lost its hook."""
    curvature = Curvature(1.0, parametrization=kind, bounds=(0.1, 10.0))
    constant_(curvature.raw, raw)
    (3 * curvature()).backward()
    (state,) = report = curvature_report(curvature)
    assert state.raw == pytest.approx(raw)
    blocked, outside = is_outside and kind == "clamp", is_outside and kind != "clamp"
    assert (state.grad, state.blocked) == (0 if blocked else 3, blocked)
    assert ("blocked" in str(report)) == blocked
    assert state.outside == outside and (OUTSIDE in str(report)) == outside


def test_the_text_is_an_aligned_table() -> None:
    model = HGCN(3, 8, 2, curvature=0.5)
    model(torch.randn(4, 3), EDGES).sum().backward()
    head, *lines = str(curvature_report(model)).splitlines()
    assert head.split()[:5] == ["curvature", "parametrization", "c", "raw", "gradient"]
    assert len(lines) == 2 and "0.5" in lines[0]
    column = head.index("parametrization")
    assert all(line.index("softplus") == column for line in lines)


def test_a_module_without_a_curvature() -> None:
    with pytest.raises(ValueError, match=r"'module' has no curvature \(got Linear\)"):
        curvature_report(torch.nn.Linear(2, 2))


@each(("size", "word"), [(1e-3, "flat"), (1.0, None), (30.0, "saturated")])
def test_radii_of_the_last_forward_pass(size: float, word: str | None) -> None:
    conv, x = HGCNConv(3, 8), size * torch.randn(3000, 3)
    assert curvature_report(conv)[0].radius is None
    conv(x, EDGES)
    (state,) = report = curvature_report(conv)
    radii = conv.curvature().sqrt() * conv.lin(x).norm(dim=-1)
    assert state.radius == pytest.approx(radii.median().item(), rel=0.15)
    assert state.far == pytest.approx(radii.quantile(0.99).item(), rel=0.3)
    words = str(report).splitlines()[1].split()
    for known in ("flat", "saturated"):
        assert (known in words) == (word == known)


def test_radii_of_each_head() -> None:
    conv, x = HGATConv(3, 4, heads=2, curvature=[1.0, 4.0]), torch.randn(50, 3)
    conv(x, EDGES)
    h = conv.lin(x).view(50, 2, 4).norm(dim=-1)
    for k, state in enumerate(curvature_report(conv)):
        expected = conv.curvature()[k].sqrt() * h[:, k].median()
        assert state.radius == pytest.approx(expected.item(), rel=1e-5)
