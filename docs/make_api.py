"""Writes ``docs/api.rst``: every public name of every public module."""

import importlib
from pathlib import Path

MODULES = {
    "pyg_hyperbolic": "Curvature",
    "pyg_hyperbolic.nn": "Layers and models",
    "pyg_hyperbolic.nn.kge": "Knowledge graphs",
    "pyg_hyperbolic.geometry": "Geometry",
    "pyg_hyperbolic.kernels": "Kernels",
    "pyg_hyperbolic.datasets": "Datasets",
    "pyg_hyperbolic.utils": "Measures of graphs and embeddings",
    "pyg_hyperbolic.visualization": "Pictures",
    "pyg_hyperbolic.testing": "Checks of your own layer",
    "pyg_hyperbolic.info": "Your machine",
    "pyg_hyperbolic.exchange.geoopt": "Exchange with geoopt",
    "pyg_hyperbolic.exchange.hgcn": "Exchange with the original HGCN",
    "pyg_hyperbolic.exchange.graphgym": "GraphGym",
}


def _is_own(name: str, value: object, module: str) -> bool:
    return getattr(value, "__module__", None) == module and not name.startswith("_")


def text() -> str:
    """The page, from each module's ``__all__``."""
    lines = ["API reference", "=============", ""]
    for name, title in MODULES.items():
        module = importlib.import_module(name)
        lines += [title, "-" * len(title), ""]
        lines += [f".. automodule:: {name}", "   :no-members:", ""]
        own = [n for n, v in vars(module).items() if _is_own(n, v, name)]
        for public in sorted(getattr(module, "__all__", own)):
            value = getattr(module, public)
            if isinstance(value, str) or type(value).__name__ == "module":
                continue
            kind = "class" if isinstance(value, type) else "function"
            if not callable(value):
                kind = "data"
            lines += [f".. auto{kind}:: {name}.{public}", ""]
    return "\n".join(lines)


if __name__ == "__main__":
    Path(__file__).with_name("api.rst").write_text(text())
