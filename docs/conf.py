"""The documentation site: `make docs` writes it to docs/_build/html, without the network.

The tutorials are run while it is built. `-D nb_execution_mode=off` leaves them out.
"""

import os
import shutil
import sys
from importlib.metadata import version as version_of
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_extensions"))

project = "rotator_assets"
author = "The rotator_assets developers"
copyright = author
version = release = version_of("rotator-assets")

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_click",
    "sphinx_copybutton",
    "command_examples",
    "repository_links",
]
exclude_patterns = ["_build"]
nitpicky = True
nitpick_ignore_regex = [("py:class", r"(collections|numpy)\..*")]  # their inventories would have to be downloaded
default_role = "code"  # `name` in a docstring
smartquotes = False  # --option keeps its hyphens

# Pages.
myst_enable_extensions = ["attrs_block", "colon_fence", "deflist"]
myst_heading_anchors = 3
add_module_names = False
autodoc_typehints = "none"  # the sections of the docstrings say more
toc_object_entries_show_parents = "hide"
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

# Tutorials: each is run by every build, and an error in one ends the build.
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600  # seconds for a cell
nb_merge_streams = True

# Appearance. Nothing is loaded from other sites.
html_theme = "pydata_sphinx_theme"
html_title = "rotator_assets"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_context = {"default_mode": "auto"}  # light or dark as the browser says
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
}
copybutton_prompt_text = r"\$ |!"
copybutton_prompt_is_regexp = True


def setup(app: Sphinx) -> None:
    """Prepare the folder in which the tutorials run."""
    app.connect("builder-inited", _empty_folder_of_tutorials)


def _empty_folder_of_tutorials(app: Sphinx) -> None:
    """Name it to their kernels. They share it, and each build starts with an empty one."""
    folder = Path(app.outdir).parent / "tutorials"
    os.environ["ROTATORS_TUTORIALS"] = str(folder)
    os.environ.pop("ROTATORS_RECIPES", None)
    if app.config.nb_execution_mode != "off":
        shutil.rmtree(folder, ignore_errors=True)
