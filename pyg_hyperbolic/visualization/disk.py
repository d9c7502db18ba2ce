"""Points of hyperbolic space in the Poincaré disk."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_number, check_tensor
from pyg_hyperbolic.geometry import gyro_add, midpoint, to_poincare
from pyg_hyperbolic.utils.given import check_embedding, check_ends
from pyg_hyperbolic.visualization.axes import COLORS, axes_or_new
from pyg_hyperbolic.visualization.words import place_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 24  # of an arc
SMALLEST = 0.35  # size at the rim, as a share of that at the center
INK = 150.0  # width of an arc, in points, times the length of all, in radii


def flatten(v: Tensor, c: float | Tensor) -> Tensor:
    r"""Points in two dimensions, seen from their midpoint.

    The midpoint is moved to the origin by an isometry; then the points are projected
    on the plane of their two largest principal components there, as in tangent
    principal geodesic analysis (`Fletcher et al., 2004
    <https://doi.org/10.1109/TMI.2004.831793>`_), but keep their radius: how far out a
    point is stays true, its direction is that of its projection.  Two dimensions are
    only moved.

    Args:
        v: Points, shape :math:`(N, d)`, d ≥ 2.
        c: Absolute value of the curvature.

    Returns:
        Points, shape :math:`(N, 2)`, in float64.
    """
    v = v.double()
    v = gyro_add(-midpoint(v, c), v, c)
    if v.size(-1) == 2:
        return v
    _, _, axes = torch.linalg.svd(v, full_matrices=False)
    plane = v @ axes[:2].T
    length = plane.norm(dim=-1, keepdim=True)
    # A point right above the origin has no direction, and goes along the first axis.
    ahead = torch.eye(2, dtype=v.dtype)[0]
    direction = torch.where(length > 0, plane / length, ahead)
    return v.norm(dim=-1, keepdim=True) * direction


def geodesics(x: Tensor, y: Tensor, steps: int = STEPS) -> Tensor:
    r"""Arcs of geodesics of the unit disk, the circles that meet its rim upright.

    Args:
        x: Points of the disk to start from, shape :math:`(E, 2)`.
        y: Points of the disk to end at, shape :math:`(E, 2)`.
        steps: Points of an arc.

    Returns:
        Points along the arcs, shape :math:`(E, steps, 2)`.
    """
    # With x moved to the origin, geodesics from there are straight; and back.
    start, end = (torch.view_as_complex(p.double().contiguous()) for p in (x, y))
    ahead = (end - start) / (1 - start.conj() * end)
    radius = ahead.abs().clamp(max=1 - 1e-15).atanh()
    share = torch.linspace(0, 1, steps, dtype=torch.float64)
    out = (radius[:, None] * share).tanh() * torch.sgn(ahead)[:, None]
    start = start[:, None]
    return torch.view_as_real((out + start) / (1 + start.conj() * out))


def plot_disk(
    v: Tensor,
    c: float | Tensor,
    edge_index: Tensor | None = None,
    y: Tensor | None = None,
    *,
    label: str | None = None,
    names: Sequence[str] | None = None,
    ax: "Axes | None" = None,
    size: float | None = None,
) -> "Axes":
    r"""Draws points in the Poincaré disk, and edges as arcs of geodesics.

    Points of more than two dimensions are shown in the plane that tells most of their
    directions apart, with their true distances from their midpoint, which is in the
    center; arcs are the geodesics of that plane.

    Args:
        v: Points in normal coordinates, shape :math:`(N, d)` with :math:`d \ge 2`.
        c: Absolute value of the curvature, a positive number.
        edge_index: Edges to draw, shape :math:`(2, E)`; an undirected edge is drawn
            once.
        y: Classes that give the points their color, or values of a color scale if they
            are floating point, shape :math:`(N)`.
        label: What :obj:`y` is: the title of the legend or of the color scale.
        names: A word for each point, empty for none.  They are written from the center
            outward; one that would stand on another is left out.
        ax: The axes to draw on; by default those of a new figure.
        size: Area of a point at the center, in square points of print; by default it
            depends on the number of points.  Towards the rim points get smaller, as
            everything does there.

    Returns:
        The axes.

    Raises:
        ValueError: If the points are not finite or have another shape, c is not
            positive, or :obj:`edge_index`, :obj:`y` or :obj:`names` does not fit them.

    .. code-block:: python

        plot_disk(model(x, edge_index), model.convs[-1].curvature(), edge_index, y)
    """
    check_embedding(v, c, least=2)
    if edge_index is not None:
        check_ends(edge_index, v)
    v, c = v.detach().cpu(), c.item() if isinstance(c, Tensor) else c
    _check(c, y, names, len(v), size)
    # Of curvature -1, which is the same picture.
    disk = to_poincare(flatten(v * c**0.5, 1.0), 1.0)
    ax = axes_or_new(ax, (5, 5))
    _rim(ax)
    areas = _scale(disk) ** 2
    if size is None:
        size = min(70.0, max(6.0, 10000.0 / max(areas.sum(), 1.0)))
    if edge_index is not None and edge_index.numel() > 0:
        from matplotlib.collections import LineCollection

        ends = edge_index.detach().cpu().sort(dim=0).values.unique(dim=1)
        arcs = geodesics(disk[ends[0]], disk[ends[1]])
        # The more ink all arcs take together, the thinner they are.
        ink = arcs.diff(dim=1).norm(dim=-1).sum().item()
        widths = min(1.2, max(0.15, INK / max(ink, 1.0))) * _scale(arcs[:, STEPS // 2])
        lines = LineCollection(list(arcs.numpy()), colors="0.5", linewidths=widths)
        ax.add_collection(lines)
    style: dict[str, Any] = {"linewidths": 0, "zorder": 2}
    across, up = disk.numpy().T
    if y is None:
        ax.scatter(across, up, s=size * areas, color=COLORS[0], **style)
    elif y.is_floating_point():
        shades = ax.scatter(across, up, s=size * areas, c=y.detach().cpu(), **style)
        ax.figure.colorbar(shades, ax=ax, shrink=0.7, label=label or "")
    else:
        classes = y.detach().cpu().numpy()
        for i, name in enumerate(np.unique(classes)):
            chosen = classes == name
            style["color"] = COLORS[i % len(COLORS)]
            style["marker"] = "os^Dvp*X"[(i // len(COLORS)) % 8]
            place = across[chosen], up[chosen]
            ax.scatter(*place, size * areas[chosen], **style)
            ax.scatter([], [], s=30, label=str(name), **style)  # for the legend
        ax.legend(
            loc="upper left",
            bbox_to_anchor=(0.95, 1.0),
            fontsize="small",
            title=label,
            frameon=False,
        )
    if names is not None:
        place_words(ax, disk.numpy(), names)
    return ax


def _scale(disk: Tensor) -> "np.ndarray[Any, Any]":
    """How small things are where these points are, as far as they stay visible."""
    return (1 - disk.square().sum(dim=-1)).clamp(min=SMALLEST).numpy()


def _rim(ax: "Axes") -> None:
    from matplotlib.patches import Circle

    ax.add_patch(Circle((0, 0), 1, facecolor="none", edgecolor="black", linewidth=0.8))
    ax.set(aspect="equal", xlim=(-1.02, 1.02), ylim=(-1.02, 1.02))
    ax.set_axis_off()


def _check(
    c: float,
    y: Tensor | None,
    names: Sequence[str] | None,
    number: int,
    size: float | None,
) -> None:
    if c == 0:
        raise ValueError(
            f"'c' must be a positive number, the absolute value of the curvature "
            f"(got {c}); flat space has no disk"
        )
    if y is not None:
        check_tensor(y, "y", "torch.long")
        if y.shape != (number,):
            raise ValueError(
                f"'y' must have one entry for each of the {number} points "
                f"(got shape {list(y.shape)})"
            )
    if names is not None and (
        not isinstance(names, Sequence)
        or isinstance(names, str)
        or len(names) != number
    ):
        raise ValueError(
            f"'names' must have one word for each of the {number} points, empty for "
            f"those without a name (got "
            f"{len(names) if isinstance(names, Sequence) else names!r})"
        )
    if size is not None:
        check_number(0, math.inf, size=size)
