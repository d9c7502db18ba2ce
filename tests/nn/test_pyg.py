"""The family inside PyG's own machinery."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, dropout
from torch_geometric.datasets import Planetoid
from torch_geometric.nn import GAE, VGAE, GCNConv, HeteroConv, Sequential, summary
from torch_geometric.transforms import NormalizeFeatures

from pyg_hyperbolic import curvature_report
from pyg_hyperbolic.nn import (
    HGCN,
    FermiDiracEdges,
    HGATConv,
    HGCNConv,
    HSAGEConv,
    HyboNetConv,
)
from tests.nn.training import train

EDGES = torch.tensor([[0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0]])


def test_autoencoder_learns_edges() -> None:
    x = torch.eye(6)
    encoder = HGCN(6, 16, 2, 4, curvature=0.7)
    model = GAE(encoder, FermiDiracEdges(encoder.convs[-1].curvature))
    assert len(curvature_report(model)) == 2  # the decoder's is the last layer's
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    train(optimizer, lambda: model.recon_loss(model.encode(x, EDGES), EDGES), 100)
    non_edges = torch.stack([torch.arange(6), (torch.arange(6) + 3) % 6])
    auc, _ = model.test(model.encode(x, EDGES), EDGES, non_edges)
    assert auc > 0.95


def test_variational_autoencoder() -> None:
    mu, logstd = HGCN(6, 8, 2, 4), HGCN(6, 8, 2, 4)
    steps = [(mu, "x, edge_index -> mu"), (logstd, "x, edge_index -> logstd")]
    both = (lambda *out: out, "mu, logstd -> mu, logstd")
    encoder = Sequential("x, edge_index", [*steps, both])
    model = VGAE(encoder, FermiDiracEdges(mu.convs[-1].curvature))
    z = model.encode(torch.eye(6), EDGES)
    (model.recon_loss(z, EDGES) + model.kl_loss() / 6).backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("conv", [HGATConv, HGCNConv, HSAGEConv, HyboNetConv])
def test_sequential_and_summary(conv: Any) -> None:
    layers = [(conv(*size), "x, edge_index -> x") for size in ((6, 8), (8, 4))]
    layers.insert(1, torch.nn.ReLU(inplace=True))
    model, x = Sequential("x, edge_index", layers), torch.randn(6, 6)
    assert model(x, EDGES).shape == (6, 4)
    table = summary(model, x, EDGES)
    assert conv.__name__ in table and "[6, 4]" in table


def test_a_curvature_for_each_relation() -> None:
    layers = {
        ("user", "rates", "item"): HSAGEConv((3, 4), 2, curvature=0.2),
        ("item", "rated_by", "user"): HGATConv(
            (4, 3), 2, add_self_loops=False, curvature=3.0
        ),
        ("user", "knows", "user"): HGCNConv(3, 2, curvature=1.0),
    }
    conv = HeteroConv(layers)
    x = {"user": torch.randn(5, 3), "item": torch.randn(4, 4)}
    edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    out = conv(x, dict.fromkeys(layers, edges))
    sum(value.sin().sum() for value in out.values()).backward()
    states = curvature_report(conv)
    assert sorted(state.c for state in states) == pytest.approx([0.2, 1.0, 3.0])
    assert not any(state.blocked for state in states)


class Net(torch.nn.Module):
    """The model of PyG's example of a GCN on Cora."""

    def __init__(self, conv: Any, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv1 = conv(in_channels, 16, cached=True)
        self.conv2 = conv(16, out_channels, cached=True)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        x = self.conv1(dropout(x, 0.5, self.training), edge_index).relu()
        return self.conv2(dropout(x, 0.5, self.training), edge_index)


def accuracy_on(dataset: Planetoid, conv: Any) -> float:
    """After PyG's training, in which the loss goes down."""
    data, model = dataset[0], Net(conv, dataset.num_features, dataset.num_classes)
    decayed = {"params": model.conv1.parameters(), "weight_decay": 5e-4}
    optimizer = torch.optim.Adam([decayed, {"params": model.conv2.parameters()}], 0.01)

    def loss() -> Tensor:
        out = model(data.x, data.edge_index)[data.train_mask]
        return cross_entropy(out, data.y[data.train_mask])

    losses = train(optimizer, loss, 100)
    assert losses[-1] < 0.7 * losses[0]
    found = model.eval()(data.x, data.edge_index).argmax(dim=-1)
    return (found == data.y)[data.test_mask].float().mean().item()


@pytest.mark.filterwarnings("ignore:Converting a tensor with requires_grad")
def test_the_example_of_gcn_with_another_layer(tmp_path: Path) -> None:
    raw = Path(os.environ.get("PYG_HYPERBOLIC_DATA", "missing")) / "planetoid/Cora/raw"
    if not raw.is_dir():
        pytest.skip("Cora's files are not in $PYG_HYPERBOLIC_DATA/planetoid/Cora/raw")
    shutil.copytree(raw, tmp_path / "Cora" / "raw")
    dataset = Planetoid(str(tmp_path), "Cora", transform=NormalizeFeatures())
    ours, theirs = (accuracy_on(dataset, conv) for conv in (HGCNConv, GCNConv))
    assert ours > 0.75 and ours > theirs - 0.05
