"""Hyperbolic layers and models, with the interfaces of their PyG counterparts."""

from pyg_hyperbolic.nn.conv import HGCNConv
from pyg_hyperbolic.nn.decoders import FermiDiracDecoder
from pyg_hyperbolic.nn.models import HGCN

__all__ = ["HGCN", "FermiDiracDecoder", "HGCNConv"]
