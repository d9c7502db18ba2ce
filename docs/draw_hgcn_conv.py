"""Draws ``docs/hgcn_conv.svg``, the way of the data through one ``HGCNConv``."""

import sys
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch

INK, BLUE, RED, GREY = "#222222", "#0072B2", "#D55E00", "#666666"
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "0", "mathtext.fontset": "dejavusans"}

# Column, height, title, what happens, a file of `pyg_hyperbolic` or how often, and the
# color, which is blue where the curvature takes part.
LEFT, MIDDLE, RIGHT = 15, 51, 87
WIDTH = {LEFT: 27, MIDDLE: 36, RIGHT: 24}
KEPT = "kernels/graph.py, kernels/memory.py"
LIFT = r"$h_j \oplus b$ to the hyperboloid: (space, time)"
GRAD = r"$\partial L / \partial c\ \cdot$ sigmoid($\rho$)," + "\nwhich blocks nothing"
TERMS = "sum of terms of nodes,\ntargets and the bias"
BOXES = [
    (LEFT, 94, "edge_index, edge_weight", "edges j → i, weights", "", INK),
    (LEFT, 80, "normalize", "self-loops, $w_{ij}$", "nn/conv/normalized.py", INK),
    (LEFT, 64, "order by target", "once for a graph, then kept", KEPT, INK),
    (MIDDLE, 94, "x", "[N, F_in], any vectors: points", "", INK),
    (MIDDLE, 80, "linear", "h = W x,  [N, F_out]", "nn/conv/hgcn_conv.py", INK),
    (MIDDLE, 60, "lift, with the bias b", LIFT, "of every node", BLUE),
    (MIDDLE, 46, "sum", r"$\Sigma_j\ w_{ij}$ (space, time)", "along every edge", INK),
    (MIDDLE, 32, "midpoint", "space / time, back to a vector", "of every target", BLUE),
    (MIDDLE, 8, "out", "[M, F_out], any vectors: points", "", INK),
    (RIGHT, 94, r"$\rho$ = curvature.raw", "learned", "curvature/module.py", BLUE),
    (RIGHT, 80, r"c = softplus($\rho$)", "one number > 0, in float64", "", BLUE),
    (RIGHT, 46, r"$\partial L / \partial c$", TERMS, "kernels/cpu/lifted.py", RED),
    (RIGHT, 22, r"$\rho$.grad", GRAD, "curvature/module.py", RED),
]  # fmt: skip
# Files of `kernels`, on both sides of the arrow.
CALLED = "operations.py\nchecks arguments\noperator.py\nchooses a back end"
BACKENDS = "cpu/midpoint.py\ncuda/midpoint.py\nportable.py"
ARROWS = [
    ((LEFT, 90), (LEFT, 85), INK), ((LEFT, 75), (LEFT, 69), INK),
    ((MIDDLE, 90), (MIDDLE, 85), INK), ((MIDDLE, 75), (MIDDLE, 65), INK),
    ((MIDDLE, 55), (MIDDLE, 51), INK), ((MIDDLE, 41), (MIDDLE, 37), INK),
    ((MIDDLE, 27), (MIDDLE, 12), INK), ((RIGHT, 89), (RIGHT, 85), BLUE),
]  # fmt: skip


def box(ax: Axes, x: float, y: float, lines: tuple[str, str, str], color: str) -> None:
    """A box with a title, what happens, and where."""
    title, text, file = lines
    width, height = WIDTH[int(x)], 9.4 if file or "\n" in text else 7.6
    place = (x - width / 2, y - height / 2)
    style = "round,pad=0,rounding_size=0.8"
    shape = FancyBboxPatch(place, width, height, style, fc="white", ec=color, lw=1.3)
    ax.add_patch(shape)
    own = {"ha": "center", "va": "center", "color": INK}
    if file:
        y += 0.6 if "\n" in text else 0.2
    ax.text(x, y + (2.7 if file else 1.6), title, weight="bold", size=10, **own)
    ax.text(x, y - (0.2 if file else 1.5), text, size=8.5, **own)
    kind = {"family": "monospace"} if file.endswith(".py") else {}
    low = 3.9 if "\n" in text else 3.1
    ax.text(x, y - low, file, size=7.5, **{**own, "color": GREY}, **kind)


def arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    color: str,
    bend: str = "arc3",
) -> None:
    """An arrow, broken where it is of gradients."""
    line = "--" if color == RED else "-"
    style = {"arrowstyle": "-|>", "color": color, "ls": line, "lw": 1.3}
    ax.annotate("", end, start, arrowprops={**style, "connectionstyle": bend})


def draw(ax: Axes) -> None:
    """The whole picture, on axes of 100 by 100."""
    ax.set(xlim=(0, 100), ylim=(2, 100))
    ax.set_axis_off()
    shape = FancyBboxPatch(
        (31, 16), 40, 53, "round,pad=0,rounding_size=1", fc="#F3F3F3", ec=GREY, ls=":"
    )
    ax.add_patch(shape)
    ax.text(32, 67, "kernels.midpoint", weight="bold", size=10, color=INK, va="center")
    for x, text, side in ((49.5, CALLED, "right"), (52.5, BACKENDS, "left")):
        style = {"ha": side, "va": "center", "family": "monospace", "color": GREY}
        ax.text(x, 21.5, text, size=7.5, **style)
    for x, y, *lines, color in BOXES:
        box(ax, x, y, (lines[0], lines[1], lines[2]), color)
    for start, end, color in ARROWS:
        arrow(ax, start, end, color)
    # weights and order of the edges, c, and the gradient of c
    arrow(ax, (LEFT, 59), (33, 46), INK, "angle,angleA=-90,angleB=180,rad=2")
    ax.plot([75, 73, 73], [80, 80, 33.5], color=BLUE, lw=1.3)
    for height in (61.5, 33.5):
        arrow(ax, (73.2, height), (69, height), BLUE)
    arrow(ax, (69, 58.5), (RIGHT, 51), RED, "angle,angleA=0,angleB=90,rad=2")
    arrow(ax, (69, 30.5), (RIGHT - 5, 41), RED, "angle,angleA=0,angleB=-90,rad=2")
    arrow(ax, (RIGHT + 5, 41), (RIGHT + 5, 27), RED)
    ax.plot([2, 6], [24, 24], color=INK, lw=1.3)
    ax.plot([2, 6], [20, 20], color=BLUE, lw=1.3)
    ax.plot([2, 6], [16, 16], color=RED, lw=1.3, ls="--")
    for y, text in ((24, "data"), (20, "curvature"), (16, "gradient of the curvature")):
        ax.text(7, y, text, size=8.5, color=INK, va="center")


def main(path: Path) -> None:
    """Writes the picture in the format of the path's suffix."""
    with matplotlib.rc_context(STYLE):
        figure, ax = pyplot.subplots(figsize=(9.5, 8.2), layout="constrained")
        draw(ax)
        date = {"Date": None} if path.suffix == ".svg" else {}
        figure.savefig(path, metadata=date, facecolor="white", dpi=110)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(Path(given[0]) if given else Path(__file__).with_name("hgcn_conv.svg"))
