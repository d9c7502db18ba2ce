"""Checks of what users pass to models of knowledge graphs."""

from numbers import Real
from typing import Any

import torch
from torch import Tensor

from pyg_hyperbolic.checks import (
    check_device,
    check_flags,
    check_index,
    check_kind,
    check_shape,
    check_whole,
)
from pyg_hyperbolic.curvature import Curvature, CurvatureLike, as_curvature
from pyg_hyperbolic.curvature.auto import AUTO

MORE = "build the model with more nodes or relations"
CHOICES = {"geometry": ("hyperbolic", "euclidean"), "criterion": ("bce", "softmax")}


def check_settings(sizes: dict[str, Any], flags: dict[str, Any], **names: Any) -> None:
    """Raises if a size is not a whole number, or a choice is unknown."""
    check_whole(1, **sizes)
    check_flags(**flags)
    for name, value in names.items():
        if value not in CHOICES[name]:
            raise ValueError(
                f"'{name}' must be one of {', '.join(CHOICES[name])} (got {value!r})"
            )


def curvature_of(curvature: CurvatureLike, num_relations: int) -> Curvature:
    """A curvature with one number for each relation, or one for all if it is shared.

    Raises:
        ValueError: If it has some other number of them, or none yet.
    """
    if isinstance(curvature, Real):
        curvature = num_relations * [float(curvature)]
    out = as_curvature(curvature, heads=None)
    if out.init == AUTO:
        raise ValueError(
            f"'curvature' must be of numbers: points start as near to the "
            f"origin as they are drawn, and say nothing of a unit (got {AUTO!r})"
        )
    if out.raw.numel() not in (1, num_relations):
        raise ValueError(
            f"'curvature' must be of one number, or of {num_relations}, one for each "
            f"relation; inverse relations have no own (got {out.raw.numel()})"
        )
    return out


def check_triples(device: torch.device, **indices: Any) -> None:
    """Raises if triples are not rows of indices of equal length."""
    first = next(iter(indices))
    for name, index in indices.items():
        check_index(index, name)
        check_device(index.device, device, name, "the model")
        check_shape(index, name, indices[first].shape, fits=first)


def check_known(known: object, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Raises if known triples are not three rows of indices."""
    check_kind(known, tuple, "known", "; pass (head_index, rel_type, tail_index)")
    assert isinstance(known, tuple)
    if len(known) != 3:
        raise ValueError(
            f"'known' must be three tensors, of heads, relations and tails (got "
            f"{len(known)})"
        )
    head, rel, tail = known
    check_triples(device, **{"known[0]": head, "known[1]": rel, "known[2]": tail})
    return head, rel, tail
