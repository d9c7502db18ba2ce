"""A small graph, in all the forms that PyG knows."""

import torch
from torch import Tensor
from torch_geometric import EdgeIndex

FORMS = ("csr", "coo", "edge_index_by_col", "edge_index_by_row", "edge_index_unsorted")


def small_graph() -> tuple[Tensor, Tensor]:
    """Nine edges of six nodes, and their weights.

    Nobody sends to node 5, and it sends to nobody.

    Returns:
        Indices, shape :math:`[2, 9]`, and positive weights, shape :math:`[9]`, in
        float64, drawn from PyTorch's global generator.
    """
    source = torch.tensor([0, 0, 1, 2, 3, 3, 4, 1, 2])
    target = torch.tensor([1, 2, 2, 3, 0, 1, 0, 4, 4])
    return torch.stack([source, target]), torch.rand(9, dtype=torch.float64) + 0.2


def to_form(
    edge_index: Tensor, weight: Tensor | None, form: str, size: tuple[int, int]
) -> tuple[Tensor, Tensor | None]:
    """A graph in another form, in steps that have derivatives.

    Args:
        edge_index: Indices of sources and targets, shape :math:`[2, E]`.
        weight: Edge weights, shape :math:`[E]`.
        form: One of :data:`FORMS`, or ``"edge_index"`` for the graph as it is.
        size: Numbers of sources and targets.

    Returns:
        The graph, and the weights to be passed beside it: a sparse matrix has its own.
    """
    if form == "edge_index":
        return edge_index, weight
    if form in ("csr", "coo"):
        return _matrix(edge_index, weight, form, size), None
    out = EdgeIndex(edge_index, sparse_size=size)
    if form == "edge_index_unsorted":
        return out, weight
    out, perm = out.sort_by(form.removeprefix("edge_index_by_"))
    return out, None if weight is None else weight[perm]


def _matrix(
    edge_index: Tensor, weight: Tensor | None, form: str, size: tuple[int, int]
) -> Tensor:
    """The transposed adjacency matrix, as PyG has it: a row for each target."""
    source, target = edge_index
    perm = (target * size[0] + source).argsort()
    value = torch.ones(len(perm), dtype=torch.float64)
    value = value if weight is None else weight[perm]
    index, shape = torch.stack([target, source])[:, perm], size[::-1]
    if form == "coo":
        return torch.sparse_coo_tensor(
            index, value, shape, is_coalesced=True, check_invariants=True
        )
    ptr = torch.zeros(size[1] + 1, dtype=torch.long)
    ptr[1:] = torch.bincount(target, minlength=size[1]).cumsum(0)
    return torch.sparse_csr_tensor(ptr, index[1], value, shape, check_invariants=True)
