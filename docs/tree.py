"""Draws the tree of the README: ``python docs/tree.py``.

A random tree is put into the hyperbolic plane so that distances are those of the tree,
by Adam on a table of points and its curvature.
"""

from pathlib import Path

import networkx
import torch
from matplotlib import pyplot
from torch_geometric.utils import from_networkx

from pyg_hyperbolic import Curvature
from pyg_hyperbolic.geometry import dist
from pyg_hyperbolic.nn import HyperbolicEmbedding
from pyg_hyperbolic.visualization import plot_disk


def main() -> None:
    """Trains the embedding and saves the picture."""
    torch.manual_seed(0)
    tree = networkx.balanced_tree(2, 6)
    steps = torch.tensor(networkx.floyd_warshall_numpy(tree)).float()
    depth = steps[0].long()
    i, j = torch.triu_indices(*steps.shape, 1)
    points, curvature = HyperbolicEmbedding(len(tree), 2), Curvature()
    # A first guess: every node right outside its parent, subtrees side by side.
    order = torch.tensor(list(networkx.dfs_preorder_nodes(tree, 0))).argsort()
    angle = 2 * torch.pi * order / len(tree)
    first = depth[:, None] * torch.stack([angle.cos(), angle.sin()], dim=-1)
    with torch.no_grad():
        points.weight.copy_(first + 0.01 * torch.randn_like(first))
    optimizer = torch.optim.Adam(
        [*points.parameters(), *curvature.parameters()], lr=0.02
    )
    for _ in range(400):
        optimizer.zero_grad()
        x, c = points.weight, curvature()
        stretch = dist(x[i], x[j], c) / steps[i, j]
        loss = (stretch - 1).square().mean()
        loss.backward()
        optimizer.step()
    print(
        f"c = {c.item():.2f}, mean |d / steps - 1| = {(stretch - 1).abs().mean():.3f}"
    )
    edge_index = from_networkx(tree).edge_index
    figure, ax = pyplot.subplots(figsize=(5.6, 5), layout="constrained")
    plot_disk(points.weight, curvature(), edge_index, depth, ax=ax)
    ax.get_legend().set_title("depth")
    figure.savefig(Path(__file__).parent / "images" / "tree.png", dpi=110)


if __name__ == "__main__":
    main()
