"""Whole models, on PyG's :class:`~torch_geometric.nn.models.basic_gnn.BasicGNN`."""

from pyg_hyperbolic.nn.models.hgcn import HGCN
from pyg_hyperbolic.nn.models.hnn import HNN

__all__ = ["HGCN", "HNN"]
