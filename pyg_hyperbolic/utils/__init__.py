"""Measures of graphs, of how well points represent them, and trees as points."""

from pyg_hyperbolic.utils.embedding import (
    EmbeddingQuality,
    embedding_distances,
    embedding_quality,
)
from pyg_hyperbolic.utils.hyperbolicity import Hyperbolicity, gromov_hyperbolicity
from pyg_hyperbolic.utils.tree import tree_embedding

__all__ = [
    "EmbeddingQuality",
    "Hyperbolicity",
    "embedding_distances",
    "embedding_quality",
    "gromov_hyperbolicity",
    "tree_embedding",
]
