"""Checks of what a user passes to a layer, with the way out in the message."""

import torch
from torch import Tensor
from torch_geometric.typing import Adj, OptTensor, SparseTensor

from pyg_hyperbolic.kernels import edges


def check_tensor(x: object, name: str) -> None:
    """Raises if numbers come in anything else than a tensor."""
    if not isinstance(x, Tensor):
        raise ValueError(
            f"'{name}' must be a tensor (got {type(x).__name__}); convert it with "
            f"torch.as_tensor({name}, dtype=torch.float)"
        )


def check_features(x: Tensor, in_channels: int, name: str = "x") -> None:
    """Raises if the features are not numbers as wide as the layer's weight."""
    check_tensor(x, name)
    if x.dim() < 2:
        raise ValueError(
            f"'{name}' must have a row for each node (got shape {list(x.shape)}); a "
            f"single feature of each is {name}.view(-1, 1)"
        )
    if not x.is_floating_point():
        raise ValueError(
            f"'{name}' must be floating point (got {x.dtype}); convert it with "
            f"{name}.float()"
        )
    if in_channels > 0 and x.size(-1) != in_channels:
        raise ValueError(
            f"'{name}' must have {in_channels} features per node (got {x.size(-1)}); "
            f"build the layer with in_channels={x.size(-1)}, or with -1 to take the "
            f"width from the first input"
        )


def check_dtype(x: Tensor, dtype: torch.dtype, name: str = "x") -> None:
    """Raises if features are not in the dtype of a layer, but under autocast."""
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"'{name}' must have the dtype of the layer, {dtype} (got {x.dtype}); "
            f"convert it with {name}.to({dtype}), or the layer with conv.to({x.dtype})"
        )


def check_finite(x: Tensor, name: str = "x") -> None:
    """Raises if some features are NaN or infinite; waits for the device."""
    values = x.detach()
    if values.layout != torch.strided:
        values = values.values()
    wrong = int((~torch.isfinite(values)).sum())
    if wrong > 0:
        raise ValueError(
            f"'{name}' must be finite (got {wrong} entries that are not); look for "
            f"divisions by zero where the features are made"
        )


def check_edges(edge_index: Adj, edge_weight: OptTensor = None) -> None:
    """Raises if a dense edge index has not two rows, or a weight for each edge."""
    if isinstance(edge_index, SparseTensor):
        return
    if not isinstance(edge_index, Tensor):
        raise ValueError(
            f"'edge_index' must be a tensor or a SparseTensor (got "
            f"{type(edge_index).__name__}); convert it with torch.as_tensor(edge_index)"
        )
    if edge_index.layout != torch.strided:
        return
    if edge_index.is_floating_point() or edge_index.is_complex():
        raise ValueError(
            f"'edge_index' must hold integers (got {edge_index.dtype}); convert it "
            f"with edge_index.long()"
        )
    if edge_index.dim() != 2 or edge_index.size(0) != 2:
        raise ValueError(
            f"'edge_index' must have two rows, of sources and of targets "
            f"(got shape {list(edge_index.shape)}); transpose a list of pairs with "
            f"edge_index.t(), and convert a dense adjacency with "
            f"torch_geometric.utils.dense_to_sparse"
        )
    number = edge_index.size(1)
    if edge_weight is not None:
        check_tensor(edge_weight, "edge_weight")
    if edge_weight is not None and edge_weight.shape not in ((number,), (number, 1)):
        raise ValueError(
            f"'edge_weight' must have one number for each of {number} edges (got "
            f"shape {list(edge_weight.shape)})"
        )


def check_nonnegative(edge_weight: Tensor) -> None:
    """Raises if a weight is negative: of a midpoint weights are the masses."""
    if edge_weight.numel() > 0 and bool((edge_weight < 0).any()):
        raise ValueError(
            f"'edge_weight' must not be negative for a midpoint, where weights are "
            f"masses (smallest: {edge_weight.min().item():g}); use HGCNConv with "
            f"aggregation='tangent' and normalize=False for signed weights"
        )


def check_mean(aggr: object, name: str, way_out: str = "") -> None:
    """Raises if a reduction other than sums is asked of a midpoint.

    Args:
        aggr: The attribute of the layer.
        name: What takes the midpoint.
        way_out: End of the message.
    """
    if aggr not in ("add", "sum", "mean"):
        raise ValueError(
            f"'aggr' must be 'add' or 'mean' for {name}, which is a mean already "
            f"(got {aggr!r}){way_out}"
        )


def check_graph(
    edge_index: Adj,
    edge_weight: OptTensor,
    size: tuple[int, int],
    nonnegative: bool,
) -> None:
    """Raises if an index is out of range or a weight is not usable.

    Reads every edge, and waits for the device: for debugging, not for training.

    Args:
        edge_index: The graph, in any form that a convolution takes; the first row
            holds the sources.
        edge_weight: Edge weights, or :obj:`None`.
        size: Numbers of nodes that may be a source and a target.
        nonnegative: Whether negative weights are refused.
    """
    source, target, edge_weight = edges(edge_index, edge_weight)
    for index, num_nodes, end in zip(
        (source, target), size, ("source", "target"), strict=True
    ):
        if index.numel() > 0 and (index.min() < 0 or index.max() >= num_nodes):
            raise ValueError(
                f"'edge_index' must hold {end} indices from 0 to {num_nodes - 1} "
                f"(got {int(index.min())} to {int(index.max())}); check that 'x' has a "
                f"row for every node, and pass 'size' for a bipartite graph"
            )
    if edge_weight is None:
        return
    if edge_weight.numel() > 0 and not bool(torch.isfinite(edge_weight).all()):
        raise ValueError(
            f"'edge_weight' must be finite (got "
            f"{int((~torch.isfinite(edge_weight)).sum())} entries that are not)"
        )
    if nonnegative:
        check_nonnegative(edge_weight)


def check_positive(**sizes: int) -> None:
    """Raises if one of the sizes is not a positive number."""
    for name, value in sizes.items():
        if value < 1:
            raise ValueError(f"'{name}' must be a positive number (got {value})")
