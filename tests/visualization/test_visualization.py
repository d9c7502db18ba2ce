from collections.abc import Iterator
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from matplotlib import pyplot
from matplotlib.testing.compare import compare_images
from torch import Tensor

from pyg_hyperbolic import Curvature, curvature_report
from pyg_hyperbolic.curvature import CurvatureReport
from pyg_hyperbolic.geometry import dist, midpoint, to_poincare
from pyg_hyperbolic.visualization import plot_curvature, plot_disk, plot_distortion
from pyg_hyperbolic.visualization.disk import flatten, geodesics
from tests.where import each

BASELINE = Path(__file__).parent / "baseline"
# Root mean square of the difference in grey levels: other versions of fonts and of
# anti-aliasing stay below, a missing edge of these small pictures doesn't.
TOLERANCE = 3.0


@pytest.fixture(autouse=True)
def plain_figures() -> Iterator[None]:
    with matplotlib.rc_context({"backend": "Agg", "figure.dpi": 80}):
        yield
        pyplot.close("all")


def binary_tree(depth: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points on circles around the root, edges both ways, and the level of each."""
    number = 2 ** (depth + 1) - 1
    child = torch.arange(1, number)
    edge_index = torch.stack([(child - 1) // 2, child])
    level = (torch.arange(number) + 1.0).log2().floor().long()
    turn = (torch.arange(number) + 1 - 2**level + 0.5) / 2**level * 2 * torch.pi
    v = 1.1 * level[:, None] * torch.stack([turn.cos(), turn.sin()], dim=-1)
    return v, torch.cat([edge_index, edge_index.flip(0)], dim=1), level


def history(steps: int = 30) -> list[CurvatureReport]:
    """A curvature that learns next to one whose gradient is zero."""
    module = torch.nn.ModuleDict({"layer": Curvature(2.0), "stuck": Curvature(0.5)})
    optimizer = torch.optim.Adam(module.parameters(), lr=0.1)
    out = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = (module["layer"]() - 0.2).square() + 0 * module["stuck"]()
        loss.backward()
        optimizer.step()
        out.append(curvature_report(module))
    return out


def same_picture(name: str, tmp_path: Path) -> None:
    found = tmp_path / f"{name}.png"
    pyplot.gcf().savefig(found)
    difference = compare_images(str(BASELINE / f"{name}.png"), str(found), TOLERANCE)
    assert difference is None, difference


def test_picture_of_a_tree_with_classes(tmp_path: Path) -> None:
    v, edge_index, level = binary_tree(5)
    plot_disk(v, 1.0, edge_index, level, label="depth")
    same_picture("disk", tmp_path)


def test_picture_of_many_dimensions_with_values(tmp_path: Path) -> None:
    v, edge_index, _ = binary_tree(6)
    turned = torch.linalg.qr(
        torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    )
    v = torch.nn.functional.pad(v, (0, 3)) @ turned.Q
    # The root's edges lie between two rows of pixels, and rounding takes one of them.
    shown = edge_index[:, edge_index.min(dim=0).values > 0]
    plot_disk(v, 2.0, shown, v.norm(dim=-1))
    same_picture("disk_projected", tmp_path)


def test_picture_of_curvatures(tmp_path: Path) -> None:
    plot_curvature(history())
    same_picture("curvature", tmp_path)


def test_picture_of_distortion(tmp_path: Path) -> None:
    v, edge_index, _ = binary_tree(6)
    ax = plot_distortion(v, 1.0, edge_index, label="hyperbolic")
    assert plot_distortion(v, 0.0, edge_index, label="Euclidean", ax=ax) is ax
    same_picture("distortion", tmp_path)


def test_pictures_differ_where_an_edge_is_missing(tmp_path: Path) -> None:
    v, edge_index, level = binary_tree(5)
    plot_disk(
        v, 1.0, edge_index[:, edge_index.min(dim=0).values > 2], level, label="depth"
    )
    with pytest.raises(AssertionError):
        same_picture("disk", tmp_path)


def test_arcs_are_geodesics() -> None:
    """Distances along an arc add up, and it ends where it should."""
    u, w = 2 * torch.randn(2, 50, 2, dtype=torch.float64)
    w[0] = 0
    u[:2] = w[:2]  # of one point, which stay there
    x, y = to_poincare(u, 1.0), to_poincare(w, 1.0)
    arcs = geodesics(x, y, steps=9)
    torch.testing.assert_close(arcs[:, 0], x)
    torch.testing.assert_close(arcs[:, -1], y)
    a, b = arcs[:, :-1], arcs[:, 1:]
    gap = (a - b).square().sum(-1)
    inside = (1 - a.square().sum(-1)) * (1 - b.square().sum(-1))
    length = (1 + 2 * gap / inside).arccosh()
    expected = dist(u, w, 1.0)
    torch.testing.assert_close(length, expected[:, None].expand(-1, 8) / 8)


def test_two_dimensions_are_moved_by_an_isometry_that_centers_them() -> None:
    v = torch.tensor([2.0, 1.0]) + torch.randn(20, 2)
    out = flatten(v, 0.7)
    before, after = (dist(p[:, None], p, 0.7) for p in (v.double(), out))
    torch.testing.assert_close(before, after)
    assert midpoint(out, 0.7).norm() < 1e-6


def test_radii_stay_true_in_many_dimensions() -> None:
    v = torch.cat([torch.randn(20, 8), torch.zeros(1, 8)]).double()
    v = torch.cat([v, -v])  # the midpoint is the origin
    torch.testing.assert_close(flatten(v, 1.0).norm(dim=-1), v.norm(dim=-1))


def test_a_curvature_is_a_change_of_units() -> None:
    v, _, _ = binary_tree(3)
    first, second = plot_disk(v, 4.0), plot_disk(2 * v, 1.0)
    np.testing.assert_allclose(
        *(ax.collections[0].get_offsets() for ax in (first, second))
    )


def test_things_get_smaller_towards_the_rim() -> None:
    v = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0], [2.0, 0.0], [9.0, 0.0]])
    v = torch.cat([v, -v[3:]])  # the midpoint is the origin
    ax = plot_disk(v, 1.0, torch.tensor([[0, 1, 3], [1, 3, 4]]), size=50.0)
    lines, points = ax.collections
    scale = 1 / torch.cosh(v[:4, 0] / 2) ** 2  # 1 - tanh², of the Poincaré disk
    np.testing.assert_allclose(points.get_sizes()[:4], 50 * scale**2, rtol=1e-5)
    assert 0 < points.get_sizes()[4] < points.get_sizes()[3]
    assert list(lines.get_linewidths()) == sorted(lines.get_linewidths())[::-1]


@each("y", [torch.zeros(3), torch.zeros(3, dtype=torch.long)])
def test_colours_have_a_title(y: Tensor) -> None:
    # All points at one place, whose edges have no length.
    ax = plot_disk(torch.zeros(3, 2), 1.0, torch.tensor([[0], [1]]), y, label="depth")
    legend = ax.get_legend()
    found = ax.figure.axes[-1].get_ylabel() if legend is None else legend.get_title()
    assert str(found).count("depth") == 1


@each("top", [0.3, 30.0, 1e5])
def test_curvatures_are_in_plain_numbers(top: float) -> None:
    states = [curvature_report(Curvature(c)) for c in (0.1, top)]
    ax = plot_curvature(states)
    ax.figure.canvas.draw()
    texts = [text.get_text() for text in ax.get_yticklabels()]
    assert 2 < len(texts) < 15 and all(float(text) > 0 for text in texts)


def test_blocked_steps_have_a_cross() -> None:
    crosses = [
        line for line in plot_curvature(history(3)).lines if line.get_marker() == "x"
    ]
    assert [len(line.get_xdata()) for line in crosses] == [0, 3]


def test_a_perfect_embedding_has_no_distortion() -> None:
    v = torch.arange(6.0)[:, None] * torch.eye(1, 2)
    path = torch.stack([torch.arange(5), torch.arange(1, 6)])
    ax = plot_distortion(v, 3.0, path)
    assert ax.get_legend().get_texts()[0].get_text() == "points (0.00)"


def test_thousands_of_points_take_seconds() -> None:
    v = 3 * torch.randn(5000, 16)
    ax = plot_disk(v, 1.0, torch.randint(5000, (2, 20000)), torch.randint(20, (5000,)))
    assert len(ax.get_legend().get_texts()) == 20
