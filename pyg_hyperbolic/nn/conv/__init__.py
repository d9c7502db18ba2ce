"""Convolutions: one :class:`~torch_geometric.nn.MessagePassing` per file."""

from pyg_hyperbolic.nn.conv.hgat_conv import HGATConv
from pyg_hyperbolic.nn.conv.hgcn_conv import HGCNConv
from pyg_hyperbolic.nn.conv.hsage_conv import HSAGEConv
from pyg_hyperbolic.nn.conv.hybonet_conv import HyboNetConv

__all__ = ["HGATConv", "HGCNConv", "HSAGEConv", "HyboNetConv"]
