"""Whole models, on PyG's :class:`~torch_geometric.nn.models.basic_gnn.BasicGNN`."""

from pyg_hyperbolic.nn.models.hgcn import HGCN

__all__ = ["HGCN"]
