r"""Hyperbolic layers and networks for PyG's GraphGym, once this module is imported.

Layers for :obj:`gnn.layer_type`: ``hgcnconv``, ``hgatconv``, ``hsageconv``,
``hybonetconv``; networks for :obj:`model.type`: ``hgcn``, ``hgat``, ``hgraphsage``,
``hybonet``, ``hnn``, of :obj:`gnn.layers_mp` layers of :obj:`gnn.dim_inner` channels
and GraphGym's own head.  All start from the curvature :obj:`hyperbolic.curvature`
(default: 1).  GraphGym needs ``yacs``, and ``pytorch_lightning`` to train.
"""

from typing import Any

import torch
from torch_geometric.graphgym import register
from torch_geometric.graphgym.config import cfg
from yacs.config import CfgNode

from pyg_hyperbolic.nn import (
    HGAT,
    HGCN,
    HNN,
    HGATConv,
    HGCNConv,
    HGraphSAGE,
    HSAGEConv,
    HyboNet,
    HyboNetConv,
)

LAYERS = (HGATConv, HGCNConv, HSAGEConv, HyboNetConv)
NETWORKS = (HGAT, HGCN, HGraphSAGE, HNN, HyboNet)


class Layer(torch.nn.Module):
    """A convolution in GraphGym's interface; subclasses say which."""

    conv: type[torch.nn.Module]

    def __init__(self, layer_config: Any, **kwargs: Any) -> None:
        super().__init__()
        self.model = self.conv(
            layer_config.dim_in,
            layer_config.dim_out,
            bias=layer_config.has_bias,
            curvature=cfg.hyperbolic.curvature,
            **kwargs,
        )

    def forward(self, batch: Any) -> Any:
        batch.x = self.model(batch.x, batch.edge_index)
        return batch


class Network(torch.nn.Module):
    """A model with GraphGym's head; subclasses say which."""

    model: type[torch.nn.Module]

    def __init__(self, dim_in: int, dim_out: int, **kwargs: Any) -> None:
        super().__init__()
        inner = cfg.gnn.dim_inner
        self.net = self.model(
            dim_in,
            inner,
            cfg.gnn.layers_mp,
            dropout=cfg.gnn.dropout,
            act=cfg.gnn.act,
            curvature=cfg.hyperbolic.curvature,
            **kwargs,
        )
        self.head = register.head_dict[cfg.gnn.head](dim_in=inner, dim_out=dim_out)

    def forward(self, batch: Any) -> Any:
        batch.x = self.net(batch.x, batch.edge_index)
        return self.head(batch)


def set_hyperbolic(cfg: Any) -> None:
    """Adds the group ``hyperbolic`` to a configuration."""
    cfg.hyperbolic = CfgNode({"curvature": 1.0})


def _register() -> None:
    for conv in LAYERS:
        name = conv.__name__
        register.register_layer(name.lower(), type(name, (Layer,), {"conv": conv}))
    for model in NETWORKS:
        name = model.__name__
        register.register_network(
            name.lower(), type(name, (Network,), {"model": model})
        )


_register()
if "hyperbolic" not in cfg:  # the configuration may have been made before
    set_hyperbolic(cfg)
