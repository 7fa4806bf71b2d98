"""The documentation site: `sphinx-build -W --keep-going docs BUILD` makes it, without a network."""

import os
import sys
from pathlib import Path

# TensorFlow's notices are not the site's; warnings of the build are errors.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
DOCS = Path(__file__).resolve().parent
sys.path[:0] = [str(DOCS.parent), str(DOCS)]

import tfglow  # noqa: E402

project = "tfglow"
author = "The tfglow authors"
project_copyright = "The tfglow authors; Apache 2.0"
version = release = tfglow.__version__

extensions = [
    "myst_parser",  # The pages are Markdown, and GitHub shows them too.
    "sphinx.ext.autodoc",  # Reference pages, from the docstrings
    "sphinx.ext.napoleon",  # in Google's style,
    "sphinx_extensions.markdown_docstrings",  # whose text is Markdown.
    "sphinx_extensions.own_members",
    "sphinx.ext.viewcode",  # Every name's source is a page of the site.
    "sphinx_extensions.navigation",
    "sphinx_extensions.line_breaks",  # Classes for _static/site.css
    "sphinx_extensions.links",  # Looks at what was built.
]
exclude_patterns = ["_build", "sphinx_extensions", "cifar10", "gallery"]

# Links to headings, by GitHub's names for them.
myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]

autodoc_default_options = {
    "members": True,
    "inherited-members": True,
    "member-order": "bysource",
}
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_use_rtype = False
python_maximum_signature_line_length = 80
python_display_short_literal_types = True
add_module_names = False
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"tfglow {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_theme_options = {"navigation_with_keys": True}
pygments_style = "default"
pygments_dark_style = "github-dark"
