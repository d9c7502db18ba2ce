r"""Weights of the original HGCN code, https://github.com/HazyResearch/hgcn."""

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from pyg_hyperbolic.checks import check_kind, check_shape, check_tensor
from pyg_hyperbolic.curvature import as_curvature
from pyg_hyperbolic.nn.models.hgcn import HGCN

MANIFOLDS = ("PoincareBall", "Hyperboloid")
_KEY = re.compile(r"(?:encoder\.)?layers\.(\d+)\.(\w+)\.(.+)")


def load_hgcn(
    state: Mapping[str, Tensor],
    manifold: str,
    curvature: float | None = None,
) -> HGCN:
    r"""An :class:`HGCN` with the weights of an original encoder.

    Its points, in normal coordinates, are the original's.  Three things are left to
    you:

    - **features**: the original reads them as tangent vectors at the origin.  On the
      hyperboloid these are normal coordinates; on the ball they are half as long, so
      pass *twice* the features, and halve points to get the original's tangent vectors;
    - **the graph**: the original's row-normalized adjacency with self-loops, as
      ``edge_index`` and ``edge_weight``;
    - **the last activation**: the original has one after every layer, this model only
      between layers; apply it to the output.

    Weights of decoders are ignored.

    Args:
        state: What the original saved, ``torch.load("model.pth", weights_only=True)``:
            ``encoder.layers.i.linear.weight``, ``.linear.bias`` and, where they were
            learned, the curvatures ``.linear.c``.
        manifold: ``"PoincareBall"`` or ``"Hyperboloid"``: the original's
            ``--manifold``.
        curvature: The original's ``--c``, where curvatures were not learned.

    Returns:
        A model with ``aggregation="tangent"``, ``normalize=False`` and ReLU between
        its layers, in the weights' dtype.

    Raises:
        ValueError: If the manifold is unknown, weights are missing or do not fit
            together, the model has attention, or there is no curvature.
    """
    if manifold not in MANIFOLDS:
        raise ValueError(
            f"'manifold' must be one of {', '.join(MANIFOLDS)} (got {manifold!r})"
        )
    check_kind(state, Mapping, "state", "; read a file with torch.load")
    for key, value in state.items():
        check_tensor(value, f"state[{key!r}]")
    layers = _layers(state)
    weights, biases = [], []
    for i, layer in enumerate(layers):
        weight, bias = layer.get("linear.weight"), layer.get("linear.bias")
        if weight is None:
            raise ValueError(
                f"'state' must hold 'encoder.layers.{i}.linear.weight' (got "
                f"{', '.join(layer) or 'nothing'} of that layer)"
            )
        check_shape(
            weight, f"layers.{i}.linear.weight", [*weight.shape[:1], *weight.shape[-1:]]
        )
        bias = weight.new_zeros(len(weight)) if bias is None else bias
        check_shape(bias, f"layers.{i}.linear.bias", weight.shape[:1])
        if manifold == "Hyperboloid":  # a tangent vector at the origin has no time
            weight, bias = weight[1:, 1:], bias[1:]
        else:
            bias = 2 * bias
        weights.append(weight)
        biases.append(bias)
    widths = [weights[0].size(1), *(len(weight) for weight in weights)]
    if any(w.size(1) != width for w, width in zip(weights, widths, strict=False)):
        raise ValueError(f"'state' must hold layers that fit together (got {widths})")
    if len(set(widths[1:-1])) > 1:
        raise ValueError(
            f"'state' must have hidden layers of one width, as HGCN has (got "
            f"{widths[1:-1]})"
        )
    hidden = widths[1] if len(layers) > 1 else widths[-1]
    model = HGCN(
        widths[0],
        hidden,
        len(layers),
        widths[-1],
        aggregation="tangent",
        normalize=False,
    ).to(weights[0].dtype)
    with torch.no_grad():
        for i, conv in enumerate(model.convs):
            conv.lin.weight.copy_(weights[i])
            conv.bias.copy_(biases[i])
            conv.curvature = as_curvature(_curvature(layers[i], i, curvature))
    return model.to(weights[0].dtype)


def _layers(state: Mapping[str, Tensor]) -> list[dict[str, Tensor]]:
    """The entries of each layer, by the end of their name."""
    layers: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        match = _KEY.fullmatch(key)
        if match is None:
            continue
        if match[2] == "agg" and match[3].startswith("att"):
            raise ValueError(
                f"'state' must be of a model without attention, which HGCN does not "
                f"have (got {key!r})"
            )
        layers.setdefault(int(match[1]), {})[f"{match[2]}.{match[3]}"] = value
    if sorted(layers) != list(range(len(layers))) or not layers:
        raise ValueError(
            f"'state' must hold 'encoder.layers.0', '.1' and so on (got layers "
            f"{sorted(layers)} in {len(state)} entries)"
        )
    return [layers[i] for i in range(len(layers))]


def _curvature(layer: Mapping[str, Tensor], i: int, given: float | None) -> float:
    learned = layer.get("linear.c")
    if learned is not None:
        return learned.item()
    if given is None:
        raise ValueError(
            f"'curvature' must be given where none was learned: 'state' has no "
            f"'encoder.layers.{i}.linear.c' (got None); pass the original's --c"
        )
    return given
