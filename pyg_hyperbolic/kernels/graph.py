"""The edges of a graph, in whatever form it comes, as the operations take them."""

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, TypeVar
from weakref import ref

import torch
from torch import Tensor
from torch_geometric import EdgeIndex, Index
from torch_geometric.index import index2ptr, ptr2index
from torch_geometric.typing import Adj, OptTensor, SparseTensor
from torch_geometric.utils import index_sort, is_torch_sparse_tensor, to_edge_index

from pyg_hyperbolic.checks import (
    check_device,
    check_index,
    check_shape,
    check_whole,
    whole,
)
from pyg_hyperbolic.geometry.rows import tracing
from pyg_hyperbolic.kernels.available import cpu
from pyg_hyperbolic.kernels.forms import check_edges, checked_size
from pyg_hyperbolic.kernels.operator import _transformed

Made = TypeVar("Made")
EDGES = "edge_index"
FLOWS = ("source_to_target", "target_to_source")
# First edge of each row, the other ends of its edges, and where these stand.
Rows = tuple[Tensor, Tensor, Tensor]


class Graph:
    """Edges from sources to targets, in the user's order and in that of their targets.

    Args:
        source: Where each edge leaves from, shape [E].
        target: Where it leads to, shape [E].
        num_sources: Number of nodes that may be a source.
        num_targets: Number of nodes that may be a target.
        name: What users have for the edges, or for :obj:`target` alone.

    Raises:
        ValueError: If these are no indices of as many edges, or no numbers.
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
            First edge of each target, shape [M + 1]; sources, shape [E]; where each of
            these edges stands in the user's order, shape [E], or [0] for no change.

        Raises:
            ValueError: If an index is out of range.
        """
        return self._ordered(False)

    def columns(self) -> Rows:
        """The same of the reversed edges: first edge of each source, and targets."""
        return self._ordered(True)

    def _ordered(self, reverse: bool) -> Rows:
        if reverse in self._known:
            return self._known[reverse]
        # Not kept: it is as large as what is made of it.
        target = self._target if self._target is not None else self._target_of_rows()
        ends = self.source, target, self.num_sources, self.num_targets
        if reverse:
            ends = target, self.source, self.num_targets, self.num_sources
        if tracing() or _transformed() or type(self.source) is not Tensor:
            # A tracer takes the sizes of tensors as they come, numbers as they were.
            nodes = (target.new_empty(number, 0) for number in ends[2:])
            return _by_target(*ends[:2], *nodes)
        self._known[reverse] = _grouped(*ends, self.name)
        return self._known[reverse]

    @classmethod
    def of_rows(cls, ptr: Tensor, source: Tensor, num_sources: int) -> "Graph":
        """A graph that comes as rows of a sparse matrix."""
        graph = cls(source, None, num_sources, ptr.numel() - 1)
        module = cpu() if source.device.type == "cpu" and not tracing() else None
        rows = ptr.contiguous(), source.contiguous(), source.new_empty(0)
        graph._known[False] = rows
        if module is not None and module.outside(rows[1].numpy(), 0, num_sources - 1):
            raise _out_of_range(source, graph.target, num_sources, graph.num_targets)
        return graph


def _plain(index: Tensor) -> Tensor:
    """An index as a tensor, of which PyG's own kind may not be looked at by NumPy."""
    return index.as_tensor() if isinstance(index, Index) else index


def _grouped(
    source: Tensor,
    target: Tensor,
    num_sources: int,
    num_targets: int,
    name: str = EDGES,
) -> Rows:
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
    """Whether an index names no node; looks at all of them."""
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
    """The error for edges of which one has no node at an end."""
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
    ptr, ordered, order = _grouped(source, target, len(sources), len(targets))
    if order.numel() == 0:
        order = torch.arange(source.numel())
        ordered = ordered.clone()
    return ptr, ordered, order


