"""A model on all nodes of a graph, layer by layer and some nodes at a time.

A node's weights depend on degrees of the whole graph, and a normalization layer may
depend on all nodes.  The graph is therefore taken once as each layer sees it, with
self-loops and normalized weights, and only then cut into blocks: every block has all
edges of its target nodes, with the weights that they have in the whole graph.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch_geometric.data import Data
from torch_geometric.index import index2ptr
from torch_geometric.nn.models.basic_gnn import BasicGNN
from torch_geometric.utils import index_sort
from tqdm import tqdm

from pyg_hyperbolic.kernels.forms import directed
from pyg_hyperbolic.nn.conv.base import HyperbolicConv


class Block(NamedTuple):
    """Target nodes with all their edges; edges count the block's own nodes."""

    source: Tensor  # [number of sources], ids in the whole graph
    target: Tensor  # [number of targets]
    edge_index: Tensor  # [2, number of edges], from sources to targets
    values: Tensor | None  # weights or features of edges, [number of edges, *]


@torch.no_grad()
def inference(
    model: BasicGNN,
    data: Data,
    batch_size: int,
    device: torch.device,
    embedding_device: torch.device,
    progress_bar: bool,
    cache: bool,
) -> Tensor:
    """The output for all nodes, see :meth:`HyperbolicGNN.inference`."""
    x = data.x.to(embedding_device)
    num_batches = -(-data.num_nodes // batch_size)
    total = model.num_layers * num_batches
    known: dict[tuple[Any, ...], Iterable[Block]] = {}
    name = "edge_attr" if model.supports_edge_attr else "edge_weight"
    with tqdm(total=total, desc="Inference", disable=not progress_bar) as bar:
        for layer, conv in enumerate(model.convs):
            if isinstance(conv, HyperbolicConv):
                settings = conv.graph_settings()
                parts = known.get(settings)
                if parts is None:
                    parts = blocks(conv, data, batch_size, name)
                if cache:
                    known[settings] = parts = list(parts)
                conv = conv.on_seen_graph()  # shares parameters, hooks and submodules
                rows = (_convolve(conv, x, block, device, name) for block in parts)
            else:  # of nodes alone
                rows = (conv(some.to(device), None) for some in x.split(batch_size))
            out = []
            for h in rows:
                # Norms that take a batch vector see all its nodes at once.
                if not model.supports_norm_batch:
                    h = _between(model, layer, h)
                out.append(h.to(embedding_device))
                bar.update()
            x = torch.cat(out)
            if model.supports_norm_batch:
                x = _between(model, layer, x.to(device)).to(embedding_device)
    return x


def blocks(
    conv: HyperbolicConv, data: Data, batch_size: int, name: str
) -> Iterator[Block]:
    """Cuts a graph, as the layer sees it, into runs of target nodes.

    Args:
        conv: The layer.
        data: The graph, with :obj:`edge_index` or :obj:`adj_t`.
        batch_size: How many target nodes a block has.
        name: What the layer takes of edges, where the graph has it.
    """
    num_nodes = data.num_nodes
    adj = data.adj_t if "adj_t" in data else data.edge_index
    values = getattr(data, name, None)
    adj, values = conv.seen_graph(adj, values, data.x)
    source, target, values = directed(adj, values, conv.flow)
    target, order = index_sort(target, max_value=num_nodes)
    ends = index2ptr(target, num_nodes)
    nodes = torch.arange(num_nodes, device=target.device)
    for some in nodes.split(batch_size):
        start = int(some[0])
        begin, end = ends[start], ends[start + some.numel()]
        edge = order[begin:end]
        ids, local = source[edge].unique(return_inverse=True)
        edge_index = torch.stack([local, target[begin:end] - start])
        yield Block(ids, some, edge_index, None if values is None else values[edge])


def _convolve(
    conv: HyperbolicConv, x: Tensor, block: Block, device: torch.device, name: str
) -> Tensor:
    source, target = (
        x.index_select(0, nodes.to(x.device)).to(device)
        for nodes in (block.source, block.target)
    )
    edge_index, values = block.edge_index.to(device), block.values
    options = {} if values is None else {name: values.to(device)}
    if conv.flow == "target_to_source":
        return conv((target, source), edge_index.flip(0), **options)
    return conv((source, target), edge_index, **options)


def _between(model: BasicGNN, layer: int, x: Tensor) -> Tensor:
    """What a model does to the output of a layer."""
    last = layer == model.num_layers - 1
    if not last or model.jk_mode is not None:
        if model.act is not None and model.act_first:
            x = model.act(x)
        x = model.norms[layer](x)
        if model.act is not None and not model.act_first:
            x = model.act(x)
    return model.lin(x) if last and hasattr(model, "lin") else x
