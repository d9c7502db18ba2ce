"""Checks of what a user passes to a layer, with the way out in the message."""

from typing import Any

import torch
from torch import Tensor
from torch_geometric.nn.aggr import Aggregation
from torch_geometric.typing import Adj, OptTensor

from pyg_hyperbolic.checks import (
    check_device,
    check_floating,
    check_index,
    check_integers,
    check_whole,
    is_whole,
)
from pyg_hyperbolic.kernels import edges


def check_widths(in_channels: Any, out_channels: Any, pairs: bool = False) -> None:
    """Raises if sizes of input or output samples are not whole numbers."""
    check_in_channels(in_channels, pairs)
    check_whole(0, out_channels=out_channels)


def check_in_channels(in_channels: Any, pairs: bool) -> None:
    """Raises if a size of input samples is not a whole number.

    Args:
        in_channels: The size, -1 if it is not known yet.
        pairs: Whether those of sources and targets may differ.
    """
    several = isinstance(in_channels, tuple | list)
    given = in_channels if pairs and several else [in_channels]
    if (several and len(in_channels) != 2) or not all(is_whole(size) for size in given):
        two = ", or a pair of these for sources and targets" if pairs else ""
        raise ValueError(
            f"'in_channels' must be a whole number, -1 to take it from the first input"
            f"{two} (got {in_channels!r})"
        )


def both_ends(in_channels: Any) -> tuple[int, int]:
    """Sizes of source and target samples."""
    several = isinstance(in_channels, tuple | list)
    return tuple(in_channels) if several else (in_channels, in_channels)


def check_pairs(pairs: Any, name: str, device: torch.device | None) -> None:
    """Raises unless pairs are indices, on the device of the layer if that is given."""
    check_integers(pairs, name)
    if device is not None:
        check_device(pairs.device, device, name, "the layer")
    if pairs.dim() != 2 or pairs.size(0) != 2:
        raise ValueError(
            f"'{name}' must have two rows, one for each end of the pairs (got shape "
            f"{list(pairs.shape)})"
        )


def check_features(x: Any, in_channels: int, name: str = "x", axes: int = 2) -> None:
    """Raises if the features are not numbers as wide as the layer's weight.

    Args:
        x: The features.
        in_channels: Their width, if it is positive.
        name: What the user calls them.
        axes: How many axes there must be at least.
    """
    check_floating(x, name)
    if x.dim() < axes:
        rows = "a row for each node" if axes > 1 else "an axis of features"
        raise ValueError(
            f"'{name}' must have {rows} (got shape {list(x.shape)}); a single feature "
            f"of each is {name}.view(-1, 1)"
        )
    if in_channels > 0 and x.size(-1) != in_channels:
        raise ValueError(
            f"'{name}' must have {in_channels} features per node (got {x.size(-1)}); "
            f"build the layer with in_channels={x.size(-1)}, or with -1 if it can take "
            f"the width from the first input"
        )


def check_like_layer(x: Tensor, layer: Any, name: str = "x") -> None:
    """Raises if features are not on the device and in the dtype of a layer."""
    raw = layer.curvature.raw
    own = _first_parameter(layer, raw)
    check_device(x.device, (raw if own is None else own).device, name, "the layer")
    if own is not None:
        check_dtype(x, own.dtype, name)


def _first_parameter(layer: torch.nn.Module, but: Tensor) -> OptTensor:
    """As `next(layer.parameters())`, in a third of the time."""
    for module in layer.modules():
        for parameter in module._parameters.values():
            if parameter is not None and parameter is not but:
                return parameter
    return None


def check_dtype(x: Tensor, dtype: torch.dtype, name: str = "x") -> None:
    """Raises if features are not in the dtype of a layer, except under autocast."""
    if x.dtype != dtype and not torch.is_autocast_enabled(x.device.type):
        raise ValueError(
            f"'{name}' must have the dtype of the layer, {dtype} (got {x.dtype}); "
            f"convert it with {name}.to({dtype}), or the layer with conv.to({x.dtype})"
        )


def check_groups(x: Tensor, dim: int, **groups: Any) -> None:
    """Raises if there is not one group for each point along an axis.

    Args:
        x: Points, shape [*, N, d].
        dim: The axis of the points.
        **groups: The group of each, shape [N], by the name that a user has for it.
    """
    for name, index in groups.items():
        check_index(index, name)
        check_device(index.device, x.device, name, "'x'")
        if index.numel() != x.size(dim):
            raise ValueError(
                f"'{name}' must have a group for each of {x.size(dim)} points (got "
                f"{index.numel()})"
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


def check_nonnegative(edge_weight: Tensor) -> None:
    """Raises if a weight is negative: the weights of a midpoint are masses."""
    if edge_weight.numel() > 0 and bool((edge_weight < 0).any()):
        raise ValueError(
            f"'edge_weight' must not be negative for a midpoint, where weights are "
            f"masses (smallest: {edge_weight.min().item():g}); use HGCNConv with "
            f"aggregation='tangent' and normalize=False for signed weights"
        )


def check_aggregation(aggr: object) -> None:
    """Raises if something is not an aggregation that PyG can look up."""
    if not (aggr is None or isinstance(aggr, str | list | tuple | Aggregation)):
        raise ValueError(
            f"'aggr' must be a name, several of them or an Aggregation (got {aggr!r})"
        )


def check_mean(aggr: object, name: str, way_out: str = "") -> None:
    """Raises if a midpoint is asked for another reduction than a sum or a mean.

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
