"""Convolutions: one :class:`~torch_geometric.nn.MessagePassing` per file."""

from pyg_hyperbolic.nn.conv.hgcn_conv import HGCNConv
from pyg_hyperbolic.nn.conv.hsage_conv import HSAGEConv
from pyg_hyperbolic.nn.conv.hybonet_conv import HyboNetConv
from pyg_hyperbolic.nn.conv.hyperbolic import Hyperbolic

__all__ = ["HGCNConv", "HSAGEConv", "HyboNetConv", "Hyperbolic"]
