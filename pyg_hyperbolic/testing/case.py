"""A layer to be checked, and what all checks of it share."""

import copy
import dataclasses
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Module

from pyg_hyperbolic.testing.graphs import to_form

Leaves = dict[str, Tensor]


@dataclasses.dataclass(frozen=True)
class Case:
    """How the layer is built, on which graph, and which Euclidean layer it extends."""

    build: Callable[..., Any]
    twin: Callable[..., Any] | None
    dims: tuple[int, int]
    radii: Sequence[float]

    def make(self, dtype: torch.dtype = torch.float64, **options: Any) -> Any:
        """A layer none of whose parameters is zero: what is missing then shows."""
        conv = self.build(*self.dims, **options)
        with torch.no_grad():
            for parameter in conv.parameters():
                parameter.add_(0.2 * torch.randn_like(parameter))
        return conv.to(dtype)

    def x(self, *lead: int, dtype: torch.dtype = torch.float64) -> Tensor:
        """Features of the six nodes."""
        return torch.randn(*lead, 6, self.dims[0], dtype=dtype)

    def weighted(self, conv: Module) -> bool:
        """Whether the layer takes weights of edges."""
        return "edge_weight" in inspect.signature(conv.forward).parameters


def graph_in(
    form: str, weight: Tensor | None, edge_index: Tensor, size: tuple[int, int]
) -> tuple[Any, Leaves]:
    """A graph in a form, and the keywords that go along with it."""
    graph, beside = to_form(edge_index, weight, form, size)
    return graph, {} if beside is None else {"edge_weight": beside}


def twin_of(conv: Any, **attributes: Any) -> Any:
    """A copy with other attributes."""
    out = copy.deepcopy(conv)
    for name, value in attributes.items():
        setattr(out, name, value)
    return out


def gradients(conv: Module, out: Tensor, **inputs: Tensor | None) -> Leaves:
    """Of some scalar of the output, by the inputs and by all parameters."""
    given = {k: x for k, x in inputs.items() if x is not None and x.requires_grad}
    leaves = given | dict(conv.named_parameters())
    cotangent = torch.arange(1, out.numel() + 1, dtype=out.dtype).sin().view_as(out)
    grads = torch.autograd.grad(
        out, list(leaves.values()), cotangent, materialize_grads=True, allow_unused=True
    )
    return dict(zip(leaves, grads, strict=True))


def expect(holds: bool, wrong: str, way_out: str) -> None:
    """Fails with what is wrong, and the way out."""
    if not holds:
        raise AssertionError(f"{wrong}; {way_out}")


def close(
    actual: Any, expected: Any, bar: float, wrong: str, way_out: str, atol: float = -1
) -> None:
    """Fails if tensors, or dicts of them, are not equal to a relative bar."""
    torch.testing.assert_close(
        actual,
        expected,
        rtol=bar,
        atol=bar if atol < 0 else atol,
        check_dtype=False,
        msg=lambda text: f"{wrong}; {way_out}\n{text}",
    )


def finite(tensors: dict[str, Tensor | None], where: str, way_out: str) -> None:
    """Fails if there is an entry that is no number, or no tensor at all."""
    for name, tensor in tensors.items():
        expect(tensor is not None, f"{name} has no gradient {where}", way_out)
        bad = 0 if tensor is None else int((~tensor.isfinite()).sum())
        expect(bad == 0, f"{bad} entries of {name} are not finite {where}", way_out)
