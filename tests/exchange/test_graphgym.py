import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that pytorch_lightning is not installed
    from torch_geometric.graphgym import register
    from torch_geometric.graphgym.config import cfg, set_cfg
    from torch_geometric.graphgym.models.gnn import GNN

    from pyg_hyperbolic.exchange import graphgym

YAML = """
dataset: {task: node, task_type: classification, node_encoder: false}
model: {type: gnn}
gnn:
  layers_pre_mp: 0
  layers_mp: 2
  layers_post_mp: 1
  dim_inner: 8
  layer_type: %s
  stage_type: stack
  head: node
hyperbolic: {curvature: 0.4}
"""


def configure(tmp_path: Path, layer: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(YAML % layer)
    set_cfg(cfg)
    cfg.merge_from_file(str(path))


@pytest.fixture
def batch() -> Data:
    edge_index = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    data = Data(x=torch.randn(5, 6), edge_index=edge_index, y=torch.arange(5) % 3)
    data.train_mask = torch.ones(5, dtype=torch.bool)
    data.split = "train"
    return data


def check(model: torch.nn.Module, batch: Data, name: str) -> None:
    assert any(type(module).__name__ == name for module in model.modules())
    out, y = model(batch)
    torch.nn.functional.cross_entropy(out, y).backward()
    raw = [p for n, p in model.named_parameters() if n.endswith("curvature.raw")]
    assert len(raw) == 2 and all(p.grad.isfinite() for p in raw)
    assert all(p.item() == pytest.approx(-0.7096, abs=1e-3) for p in raw)  # c = 0.4


@pytest.mark.parametrize("conv", graphgym.LAYERS, ids=lambda conv: conv.__name__)
def test_layers_by_a_yaml(tmp_path: Path, batch: Data, conv: Any) -> None:
    configure(tmp_path, conv.__name__.lower())
    check(GNN(6, 3), batch, conv.__name__)


@pytest.mark.parametrize("kind", graphgym.NETWORKS, ids=lambda model: model.__name__)
def test_networks(tmp_path: Path, batch: Data, kind: Any) -> None:
    configure(tmp_path, "hgcnconv")
    model = register.network_dict[kind.__name__.lower()](6, 3)
    check(model, batch, kind.__name__)
