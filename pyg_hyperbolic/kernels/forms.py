"""Checks of a graph in any of the forms that it comes in."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor, SparseTensor

from pyg_hyperbolic.checks import (
    check_device,
    check_integers,
    check_real,
    check_tensor,
    is_whole,
    whole,
)


def check_edges(
    edge_index: Adj,
    edge_weight: OptTensor = None,
    device: torch.device | None = None,
    whose: str = "'x'",
) -> None:
    """Raises if a dense edge index has not two rows, or a weight for each edge.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights; a sparse matrix has its own.
        device: Where the features are.
        whose: What the user has for these.
    """
    sparse = isinstance(edge_index, SparseTensor)
    if not sparse:
        check_tensor(edge_index, "edge_index", "torch.long")
    if device is not None:
        own = edge_index.device() if sparse else edge_index.device
        check_device(own, device, "edge_index", whose)
    if sparse or edge_index.layout != torch.strided:
        return
    check_integers(edge_index, "edge_index")
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"'edge_index' must have two rows, of sources and of targets "
            f"(got shape {list(edge_index.shape)}); transpose a list of pairs with "
            f"edge_index.t(), and convert a dense adjacency with "
            f"torch_geometric.utils.dense_to_sparse"
        )
    if edge_weight is not None:
        check_real(edge_weight, "edge_weight")
        check_device(edge_weight.device, edge_index.device, "edge_weight", "the edges")
        number = edge_index.size(1)
        if edge_weight.shape not in ((number,), (number, 1)):
            raise ValueError(
                f"'edge_weight' must have one number for each of {number} edges (got "
                f"shape {list(edge_weight.shape)})"
            )


def checked_size(size: Any) -> tuple[Any, Any]:
    """Numbers of sources and targets, of which one that is not known may be None.

    Raises:
        ValueError: If they are not two.
    """
    several = isinstance(size, tuple | list)
    several = several or (isinstance(size, Tensor) and size.dim() == 1)
    known = [n for n in size if n is not None] if several else []
    wrong = not several or len(size) != 2
    if wrong or not all(is_whole(n) and n >= 0 for n in known):
        raise ValueError(
            f"'size' must be two whole numbers, of sources and of targets (got "
            f"{size!r})"
        )
    first, second = (None if n is None else whole(n) for n in size)
    return first, second
