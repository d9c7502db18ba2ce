"""A graph in any form that PyG knows: checked, and turned into edges or rows."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.typing import Adj, OptTensor, SparseTensor
from torch_geometric.utils import is_torch_sparse_tensor, to_edge_index

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
    """Raises unless a dense edge index has two rows, and a weight for each edge.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights; a sparse matrix has its own.
        device: Where the features are.
        whose: What the user calls these.
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
    """Numbers of sources and targets; one that is not known is None.

    Raises:
        ValueError: If they are not two.
    """
    several = isinstance(size, tuple | list)
    several = several or (isinstance(size, Tensor) and size.dim() == 1)
    known = [n for n in size if n is not None] if several else []
    wrong = not several or len(size) != 2
    if wrong or not all(is_whole(n) and n >= 0 for n in known):
        got, way_out, pair = repr(size), "", several and len(size) == 2
        if isinstance(size, Tensor) and (size.is_floating_point() or not pair):
            got = f"a tensor of shape {list(size.shape)}"
            way_out = "; pass weights as edge_weight=..."
        raise ValueError(
            f"'size' must be two whole numbers, of sources and of targets (got "
            f"{got}){way_out}"
        )
    first, second = (None if n is None else whole(n) for n in size)
    return first, second


def edges(edge_index: Adj, edge_weight: OptTensor) -> tuple[Tensor, Tensor, OptTensor]:
    """First and second end of every edge, and its weight.

    Args:
        edge_index: Edge indices, or the transposed adjacency as a sparse matrix,
            which brings its own weights.
        edge_weight: Edge weights.

    Returns:
        Two indices, shape [E], and the weights, if there are any.
    """
    check_edges(edge_index)
    if isinstance(edge_index, SparseTensor):
        second, first, edge_weight = edge_index.coo()
    elif edge_index.layout == torch.sparse_coo:
        edge_index = edge_index.coalesce()  # in to_edge_index it loses its gradient
        (second, first), edge_weight = edge_index.indices(), edge_index.values()
    elif is_torch_sparse_tensor(edge_index):
        (second, first), edge_weight = to_edge_index(edge_index)
    else:
        if isinstance(edge_index, EdgeIndex):
            edge_index = edge_index.as_tensor()
        first, second = edge_index[0], edge_index[1]
    return first, second, edge_weight


def directed(
    edge_index: Adj, edge_weight: OptTensor, flow: str
) -> tuple[Tensor, Tensor, OptTensor]:
    """Source and target of every edge, and its weight."""
    first, second, weight = edges(edge_index, edge_weight)
    if flow == "target_to_source":
        first, second = second, first
    return first, second, weight


def weights_of(edge_index: Adj, edge_weight: OptTensor) -> OptTensor:
    """Weights in the order of :func:`edges`; a sparse matrix brings its own."""
    if isinstance(edge_index, SparseTensor):
        return edge_index.storage.value()
    if is_torch_sparse_tensor(edge_index):
        coalesced = edge_index.layout == torch.sparse_coo
        return (edge_index.coalesce() if coalesced else edge_index).values()
    return edge_weight


def sparse_rows(edge_index: Adj) -> tuple[Tensor, Tensor] | None:
    """First edge of each row, and columns; None unless the graph is stored by rows."""
    if isinstance(edge_index, SparseTensor):
        ptr, source, _ = edge_index.csr()
        return ptr, source
    if edge_index.layout == torch.sparse_csr:
        return edge_index.crow_indices(), edge_index.col_indices()
    return None
