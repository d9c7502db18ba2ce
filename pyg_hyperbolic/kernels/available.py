"""Which back ends this machine has."""

import warnings
from importlib.util import find_spec
from types import ModuleType

INSTALLED = find_spec("numba") is not None
_loaded: list[ModuleType | None] = []


def cpu() -> ModuleType | None:
    """The back end for CPUs, or nothing where Numba can't be imported."""
    if not _loaded:
        _loaded.append(_load())
    return _loaded[0]


def _load() -> ModuleType | None:
    try:
        from pyg_hyperbolic.kernels import cpu
    except ImportError as error:
        warnings.warn(
            f"pyg_hyperbolic computes without Numba, which takes several times as long "
            f"on a CPU ({error}); pip install numba",
            stacklevel=4,
        )
        return None
    return cpu
