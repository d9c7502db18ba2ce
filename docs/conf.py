"""How Sphinx builds the documentation: ``make docs``."""

import sys
from pathlib import Path
from typing import Any

import pyg_hyperbolic

sys.path.insert(0, str(Path(__file__).parent))
import make_pages

project = "pyg_hyperbolic"
author = "The pyg_hyperbolic authors"
version = release = pyg_hyperbolic.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3
html_theme = "furo"
exclude_patterns = ["build", "README.md"]

# A class documents its constructor; what it has from torch and PyG is documented there.
autoclass_content = "class"
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autosummary_generate = True
napoleon_google_docstring = True
napoleon_use_rtype = False
napoleon_use_ivar = True  # fields of tuples are members already


def _moved_links(app: Any, name: str, source: list[str]) -> None:
    page = Path(app.env.doc2path(name))
    source[0] = make_pages.on_site(source[0], page, page)


def setup(app: Any) -> None:
    """Has pages written that are made of other files, and links lead to them."""
    app.connect("builder-inited", lambda _: make_pages.write())
    app.connect("source-read", _moved_links)
