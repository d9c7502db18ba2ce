"""Which compiled back ends this machine has, each for one type of device."""

import warnings
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import torch

# The package that compiles each of them.
COMPILERS = {"cpu": "numba", "cuda": "triton"}
INSTALLED = {
    name: find_spec(package) is not None for name, package in COMPILERS.items()
}
if torch.version.hip is not None:  # there AMD's devices are called "cuda"
    INSTALLED["cuda"] = False
_loaded: dict[str, ModuleType | None] = {}


def loops(name: str) -> ModuleType | None:
    """The back end for a type of device, or None where it can't be imported."""
    if name not in _loaded:
        _loaded[name] = _load(name)
    return _loaded[name]


def cpu() -> ModuleType | None:
    """The back end for CPUs, or None where Numba can't be imported."""
    return loops("cpu")


def _load(name: str) -> ModuleType | None:
    if name == "cuda" and not INSTALLED[name]:
        return None
    try:
        return import_module(f"pyg_hyperbolic.kernels.{name}")
    except ImportError as error:
        if name == "cpu":
            warnings.warn(
                f"pyg_hyperbolic computes without Numba, which takes several times as "
                f"long on a CPU ({error}); pip install numba",
                stacklevel=5,
            )
        return None