@_by_target.register_fake
def _(
    source: Tensor, target: Tensor, sources: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    return (
        source.new_empty(targets.shape[0] + 1),
        torch.empty_like(source),
        torch.empty_like(source),
    )


def edges(edge_index: Adj, edge_weight: OptTensor) -> tuple[Tensor, Tensor, OptTensor]:
    """First and second end of every edge, and its weight.

    Args:
        edge_index: Edge indices, or the transposed adjacency as a sparse matrix,
            which brings its own weights.
        edge_weight: Edge weights.
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


def graph_of(
    edge_index: Adj, edge_weight: OptTensor, size: tuple[int, int], flow: str
) -> tuple[Graph, OptTensor]:
    """A graph and its weights, made once for each graph that is not changed.

    Args:
        edge_index: The graph, in any form.
        edge_weight: Edge weights.
        size: Numbers of nodes in the two rows of an edge index.
        flow: Direction of the messages.
    """
    if flow not in FLOWS:
        raise ValueError(f"'flow' must be one of {', '.join(FLOWS)} (got {flow!r})")
    forward = flow == FLOWS[0]

    def make() -> Graph:
        check_edges(edge_index)
        ends = checked_size(size)
        num_sources, num_targets = ends if forward else ends[::-1]
        rows = _sparse_rows(edge_index) if forward else None
        if rows is not None and rows[0].numel() == num_targets + 1:
            return Graph.of_rows(*rows, num_sources)
        source, target, _ = directed(_alias(edge_index), None, flow)
        return Graph(source, target, num_sources, num_targets)

    # A list is no key.
    key = "graph", size if isinstance(size, tuple) else str(size), flow
    graph = remembered(edge_index, (), key, make)
    return graph, weights_of(edge_index, edge_weight)


def weights_of(edge_index: Adj, edge_weight: OptTensor) -> OptTensor:
    """Weights in the order of :func:`edges`; a sparse matrix brings its own."""
    if isinstance(edge_index, SparseTensor):
        return edge_index.storage.value()
    if is_torch_sparse_tensor(edge_index):
        coalesced = edge_index.layout == torch.sparse_coo
        return (edge_index.coalesce() if coalesced else edge_index).values()
    return edge_weight


def _sparse_rows(edge_index: Adj) -> tuple[Tensor, Tensor] | None:
    if isinstance(edge_index, SparseTensor):
        ptr, source, _ = edge_index.csr()
        return ptr, source
    if edge_index.layout == torch.sparse_csr:
        return edge_index.crow_indices(), edge_index.col_indices()
    return None


def _alias(edge_index: Adj) -> Adj:
    """The same memory, which does not keep the tensor itself alive."""
    if (
        tracing()
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


class _Made(NamedTuple):
    """What was made, and of what: it holds as long as that is as it was."""

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
    """What was made of a tensor, as long as it lives and is not written to."""

    def __init__(self, tensor: Tensor) -> None:
        key, memory = id(tensor), _memory  # at exit the module's names are gone first
        self.tensor = ref(tensor, lambda _: memory.pop(key, None))
        self.state = _states((tensor,))
        self.made: dict[Hashable, _Made] = {}


_memory: dict[int, _Entry] = {}


def _states(tensors: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    """What changes with a tensor's values, or with the memory they are in."""
    return tuple(
        None if x is None else (x._version, x.shape, _address(x)) for x in tensors
    )


def _address(x: Tensor) -> int:
    return x.data_ptr() if x.layout == torch.strided else 0


def remembered(
    tensor: Adj,
    others: tuple[Tensor | None, ...],
    settings: Hashable,
    make: Callable[[], Made],
) -> Made:
    """What is made of tensors, made anew only when one of them is another or changed.

    Nothing is remembered of tensors with gradients, while a compiler reads along, or in
    inference mode, where PyTorch does not count changes.

    Args:
        tensor: The first of them; what was made goes when it goes.
        others: The others.
        settings: What else the result depends on.
        make: Makes it.  It must not hold the first tensor.
    """
    if (
        tracing()
        or torch.is_inference_mode_enabled()
        or _transformed()
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
