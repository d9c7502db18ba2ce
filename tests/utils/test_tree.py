"""Every ancestor is nearer than every other node, by distances in many digits."""

import mpmath
import torch
from torch import Tensor

from pyg_hyperbolic.geometry import dist
from pyg_hyperbolic.utils import tree_embedding
from tests.where import each


def random_tree(number: int, near: int) -> list[int]:
    """Parents that are at most so many nodes before; the smaller, the deeper."""
    draw = torch.rand(number).tolist()
    first = [max(0, node - near) for node in range(number)]
    rows = zip(first, range(number), draw, strict=True)
    return [low + int(x * (node - low)) for low, node, x in rows]


def nearest_others(parent: list[int], distances: Tensor) -> Tensor:
    """Of each node, how much farther than all ancestors the nearest other node is."""
    above = torch.zeros(len(parent), len(parent), dtype=torch.bool)
    for node in range(len(parent)):
        last = node
        while parent[last] != last:
            last = parent[last]
            above[node, last] = True
    itself = torch.eye(len(parent), dtype=torch.bool)
    farthest = distances.masked_fill(~above, 0).amax(1)
    return distances.masked_fill(above | itself, torch.inf).amin(1) - farthest


TREES = {
    "a node": [0],
    "a chain": [max(node - 1, 0) for node in range(35)],  # the longest
    "a star": 400 * [0],
    "a broom": [max(node - 1, 0) for node in range(20)] + 200 * [19],
    "a caterpillar": [0] + [max(node - 1 - node % 2, 0) for node in range(40)],
    "a forest": [0, 1, 0, 1, 2, 2, 3, 6, 7, 9],
    "any": random_tree(400, 400),
    "deep": random_tree(200, 20),
}


@each("name", TREES)
def test_ancestors_are_nearest(name: str) -> None:
    parent = TREES[name]
    order = torch.randperm(len(parent))  # nodes come in any order
    place = order.argsort()
    v = tree_embedding(place[torch.tensor(parent)[order]])[place]
    assert v.dtype == torch.float64
    distances = dist(v[:, None], v, 1.0)
    assert nearest_others(parent, distances).min() > 0.2


def test_distances_of_many_digits() -> None:
    parent = random_tree(60, 4)
    v = tree_embedding(torch.tensor(parent))
    with mpmath.workdps(60):
        points = [[mpmath.mpf(x) for x in row] for row in v.tolist()]
        radii = [mpmath.hypot(*p) for p in points]

        def distance(i: int, j: int) -> float:
            dot = mpmath.fdot(points[i], points[j]) / radii[i] / radii[j]
            sines = mpmath.sinh(radii[i]) * mpmath.sinh(radii[j])
            both = mpmath.cosh(radii[i] - radii[j]) + sines * (1 - dot)
            return float(mpmath.acosh(max(both, mpmath.mpf(1))))

        rows = [[distance(i, j) for j in range(60)] for i in range(60)]
    assert nearest_others(parent, torch.tensor(rows)).min() > 0.2
    assert v.norm(dim=1).max() > 37  # which no float64 ball has


def test_no_nodes() -> None:
    assert tree_embedding(torch.tensor([], dtype=torch.long)).shape == (0, 2)
