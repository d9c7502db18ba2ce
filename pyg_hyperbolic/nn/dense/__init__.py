"""Layers and heads on points alone, without a graph."""

from pyg_hyperbolic.nn.dense.centroid import CentroidDistance
from pyg_hyperbolic.nn.dense.embedding import HyperbolicEmbedding
from pyg_hyperbolic.nn.dense.linear import HLinear
from pyg_hyperbolic.nn.dense.lorentz import LorentzLinear
from pyg_hyperbolic.nn.dense.mlr import HyperbolicMLR, PoincareLinear

__all__ = [
    "CentroidDistance",
    "HLinear",
    "HyperbolicEmbedding",
    "HyperbolicMLR",
    "LorentzLinear",
    "PoincareLinear",
]
