"""The public surface: names, documentation, types, and imports between modules."""

from __future__ import annotations

import ast
import inspect
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import openrouter_credits
from openrouter_credits._call.protocol import USER_AGENT

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(openrouter_credits.__file__).parent
ROOT = Path(__file__).parents[1]

PUBLIC = """
    APIConnectionError APIStatusError APITimeoutError AmbiguousWriteError ApiKey Attempt AuthenticationError BadRequestError
    Budget CheckReport ClientClosedError ConfigurationError Credits CreditsClient FreeModelQuota InvalidKeyError
    InvalidResponseError KeyCheck KeyInfo KeyLimitExceededError KeySpec KeyStatus Level LocalResourceError
    ManagementKeyRequiredError MissingKeyError NotFoundError OpenRouterError PaymentRequiredError PermissionDeniedError
    RateLimitError RedirectError ResponseTooLargeError RetryPolicy ServerError Spendable TLSError UnconfirmedCreditsError Wallet
    __version__ format_usd
""".split()  # noqa: SIM905 - forty names are read more easily so

ALLOWED: dict[str, set[str]] = {
    "_version": set(),
    "_errors": set(),
    "_models.key": set(),
    "_call.hints": set(),
    "_call.deadlines": set(),
    "_status.look": set(),
    "_batch.pace": set(),
    "_secrets": {"_errors"},
    "_call.structure": {"_models.key"},
    "_status.status": {"_models.key", "_errors"},
    "_status.spendable": {"_models.key", "_errors", "_status.status"},
    "_call.protocol": {"_errors", "_secrets", "_models.key", "_call.hints", "_call.structure", "_version"},
    "_call.retry": {"_errors"},
    "_batch.gates": {"_errors", "_call.retry", "_batch.pace"},
    "_call.transport": {
        "_errors",
        "_secrets",
        "_models.key",
        "_call.protocol",
        "_call.retry",
        "_batch.gates",
        "_call.deadlines",
    },
    "_batch.report": {"_errors", "_secrets", "_models.key", "_status.spendable", "_call.retry"},
    "_batch.source": {"_secrets", "_batch.report"},
    "_batch.run": {
        "_errors",
        "_secrets",
        "_models.key",
        "_status.spendable",
        "_call.retry",
        "_batch.gates",
        "_batch.pace",
        "_call.deadlines",
        "_status.look",
        "_batch.report",
        "_batch.source",
    },
    "_client": {
        "_errors",
        "_secrets",
        "_models.key",
        "_status.spendable",
        "_call.protocol",
        "_call.retry",
        "_batch.gates",
        "_status.look",
        "_call.transport",
        "_batch.report",
        "_batch.run",
    },
}
"""The modules that each module may import when it runs: one noun each, and imports point one way.

Imports for annotations alone do not count. `_structure` and `_hints` are parts of `_protocol`, `_deadlines` of `_transport`,
`_explain` of `_spendable`, `_pace` of `_flow`, `_batch`, `_source` and `_together` of `_check`; the client offers the batches, and so
stands above them.
"""


def module_name(path: Path) -> str:
    """Name a file's module within the package."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
CORE = sorted(name for name in MODULES if name.startswith("_") and "__" not in name)


def imports(path: Path) -> Iterator[str]:
    """List the modules that a file imports, at its top or in functions, but not for annotations alone."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            return
        yield node
        for child in ast.iter_child_nodes(node):
            yield from walk(child)

    for node in walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if node.module == "openrouter_credits"
            )


