"""How far a result may be from the true one, and a readable account of where it is not.

A result meets its bar outright, or by being what the exact operation gives for inputs
moved by 4 ulp: the tables hold how far the exact result moves with them (``slack``).
One ulp of x is taken as eps |x|.  Half precision is computed in float32, and gets the
slack of float32 inputs alone.

Vectors are measured by their length, not by component: a component that is small by
cancellation says nothing about the point.  A gradient is measured output by output:
all of the derivatives of one component of the result by the coordinates of one point
are a vector.  A component of the result that is small or even 0, such as the second
one on the first axis, so has a gradient of its own to be right.  Of the derivatives by
the curvature the vector is that of all components of the result.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

VALUE = {torch.float32: 1e-5, torch.float64: 1e-12}
GRADIENT = {torch.float32: 1e-4, torch.float64: 1e-10}
SHOWN = 5


class Error(NamedTuple):
    """Errors in units of what is allowed, one a case."""

    name: str
    ratio: np.ndarray
    got: np.ndarray
    true: np.ndarray


def error(
    name: str,
    got: np.ndarray,
    true: np.ndarray,
    slack: np.ndarray,
    dtype: torch.dtype,
    relative: dict[torch.dtype, float],
) -> Error:
    """Errors of vectors, shape [cases, components].

    A result must be a number wherever the true one fits the dtype, or would still fit
    after the inputs have moved.
    """
    info = torch.finfo(dtype)
    got, true, slack = (x.astype(np.float64) for x in (got, true, slack))
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        length = np.linalg.norm(true, axis=-1)
        if dtype in relative:
            # Below the smallest normal number digits are lost one by one.
            allowed = relative[dtype] * length + info.smallest_normal
        else:
            ulp = info.eps * 2.0 ** np.floor(np.log2(np.maximum(length, info.tiny)))
            allowed = 2 * ulp
        ratio = np.linalg.norm(got - true, axis=-1) / (allowed + slack)
        ratio[~np.isfinite(got).all(axis=-1)] = np.inf
        ratio[~(length + slack <= info.max * (1 - info.eps))] = 0
    return Error(name, ratio, got, true)


def array(x: Tensor) -> np.ndarray:
    """In double precision."""
    return x.detach().double().numpy()


def gradients(out: Tensor, given: Sequence[Tensor]) -> list[np.ndarray]:
    """Derivatives of each component of the result, [cases, components, inputs]."""
    rows = [torch.autograd.grad(x.sum(), given, retain_graph=True) for x in out.T]
    return [
        np.stack([array(x).reshape(len(x), -1) for x in by], axis=1)
        for by in zip(*rows, strict=True)
    ]


def errors(
    out: Tensor, given: dict[str, Tensor], known: Sequence[np.ndarray]
) -> list[Error]:
    """Those of a function of inputs by their names, of which c is the last.

    What is known are its values, derivatives [cases, components, inputs], and slack.
    """
    out = out.view(len(out), -1)
    value, jacobian, slack = known
    *by_inputs, by_c = gradients(out, [*given.values()])
    ends = np.cumsum([by.shape[-1] for by in by_inputs])
    *exact, exact_by_c = np.split(jacobian.reshape(*out.shape, -1), ends, axis=-1)
    slack = [*slack.T]
    found = [error("value", array(out), value, slack.pop(0), out.dtype, VALUE)]
    for name, got, true in zip(given, by_inputs, exact, strict=False):
        for k in range(out.shape[1]):
            rows = got[:, k], true[:, k], slack.pop(0)
            found.append(error(f"d{k}/d{name}", *rows, out.dtype, GRADIENT))
    rows = by_c[..., 0], exact_by_c[..., 0], slack.pop(0)
    return [*found, error("d/dc", *rows, out.dtype, GRADIENT)]


def check(
    errors: list[Error],
    cases: list[str],
    title: str,
    missed: Mapping[str, int] | None = None,
) -> None:
    """Fails with lists of the worst cases, where there are more than are known."""
    lines = []
    for e in errors:
        bad = ~(e.ratio <= 1)
        lost = bad & ~np.isfinite(e.got).all(axis=-1)
        if bad.sum() > (missed or {}).get(e.name, 0) or lost.any():
            lines.append(
                f"{e.name}: {bad.sum()} of {len(bad)}, {lost.sum()} no numbers"
            )
            lines += [
                f"{e.ratio[i]:8.2g} x the bar  {cases[i]}\n"
                f"{'':20} got {_show(e.got[i])}  true {_show(e.true[i])}"
                for i in np.argsort(-e.ratio)[:SHOWN]
                if bad[i]
            ]
    if lines:
        pytest.fail("\n".join([title, *lines]), pytrace=False)


def _show(x: np.ndarray) -> str:
    return " ".join(f"{k:.8g}" for k in x)
