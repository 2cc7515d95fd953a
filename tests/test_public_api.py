"""The public surface: names, documentation, types, and what an import costs."""

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
    "_models": set(),
    "_hints": set(),
    "_deadlines": set(),
    "_together": set(),
    "_pace": set(),
    "_secrets": {"_errors"},
    "_structure": {"_models"},
    "_explain": {"_models", "_errors"},
    "_spendable": {"_models", "_errors", "_explain"},
    "_protocol": {"_errors", "_secrets", "_models", "_hints", "_structure", "_version"},
    "_retry": {"_errors"},
    "_flow": {"_errors", "_retry", "_pace"},
    "_transport": {"_errors", "_secrets", "_models", "_protocol", "_retry", "_flow", "_deadlines"},
    "_check": {"_errors", "_secrets", "_models", "_spendable", "_retry"},
    "_source": {"_secrets", "_check"},
    "_batch": {
        "_errors",
        "_secrets",
        "_models",
        "_spendable",
        "_retry",
        "_flow",
        "_pace",
        "_deadlines",
        "_together",
        "_check",
        "_source",
    },
    "_client": {
        "_errors",
        "_secrets",
        "_models",
        "_spendable",
        "_protocol",
        "_retry",
        "_flow",
        "_together",
        "_transport",
        "_check",
        "_batch",
    },
}
"""What each module may import of the package when it runs: one noun each, and imports point one way.

What is imported for annotations alone does not count. `_structure` and `_hints` are parts of `_protocol`, `_deadlines` of `_transport`,
`_explain` of `_spendable`, `_pace` of `_flow`, `_batch`, `_source` and `_together` of `_check`; the client offers the batches, and so
stands above them.
"""


def module_name(path: Path) -> str:
    """Name a file's module within the package."""
    return path.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
CORE = sorted(name for name in MODULES if "." not in name and not name.startswith("__"))


def imports(path: Path) -> Iterator[str]:
    """List the modules that a file imports when it runs, at its top or inside of functions; not those for annotations alone."""

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
            yield from (f"{node.module}.{alias.name}" for alias in node.names if node.module == "openrouter_credits")


