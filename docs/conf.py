"""How Sphinx builds these pages: offline, from Markdown and docstrings, with warnings as errors."""

from typing import TYPE_CHECKING, Any

from pygments.lexers.special import TextLexer
from sphinx.ext.napoleon import Config, GoogleDocstring

from openrouter_credits import __version__

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "openrouter-credits"
author = "the openrouter-credits contributors"
copyright = "2026, the openrouter-credits contributors"  # noqa: A001 - Sphinx's name
release = version = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build", "examples", "images"]
default_role = "code"  # docstrings mark code with single backticks
smartquotes_action = "D"  # dashes alone

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 80

html_theme = "furo"
html_title = f"openrouter-credits {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sphinx = False
html_copy_source = False
html_theme_options = {"top_of_page_buttons": []}
html_context = {"default_mode": "auto"}


def convert_sections(app: "Sphinx", what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn `Args:` and `Raises:` into fields.

    The extension napoleon does just this, but takes the words before the first colon of an attribute's docstring for its type.
    """
    kind = "method" if what in {"attribute", "property", "data"} else what
    lines[:] = GoogleDocstring(list(lines), Config(), app, kind, name, obj, options).lines()


def setup(app: "Sphinx") -> None:
    """Called by Sphinx."""
    app.add_lexer("console", TextLexer)  # the true one takes `$26.83`, as commands print it, for a variable
    app.connect("autodoc-process-docstring", convert_sections)
