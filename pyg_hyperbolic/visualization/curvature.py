"""Curvatures during training."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyg_hyperbolic.checks import check_kind
from pyg_hyperbolic.curvature import CurvatureReport
from pyg_hyperbolic.visualization.axes import COLORS, axes_or_new, plain_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CROSSES = 50  # as many as can be told apart


def plot_curvature(
    history: Sequence[CurvatureReport], *, ax: "Axes | None" = None
) -> "Axes":
    r"""Draws c of every curvature of a model against the step, on a logarithmic scale.

    Steps at which a gradient was blocked are marked with a cross; long histories show
    only as many crosses as can be told apart.

    Args:
        history: What :func:`~pyg_hyperbolic.curvature_report` gave after each step.
        ax: The axes to draw on; by default those of a new figure.

    Returns:
        The axes.

    Raises:
        ValueError: If there are no steps, or they are of different curvatures.

    .. code-block:: python

        history = []
        for epoch in range(100):
            train()
            history.append(curvature_report(model))
        plot_curvature(history)
    """
    check_kind(history, Sequence, "history", " of what curvature_report gave")
    for report in history:
        check_kind(report, CurvatureReport, "history", " at every step")
    if not history:
        raise ValueError(
            "'history' must hold a report for every step (got none); append "
            "curvature_report(model) after each"
        )
    names = [state.names for state in history[0]]
    for step, report in enumerate(history):
        if [state.names for state in report] != names:
            raise ValueError(
                f"'history' must be of one model (got other curvatures at step {step}: "
                f"{[', '.join(state.names) for state in report]})"
            )
    ax = axes_or_new(ax, (6, 3.5))
    lines = ("-", "--", ":", "-.")
    for i, name in enumerate(names):
        states = [report[i] for report in history]
        color = COLORS[i % len(COLORS)]
        ax.plot(
            [state.c for state in states],
            lines[i // len(COLORS) % len(lines)],
            color=color,
            label=", ".join(name) or "curvature",
        )
        blocked = [step for step, state in enumerate(states) if state.blocked]
        ax.plot(
            blocked,
            [states[step].c for step in blocked],
            "x",
            color=color,
            markevery=1 + len(states) // CROSSES,
        )
    ax.set(xlabel="step", ylabel="curvature c", yscale="log")
    plain_numbers(ax)
    ax.legend(fontsize="small")
    ax.grid(alpha=0.3, which="both")
    return ax
