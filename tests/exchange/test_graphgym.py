import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch_geometric.data import Data

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that pytorch_lightning is not installed
    from torch_geometric.graphgym.config import cfg, set_cfg
    from torch_geometric.graphgym.model_builder import network_dict

    from pyg_hyperbolic.exchange import graphgym

YAML = """
dataset: {task: node, task_type: classification, node_encoder: false}
model: {type: %s}
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


@pytest.fixture
def batch() -> Data:
    edge_index = torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 0]])
    data = Data(x=torch.randn(5, 6), edge_index=edge_index, y=torch.arange(5) % 3)
    data.train_mask = torch.ones(5, dtype=torch.bool)
    data.split = "train"
    return data


@pytest.mark.parametrize(
    "kind", [*graphgym.LAYERS, *graphgym.NETWORKS], ids=lambda kind: kind.__name__
)
def test_layers_and_networks_by_a_yaml(tmp_path: Path, batch: Data, kind: Any) -> None:
    name, path = kind.__name__.lower(), tmp_path / "config.yaml"
    network, layer = ("gnn", name) if kind in graphgym.LAYERS else (name, "hgcnconv")
    path.write_text(YAML % (network, layer))
    set_cfg(cfg)
    cfg.merge_from_file(str(path))
    model = network_dict[cfg.model.type](6, 3)
    assert any(type(module).__name__ == kind.__name__ for module in model.modules())
    out, y = model(batch)
    torch.nn.functional.cross_entropy(out, y).backward()
    raw = [p for n, p in model.named_parameters() if n.endswith("curvature.raw")]
    assert len(raw) == 2 and all(p.grad.isfinite() for p in raw)
    assert all(p.item() == pytest.approx(-0.7096, abs=1e-3) for p in raw)  # c = 0.4
