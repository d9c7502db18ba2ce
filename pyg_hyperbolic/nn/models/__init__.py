"""Whole models, on PyG's :class:`~torch_geometric.nn.models.basic_gnn.BasicGNN`."""

from pyg_hyperbolic.nn.models.hgat import HGAT
from pyg_hyperbolic.nn.models.hgcn import HGCN
from pyg_hyperbolic.nn.models.hgraph_sage import HGraphSAGE
from pyg_hyperbolic.nn.models.hnn import HNN
from pyg_hyperbolic.nn.models.hybonet import HyboNet

__all__ = ["HGAT", "HGCN", "HNN", "HGraphSAGE", "HyboNet"]
