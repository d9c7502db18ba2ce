"""What a report of an error should say about the machine.

``python -m pyg_hyperbolic.info`` prints it: versions, back ends, threads, and where
compiled loops are kept.
"""

import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from pyg_hyperbolic.kernels.available import COMPILERS, INSTALLED

__all__ = ["info"]

# Distributions, and the modules that they bring.
PACKAGES = {
    "torch": "torch",
    "torch_geometric": "torch_geometric",
    "numba": "numba",
    "numpy": "numpy",
    "scipy": "scipy",
    "torch_scatter": "torch_scatter",
    "torch_sparse": "torch_sparse",
    "pyg-lib": "pyg_lib",
    "triton": "triton",
}


def info() -> dict[str, str]:
    """Versions of packages, back ends that work, numbers of threads, the cache.

    It imports every package that it names, and raises no error of those that can't be
    imported: their line says why.

    Returns:
        Lines of text by what they are about, in the order in which they are printed.
    """
    return {
        "pyg_hyperbolic": version("pyg-hyperbolic"),
        "Python": platform.python_version(),
        "OS": platform.platform(),
        **{name: _package(name, module) for name, module in PACKAGES.items()},
        "CUDA of torch": torch.version.cuda or "none",
        "back end portable": "works",
        **{f"back end {name}": _back_end(name) for name in COMPILERS},
        "threads of torch": str(torch.get_num_threads()),
        "threads of numba": _threads_of_numba(),
        "compiled loops": _cache(),
    }


def main() -> None:
    """Prints it, one line each."""
    lines = info()
    width = max(map(len, lines))
    for name, line in lines.items():
        print(f"{name:<{width}}  {line}")


def _trouble(module: str) -> str | None:
    """Why a module can't be imported, or nothing where it can."""
    try:
        import_module(module)
    except Exception as error:  # an extension for another torch raises anything
        text = str(error).strip().partition("\n")[0]
        return f"can't be imported: {type(error).__name__}: {text}"
    return None


def _package(name: str, module: str) -> str:
    try:
        number = version(name)
    except PackageNotFoundError:
        return "not installed"
    trouble = _trouble(module)
    return f"{number}, {trouble}" if trouble else number


def _back_end(name: str) -> str:
    if not INSTALLED[name]:
        amd = name == "cuda" and torch.version.hip is not None
        return "not for devices of AMD" if amd else f"needs {COMPILERS[name]}"
    trouble = _trouble(f"pyg_hyperbolic.kernels.{name}")
    if trouble:
        return trouble
    if name != "cuda":
        return "works"
    if not torch.cuda.is_available():
        return "no device"
    return f"works, on {torch.cuda.get_device_name()}"


def _threads_of_numba() -> str:
    try:
        # Asking numba.get_num_threads() would start them.
        from numba import config
    except Exception:
        return "none"
    return str(config.NUMBA_NUM_THREADS)  # type: ignore[attr-defined]


def _cache() -> str:
    try:
        from pyg_hyperbolic.kernels.cpu import jit, lifted
    except Exception:
        return "none"
    folder = Path(jit.folder(lifted.forward))
    count = len(list(folder.glob("*.nbc")))
    return f"{count} in {folder}" if count else f"none yet in {folder}"


if __name__ == "__main__":
    main()
