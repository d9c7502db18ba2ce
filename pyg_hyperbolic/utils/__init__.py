"""Measures of graphs, and of how well points represent them."""

from pyg_hyperbolic.utils.embedding import (
    EmbeddingQuality,
    embedding_distances,
    embedding_quality,
)
from pyg_hyperbolic.utils.hyperbolicity import Hyperbolicity, gromov_hyperbolicity

__all__ = [
    "EmbeddingQuality",
    "Hyperbolicity",
    "embedding_distances",
    "embedding_quality",
    "gromov_hyperbolicity",
]
