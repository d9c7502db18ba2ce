"""Hyperbolic layers and models, with the interfaces of their PyG counterparts."""

from pyg_hyperbolic.nn.conv import HGCNConv, HSAGEConv, HyboNetConv, Hyperbolic
from pyg_hyperbolic.nn.decoders import FermiDiracDecoder
from pyg_hyperbolic.nn.lorentz_linear import LorentzLinear
from pyg_hyperbolic.nn.models import HGCN, HGraphSAGE, HyboNet

__all__ = [
    "HGCN",
    "FermiDiracDecoder",
    "HGCNConv",
    "HGraphSAGE",
    "HSAGEConv",
    "HyboNet",
    "HyboNetConv",
    "Hyperbolic",
    "LorentzLinear",
]
