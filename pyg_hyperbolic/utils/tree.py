"""A tree as points of the plane, by construction."""

import math

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_index

# Of a node's angle: where it stands itself, and how much is its children's, from there
# on.  Whatever is not below it is at least BEFORE away, what is below at most ROOM.
BEFORE, ROOM = 0.5, 0.4
_LEAST = 1e-13  # angle, with a margin to float64's own error


def tree_embedding(parent: Tensor) -> Tensor:
    r"""Points of the hyperbolic plane whose distances tell all ancestors in a tree.

    Every ancestor of a node is nearer to it than every other node.  Nothing is trained:
    as in the constructions of `Sarkar (2011)
    <https://doi.org/10.1007/978-3-642-25878-7_34>`_ and `"Representation Tradeoffs for
    Hyperbolic Embeddings" <https://arxiv.org/abs/1804.03329>`_ each node has an angle,
    in which those of its children lie side by side.  What is below a node is seen from
    the origin within a part :math:`\alpha` of its angle from the node itself, all else
    beyond a larger one, and its radius is

    .. math::
        r = -2 \log \sin(\alpha / 2) .

    With :math:`\theta` between them, the distance of :math:`u` is

    .. math::
        \cosh d = \cosh(r_u - r) + 2 \sinh r_u \sinh r \sin^2(\theta / 2) ,

    about :math:`r_u` where :math:`\theta = \alpha`, at whatever height: nearer to
    :math:`u` are its ancestors, and farther away is the rest.

    A graph in which nodes have several parents has to be cut down to a tree before, and
    what is cut is lost.

    Args:
        parent: The parent of each node, shape :math:`(N)`; of a root the node itself.

    Returns:
        Points in normal coordinates for :math:`c = 1`, shape :math:`(N, 2)`, in
        float64.  Radii are up to 63, where a Poincaré ball in float64 ends at 37, and
        angles are smaller than float32 can tell.

    Raises:
        ValueError: If an index is out of range, nodes are above themselves, or the tree
            is so deep that float64 cannot tell its angles, as a chain of 35 levels or a
            full binary tree of 20.

    .. code-block:: python

        v = tree_embedding(torch.tensor([0, 0, 0, 1, 1, 2]))  # a root and two levels
    """
    check_index(parent, "parent")
    parents = parent.tolist()
    if any(not 0 <= p < len(parents) for p in parents):
        raise ValueError(
            f"'parent' must have indices from 0 to {len(parents) - 1}, as it has so "
            f"many nodes (got {min(parents)} to {max(parents)}); a root is its own"
        )
    order, children = _downwards(parents)
    # In the end all leaves have the same angle, which is then the largest possible.
    share = [1.0] * len(parents)
    for node in reversed(order):
        if children[node]:
            share[node] = sum(share[child] for child in children[node]) / ROOM
    roots = [node for node, own in enumerate(parents) if node == own]
    unit = 2 * math.pi / max(sum(share[root] for root in roots), 1.0)
    if unit < _LEAST:
        raise ValueError(
            f"'parent' must be of a tree whose leaves can have angles of {_LEAST:g} "
            f"(got {unit:.1e}, of {len(parents)} nodes); leave out levels, or cut it "
            f"into several trees"
        )
    start = [0.0] * len(parents)
    _side_by_side(roots, 0.0, start, share, unit)
    for node in order:
        first = start[node] + BEFORE * share[node] * unit
        _side_by_side(children[node], first, start, share, unit)
    width = unit * torch.tensor(share, dtype=torch.float64)
    angle = torch.tensor(start, dtype=torch.float64) + BEFORE * width
    radius = -2 * (ROOM * width / 2).sin().log()
    points = radius[:, None] * torch.stack([angle.cos(), angle.sin()], dim=1)
    return points.to(parent.device)


def _downwards(parents: list[int]) -> tuple[list[int], list[list[int]]]:
    """All nodes, parents before their children, and the children of each."""
    children: list[list[int]] = [[] for _ in parents]
    order = []
    for node, own in enumerate(parents):
        if node == own:
            order.append(node)
        else:
            children[own].append(node)
    for node in order:  # which grows meanwhile
        order += children[node]
    if len(order) < len(parents):
        lost = next(iter({*range(len(parents))}.difference(order)))
        raise ValueError(
            f"'parent' must lead from every node to a root, its own parent (got a "
            f"cycle above node {lost}); take out one of its edges"
        )
    return order, children


def _side_by_side(
    nodes: list[int], begin: float, start: list[float], share: list[float], unit: float
) -> None:
    """Gives nodes their places, one after another."""
    for node in nodes:
        start[node] = begin
        begin += share[node] * unit