def run(program: str) -> str:
    """Run a program in an interpreter of its own, with warnings as errors."""
    done = subprocess.run([sys.executable, "-I", "-W", "error", "-c", program], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout


def test_all_lists_the_public_names() -> None:
    """Nothing appears or disappears unnoticed; the list is sorted, and each name is there."""
    assert sorted(PUBLIC) == sorted(openrouter_credits.__all__)
    assert openrouter_credits.__all__ == sorted(openrouter_credits.__all__)
    assert all(hasattr(openrouter_credits, name) for name in openrouter_credits.__all__)


def test_dir_shows_the_public_names() -> None:
    """Users are shown what is theirs."""
    assert sorted(dir(openrouter_credits)) == sorted(PUBLIC)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    """As in any module, although names are found when they are asked for."""
    with pytest.raises(AttributeError, match="'openrouter_credits' has no attribute 'Nothing'"):
        openrouter_credits.Nothing  # noqa: B018 - the point


def test_every_error_is_public() -> None:
    """Whatever is raised can be named by who catches it."""
    errors = {
        name
        for name, item in vars(openrouter_credits._errors).items()
        if inspect.isclass(item) and issubclass(item, openrouter_credits.OpenRouterError)
    }

    assert errors <= set(openrouter_credits.__all__)


@pytest.mark.parametrize("name", [name for name in PUBLIC if not name.startswith("_")])
def test_every_public_name_is_documented(name: str) -> None:
    """With a docstring of its own, and so are the methods and properties of the classes."""
    item = getattr(openrouter_credits, name)
    members = vars(item).items() if inspect.isclass(item) else ()

    assert inspect.getdoc(item)
    assert not inspect.isclass(item) or item.__doc__ is not item.__mro__[1].__doc__
    for member, value in members:
        if not member.startswith("_") and (callable(value) or isinstance(value, property | staticmethod | classmethod)):
            assert inspect.getdoc(value), f"{name}.{member}"


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is_for(name: str) -> None:
    """In a docstring that ends its first line with a full stop."""
    docstring = ast.get_docstring(ast.parse(MODULES[name].read_text(encoding="utf-8")))

    assert docstring
    assert docstring.splitlines()[0].endswith((".", ":", "`"))


def test_every_module_has_its_place() -> None:
    """A new module is entered into the table of allowed imports."""
    assert set(CORE) == set(ALLOWED)


@pytest.mark.parametrize("name", CORE)
def test_imports_point_one_way(name: str) -> None:
    """Each module knows only what stands below it."""
    prefix = "openrouter_credits."
    imported = {module.removeprefix(prefix).split(".")[0] for module in imports(MODULES[name]) if module.startswith(prefix)}

    assert imported <= ALLOWED[name]


def test_the_table_has_no_cycles() -> None:
    """Or it would allow what it is there to forbid."""
    order: list[str] = []
    while len(order) < len(ALLOWED):
        ready = [name for name in ALLOWED if name not in order and ALLOWED[name] <= set(order)]
        assert ready
        order += ready


@pytest.mark.parametrize("name", MODULES)
def test_only_the_transport_and_the_testing_kit_import_aiohttp(name: str) -> None:
    """Whatever decides is free of I/O."""
    uses = any(module.split(".")[0] in {"aiohttp", "yarl", "multidict"} for module in imports(MODULES[name]))

    assert not uses or name == "_transport" or name.startswith("testing.")


@pytest.mark.parametrize("name", [name for name in MODULES if name.split(".")[0] not in {"testing", "cli", "__main__"}])
def test_the_core_imports_its_dependencies_and_nothing_else(name: str) -> None:
    """Aiohttp (with its yarl), attrs, cattrs, and the standard library."""
    others = {module.split(".")[0] for module in imports(MODULES[name])} - set(sys.stdlib_module_names)

    assert others <= {"openrouter_credits", "aiohttp", "yarl", "attrs", "cattrs"}


def test_an_import_brings_no_extras() -> None:
    """What a person looks at stays unimported, and so does the testing kit."""
    unwanted = ["rich", "cyclopts", "openrouter_credits.cli", "openrouter_credits.testing", "aiohttp.web", "pytest"]

    loaded = run("import sys; from openrouter_credits import *; CreditsClient(); print(*sys.modules)").split()

    assert "openrouter_credits._client" in loaded
    assert [name for name in unwanted if name in loaded] == []


def test_an_import_makes_no_event_loop_and_prints_nothing() -> None:
    """It may stand in any program."""
    assert run("import asyncio; asyncio.new_event_loop = None; import openrouter_credits") == ""


def test_the_types_are_announced() -> None:
    """`py.typed` lies in the package, or type checkers would not look."""
    assert (PACKAGE / "py.typed").is_file()


def test_the_core_needs_three_packages() -> None:
    """aiohttp, attrs, cattrs: each with a lowest version, none with a highest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = [re.fullmatch(r"([a-z]+)>=([0-9.]+)", line) for line in project["dependencies"]]

    assert [match and match[1] for match in needed] == ["aiohttp", "attrs", "cattrs"]
    assert project["requires-python"] == ">=3.11"
    assert needed[0]
    assert tuple(map(int, needed[0][2].split("."))) >= (3, 14, 3)


def test_the_version_is_one() -> None:
    """Of three numbers, and what the User-Agent says."""
    assert re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", openrouter_credits.__version__)
    assert f"openrouter-credits/{openrouter_credits.__version__}" == openrouter_credits._protocol.USER_AGENT


def test_the_typed_user_program_runs() -> None:
    """What type checkers accept is also true: its assertions hold when it runs."""
    names = runpy.run_path(str(Path(__file__).parent / "typing" / "user_program.py"), run_name="__main__")

    assert names["seen"] == ["74.75", "74.5", "1", "an error", "closed"]
