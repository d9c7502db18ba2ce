"""Layouts of graphs in the disk, and words beside points."""

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from torch import Tensor

from pyg_hyperbolic.geometry import dist
from pyg_hyperbolic.utils import embedding_quality
from pyg_hyperbolic.visualization import disk_layout, plot_disk

TREE = torch.tensor([list(range(1, 40)), [(i - 1) // 3 for i in range(1, 40)]])
PATH = torch.stack([torch.arange(6), torch.arange(1, 7)])


def test_a_path_is_drawn_to_scale() -> None:
    v = disk_layout(PATH, 7, length=0.8)
    steps = (torch.arange(7) - torch.arange(7)[:, None]).abs().double()
    torch.testing.assert_close(dist(v[:, None], v, 1.0), 0.8 * steps, rtol=0.02, atol=0)


def test_a_tree_keeps_its_distances_better_than_on_paper() -> None:
    v = disk_layout(TREE, 40, steps=150)
    distances = dist(v[:, None], v, 1.0)
    assert embedding_quality(v, 1.0, TREE).distortion < 0.13
    # Classical scaling: the plane that fits these distances best.
    center = torch.eye(40, dtype=torch.float64) - 1 / 40
    values, vectors = torch.linalg.eigh(center @ distances.square() @ center / -2)
    plane = vectors[:, -2:] * values[-2:].sqrt()
    assert embedding_quality(plane, 0.0, TREE).distortion > 0.25


def test_layout_depends_on_its_seed_and_on_nothing_else() -> None:
    first = disk_layout(TREE, 40, steps=5)
    torch.manual_seed(1)
    assert torch.equal(first, disk_layout(TREE.flip(0), 40, steps=5))
    assert not torch.equal(first, disk_layout(TREE, 40, steps=5, seed=1))


@pytest.mark.parametrize(("root", "center"), [(None, 3), (0, 0)])
def test_the_graph_grows_from_its_root(root: int | None, center: int) -> None:
    """Which is the middle of a path; without a step it stays where it began."""
    v = disk_layout(PATH, 7, root, steps=0)
    assert v.norm(dim=1).argmin() == center and v[center].norm() == 0


@pytest.mark.parametrize("edges", [torch.zeros(2, 0, dtype=torch.long), PATH % 1])
def test_one_node_is_at_the_origin(edges: Tensor) -> None:
    assert torch.equal(disk_layout(edges, 1), torch.zeros(1, 2, dtype=torch.float64))


def test_words_stand_beside_their_points_and_on_no_other() -> None:
    v = torch.randn(300, 2, generator=torch.Generator().manual_seed(0))
    v[0] = 0
    names = ["", *(f"word {i}" for i in range(1, 300))]
    ax = plot_disk(v - v.mean(0), 1.0, names=names)
    words = ax.texts
    boxes = [word.get_window_extent() for word in words]
    assert 20 < len(words) < 299
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    written = [int(word.get_text().split()[1]) for word in words]
    drawn = np.asarray(ax.collections[0].get_offsets())
    assert np.allclose([word.xy for word in words], drawn[written])
    radii = np.linalg.norm(drawn, axis=1)
    assert (np.diff(radii[written]) >= 0).all()
    assert written[0] == radii[1:].argmin() + 1  # point 0 has no name
    pyplot.close("all")
