"""Every public name has an entry in the reference, docstrings, and a program or block that calls it."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import sys
from itertools import pairwise
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

import attrs
import pytest

import openrouter_credits
import openrouter_credits.history
import openrouter_credits.testing
import openrouter_credits.watch
from openrouter_credits import OpenRouterError
from openrouter_credits._public import HOMES
from openrouter_credits.cli._app import app
from openrouter_credits.cli._help import HELP

from ._pages import DOCS, PAGES, ROOT, blocks_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = ROOT / "openrouter_credits"
REFERENCE = DOCS / "reference"
MODULES: tuple[ModuleType, ...] = (
    openrouter_credits,
    openrouter_credits.history,
    openrouter_credits.testing,
    openrouter_credits.watch,
)
PUBLIC = [
    (module, name)
    for module in MODULES
    for name in module.__all__
    if getattr(getattr(module, name), "__module__", module.__name__) == module.__name__
]
"""Each public name with its door; a name that a second door has, too, stands with the first."""

MADE_BY_US = {
    "Account",
    "OpenRouterError",
    "FakeAccount",
    "FakeWorkspace",
    "FakeWorkspaceBudget",
    "Activity",
    "ActivityItem",
    "Event",
    "HistoryError",
    "Point",
    "Reading",
    "Readings",
    "ManagedKey",
    "NewKey",
    "ReceivedRequest",
    "Total",
    "Wallet",
    "Workspace",
}
"""Classes that users do not call: a base class, and values that the library returns."""


def documented_fields(item: type) -> set[str]:
    """Find a class's fields and attributes that have a docstring below them, in the class or its bases."""
    found = set()
    for cls in item.__mro__[:-1]:
        if not cls.__module__.startswith("openrouter_credits"):
            continue
        home = sys.modules[HOMES.get(cls, cls.__module__)]
        nodes = ast.walk(ast.parse(Path(home.__file__ or "").read_text(encoding="utf-8")))
        (body,) = [n.body for n in nodes if isinstance(n, ast.ClassDef) and n.name == cls.__name__]
        for node, following in pairwise(body):
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                is_text = (
                    isinstance(following, ast.Expr)
                    and isinstance(following.value, ast.Constant)
                    and following.value.value
                )
                found |= {node.target.id} if is_text else set()
    return found


def public_members(item: type) -> Iterator[tuple[str, object]]:
    """List the public methods and properties that a class defines."""
    for name, value in vars(item).items():
        if not name.startswith("_") and isinstance(
            value, FunctionType | property | staticmethod | classmethod
        ):
            yield name, value


def sources() -> Iterator[str]:
    """Iterate over the programs and the blocks of Python in the documentation."""
    for path in sorted((DOCS / "examples").rglob("*.py")):
        yield path.read_text(encoding="utf-8")
    for page in PAGES:
        yield from (block.source for block in blocks_of(page) if block.language == "python")


def called_names() -> set[str]:
    """Find the names that programs and blocks of the documentation call."""
    called = set()
    for source in sources():
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Call):
                match node.func:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        called.add(name)
                    case _:
                        pass
    return called


def options_in_reference(module: ModuleType, name: str) -> str | None:
    """Return the options of the directive that documents a public name, or `None` without a directive."""
    item = getattr(module, name)
    is_error = isinstance(item, type) and issubclass(item, OpenRouterError) and module is openrouter_credits
    page = (REFERENCE / ("errors.md" if is_error else "api.md")).read_text(encoding="utf-8")
    directive = re.search(
        rf"^\.\. \w+:: {re.escape(module.__name__)}\.{name}(?:\(\))?\n((?:   .*\n)*)", page, re.MULTILINE
    )
    return directive and directive[1]


def undocumented_fields(item: type) -> list[str]:
    """List the public fields of a class that have no docstring, nor a line in the docstring of the class."""
    if attrs.has(item):
        fields = {field.name for field in attrs.fields(item)}
    else:
        fields = set(vars(item).get("__annotations__", {}))
    arguments = set(re.findall(r"^ {4}(\w+):", inspect.getdoc(item) or "", re.MULTILINE))
    return sorted(
        field for field in fields - documented_fields(item) - arguments if not field.startswith("_")
    )


def test_every_public_name_is_in_the_reference() -> None:
    """A directive of the reference documents each public name."""
    assert [name for module, name in PUBLIC if options_in_reference(module, name) is None] == []


def test_every_public_class_is_in_the_reference_with_its_members() -> None:
    """The directive of each public class that has methods or properties lists them."""
    classes = [
        (module, name)
        for module, name in PUBLIC
        if isinstance(item := getattr(module, name), type) and any(public_members(item))
    ]

    assert [
        name for module, name in classes if ":members:" not in (options_in_reference(module, name) or "")
    ] == []
    assert len(classes) >= 10


def test_every_field_of_a_public_class_says_what_it_is() -> None:
    """Each field of a public class has a docstring, or a line in the docstring of its class."""
    classes = [item for module, name in PUBLIC if isinstance(item := getattr(module, name), type)]

    assert [f"{item.__name__}.{field}" for item in classes for field in undocumented_fields(item)] == []
    assert len(classes) >= 10


