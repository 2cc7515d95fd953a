"""The public surface: names, documentation, types, and imports between modules."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
import runpy
import subprocess
import sys
import tomllib
import typing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cattrs
import pytest

import openrouter_credits
import openrouter_credits.history
import openrouter_credits.testing
import openrouter_credits.watch
from openrouter_credits import (
    APITimeoutError,
    Attempt,
    CheckReport,
    Credits,
    KeyCheck,
    KeyStatus,
    Level,
    RateLimitError,
    RetryPolicy,
    Runway,
    Spendable,
)
from openrouter_credits._call.request import USER_AGENT
from openrouter_credits._models.amounts import plain
from openrouter_credits.history import Subject
from openrouter_credits.watch import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(openrouter_credits.__file__).parent
ROOT = Path(__file__).parents[1]

PUBLIC = """
    APIConnectionError APIStatusError APITimeoutError Account Activity ActivityItem AddressNotAllowedError
    AmbiguousWriteError ApiKey Attempt AuthenticationError BadRequestError Bound Budget BudgetExceededError
    CheckReport ClientClosedError ConfigurationError Credits CreditsClient EdgeRefusedError FreeModelQuota
    Generation InsufficientCreditsError InvalidKeyError InvalidResponseError KeyCheck KeyInfo
    KeyLimitExceededError KeySpec KeyStatus Level LocalResourceError ManagedKey ManagementKeyRequiredError
    MissingKeyError NewKey NotFoundError OpenRouterError PaymentRequiredError PermissionDeniedError
    ProxyError RateLimitError RedirectError ResponseTooLargeError RetryPolicy Runway ServerError Setting
    Spendable TLSError Total UnconfirmedCreditsError UnknownCreditsError Wallet Workspace __version__
    error_from_response format_usd
""".split()  # noqa: SIM905 - forty names are read more easily so

DOORS = (openrouter_credits, openrouter_credits.history, openrouter_credits.testing, openrouter_credits.watch)

REEXPORTED = {"openrouter_credits.watch": {"Subject"}}
"""Names that a second door has, too."""

BOTTOM = {"_version", "_public", "_arguments", "_masking", "_documents", "_secretfiles"}
CORE = BOTTOM | {"_models", "_errors", "_secrets", "_words", "_status", "_call", "_batch"}
ALLOWED: dict[str, set[str]] = {
    "_version": set(),
    "_public": set(),
    "_arguments": set(),
    "_masking": set(),
    "_documents": {"_masking"},
    "_secretfiles": set(),
    "_models": BOTTOM,
    "_errors": BOTTOM | {"_models"},
    "_secrets": BOTTOM | {"_errors"},
    "_words": BOTTOM | {"_models", "_errors", "_secrets"},
    "_status": BOTTOM | {"_models", "_errors", "_secrets", "_words"},
    "_call": BOTTOM | {"_models", "_errors", "_secrets", "_words"},
    "_batch": CORE - {"_batch"},
    "_account": CORE,
    "_guard": CORE,
    "_client": CORE | {"_account", "_guard"},
    "testing": {"", "_public", "_models"},
    "history": {"", "_models", *BOTTOM},
    "watch": {"", "history", *BOTTOM},
    "cli": {"", "testing", "watch", "history", "_documents", "_secretfiles", "_words"},
}
"""The places of this package that each place may import; "" is the door, which re-exports the public names.

An underscore file is vocabulary, an underscore folder is machinery, and a plain folder is a room that users
enter. Imports for annotations count as well, so that a reader never has to look upwards.
"""

UPWARDS = {("_client", ""), ("_client", "history"), ("_client", "watch"), ("_client", "watch._keys")}
"""The one way up: `client.watch` makes a `Watch`. Its body imports the room, and its annotations the door."""


def module_name(path: Path) -> str:
    """Name a file's module within the package; "" is the package itself."""
    return (
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").removesuffix(".")
    )


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def within_package(module: str) -> str | None:
    """Name a module as this package does: "" for the package itself, `None` for a module of others."""
    if module.split(".", maxsplit=1)[0] != "openrouter_credits":
        return None
    return module.removeprefix("openrouter_credits").removeprefix(".")


def place_of(module: str) -> str:
    """Name the place that a module of this package stands in; "" for the door."""
    first = module.split(".", maxsplit=1)[0]
    return "" if first == "__main__" else first


