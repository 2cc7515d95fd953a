"""How Sphinx builds these pages: offline, from Markdown and docstrings, with warnings as errors."""

import re
from typing import TYPE_CHECKING, Any

from pygments.lexers.special import TextLexer
from sphinx.ext.napoleon import Config, GoogleDocstring
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging

import openrouter_credits
import openrouter_credits.history
import openrouter_credits.testing
import openrouter_credits.watch
from openrouter_credits import __version__
from openrouter_credits._public import HOMES

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

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


DOORS = {
    module.__name__: module
    for module in (
        openrouter_credits,
        openrouter_credits.history,
        openrouter_credits.testing,
        openrouter_credits.watch,
    )
}


def convert_sections(app: "Sphinx", what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Turn `Args:` and `Raises:` into fields.

    The extension napoleon does just this, but takes the words before the first colon of an attribute's
    docstring for its type.
    """
    kind = "method" if what in {"attribute", "property", "data"} else what
    lines[:] = GoogleDocstring(list(lines), Config(), app, kind, name, obj, options).lines()


def put_homes_back() -> None:
    """Let each public class name the module it is written in, where Sphinx finds attributes' docstrings."""
    for module in DOORS.values():
        for name in module.__all__:
            getattr(module, name)  # imports it
    for item, home in HOMES.items():
        item.__module__ = home


def count_attributes(app: "Sphinx", env: "BuildEnvironment") -> None:
    """Warn of each docstring of an attribute that stands in the source, but in no page of the reference."""
    pages = "".join(
        (app.srcdir / "reference" / name).read_text(encoding="utf-8") for name in ("api.md", "errors.md")
    )
    with_members = re.findall(r"^\.\. auto\w+:: ([\w.]+)\n   :members:", pages, re.MULTILINE)
    left_out = set(re.findall(r"^   :exclude-members: (\w+)$", pages, re.MULTILINE))
    shown = env.domains["py"].data["objects"]
    for name in with_members:
        door, _, class_name = name.rpartition(".")
        for attribute in documented_attributes(getattr(DOORS[door], class_name)):
            if f"{name}.{attribute}" not in shown and attribute not in left_out:
                logging.getLogger(__name__).warning(
                    "the reference has lost the docstring of %s.%s", name, attribute
                )


def documented_attributes(item: type) -> list[str]:
    """List the attributes with a docstring that a class has, or has from a base class that is not public."""
    ours = [each for each in item.__mro__ if each.__module__.startswith("openrouter_credits.")]
    classes = [each for each in ours if each is item or each not in HOMES]
    return [
        attribute
        for each in classes
        for owner, attribute in ModuleAnalyzer.for_module(each.__module__).find_attr_docs()
        if owner == each.__name__ and attribute[0] != "_"
    ]


def setup(app: "Sphinx") -> None:
    """Called by Sphinx."""
    put_homes_back()
    app.connect("env-check-consistency", count_attributes)
    app.add_lexer("console", TextLexer)  # the true one takes `$26.83`, as commands print it, for a variable
    app.connect("autodoc-process-docstring", convert_sections)
