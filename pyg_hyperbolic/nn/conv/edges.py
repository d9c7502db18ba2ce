"""The edges of a graph, in whatever form it comes."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.nn.conv.gcn_conv import gcn_norm
from torch_geometric.typing import Adj, OptTensor, SparseTensor
from torch_geometric.utils import is_sparse, is_torch_sparse_tensor, to_edge_index


def edges(edge_index: Adj, edge_weight: OptTensor) -> tuple[Tensor, Tensor, OptTensor]:
    """First and second end of every edge, and its weight.

    Args:
        edge_index: Edge indices, or the transposed adjacency as a sparse matrix,
            which brings its own weights.
        edge_weight: Edge weights.
    """
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
) -> tuple[Tensor, OptTensor]:
    """Sources and targets of all edges, shape [2, E], and their weights."""
    first, second, weight = edges(edge_index, edge_weight)
    if flow == "target_to_source":
        first, second = second, first
    return torch.stack([first, second]), weight


def repeated(
    ends: Tensor, weight: Tensor, sizes: tuple[int, int], copies: int
) -> tuple[Tensor, Tensor]:
    """The edges of several copies of a graph, as one of many parts.

    Args:
        ends: Sources and targets, shape [2, E].
        weight: Edge weights.
        sizes: Numbers of sources and of targets.
        copies: Number of copies.
    """
    if copies == 1:
        return ends, weight
    step = torch.tensor(sizes, device=ends.device).view(2, 1)
    part = torch.arange(copies, device=ends.device).view(-1, 1, 1)
    ends = (ends + part * step).transpose(0, 1).reshape(2, -1)
    return ends, weight.repeat(copies)


def parts(ends: Tensor, width: int = 64) -> Iterator[slice]:
    """Runs of edges [2, E]; on a CPU of as many as its cache holds the points of.

    Args:
        ends: The edges.
        width: Number of channels of a point.
    """
    step = 2**18 // max(width, 16) if ends.device.type == "cpu" else 2**20
    for start in range(0, ends.size(1), step):
        yield slice(start, start + step)


def fit(edge_index: EdgeIndex, size: tuple[int, int], fuse: bool) -> Adj:
    """An EdgeIndex that a sparse product is right for, or else plain indices.

    Args:
        edge_index: The graph.
        size: Numbers of nodes that its two rows may name.
        fuse: Whether the layer would take a product at all.
    """
    if not (fuse and edge_index.is_sorted_by_col):
        return edge_index.as_tensor()
    if edge_index.sparse_size() == size:
        return edge_index
    # Without a size PyG would take the largest index for the last node.
    return EdgeIndex(edge_index.as_tensor(), sparse_size=size, sort_order="col")


def normalize(
    edge_index: Adj,
    edge_weight: OptTensor,
    num_nodes: int,
    improved: bool,
    add_self_loops: bool,
    flow: str,
    dtype: torch.dtype,
) -> tuple[Adj, OptTensor]:
    """PyG's symmetric normalization, with weights and an EdgeIndex kept what they are.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        num_nodes: Number of nodes.
        improved: Whether self-loops get weight two.
        add_self_loops: Whether there are to be any.
        flow: Direction of the messages.
        dtype: Dtype of the weights, where none are given.
    """
    sort = isinstance(edge_index, EdgeIndex) and edge_index.is_sorted_by_col
    if edge_weight is None and not is_sparse(edge_index):
        # Without weights, gcn_norm would take `improved` for False.
        edge_weight = torch.ones(
            edge_index.size(1), dtype=dtype, device=edge_index.device
        )
    out = gcn_norm(
        edge_index, edge_weight, num_nodes, improved, add_self_loops, flow, dtype
    )
    if isinstance(out, SparseTensor):
        return out, None
    edge_index, edge_weight = out
    if sort:  # self-loops were appended at the end: back to a sparse product
        size = (num_nodes, num_nodes)
        edge_index = EdgeIndex(edge_index.as_tensor(), sparse_size=size)
        edge_index, order = edge_index.sort_by("col")
        edge_weight = edge_weight[order]
    return edge_index, edge_weight
