"""Distances between points beside those in their graph."""

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from pyg_hyperbolic.utils import embedding_distances
from pyg_hyperbolic.visualization.axes import COLORS, axes_or_new

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_distortion(
    v: Tensor,
    c: float | Tensor,
    edge_index: Tensor,
    *,
    num_sources: int = 200,
    label: str | None = None,
    seed: int = 0,
    ax: "Axes | None" = None,
) -> "Axes":
    r"""Draws distances between points against the steps between them in their graph.

    Distances are scaled by one factor to have the same mean as the steps; the line is
    their median for each number of steps, the band holds half of them, and on the
    dotted line distances are the graph's.  In brackets, the mean of
    :math:`|d / h - 1|` over all pairs with :math:`h` steps between them: the average
    distortion of `Sala et al., 2018 <https://arxiv.org/abs/1804.03329>`_.  Call it
    again on the same axes to compare embeddings.

    Args:
        v: Points in normal coordinates, shape :math:`(N, d)`.
        c: Absolute value of the curvature; 0 for Euclidean points.
        edge_index: The graph, shape :math:`(2, E)`, read as undirected.
        num_sources: How many nodes to measure from; drawn if the graph has more.
        label: Name of the points in the legend.
        seed: Seed of that draw.
        ax: The axes to draw on; by default those of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: If there are no two connected points.
    """
    found, steps = embedding_distances(v, c, edge_index, num_sources, seed)
    far = np.isfinite(steps) & (steps > 0)
    found = found[far]
    hops = steps[far].astype(int)
    found = found * (hops.mean() / found.mean())
    average = np.abs(found / hops - 1).mean()
    at = np.unique(hops)
    low, middle, high = np.transpose(
        [np.quantile(found[hops == h], (0.25, 0.5, 0.75)) for h in at]
    )

    given, ax = ax, axes_or_new(ax, (4.5, 4))
    if given is None:
        ax.set(xlabel="steps in the graph", ylabel="distance, scaled")
        ax.grid(alpha=0.3)
    if not ax.lines:
        ax.axline((0, 0), slope=1, color="0.5", linestyle=":")
    color = COLORS[(len(ax.lines) - 1) % len(COLORS)]
    name = f"{label or 'points'} ({average:.2f})"
    ax.plot(at, middle, color=color, label=name)
    ax.fill_between(at, low, high, color=color, alpha=0.2, linewidth=0)
    ax.legend(fontsize="small", title="mean relative error", title_fontsize="small")
    return ax
