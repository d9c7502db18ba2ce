r"""Graphs with the structure hyperbolic space is made for: trees."""

from pyg_hyperbolic.datasets.disease_tree import DiseaseTree
from pyg_hyperbolic.datasets.hgcn_disease import HGCNDisease
from pyg_hyperbolic.datasets.root import data_root

__all__ = ["DiseaseTree", "HGCNDisease", "data_root"]
