"""The site: `make docs` writes it to build/site."""

import sys
from pathlib import Path

from alexnet.core.version import VERSION

sys.path.insert(0, str(Path(__file__).parent))

import generated

project = "alexnet"
author = "The alexnet team"
copyright = "the alexnet team; Apache-2.0"
version = release = VERSION

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
exclude_patterns = ["report.html"]
# Links to files above this folder, which are pages here.
PAGES = {
    "../ARCHITECTURE.md": "architecture.md",
    "../LABBOOK.md": "lab-book.md",
    "../CHANGELOG.md": "changelog.md",
    "../SECURITY.md": "security.md",
    "../benchmarks/README.md": "benchmarks.md",
}

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
# Notebooks are shown as they are committed; tests/docs/test_notebook.py runs them.
nb_execution_mode = "off"

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_type_aliases = {"Tensor": "torch.Tensor"}
napoleon_numpy_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = "alexnet"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#8a3a1f", "color-brand-content": "#8a3a1f"},
    "dark_css_variables": {"color-brand-primary": "#e39a7f", "color-brand-content": "#e39a7f"},
}

# A command is copied without its output.
copybutton_exclude = ".linenos, .gp, .go"


def setup(app):
    """Write what the code says about itself before the pages are read."""
    app.connect("builder-inited", lambda _: generated.write())
    app.connect("source-read", _point_inside)


def _point_inside(_, __, source: list[str]) -> None:
    for target, page in PAGES.items():
        source[0] = source[0].replace(f"]({target}", f"]({page}")
