"""The edges of a graph, in whatever form it comes."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex
from torch_geometric.typing import Adj, OptTensor, SparseTensor
from torch_geometric.utils import is_torch_sparse_tensor, to_edge_index


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
