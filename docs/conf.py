"""How the site is built: `sphinx-build -W docs site`; see CONTRIBUTING.md."""

import importlib.metadata
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "optiinr-jax"
author = "The OptiINR-JAX authors"
project_copyright = author
version = release = importlib.metadata.version("optiinr-jax")
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "myst_nb",
    "sphinx_copybutton",
    "sphinx_design",
    "api_pages",
    "command_pages",
    "equation_pages",
    "notebook_pages",
    "repository_links",
]
exclude_patterns = ["experiments/*", "_ext/*", "site/*"]

html_theme = "furo"
html_title = "optiinr-jax"
html_theme_options = {"navigation_with_keys": True}

nb_execution_mode = "off"  # they are committed with what they print
myst_enable_extensions = ["colon_fence", "dollarmath", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
maximum_signature_line_length = 88
napoleon_use_ivar = True
suppress_warnings = ["myst.header", "ref.python"]
