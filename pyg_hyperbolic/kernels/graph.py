"""The edges of a graph, in the order in which the operations need them."""

import torch
from torch import Tensor
from torch_geometric import Index
from torch_geometric.index import index2ptr, ptr2index
from torch_geometric.typing import Adj, OptTensor
from torch_geometric.utils import index_sort

from pyg_hyperbolic.checks import (
    check_device,
    check_index,
    check_shape,
    check_whole,
    whole,
)
from pyg_hyperbolic.geometry.rows import tracing
from pyg_hyperbolic.kernels.available import cpu
from pyg_hyperbolic.kernels.forms import (
    check_edges,
    checked_size,
    directed,
    sparse_rows,
    weights_of,
)
from pyg_hyperbolic.kernels.memory import remembered
from pyg_hyperbolic.kernels.operator import transformed

EDGES = "edge_index"
FLOWS = ("source_to_target", "target_to_source")
# First edge of each row, the other ends of its edges, and their places in the user's
# order, see `Graph.rows`.
Rows = tuple[Tensor, Tensor, Tensor]


class Graph:
    """Edges from sources to targets, in the user's order and in that of their targets.

    Args:
        source: Where each edge leaves from, shape [E].
        target: Where it leads to, shape [E]; :meth:`of_rows` does without.
        num_sources: Number of nodes that may be a source.
        num_targets: Number of nodes that may be a target.
        name: What users call the edges, or the targets where these are groups.

    Raises:
        ValueError: If sources and targets are not indices of equally many edges, or
            their numbers are not whole numbers.
    """

    def __init__(
        self,
        source: Tensor,
        target: Tensor | None,
        num_sources: int,
        num_targets: int,
        name: str = EDGES,
    ) -> None:
        check_whole(0, num_sources=num_sources, num_targets=num_targets)
        check_index(source, "source")
        if target is not None:
            check_index(target, "target")
            check_device(target.device, source.device, "target", "'source'")
            if not tracing():  # which takes a comparison of sizes for a promise
                check_shape(target, "target", source.shape, fits="source")
        self.name = name
        self.source = _plain(source)
        self._target = None if target is None else _plain(target)
        self.num_sources = whole(num_sources)
        self.num_targets = whole(num_targets)
        self._known: dict[bool, Rows] = {}  # by whether edges are reversed

    @property
    def target(self) -> Tensor:
        """Where each edge leads to, shape [E]."""
        if self._target is None:
            self._target = self._target_of_rows()
        return self._target

    def _target_of_rows(self) -> Tensor:
        ptr, source, _ = self._known[False]
        return ptr2index(ptr, output_size=source.numel())

    def rows(self) -> Rows:
        """The edges as rows of a sparse matrix, one for each target.

        Returns:
            First edge of each target, shape [M + 1]; sources, shape [E]; the place of
            each of these edges in the user's order, shape [E], or [0] if the order is
            the same.

        Raises:
            ValueError: If an index is out of range.
        """
        return self._ordered(False)

    def columns(self) -> Rows:
        """As :meth:`rows`, of the reversed edges: one row for each source."""
        return self._ordered(True)

    def _ordered(self, reverse: bool) -> Rows:
        if reverse in self._known:
            return self._known[reverse]
        # Not kept in self: it is as large as what is made of it.
        target = self._target if self._target is not None else self._target_of_rows()
        ends = self.source, target, self.num_sources, self.num_targets
        if reverse:
            ends = target, self.source, self.num_targets, self.num_sources
        if tracing() or transformed() or type(self.source) is not Tensor:
            # A trace follows the sizes of tensors; a number would be written into it.
            nodes = (target.new_empty(number, 0) for number in ends[2:])
            return _by_target(*ends[:2], *nodes)
        self._known[reverse] = _grouped(*ends, self.name)
        return self._known[reverse]

    @classmethod
    def of_rows(cls, ptr: Tensor, source: Tensor, num_sources: int) -> "Graph":
        """A graph that is given as rows of a sparse matrix."""
        graph = cls(source, None, num_sources, ptr.numel() - 1)
        module = cpu() if source.device.type == "cpu" and not tracing() else None
        rows = ptr.contiguous(), source.contiguous(), source.new_empty(0)
        graph._known[False] = rows
        if module is not None and module.outside(rows[1].numpy(), 0, num_sources - 1):
            raise _out_of_range(source, graph.target, num_sources, graph.num_targets)
        return graph


def _plain(index: Tensor) -> Tensor:
    """An index as a plain tensor: NumPy can't read PyG's own kind."""
    return index.as_tensor() if isinstance(index, Index) else index


