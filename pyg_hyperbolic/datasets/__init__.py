r"""Graphs with the structure hyperbolic space is made for: trees."""

from pyg_hyperbolic.datasets.disease_tree import DiseaseTree
from pyg_hyperbolic.datasets.hgcn_airport import HGCNAirport
from pyg_hyperbolic.datasets.hgcn_disease import HGCNDisease
from pyg_hyperbolic.datasets.root import data_root
from pyg_hyperbolic.datasets.synthetic_tree import SyntheticTree
from pyg_hyperbolic.datasets.wordnet import WordNet

__all__ = [
    "DiseaseTree",
    "HGCNAirport",
    "HGCNDisease",
    "SyntheticTree",
    "WordNet",
    "data_root",
]
