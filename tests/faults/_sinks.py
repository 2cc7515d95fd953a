"""The assertion that all rows of the fault matrix share.

A test awaits each call through the watch, such as `await fault(client.credits())`. It returns the outcome,
and asserts that the call:

- ended in a value, or in exactly one `OpenRouterError` (or in the exception that the row names),
- ended within its deadline,
- left nothing acquired in any connector,
- showed its key in none of twelve sinks: the faces of an exception, logs, warnings and reports of crashes,
- raised plain data: the error can be pickled and copied, and the copy looks the same.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import gc
import inspect
import io
import logging
import os
import pickle
import re
import sys
import time
import traceback
import warnings
import weakref
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import aiohttp

import openrouter_credits
from openrouter_credits import Attempt, OpenRouterError
from tests.kit.clock import allowance, now, settle, working_outside

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from types import TracebackType

T = TypeVar("T")
E = TypeVar("E", bound=BaseException)

PACKAGE = str(Path(openrouter_credits.__file__).parent)
TESTS = str(Path(__file__).parents[1])
GRACE = 1e-6
"""Seconds by which a call may miss its deadline, for rounding: time is virtual."""
_WINDOW, _STRIDE = 12, 4
_MAX_COLLECTIONS = 1000
"""Garbage collections after which no thread can still hold a task."""
_LONGEST_TEXT = 700
"""Characters: 200 of the server, our own words, and the remedy."""


class KeyShownError(AssertionError):
    """A sink shows a part of a secret that its mask hides."""


@lru_cache
def fragments(secret: str) -> tuple[str, ...]:
    """List the parts of a secret that no sink may show.

    Any 16 characters of the part that a mask hides contain one of them. The base64 of the whole header is the
    last of them.
    """
    middle = secret[12:-4] if len(secret) >= 24 else secret
    windows = (middle[i : i + _WINDOW] for i in range(0, max(1, len(middle) - _WINDOW + 1), _STRIDE))
    return (*windows, base64.b64encode(f"Bearer {secret}".encode("utf-8", "replace")).decode())


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """The value or the error of a call, and how long it took. In seconds."""

    value: T | None
    error: BaseException | None
    elapsed: float


@dataclass
class _Report:
    """One call of the event loop's exception handler, for an exception that nobody retrieved."""

    exception: BaseException | None
    texts: list[str]


class _Records(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.seen: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record)