def run(program: str) -> str:
    """Run a program in a new interpreter, with warnings as errors, and return its output."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout


def test_all_lists_the_public_names() -> None:
    """`__all__` lists the public names, sorted, and the package has each of them."""
    assert sorted(PUBLIC) == sorted(openrouter_credits.__all__)
    assert openrouter_credits.__all__ == sorted(openrouter_credits.__all__)
    assert [name for name in openrouter_credits.__all__ if not hasattr(openrouter_credits, name)] == []


def test_dir_shows_the_public_names() -> None:
    """dir() shows the public names and no others."""
    assert sorted(dir(openrouter_credits)) == sorted(PUBLIC)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """A name that the package does not have raises AttributeError, although names are loaded on demand."""
    with pytest.raises(AttributeError, match="'openrouter_credits' has no attribute 'Nothing'"):
        openrouter_credits.Nothing  # noqa: B018 - the access itself raises


def test_every_error_is_public() -> None:
    """Every error class is public, so that callers can catch it by name."""
    errors = {
        name
        for name, item in vars(openrouter_credits._errors).items()
        if inspect.isclass(item) and issubclass(item, openrouter_credits.OpenRouterError)
    }

    assert errors <= set(openrouter_credits.__all__)


def undocumented(name: str) -> Iterator[str]:
    """List a public name, and the public members of a class, that have no docstring of their own."""
    item = getattr(openrouter_credits, name)
    is_class = inspect.isclass(item)
    if not inspect.getdoc(item) or (is_class and item.__doc__ is item.__mro__[1].__doc__):
        yield name
    for member, value in vars(item).items() if is_class else ():
        is_function = callable(value) or isinstance(value, property | staticmethod | classmethod)
        if is_function and not member.startswith("_") and not inspect.getdoc(value):
            yield f"{name}.{member}"


def test_every_public_name_is_documented() -> None:
    """Every public name has a docstring of its own, and so have the methods and properties of the classes."""
    names = [name for name in PUBLIC if not name.startswith("_")]

    assert [offender for name in names for offender in undocumented(name)] == []


def test_every_module_says_what_it_is_for() -> None:
    """Every module has a docstring whose first line ends a sentence."""
    docstrings = {
        name: ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        for name, path in MODULES.items()
    }

    assert [
        name for name, text in docstrings.items() if not text.partition("\n")[0].endswith((".", ":", "`"))
    ] == []


def test_every_module_has_its_place() -> None:
    """The table of allowed imports has an entry for each module, and no other."""
    assert set(CORE) == set(ALLOWED)


def test_imports_point_one_way() -> None:
    """Each module imports only the modules that the table allows it."""
    prefix = "openrouter_credits."
    imported = {
        (name, module.removeprefix(prefix))
        for name in CORE
        for module in imports(MODULES[name])
        if module.startswith(prefix)
    }

    assert {("_client", "_call.transport"), ("_call.protocol", "_errors")} <= imported
    assert [f"{name} imports {other}" for name, other in sorted(imported) if other not in ALLOWED[name]] == []


def test_the_table_has_no_cycles() -> None:
    """The table of allowed imports has no cycle, which would allow imports to point both ways."""
    order: list[str] = []
    while len(order) < len(ALLOWED):
        ready = [name for name in ALLOWED if name not in order and ALLOWED[name] <= set(order)]
        assert ready
        order += ready


def test_only_the_transport_and_the_testing_kit_import_aiohttp() -> None:
    """Only `_transport` and the testing kit import aiohttp, so that all other modules are free of I/O."""
    users = {
        name
        for name in MODULES
        for module in imports(MODULES[name])
        if module.split(".")[0] in {"aiohttp", "yarl", "multidict"}
    }

    assert "_call.transport" in users
    assert [name for name in sorted(users - {"_call.transport"}) if not name.startswith("testing.")] == []


def test_the_core_imports_its_dependencies_and_nothing_else() -> None:
    """The core imports aiohttp (with its yarl), attrs, cattrs and the standard library, and nothing else."""
    names = [name for name in MODULES if name.split(".")[0] not in {"testing", "cli", "__main__"}]
    imported = {(name, module.split(".")[0]) for name in names for module in imports(MODULES[name])}
    allowed = {*sys.stdlib_module_names, "openrouter_credits", "aiohttp", "yarl", "attrs", "cattrs"}

    assert {"aiohttp", "attrs", "cattrs"} <= {package for _, package in imported}
    assert [f"{name} imports {package}" for name, package in sorted(imported) if package not in allowed] == []


@pytest.mark.process
def test_an_import_brings_no_extras() -> None:
    """Importing every public name loads neither the command line nor the testing kit."""
    unwanted = [
        "rich",
        "cyclopts",
        "openrouter_credits.cli",
        "openrouter_credits.testing",
        "aiohttp.web",
        "pytest",
    ]

    loaded = run("import sys; from openrouter_credits import *; CreditsClient(); print(*sys.modules)").split()

    assert "openrouter_credits._client" in loaded
    assert [name for name in unwanted if name in loaded] == []


@pytest.mark.process
def test_an_import_makes_no_event_loop_and_prints_nothing() -> None:
    """Importing the package makes no event loop, warns of nothing and prints nothing."""
    assert run("import asyncio; asyncio.new_event_loop = None; import openrouter_credits") == ""


def test_the_types_are_announced() -> None:
    """The package holds `py.typed`, without which type checkers ignore its types."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_core_needs_three_packages() -> None:
    """The core needs aiohttp, attrs and cattrs, each from a lowest version on, and Python 3.11 or later."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.fullmatch(r"([a-z]+)>=([0-9.]+)", line) for line in project["dependencies"]]

    assert [match and match[1] for match in needed] == ["aiohttp", "attrs", "cattrs"]
    assert project["requires-python"] == ">=3.11"
    assert needed[0]
    assert tuple(map(int, needed[0][2].split("."))) >= (3, 14, 3)


def test_the_version_is_one() -> None:
    """The version is three numbers, and the User-Agent header shows the same."""
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", openrouter_credits.__version__)
    assert f"openrouter-credits/{openrouter_credits.__version__}" == USER_AGENT


def test_the_typed_user_program_runs() -> None:
    """The program that type checkers accept (tests/typing) also runs, and reads what it should."""
    names = runpy.run_path(str(Path(__file__).parent / "typing" / "user_program.py"), run_name="__main__")

    assert names["seen"] == ["74.75", "74.5", "1", "an error", "closed"]
