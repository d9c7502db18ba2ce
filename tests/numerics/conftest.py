"""The reference tables, read once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
Table = dict[str, np.ndarray]


@pytest.fixture(scope="session")
def table() -> Callable[[torch.dtype], Table]:
    """The table of a dtype, see ``make_tables.py``."""
    read: dict[torch.dtype, Table] = {}

    def get(dtype: torch.dtype) -> Table:
        if dtype not in read:
            name = str(dtype).removeprefix("torch.")
            path = Path(__file__).parent / "tables" / f"{name}.npz"
            with np.load(path) as file:
                read[dtype] = dict(file)
        return read[dtype]

    return get


@pytest.fixture(params=DTYPES, ids=lambda d: str(d).removeprefix("torch."))
def dtype(request: pytest.FixtureRequest) -> torch.dtype:
    """All dtypes, not only the two of the other tests."""
    return request.param