@dataclass
class Watch:
    """The assertion that all rows share, in force while a test runs."""

    secrets: set[str]
    ours: tuple[str, ...] = (PACKAGE,)
    """Paths of the code under test. Frames above the first from there, and others of the tests, are the
    caller's own, and may show a key; all other frames below it count, whoever wrote them."""
    deadline: float = 0.0
    """The deadline of each call that is given none of its own. All times are in seconds."""
    is_needed: bool = False
    """Whether the test fails unless it awaits at least one call through this watch."""
    calls: int = field(init=False, default=0)
    """Number of calls that were awaited through this watch."""
    _checked: int = field(init=False, default=0)
    _running: int = field(init=False, default=0)
    _idle: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _told: list[dict[str, Any]] = field(init=False, default_factory=list)
    _reports: list[_Report] = field(init=False, default_factory=list)
    _expected: list[BaseException] = field(init=False, default_factory=list)
    _records: _Records = field(init=False, default_factory=_Records)
    _warnings: list[warnings.WarningMessage] = field(init=False, default_factory=list)
    _connectors: weakref.WeakSet[aiohttp.BaseConnector] = field(init=False, default_factory=weakref.WeakSet)
    _stack: contextlib.ExitStack = field(init=False, default_factory=contextlib.ExitStack)

    async def __aenter__(self) -> Self:
        """Listen to logs, warnings and the event loop, and to every connector that is made."""
        loop = asyncio.get_running_loop()
        root = logging.getLogger()
        self._stack.callback(loop.set_exception_handler, loop.get_exception_handler())
        self._stack.callback(root.setLevel, root.level)
        self._stack.callback(root.removeHandler, self._records)
        self._warnings = self._stack.enter_context(warnings.catch_warnings(record=True))
        warnings.simplefilter("always")
        loop.set_exception_handler(lambda _, context: self._told.append(context))
        root.setLevel(logging.DEBUG)
        root.addHandler(self._records)
        self._watch_connectors()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """Check what belongs to no single call: logs, warnings, reports and connectors."""
        gc.collect()  # objects that were dropped without being closed warn now
        await asyncio.sleep(0)
        self._write_reports()
        self._stack.close()
        if error is not None:
            return
        self._check_shared_sinks()
        self._check_connectors()
        unexpected = [
            report.texts[0]
            for report in self._reports
            if not any(report.exception is known for known in self._expected)
        ]
        assert not unexpected, f"the event loop was told of something else: {unexpected}"
        assert not self._warnings, (
            f"there were warnings: {[str(warning.message) for warning in self._warnings]}"
        )
        assert self.calls or not self.is_needed, (
            "a row must hand its calls to `fault`, which asserts what every row asserts"
        )

    async def __call__(
        self, call: Awaitable[T], *, deadline: float | None = None, also: tuple[type[BaseException], ...] = ()
    ) -> Outcome[T]:
        """Await a call as a task whose exception nobody retrieves; assert what the module's docstring lists.

        Args:
            call: such as `client.credits()`.
            deadline: seconds in which the call must end; by default, that of the clients made in this test.
            also: exceptions from outside the package that the row allows.
        """
        self.calls += 1
        caught: list[BaseException] = []
        began, elapsed = now(), 0.0

        async def run() -> T:
            nonlocal elapsed
            try:
                return await call
            except BaseException as error:
                caught.append(error)
                raise
            finally:
                elapsed = now() - began

        self._running += 1
        self._idle.clear()
        task = asyncio.ensure_future(run())
        await asyncio.wait([task])
        self._running -= 1
        if not self._running:
            self._idle.set()
        await self._idle.wait()  # other calls that are still running hold connections
        value = None if caught else task.result()
        self._expected += caught
        # Dropped with its exception unseen, as users drop tasks: asyncio reports that to the loop's exception
        # handler.
        del task
        self._write_reports()

        limit = self.deadline if deadline is None else deadline
        assert elapsed <= limit + GRACE + allowance(), (
            f"the call took {elapsed:.3f} s; its deadline is {limit} s"
        )
        self._check_connectors()
        error = caught.pop() if caught else None
        if error is None:
            self._check_texts({"repr": repr(value), "str": str(value), "pickle": repr(pickle.dumps(value))})
        else:
            assert isinstance(error, (OpenRouterError, *also)), (
                f"{type(error).__name__} is none of our errors: {error!r}"
            )
            self._check_error(error, was_reported=not isinstance(error, asyncio.CancelledError))
        self._check_shared_sinks()
        return Outcome(value, error, elapsed)

    async def error(self, kind: type[E], call: Awaitable[object], *, deadline: float | None = None) -> E:
        """Await a call that must raise exactly this class of exception, and return the exception."""
        outcome = await self(
            call, deadline=deadline, also=() if issubclass(kind, OpenRouterError) else (kind,)
        )
        assert type(outcome.error) is kind, f"{kind.__name__} was expected, not {outcome}"
        return outcome.error

    async def value(self, call: Awaitable[T], *, deadline: float | None = None) -> T:
        """Await a call that must return a value, and return the value."""
        outcome = await self(call, deadline=deadline)
        assert outcome.error is None, f"a value was expected, not {outcome.error!r}"
        return outcome.value  # type: ignore[return-value]  # without an error there is a value

    async def cut_short(
        self, call: Awaitable[object], *, after: float | None = None, by: Callable[[], object] | None = None
    ) -> BaseException:
        """Await a call that is cut short from outside, and return the exception that its caller sees.

        It must show the key in no frame, nor in any exception that is chained to it.

        Args:
            call: such as `client.check_all(keys())`; keys in local variables of the test are its own.
            after: seconds after which an `asyncio.timeout` around the call ends it.
            by: called when nothing is on its way any more, it ends the call, such as `client.close`; by
                default the task of the call is cancelled.
        """

        async def timed() -> object:
            async with asyncio.timeout(after):
                return await call

        task = asyncio.ensure_future(timed())
        if after is None:
            await settle()
            ended = (by or task.cancel)()
            if inspect.isawaitable(ended):
                await ended
        outcome = await self(task, also=(BaseException,))
        assert outcome.error is not None, f"the call was not cut short: {outcome.value!r}"
        return outcome.error

    async def refusal(self, kind: type[E], make: Callable[[], object]) -> E:
        """Call a plain function that must raise exactly this class of exception, and return the exception."""

        async def call() -> None:
            make()

        return await self.error(kind, call())

    async def child(
        self, code: str, *, key: str, url: str = "", options: tuple[str, ...] = ("-X", "dev", "-W", "error")
    ) -> str:
        """Run a program in a child process, assert that its output shows no key, and return the output.

        The key and the base URL come from its environment, so that no line of its code shows them.
        """
        self.calls += 1
        environment = {
            **os.environ,
            "OPENROUTER_API_KEY": key,
            "OPENROUTER_BASE_URL": url,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *options,
            "-c",
            code,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        with working_outside():
            output, _ = await child.communicate()
        text = output.decode()
        self._check_texts({"output of a process": text})
        assert child.returncode == 0, text
        # asyncio's development mode also prints when the machine was slow
        return re.sub(r"^Executing <.*> took [0-9.]+ seconds\n", "", text, flags=re.MULTILINE)

    def logged(self, name: str) -> list[str]:
        """List the messages of a logger and of the loggers below it."""
        return [
            record.getMessage() for record in self._records.seen if f"{record.name}.".startswith(f"{name}.")
        ]

    # The twelve sinks.

    def _check_error(self, error: BaseException, *, was_reported: bool) -> None:
        self._check_texts(dict(_faces(error)))
        self._check_texts({"traceback with locals": self._own_traceback(error)})
        for known in _family(error) if isinstance(error, OpenRouterError) else ():
            # `raise … from None` is not enough: aiohttp's error, and the key in it, would stay on __context__
            assert known.__cause__ is None, f"{known!r} has a __cause__"
            assert known.__context__ is None, f"{known!r} has a __context__"
        if was_reported:
            reports = self._reports_of(error)
            assert reports, (
                "asyncio has not reported the exception that nobody retrieved: "
                "the check of that sink saw nothing"
            )
            for report in reports:
                self._check_texts({"asyncio's report": "\n".join(report.texts)})
        if isinstance(error, OpenRouterError):
            _check_words(error)
            self._check_copies(error)

    def _reports_of(self, error: BaseException) -> list[_Report]:
        """Find asyncio's reports of an exception that nobody retrieved.

        They come as soon as nothing holds the task any more. aiohttp's exceptions make cycles with frames of
        ours, and so with the task: it takes a garbage collection to free it. A thread that looked up a name
        may hold its exception, and with it the task, for a moment longer: then that is waited for.
        """
        for _ in range(_MAX_COLLECTIONS):
            if reports := [report for report in self._reports if report.exception is error]:
                return reports
            gc.collect()
            time.sleep(0.001)  # lets a thread go on
            self._write_reports()
        return []

    def _check_copies(self, error: OpenRouterError) -> None:
        for protocol in (0, pickle.HIGHEST_PROTOCOL):
            pickled = pickle.dumps(error, protocol)
            self._check_texts({"pickle": repr(pickled)})
            assert _look(_PlainUnpickler(io.BytesIO(pickled)).load()) == _look(error)
        assert _look(copy.copy(error)) == _look(error)
        assert _look(copy.deepcopy(error)) == _look(error)

    def _check_shared_sinks(self) -> None:
        new, self._checked = self._records.seen[self._checked :], len(self._records.seen)
        for record in new:
            self._check_texts(
                {"log message": record.getMessage(), "log args": repr((record.msg, record.args))}
            )
            if record.exc_info and (exception := record.exc_info[1]):
                self._check_texts(
                    {
                        "log exc_info": self._own_traceback(exception)
                        + "".join(traceback.format_exception(exception))
                    }
                )
            self._check_texts({"log record": repr(vars(record))})
        for warning in self._warnings:
            self._check_texts({"warning": f"{warning.message} {warning!r}"})
        for report in self._reports:
            self._check_texts({"asyncio's report": "\n".join(report.texts)})

    def _check_texts(self, texts: dict[str, str]) -> None:
        forbidden = [fragment for secret in self.secrets for fragment in fragments(secret)]
        for sink, text in texts.items():
            if shown := next((fragment for fragment in forbidden if fragment in text), None):
                at = text.index(shown)
                raise KeyShownError(f"{sink} shows the key: {text[max(0, at - 200) : at + 100]}")

    def _own_traceback(self, error: BaseException) -> str:
        """Format the tracebacks of an exception and those chained to it with all locals, as reporters do.

        They begin at the first frame that is ours, and have no other frame of the tests.
        """
        texts = [
            text
            for known in _chain(error)
            for text in (self._own_frames(known), *traceback.format_exception_only(known))
        ]
        assert any(texts[::2]) or not isinstance(error, OpenRouterError), (
            f"no frame of {error!r} is ours: the check of that sink saw nothing"
        )
        return "".join(texts)

    def _own_frames(self, error: BaseException) -> str:
        frames = list(traceback.walk_tb(error.__traceback__))
        names = [frame.f_code.co_filename for frame, _ in frames]
        first = next((at for at, name in enumerate(names) if name.startswith(self.ours)), len(frames))
        own = (
            place
            for place, name in zip(frames[first:], names[first:], strict=True)
            if name.startswith(self.ours) or not name.startswith(TESTS)
        )
        return "".join(traceback.StackSummary.extract(own, capture_locals=True).format())

    def _write_reports(self) -> None:
        """Format the event loop's reports now: the handler itself may run during a garbage collection."""
        loop = asyncio.get_running_loop()
        while self._told:
            context = self._told.pop(0)
            exception = context.get("exception")
            texts = [
                str(context.get("message")),
                repr(context),
                *(f"{value} {value!r}" for value in context.values()),
            ]
            if exception is not None:
                texts += traceback.format_exception(exception)
            self._reports.append(_Report(exception, texts))
            loop.default_exception_handler(context)  # which logs it: one more way to the log's sinks

    # The connectors.

    def _watch_connectors(self) -> None:
        made, original = self._connectors, aiohttp.BaseConnector.__init__

        def init(connector: aiohttp.BaseConnector, *args: Any, **kwargs: Any) -> None:
            original(connector, *args, **kwargs)
            made.add(connector)

        aiohttp.BaseConnector.__init__ = init  # type: ignore[assignment, method-assign]  # put back below
        self._stack.callback(setattr, aiohttp.BaseConnector, "__init__", original)

    def _check_connectors(self) -> None:
        for connector in self._connectors:
            # Private, and there is no public way to ask; a change of aiohttp shows as an AttributeError here.
            held = (
                len(connector._acquired),
                sum(map(len, connector._acquired_per_host.values())),
                len(connector._waiters),
            )
            assert held == (0, 0, 0), (
                f"connections are still acquired (in all, per host) or waited for: {held}"
            )


def _faces(error: BaseException) -> Iterator[tuple[str, str]]:
    """List all texts of an error and the errors it holds: str, repr, vars, args, remedy, notes and chain."""
    for known in _family(error):
        yield "str", str(known)
        yield "repr", repr(known)
        yield "vars", repr(vars(known))
        yield "args", repr(known.args)
        yield "remedy", f"{getattr(known, 'remedy', '')}"
        yield "notes", repr(getattr(known, "__notes__", ()))
        if isinstance(known, OpenRouterError):
            yield "__cause__/__context__", "".join(_whole(known.__cause__) + _whole(known.__context__))


def _whole(error: BaseException | None) -> list[str]:
    return [*traceback.format_exception(error), repr(vars(error)), repr(error)] if error is not None else []


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an exception and those that are chained to it, each once."""
    seen, to_see = set[int](), [error]
    while to_see:
        known = to_see.pop()
        if id(known) not in seen:
            seen.add(id(known))
            yield known
            to_see += [other for other in (known.__cause__, known.__context__) if other is not None]


def _family(error: BaseException) -> Iterator[BaseException]:
    """Iterate over an error and the errors that it holds."""
    yield error
    for problem in getattr(error, "problems", ()):
        yield from _family(problem)
    for attempt in getattr(error, "attempts", ()):
        yield from _family(attempt.error)


def _look(value: object) -> object:
    """Convert an error, which defines no `==`, to plain data that can be compared."""
    match value:
        case BaseException():
            return (
                type(value),
                str(value),
                _look(value.args),
                {name: _look(item) for name, item in vars(value).items()},
            )
        case Attempt():
            return _look(value.error), value.status, value.elapsed, value.waited
        case tuple() | list():
            return [_look(item) for item in value]
        case _:
            return value


def _check_words(error: OpenRouterError) -> None:
    """Assert that an error quotes at most 200 characters, has no control characters, and has its remedy."""
    for known in _family(error):
        assert isinstance(known, OpenRouterError)
        assert str(known).isprintable(), f"there are control characters in {known!r}"
        assert len(str(known)) <= _LONGEST_TEXT
        assert len(getattr(known, "message", "")) <= 200
        assert known.remedy.endswith(".")
        assert known.remedy in str(known)


class _PlainUnpickler(pickle.Unpickler):
    """Refuses classes of the HTTP library: an error must be readable where that library is not installed."""

    def find_class(self, module: str, name: str) -> Any:
        assert module.partition(".")[0] not in {"aiohttp", "multidict", "yarl", "asyncio", "ssl"}, (
            f"the error holds a {module}.{name}"
        )
        return super().find_class(module, name)
