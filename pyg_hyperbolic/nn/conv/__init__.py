"""Convolutions: one :class:`~torch_geometric.nn.MessagePassing` per file."""

from pyg_hyperbolic.nn.conv.hgat_conv import HGATConv
from pyg_hyperbolic.nn.conv.hgcn_conv import HGCNConv

__all__ = ["HGATConv", "HGCNConv"]
