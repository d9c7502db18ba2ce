"""What is computed from a graph, kept as long as the graph lives and is unchanged."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar
from weakref import ref

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.typing import Adj

from pyg_hyperbolic.geometry.rows import tracing
from pyg_hyperbolic.kernels.operator import transformed

Made = TypeVar("Made")


class _Made(NamedTuple):
    """A result, and what it was computed from besides the tensor of its entry."""

    others: tuple["ref[Tensor] | None", ...]
    states: tuple[Any, ...]
    value: Any

    def is_over(self) -> bool:
        """Whether one of the tensors is gone."""
        return any(known is not None and known() is None for known in self.others)

    def holds_for(self, others: tuple[Tensor | None, ...]) -> bool:
        same = all(
            (None if known is None else known()) is x
            for known, x in zip(self.others, others, strict=True)
        )
        return same and self.states == _states(others)


class _Entry:
    """All results from one tensor, kept while it lives and is not written to."""

    def __init__(self, tensor: Tensor) -> None:
        key, memory = id(tensor), _memory  # at exit the module's names are gone first
        self.tensor = ref(tensor, lambda _: memory.pop(key, None))
        self.state = _states((tensor,))
        self.made: dict[Hashable, _Made] = {}


_memory: dict[int, _Entry] = {}


def _states(tensors: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    """What changes when a tensor's values do, or the memory they are in."""
    return tuple(
        None if x is None else (x._version, x.shape, _address(x)) for x in tensors
    )


def _address(x: Tensor) -> int:
    # Other layouts have no address of their own.
    return x.data_ptr() if x.layout == torch.strided else 0


def remembered(
    tensor: Adj,
    others: tuple[Tensor | None, ...],
    settings: Hashable,
    make: Callable[[], Made],
) -> Made:
    """What is computed from tensors, again only when one is replaced or changed.

    Nothing is remembered for tensors that require gradients, under a compiler, or in
    inference mode, where PyTorch does not count changes.

    Args:
        tensor: The first of them; the result is forgotten when it is freed.
        others: The others.
        settings: What else the result depends on.
        make: Computes the result, which must not hold the first tensor.
    """
    if (
        tracing()
        or torch.is_inference_mode_enabled()
        or transformed()
        or not _can_be_remembered(tensor)
        or not all(x is None or _can_be_remembered(x) for x in others)
    ):
        return make()
    entry = _memory.get(id(tensor))
    known = entry is not None and entry.tensor() is tensor
    if entry is None or not known or entry.state != _states((tensor,)):
        entry = _memory[id(tensor)] = _Entry(tensor)
    key = settings, tuple(id(x) for x in others)
    made = entry.made.get(key)
    if made is None or not made.holds_for(others):
        for gone in [k for k, old in entry.made.items() if old.is_over()]:
            del entry.made[gone]
        refs = tuple(None if x is None else ref(x) for x in others)
        made = entry.made[key] = _Made(refs, _states(others), make())
    out: Made = made.value
    return out


def _can_be_remembered(x: Any) -> bool:
    return (
        type(x) in (Tensor, EdgeIndex) and not x.requires_grad and not x.is_inference()
    )
