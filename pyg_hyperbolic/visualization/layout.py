"""Where the nodes of a graph go in the hyperbolic plane, by their distances alone."""

import math

import torch
from scipy.sparse.csgraph import dijkstra
from torch import Tensor
from torch_geometric.utils import to_scipy_sparse_matrix

from pyg_hyperbolic import kernels
from pyg_hyperbolic.checks import check_whole, number, whole
from pyg_hyperbolic.geometry import gyro_add
from pyg_hyperbolic.kernels.forms import check_edges

PAIRS = 16  # of distances in a step, for each node
RATE, LAST = 0.1, 0.002  # of Adam, at first and at last
BESIDE = 0.3  # how far from its neighbor a node begins


def disk_layout(
    edge_index: Tensor,
    num_nodes: int,
    root: int | None = None,
    *,
    length: float = 1.0,
    steps: int = 400,
    seed: int = 0,
) -> Tensor:
    r"""Points of the hyperbolic plane that are as far apart as their nodes.

    The plane has room for a tree, with distances nearly those along its edges, as
    `Sarkar (2011) <https://doi.org/10.1007/978-3-642-25878-7_34>`_ has shown, and edges
    hardly cross.  The points minimize the mean of :math:`(d / (\ell h) - 1)^2` over
    pairs of nodes that :math:`h` steps connect, the stress of graph drawing.  The graph
    grows from its root: the nodes of each level begin beside a neighbor that has its
    place, and all are moved before the next level comes.

    Args:
        edge_index: A connected graph, shape :math:`(2, E)`, read as undirected.
        num_nodes: Number of nodes :math:`N`, up to some thousands: the steps between
            all of them are kept.
        root: The node to begin with; by default the one that is nearest to all.
        length: Length :math:`\ell` of an edge, where c is 1.  Longer edges cross
            less, and bring more of the graph close to the rim.
        steps: How often the points of each level are moved.
        seed: Seed of the places to begin at, and of the pairs of each step.

    Returns:
        Points in normal coordinates for :math:`c = 1`, shape :math:`(N, 2)`, in
        float64.

    Raises:
        ValueError: If the graph is not connected, or a number is out of range.

    .. code-block:: python

        plot_disk(disk_layout(edge_index, num_nodes), 1.0, edge_index)
    """
    check_edges(edge_index)
    check_whole(1, num_nodes=num_nodes)
    check_whole(0, steps=steps)
    check_whole(-math.inf, seed=seed)
    if not 0 < number(length) < math.inf:
        raise ValueError(f"'length' must be a positive number (got {length!r})")
    hops = _hops(edge_index, num_nodes)
    if root is None:
        root = int(hops.sum(dim=1).argmin())
    check_whole(0, root=root)
    if root >= num_nodes:
        raise ValueError(f"'root' must be below 'num_nodes' = {num_nodes} (got {root})")
    level = hops[whole(root)]
    inward = torch.cat([edge_index, edge_index.flip(0)], dim=1).long().cpu()
    inward = inward[:, level[inward[0]] > level[inward[1]]]
    neighbor = torch.zeros(num_nodes, dtype=torch.long)
    neighbor[inward[0]] = inward[1]
    generator = torch.Generator().manual_seed(whole(seed))
    v = torch.zeros(num_nodes, 2, dtype=torch.float64)
    for depth in range(1, int(level.max()) + 1):
        new, placed = level == depth, level <= depth
        size = (int(new.sum()), 2)
        start = BESIDE * torch.randn(size, generator=generator, dtype=v.dtype)
        v[new] = gyro_add(v[neighbor[new]], start, 1.0)
        far = length * hops[placed][:, placed]
        v[placed] = _relax(v[placed], far, whole(steps), generator)
    return v


def _hops(edge_index: Tensor, num_nodes: int) -> Tensor:
    """Steps between all nodes, [N, N]."""
    if edge_index.numel() and not 0 <= edge_index.min() <= edge_index.max() < num_nodes:
        raise ValueError(
            f"'edge_index' must be within 0 and {num_nodes - 1}, the last node (got "
            f"{int(edge_index.min())} to {int(edge_index.max())})"
        )
    adjacency = to_scipy_sparse_matrix(edge_index.cpu(), num_nodes=num_nodes)
    hops = torch.from_numpy(dijkstra(adjacency, directed=False, unweighted=True))
    apart = int(hops[0].isinf().sum())
    if apart:
        raise ValueError(
            f"'edge_index' must connect all nodes (got {apart} of {num_nodes} without "
            f"a path to node 0); draw the largest component: "
            f"torch_geometric.transforms.LargestConnectedComponents"
        )
    return hops


def _relax(v: Tensor, far: Tensor, steps: int, generator: torch.Generator) -> Tensor:
    """Moves points until they are as far apart as they should be."""
    points = v.clone().requires_grad_()
    optimizer = torch.optim.Adam([points])
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = RATE * (LAST / RATE) ** (step / steps)
        size = (2, PAIRS * len(v))
        first, second = torch.randint(len(v), size, generator=generator)
        other = first != second
        first, second = first[other], second[other]
        d = kernels.dist(points, points, 1.0, first, second)
        loss = (d / far[first, second] - 1).square().sum() / len(v)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return points.detach()