def callables() -> list[str]:
    """List the functions, classes and methods that users call."""
    found = []
    for module, name in PUBLIC:
        item = getattr(module, name)
        if callable(item) and name not in MADE_BY_US:
            found.append(name)
        if isinstance(item, type):
            found += [
                f"{name}.{member}"
                for member, value in public_members(item)
                if not isinstance(value, property)
            ]
    return found


def test_every_public_callable_is_called_in_the_documentation() -> None:
    """A program or block of the documentation calls each public function, class and method."""
    called = called_names()

    assert [name for name in callables() if name.rpartition(".")[2] not in called] == []


@pytest.mark.parametrize("name", ["cli.md", "errors.md"])
def test_the_generated_pages_are_up_to_date(name: str) -> None:
    """The generated page of the reference is as `python docs/reference/make.py` writes it now."""
    written = runpy.run_path(str(REFERENCE / "make.py"))["pages"]()

    assert written[name] == (REFERENCE / name).read_text(encoding="utf-8")


def test_every_option_of_the_command_is_in_the_reference() -> None:
    """The reference has each option of each command, as the command's parser knows them."""
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    commands = {name: app[name] for name in app if not name.startswith("-")}
    below = {f"keys {name}": app["keys"][name] for name in app["keys"] if not name.startswith("-")}
    below.pop("keys list")  # is `keys` itself
    for command, parser in (commands | below).items():
        section = page.partition(f"## openrouter-credits {command}\n")[2].partition("\n## ")[0]
        arguments = parser.assemble_argument_collection()
        options = {
            name
            for argument in arguments
            for name in argument.names
            if name.startswith("--") and not name.startswith("--no-")
        }
        assert section
        assert {option for option in options if not re.search(rf"{option}\b", section)} == set()
    assert set(HELP) == {"", *commands, *below}


def test_every_environment_variable_is_in_the_reference() -> None:
    """The reference has each environment variable that the code reads, and none that it does not read."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))
    read = set(re.findall(r"\"(OPENROUTER_[A-Z_]+)\"", text)) | set(
        re.findall(r"environ(?:\.get\(|\[)\"(\w+)\"", text)
    )
    read |= set(re.findall(r"\"([A-Z_]+)\" (?:not )?in os\.environ", text))

    page = (REFERENCE / "environment.md").read_text(encoding="utf-8")

    assert len(read) >= 9
    assert {name for name in read | {"HTTPS_PROXY", "NO_PROXY"} if f"`{name}`" not in page} == set()
    assert {name for name in re.findall(r"`(OPENROUTER_[A-Z_]+)`", page) if name not in read} == set()


def test_the_page_on_the_house_has_each_place_and_module() -> None:
    """The page on the house names exactly the places of the package, and the modules in its folders."""
    page = (DOCS / "contributing" / "house.md").read_text(encoding="utf-8")
    places = {
        path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    modules = {
        f"{path.parent.name}.{path.stem}" for path in PACKAGE.glob("_*/*.py") if path.stem != "__init__"
    }

    rows = [
        re.findall(r"`([\w.]+)/?`", row.split("|")[1]) for row in page.splitlines() if row.startswith("| `")
    ]
    named = {name for row in rows for name in row}

    assert places - {"__init__", "__main__"} == {name for name in named if "." not in name}
    assert modules == {name for name in named if "." in name}


def test_the_page_on_the_house_lists_places_in_the_order_of_imports() -> None:
    """Each place on the page on the house imports only places that the page lists above it."""
    page = (DOCS / "contributing" / "house.md").read_text(encoding="utf-8")
    order = re.findall(r"^\| `(_\w+)/?` \|", page, re.MULTILINE)
    wrong = []
    for rank, place in enumerate(order):
        files = [*PACKAGE.glob(f"{place}.py"), *PACKAGE.glob(f"{place}/*.py")]
        text = "\n".join(path.read_text(encoding="utf-8") for path in files)
        imported = set(re.findall(r"^from openrouter_credits\.(\w+)", text, re.MULTILINE))
        wrong += [f"{place} imports {other}" for other in imported & set(order[rank + 1 :])]

    assert wrong == []
    assert len(order) >= 10


def test_the_readme_names_errors_and_statuses_that_exist() -> None:
    """The table of errors in the README names error classes that exist, each beside its status."""
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d..|none) \| (`\w+`(?:, `\w+`)*) \|", table, re.MULTILINE)
    statuses = runpy.run_path(str(REFERENCE / "make.py"))["STATUSES"]

    assert len(rows) == 8
    for status, names in rows:
        for name in re.findall(r"\w+", names):
            assert issubclass(getattr(openrouter_credits, name), OpenRouterError)
            assert str(statuses.get(name, status))[0] == status[0]


def test_the_changelog_has_this_version() -> None:
    """The changelog has a heading with this version and a date."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

    assert re.search(
        rf"^## {re.escape(openrouter_credits.__version__)} - \d{{4}}-\d\d-\d\d$", changelog, re.MULTILINE
    )
