"""Copies of a shared curvature, made one again."""

import torch

from pyg_hyperbolic.checks import check_kind
from pyg_hyperbolic.curvature.module import Curvature


def tie_curvatures(module: torch.nn.Module) -> int:
    """Turns the copies of a shared curvature back into one.

    :func:`~torch_geometric.nn.to_hetero` copies every layer for every relation, and
    with it the curvature that the layers share: each copy would learn by itself.  Call
    this right afterwards, before the optimizer is made.  Leave it out if each relation
    is to have a curvature of its own.

    Args:
        module: A model that holds deep copies of curvatures, changed in place.

    Returns:
        How many copies were replaced.

    Raises:
        ValueError: If the copies are no longer equal.
    """
    check_kind(module, torch.nn.Module, "module")
    places = [
        (parent, name, child)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, Curvature)
    ]
    first: dict[str, Curvature] = {}
    for _, _, child in places:
        one = first.setdefault(child.origin, child)
        if not _same(one, child):
            raise ValueError(
                f"'module' has copies of a curvature that are no longer the same (got "
                f"{one} with the parameter {one.raw.tolist()} and {child} with "
                f"{child.raw.tolist()}); tie them before the first run, or load one's "
                f"state_dict into the other"
            )
    copies = {child for _, _, child in places if first[child.origin] is not child}
    for parent, name, child in places:
        setattr(parent, name, first[child.origin])
    return len(copies)


def _same(one: Curvature, other: Curvature) -> bool:
    states = [curvature.state_dict().values() for curvature in (one, other)]
    return all(
        torch.equal(a.nan_to_num(), b.nan_to_num())  # "auto" is NaN before it is set
        for a, b in zip(*states, strict=True)
    )
