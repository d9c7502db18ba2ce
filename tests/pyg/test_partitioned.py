"""A graph in two parts, one in each of two processes, by PyG's distributed stores."""

import os
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch_geometric.nn.conv.gcn_conv import gcn_norm

from pyg_hyperbolic.nn import HGCNConv
from tests.processes import run_group


def problem() -> tuple[Tensor, Tensor, Tensor, HGCNConv]:
    """A graph with normalised weights, its features, and a layer that takes them."""
    torch.manual_seed(1)
    edge_index, x = torch.randint(30, (2, 120)), torch.randn(30, 5)
    edge_index, weight = gcn_norm(edge_index, None, 30)
    return x, edge_index, weight, HGCNConv(5, 4, normalize=False, cached=False)


def part(rank: int, folder: Path) -> None:
    """The layer on one part: features of other nodes come from the other process."""
    from torch_geometric.distributed import LocalFeatureStore
    from torch_geometric.distributed.dist_context import DistContext
    from torch_geometric.distributed.rpc import (
        RPCRouter,
        init_rpc,
        rpc_partition_to_workers,
        shutdown_rpc,
    )

    x, edge_index, weight, conv = problem()
    where = torch.arange(30) % 2  # the part of each node
    mine = (where == rank).nonzero().view(-1)
    store = LocalFeatureStore()
    store.put_global_id(mine, group_name=None)
    store.put_tensor(x[mine], group_name=None, attr_name="x")
    store.num_partitions, store.partition_idx, store.node_feat_pb = 2, rank, where
    store.meta, store.local_only = {"is_hetero": False}, False
    kept = where[edge_index[1]] == rank
    edge_index, weight = edge_index[:, kept], weight[kept]
    del x

    context = DistContext(
        rank=rank, global_rank=rank, world_size=2, global_world_size=2, group_name="two"
    )
    dist.init_process_group("gloo")
    init_rpc(context, "127.0.0.1", int(os.environ["MASTER_PORT"]) + 1, 2, 30.0)
    store.set_rpc_router(RPCRouter(rpc_partition_to_workers(context, 2, rank)))
    dist.barrier()  # neither asks before the other one can answer
    sources, ends = edge_index[0].unique(return_inverse=True)
    neighbors = store.lookup_features(sources).wait()
    label = torch.full((30,), -1).index_copy(0, mine, torch.arange(len(mine)))
    local = torch.stack([ends, label[edge_index[1]]])
    own = store.get_tensor(group_name=None, attr_name="x")
    out = conv((neighbors, own), local, weight)
    out.sin().sum().backward()
    for parameter in conv.parameters():
        dist.all_reduce(parameter.grad)
    found = [out.detach(), mine, *(p.grad for p in conv.parameters())]
    torch.save(found, folder / f"{rank}.pt")
    shutdown_rpc()
    dist.destroy_process_group()


def test_two_parts_give_what_the_whole_graph_gives(tmp_path: Path) -> None:
    x, edge_index, weight, conv = problem()
    true = conv(x, edge_index, weight)
    true.sin().sum().backward()
    assert run_group(part, 2, tmp_path) == [0, 0]
    for rank in range(2):
        out, mine, *grads = torch.load(tmp_path / f"{rank}.pt")
        torch.testing.assert_close(out, true[mine].detach())
        for grad, parameter in zip(grads, conv.parameters(), strict=True):
            torch.testing.assert_close(grad, parameter.grad)
