"""What PyG's sampler is needed for."""

import pytest
import torch_geometric.typing

needs_sampler = pytest.mark.skipif(
    not (
        torch_geometric.typing.WITH_PYG_LIB or torch_geometric.typing.WITH_TORCH_SPARSE
    ),
    reason="PyG's sampler needs pyg-lib or torch-sparse, neither of which is installed",
)
