"""What a reader of the README does first, with an installed wheel alone."""

import importlib.util

import torch

import pyg_hyperbolic
from pyg_hyperbolic import curvature_report, parameter_groups
from pyg_hyperbolic.datasets import DiseaseTree
from pyg_hyperbolic.nn import HGCN, HGCNConv
from pyg_hyperbolic.visualization import plot_disk

assert "site-packages" in pyg_hyperbolic.__file__, pyg_hyperbolic.__file__
for extra in ("torch_scatter", "geoopt", "matplotlib", "sklearn", "yacs"):
    assert importlib.util.find_spec(extra) is None, extra
data = DiseaseTree(num_nodes=300, seed=0)[0]
assert HGCNConv(4, 8)(data.x, data.edge_index).shape == (300, 8)
model = HGCN(4, 16, num_layers=2, out_channels=2)
optimizer = torch.optim.Adam(parameter_groups(model, 5e-4), lr=0.02)
losses = []
for _ in range(30):
    optimizer.zero_grad()
    out = model(data.x, data.edge_index)
    train = data.train_mask
    loss = torch.nn.functional.cross_entropy(out[train], data.y[train])
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
assert losses[-1] < losses[0], losses
print(curvature_report(model))
try:
    plot_disk(out[:, :2], 1.0)
except ImportError as error:
    print(error)
