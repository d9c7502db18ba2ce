"""How Sphinx builds the documentation: ``make docs``."""

import pyg_hyperbolic

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
