r"""Graphs with the structure hyperbolic space is made for: trees."""

from pyg_hyperbolic.datasets.disease_tree import DiseaseTree
from pyg_hyperbolic.datasets.hgcn_airport import HGCNAirport
from pyg_hyperbolic.datasets.hgcn_disease import HGCNDisease
from pyg_hyperbolic.datasets.root import data_root

__all__ = ["DiseaseTree", "HGCNAirport", "HGCNDisease", "data_root"]
