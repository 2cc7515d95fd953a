"""How events are told: in a live picture, or as lines."""

from __future__ import annotations

import sys
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from rich.live import Live

from openrouter_credits._words import one_line
from openrouter_credits.cli._exits import warn
from openrouter_credits.cli._screen import make_console, show
from openrouter_credits.cli._watchframe import View, draw_frame
from openrouter_credits.watch._sentences import describe_unwatched

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import TextIO

    from openrouter_credits.cli._options import Form
    from openrouter_credits.cli._seen import Seen
    from openrouter_credits.history import Subject
    from openrouter_credits.watch import Alarm, Event, Watch

_MOST = 200
"""Events that a picture may still show, on the highest terminal."""


class Telling(Protocol):
    """Tells events."""

    def tell(self, event: Event, /) -> None:
        """Tell an event."""

    def show(self, view: View, /) -> None:
        """Show how all is: after each look, and every second."""


class Lines:
    """Writes an event a line, at once: as JSON, or as its sentence."""

    def __init__(self, form: Form) -> None:
        self._form = form

    def tell(self, event: Event, /) -> None:
        """Write a line."""
        is_sentence = self._form.style == "oneline" or sys.stdout.isatty()
        print(one_line(event) if is_sentence else event.to_json(), flush=True)

    def show(self, _: View, /) -> None:
        """End quietly if nobody reads the pipe any more: the next event may be days away.

        Raises:
            BrokenPipeError: nobody reads it.
        """
        if is_abandoned(sys.stdout):
            raise BrokenPipeError


class Picture:
    """Draws a live picture, with the last events below the table."""

    def __init__(self, live: Live, seen: Seen) -> None:
        self._live = live
        self._seen = seen
        self._events: deque[Event] = deque(maxlen=_MOST)

    def tell(self, event: Event, /) -> None:
        """Add an event to the next picture."""
        self._events.append(event)

    def show(self, view: View, /) -> None:
        """Draw it anew."""
        console = self._live.console
        frame = draw_frame(console, view, self._seen, self._events, datetime.now(UTC), console.height - 1)
        self._live.update(frame, refresh=True)


@contextmanager
def make_telling(form: Form, seen: Seen) -> Iterator[Telling]:
    """Tell events in the way that suits standard output."""
    console = make_console()
    if form.style == "text" and sys.stdout.isatty() and console.is_interactive:
        live = Live(
            console=console,
            auto_refresh=False,  # it would draw from a thread
            redirect_stdout=False,
            redirect_stderr=sys.stderr.isatty(),
            vertical_overflow="crop",
        )
        with live:
            yield Picture(live, seen)
    else:
        yield Lines(form)


def tell_once(events: Sequence[Event], view: View, seen: Seen, form: Form) -> None:
    """Tell what is new after the only look, on a terminal with the whole table."""
    if form.style == "text" and sys.stdout.isatty():
        console = make_console()
        show(console, draw_frame(console, view, seen, events, datetime.now(UTC), sys.maxsize))
        return
    lines = Lines(form)
    for event in events:
        lines.tell(event)


class Notices:
    """Says on standard error, each once, what is not watched, and that the history cannot be written."""

    def __init__(self) -> None:
        self._unwatched: set[Subject] = set()
        self._fault: str | None = None

    def say_unwatched(self, source: Watch | Alarm) -> None:
        """Say what is not watched, and the step that mends it."""
        new = [reading for reading in source.unwatched if reading.subject not in self._unwatched]
        self._unwatched.update(reading.subject for reading in new)
        for text in describe_unwatched(new):
            warn(text)

    def say_fault(self, source: Watch | Alarm) -> None:
        """Say that the history cannot be written, and why; again if it could be meanwhile."""
        error = getattr(source, "store_error", None)
        fault = None if error is None else str(error)
        if fault is not None and fault != self._fault:
            warn(fault)
        self._fault = fault


def is_abandoned(stream: TextIO) -> bool:
    """Tell whether nobody reads a pipe any more, where the system can tell."""
    import select  # noqa: PLC0415 - not there on all systems

    if not hasattr(select, "poll"):
        return False
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError):  # no file
        return False
    watcher = select.poll()
    watcher.register(descriptor, 0)
    return any(what & select.POLLERR for _, what in watcher.poll(0))
