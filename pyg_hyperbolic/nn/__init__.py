"""Hyperbolic layers and models, with the interfaces of their PyG counterparts."""

from pyg_hyperbolic.nn.aggr import HyperbolicAggregation, hyperbolic_mean_pool
from pyg_hyperbolic.nn.conv import HGATConv, HGCNConv
from pyg_hyperbolic.nn.decoders import FermiDiracDecoder
from pyg_hyperbolic.nn.dense import (
    CentroidDistance,
    HLinear,
    HyperbolicEmbedding,
    HyperbolicMLR,
    PoincareLinear,
)
from pyg_hyperbolic.nn.models import HGCN, HNN
from pyg_hyperbolic.nn.norm import HyperbolicBatchNorm, HyperbolicLayerNorm

__all__ = [
    "HGCN",
    "HNN",
    "CentroidDistance",
    "FermiDiracDecoder",
    "HGATConv",
    "HGCNConv",
    "HLinear",
    "HyperbolicAggregation",
    "HyperbolicBatchNorm",
    "HyperbolicEmbedding",
    "HyperbolicLayerNorm",
    "HyperbolicMLR",
    "PoincareLinear",
    "hyperbolic_mean_pool",
]