def imports(path: Path) -> Iterator[str]:
    """List the modules that a file imports: at its top, in functions, and for annotations."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            module = node.module or ""
            names = {f"{module}.{alias.name}" for alias in node.names}
            modules = {name for name in names if within_package(name) in MODULES}
            yield from modules
            if names != modules:
                yield module


def arrows() -> set[tuple[str, str]]:
    """List which module of this package imports which other module of it."""
    return {
        (name, other)
        for name, path in MODULES.items()
        for module in imports(path)
        if (other := within_package(module)) is not None
    }


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


def test_the_door_loads_a_room_when_it_is_named() -> None:
    """The package has its rooms as attributes, and imports one that is named for the first time."""
    room = openrouter_credits.__getattr__("watch")

    assert openrouter_credits.watch is room


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


def public_items() -> Iterator[tuple[str, Any]]:
    """List public classes, functions and methods, each with its full name."""
    for module in DOORS:
        for name in module.__all__:
            item = getattr(module, name)
            if callable(item):
                yield f"{module.__name__}.{name}", item
            if isinstance(item, type):
                for member, value in inspect.getmembers_static(item):
                    function = value.fget if isinstance(value, property) else value
                    function = getattr(function, "__func__", function)
                    if inspect.isfunction(function):
                        yield f"{module.__name__}.{name}.{member}", function


def test_annotations_resolve() -> None:
    """`typing.get_type_hints` resolves the annotations of every public class, method and function."""
    items = dict(public_items())

    hints = {name: typing.get_type_hints(item) for name, item in items.items()}

    assert Decimal | None == hints["openrouter_credits.KeyInfo"]["limit"]
    assert Decimal | None == hints["openrouter_credits.KeyInfo.__init__"]["limit"]
    awaited = hints["openrouter_credits.CreditsClient.check_all"]["return"]
    assert CheckReport == typing.get_args(awaited)[-1]
    assert openrouter_credits.watch.Watch is hints["openrouter_credits.CreditsClient.watch"]["return"]
    assert (
        openrouter_credits.history.History | None == hints["openrouter_credits.CreditsClient.watch"]["store"]
    )
    assert len(items) > 200


def test_signatures_resolve() -> None:
    """`inspect.signature` resolves the annotations of every public class, method, property and function."""
    signatures = {name: inspect.signature(item, eval_str=True) for name, item in public_items()}

    annotations = [
        (name, annotation)
        for name, signature in signatures.items()
        for annotation in (
            signature.return_annotation,
            *(each.annotation for each in signature.parameters.values()),
        )
    ]
    assert [name for name, annotation in annotations if isinstance(annotation, str)] == []
    assert Decimal | None == signatures["openrouter_credits.KeyInfo"].parameters["limit"].annotation
    assert signatures["openrouter_credits.KeyStatus.to_json"].return_annotation is str


def test_values_can_be_unstructured() -> None:
    """`cattrs.unstructure` with its defaults makes plain containers of a check and all that is in it."""
    wallet, now = Credits(Decimal(5), Decimal(3)), datetime(2026, 11, 25, tzinfo=UTC)
    status = KeyStatus(None, wallet, Spendable(Decimal(2), "wallet", None, "at_most"), (), now)

    plain_check = cattrs.unstructure(KeyCheck(0, "bot", None, None, status, None, 0.1))

    assert Decimal(3) == plain_check["status"]["credits"]["total_usage"]
    assert "wallet" == plain_check["status"]["spendable"]["bound_by"]


def test_public_classes_are_of_the_door() -> None:
    """Public classes and functions say that they are from the module users import them from.

    Of two doors it is the one of the room in which they are written.
    """
    for module in DOORS:
        items = {name: item for name in module.__all__ if callable(item := getattr(module, name))}
        others = {name for name, item in items.items() if item.__module__ != module.__name__}
        assert others == REEXPORTED.get(module.__name__, set())


def test_pickles_name_the_door_alone() -> None:
    """A pickle of public values and errors names no module of this package but the doors."""
    status = 429
    error = RateLimitError("slow down", status=status)
    error.attempts = (Attempt(APITimeoutError("late"), None, 1.0, 0.0),)
    tiny = plain(Decimal("1E-9"))
    values = [error, Credits(tiny, Decimal(3)), Level.OK, RetryPolicy(), openrouter_credits.format_usd]
    now = datetime(2026, 11, 25, tzinfo=UTC)
    runway = Runway("idle", Decimal(0), None, None, None, "history")
    subject = Subject("wallet", "acme")
    event = Event(
        "id",
        "low",
        subject,
        Level.LOW,
        Level.OK,
        tiny,
        Decimal(10),
        "wallet",
        None,
        runway,
        (),
        now,
        now,
        "Low.",
    )

    pickled = pickle.dumps([*values, event])

    modules = set(re.findall(rb"openrouter_credits[\w.]*", pickled))
    doors = {b"openrouter_credits", b"openrouter_credits.history", b"openrouter_credits.watch"}
    assert doors == modules
    assert event == pickle.loads(pickled)[-1]
    assert str(error) == str(pickle.loads(pickled)[0])
    assert "0.000000001" == str(pickle.loads(pickled)[1].total_credits)


def test_every_module_has_its_place() -> None:
    """The table of places has a row for each place of the package."""
    assert {place for module in MODULES if (place := place_of(module))} == set(ALLOWED)


def test_each_place_imports_only_the_places_below_it() -> None:
    """Each place of the package imports only the places that the table allows it."""
    found = {(place_of(name), place_of(module)) for name, module in arrows() - UPWARDS if place_of(name)}

    assert {("_client", "_call"), ("_batch", "_status"), ("cli", "")} <= found
    assert [
        f"{place} imports {other or 'the door'}"
        for place, other in sorted(found)
        if place != other and other not in ALLOWED[place]
    ] == []


def test_modules_have_no_import_cycle() -> None:
    """No module imports itself through others, imports for annotations included, but for `client.watch`."""
    graph: dict[str, set[str]] = {name: set() for name in MODULES}
    for name, module in arrows() - UPWARDS:
        graph[name] |= {module} & set(MODULES)
    while ready := [name for name, needed in graph.items() if not needed]:
        graph = {name: needed - set(ready) for name, needed in graph.items() if name not in ready}

    assert graph == {}


def test_the_one_way_up_is_taken() -> None:
    """`client.watch` imports the rooms above it, which the other tests of imports make an exception for."""
    assert arrows() >= UPWARDS


def test_aiohttp_has_its_places() -> None:
    """Only three modules of `_call` and the testing kit import aiohttp: the rest has no I/O."""
    users = {
        name
        for name, path in MODULES.items()
        for module in imports(path)
        if module.split(".")[0] in {"aiohttp", "yarl", "multidict"}
    }

    ours = {name for name in users if place_of(name) != "testing"}
    assert {"_call.resolver", "_call.session", "_call.transport"} == ours


def test_modules_are_short() -> None:
    """No module is longer than 250 lines, but the catalogue of errors and the client with its docstrings."""
    long = {
        name for name, path in MODULES.items() if len(path.read_text(encoding="utf-8").splitlines()) > 250
    }

    assert {"_errors", "_client"} == long


def test_the_core_imports_its_dependencies_and_nothing_else() -> None:
    """The core imports aiohttp (with its yarl), attrs, cattrs and the standard library, and nothing else."""
    names = [
        name
        for name in MODULES
        if name.split(".")[0] not in {"testing", "cli", "__main__", "watch", "history"}
    ]
    imported = {(name, module.split(".")[0]) for name in names for module in imports(MODULES[name])}
    allowed = {*sys.stdlib_module_names, "openrouter_credits", "aiohttp", "yarl", "attrs", "cattrs"}

    assert {"aiohttp", "attrs", "cattrs"} <= {package for _, package in imported}
    assert [f"{name} imports {package}" for name, package in sorted(imported) if package not in allowed] == []


@pytest.mark.process
def test_an_import_brings_no_extras() -> None:
    """Importing every public name loads no room, and nothing that only rooms need."""
    unwanted = [
        "rich",
        "cyclopts",
        "openrouter_credits.cli",
        "openrouter_credits.testing",
        "openrouter_credits.history",
        "openrouter_credits.watch",
        "aiohttp.web",
        "pytest",
        "sqlite3",
    ]

    loaded = run("import sys; from openrouter_credits import *; CreditsClient(); print(*sys.modules)").split()

    assert "openrouter_credits._client" in loaded
    assert [name for name in unwanted if name in loaded] == []


@pytest.mark.process
def test_a_room_is_loaded_when_it_is_asked_for() -> None:
    """The annotations of `client.watch` resolve in a program that has imported no room."""
    program = (
        "import sys, typing, openrouter_credits as package; method = package.CreditsClient.watch\n"
        "assert 'openrouter_credits.watch' not in sys.modules\n"
        "print(typing.get_type_hints(method)['return'], package.history.History)"
    )

    assert run(program).split("\n")[0] == (
        "<class 'openrouter_credits.watch.Watch'> <class 'openrouter_credits.history.History'>"
    )


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
