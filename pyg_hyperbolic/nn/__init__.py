"""Hyperbolic layers and models, with the interfaces of their PyG counterparts."""

from pyg_hyperbolic.nn import kge as kge
from pyg_hyperbolic.nn.aggr import HyperbolicAggregation, hyperbolic_mean_pool
from pyg_hyperbolic.nn.conv import (
    HGATConv,
    HGCNConv,
    HSAGEConv,
    HyboNetConv,
)
from pyg_hyperbolic.nn.decoders import FermiDiracDecoder, FermiDiracEdges
from pyg_hyperbolic.nn.dense import (
    CentroidDistance,
    HLinear,
    HyperbolicEmbedding,
    HyperbolicMLR,
    LorentzLinear,
    PoincareLinear,
)
from pyg_hyperbolic.nn.hyperbolic import Hyperbolic
from pyg_hyperbolic.nn.losses import (
    EntailmentConeLoss,
    FermiDiracLoss,
    SampledSoftmaxLoss,
)
from pyg_hyperbolic.nn.models import HGAT, HGCN, HNN, HGraphSAGE, HyboNet
from pyg_hyperbolic.nn.norm import HyperbolicBatchNorm, HyperbolicLayerNorm

__all__ = [
    "HGAT",
    "HGCN",
    "HNN",
    "CentroidDistance",
    "EntailmentConeLoss",
    "FermiDiracDecoder",
    "FermiDiracEdges",
    "FermiDiracLoss",
    "HGATConv",
    "HGCNConv",
    "HGraphSAGE",
    "HLinear",
    "HSAGEConv",
    "HyboNet",
    "HyboNetConv",
    "Hyperbolic",
    "HyperbolicAggregation",
    "HyperbolicBatchNorm",
    "HyperbolicEmbedding",
    "HyperbolicLayerNorm",
    "HyperbolicMLR",
    "LorentzLinear",
    "PoincareLinear",
    "SampledSoftmaxLoss",
    "hyperbolic_mean_pool",
]