def _grouped(
    source: Tensor,
    target: Tensor,
    num_sources: int,
    num_targets: int,
    name: str = EDGES,
) -> Rows:
    """The rows of edges, one for each target; indices are checked on a CPU only."""
    module = cpu()
    if module is None or source.device.type != "cpu":
        if source.device.type == "cpu" and _outside(
            source, num_sources, target, num_targets
        ):
            raise _out_of_range(source, target, num_sources, num_targets, name)
        ordered, order = index_sort(target, max_value=num_targets)
        return index2ptr(ordered, num_targets), source[order], order
    *arrays, found = module.by_target(
        source.contiguous().numpy(),
        target.contiguous().numpy(),
        num_sources,
        num_targets,
    )
    if found < 0:
        raise _out_of_range(source, target, num_sources, num_targets, name)
    ptr, by_target, order = (torch.from_numpy(array) for array in arrays)
    return ptr, by_target, order[:0] if found else order


def _outside(
    source: Tensor, num_sources: int, target: Tensor, num_targets: int
) -> bool:
    """Whether an index names no node."""
    ends = (source, num_sources), (target, num_targets)
    return any(
        x.numel() > 0 and bool((x.min() < 0) | (x.max() >= number))
        for x, number in ends
    )


def _out_of_range(
    source: Tensor,
    target: Tensor,
    num_sources: int,
    num_targets: int,
    name: str = EDGES,
) -> ValueError:
    """The error for edges of which an end is no node."""
    index, number, end = source, num_sources, "source"
    if not index.numel() or (index.min() >= 0 and index.max() < number):
        index, number, end = target, num_targets, "target"
    way_out = (
        "check that 'x' has a row for every node, and pass 'size' for a bipartite graph"
    )
    if name != EDGES:
        end, way_out = "group", "check that there are as many groups as it names"
    return ValueError(
        f"'{name}' must hold {end} indices from 0 to {number - 1} (got "
        f"{int(index.min())} to {int(index.max())}); {way_out}"
    )


@torch.library.custom_op("pyg_hyperbolic::by_target", mutates_args=())
def _by_target(
    source: Tensor, target: Tensor, sources: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As :func:`_grouped`, as one node of a compiler's graph.

    Numbers of nodes come as the lengths of two empty tensors.  A compiler has to know
    beforehand that the order has the shape [E], and all have the dtype of the indices.
    """
    ptr, ordered, order = _grouped(source, target, len(sources), len(targets))
    if order.numel() == 0:
        order = torch.arange(source.numel(), device=source.device)
    return ptr.to(source.dtype), ordered, order.to(source.dtype)


@_by_target.register_fake
def _(
    source: Tensor, target: Tensor, sources: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        source.new_empty(targets.shape[0] + 1),
        torch.empty_like(source),
        torch.empty_like(source),
    )


def graph_of(
    edge_index: Adj, edge_weight: OptTensor, size: tuple[int, int], flow: str
) -> tuple[Graph, OptTensor]:
    """A :class:`Graph`, remembered until the edges change, and its weights.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        size: Numbers of nodes in the two rows of an edge index.
        flow: Direction of the messages, ``"source_to_target"`` or
            ``"target_to_source"``.

    Raises:
        ValueError: If edges, size or flow are not what they should be.
    """
    if flow not in FLOWS:
        raise ValueError(f"'flow' must be one of {', '.join(FLOWS)} (got {flow!r})")
    forward = flow == FLOWS[0]

    def make() -> Graph:
        check_edges(edge_index)
        ends = checked_size(size)
        num_sources, num_targets = ends if forward else ends[::-1]
        rows = sparse_rows(edge_index) if forward else None
        if rows is not None and rows[0].numel() == num_targets + 1:
            return Graph.of_rows(*rows, num_sources)
        source, target, _ = directed(_alias(edge_index), None, flow)
        return Graph(source, target, num_sources, num_targets)

    # A list can't be a key.
    key = "graph", size if isinstance(size, tuple) else str(size), flow
    graph = remembered(edge_index, (), key, make)
    return graph, weights_of(edge_index, edge_weight)


def _alias(edge_index: Adj) -> Adj:
    """A tensor on the same memory: what is remembered must not hold the key itself."""
    if (
        tracing()
        or transformed()  # nothing is remembered, and wrapped edges have no memory
        or type(edge_index) is not Tensor
        or edge_index.layout != torch.strided
    ):
        return edge_index
    return torch.empty(0, dtype=edge_index.dtype, device=edge_index.device).set_(
        edge_index.untyped_storage(),
        edge_index.storage_offset(),
        edge_index.shape,
        edge_index.stride(),
    )
