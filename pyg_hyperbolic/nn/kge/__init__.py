"""Embeddings of knowledge graphs, with the interface of `torch_geometric.nn.kge`."""

from pyg_hyperbolic.nn.kge.atth import AttH
from pyg_hyperbolic.nn.kge.base import HyperbolicKGEModel
from pyg_hyperbolic.nn.kge.murp import MuRP
from pyg_hyperbolic.nn.kge.ranking import RankingMetrics
from pyg_hyperbolic.nn.kge.refh import RefH
from pyg_hyperbolic.nn.kge.roth import RotH

__all__ = [
    "AttH",
    "HyperbolicKGEModel",
    "MuRP",
    "RankingMetrics",
    "RefH",
    "RotH",
]
