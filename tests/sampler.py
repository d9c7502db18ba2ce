"""What PyG's sampler is needed for."""

import pytest
from torch_geometric.typing import WITH_PYG_LIB, WITH_TORCH_SPARSE

needs_sampler = pytest.mark.skipif(
    not (WITH_PYG_LIB or WITH_TORCH_SPARSE),
    reason="PyG's sampler needs pyg-lib or torch-sparse, neither of which is installed",
)
