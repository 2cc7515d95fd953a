"""`openrouter-credits watch`: a live table on a terminal, one JSON event a line in a pipe, or one look."""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NoReturn, cast

from attrs import evolve, field, frozen

from openrouter_credits import CreditsClient
from openrouter_credits.cli._exits import NO_VERDICT, CommandError, allow_closed_pipe, warn, worst
from openrouter_credits.cli._judge import some_of
from openrouter_credits.cli._looks import Looks
from openrouter_credits.cli._seen import Seen
from openrouter_credits.cli._telling import Notices, Picture, make_telling, tell_once
from openrouter_credits.cli._waiting import make_spinner, shown_if_slow
from openrouter_credits.cli._watchframe import View, title
from openrouter_credits.history import History, HistoryError
from openrouter_credits.watch import Alarm, Watch

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Container, Iterable

    from openrouter_credits import KeySpec
    from openrouter_credits.cli._keyspecs import WholeAccount
    from openrouter_credits.cli._options import Form, Reading
    from openrouter_credits.history import Subject
    from openrouter_credits.watch import Event

_LEAST_EVERY = 60
"""Seconds: OpenRouter itself keeps an answer for so long."""
_MOST_EVERY = 7 * 24 * 60 * 60
_TICK = 1.0
"""Seconds between two pictures."""
_RECALLED, _POINTS = 50, 96
"""Subjects whose last day is read from a history, and the amounts of each: one every 15 minutes."""
_ASKING = "Asking OpenRouter"


@frozen
class Watching:
    """The options of `watch`. All times are in seconds."""

    every: float = 300.0
    """Between two looks."""
    history: str | None = None
    """The file that remembers between runs."""
    is_once: bool = field(default=False, kw_only=True)


def show_watch(
    entries: Iterable[KeySpec | WholeAccount], form: Form, reading: Reading, watching: Watching
) -> int:
    """Watch until Ctrl-C or SIGTERM, or look once and return the exit code of the worst level.

    Raises:
        CommandError: the looks would be too close.
        OpenRouterError: nothing of what is asked for can be watched.
    """

    async def run() -> int:
        # as in `check`: the client's own key is not used
        async with CreditsClient("unused", timeout=reading.timeout) as client:
            _require_pace(client, watching.every)
            seen = Seen()
            looks = Looks(client, entries, reading, watching.every, seen)
            if watching.is_once:
                return await _look_once(looks, seen, form, watching)
            return await _watch_on(looks, seen, form, watching)

    code = 0
    with allow_closed_pipe(), suppress(asyncio.CancelledError):  # SIGTERM
        code = asyncio.run(run())
    return code


async def _look_once(looks: Looks, seen: Seen, form: Form, watching: Watching) -> int:
    """Look once, tell what is new, and return the exit code of the worst level."""
    store = None if watching.history is None else History(watching.history)
    with shown_if_slow(make_spinner(_ASKING)):
        known = await _known(watching.history)
        async with _make_watch(looks, form, watching, store) as watch:
            events = await _all_there(watch)
    notices = Notices()
    notices.say_fault(watch)
    if not known.issuperset(seen.read()):  # else cron would mail the same at each run
        notices.say_unwatched(watch)
    view = View.of(watch)
    if watching.history is None:
        # a refusal counts at once: without a history, no later look would know of this one
        alarm = Alarm(form.warn, form.critical, refused_after=1)
        events = list(alarm.consider(watch.report, datetime.now(UTC)))
        view = evolve(View.of(alarm), runways=watch.runways)
        _say_unread(seen, {reading.subject for reading in watch.unwatched})
    tell_once(events, evolve(view, next_at=None), seen, form)
    return worst(view.levels.values()) if view.levels else NO_VERDICT


async def _known(path: str | None) -> frozenset[Subject]:
    """Return what earlier looks have read; a history that cannot be read knows nothing."""
    if path is not None:
        with suppress(HistoryError):
            async with History(path, read_only=True) as history:
                return frozenset(await history.subjects())
    return frozenset()


async def _watch_on(looks: Looks, seen: Seen, form: Form, watching: Watching) -> NoReturn:
    """Watch until the task is cancelled."""
    store = None if watching.history is None else History(watching.history)
    async with AsyncExitStack() as stack:
        _let_sigterm_cancel()
        with shown_if_slow(make_spinner(_ASKING)):
            watch = await stack.enter_async_context(_make_watch(looks, form, watching, store))
        notices = Notices()
        telling = stack.enter_context(make_telling(form, seen))
        if store is not None and isinstance(telling, Picture):
            telling.show(View.of(watch))
            await _recall(seen, store)
        events = await stack.enter_async_context(aclosing(follow(watch)))
        while True:
            event = await anext(events)
            notices.say_unwatched(watch)
            notices.say_fault(watch)
            if event is not None:
                telling.tell(event)
            telling.show(View.of(watch))


async def _recall(seen: Seen, store: History) -> None:
    """Put the last day of a history before what was seen, for the subjects that a screen can show."""
    now = datetime.now(UTC)
    with suppress(HistoryError):  # the watch itself says so
        known = [subject for subject in await store.subjects() if subject in seen.sights]
        for subject in known[:_RECALLED]:
            seen.remember(subject, await store.series(subject, now - timedelta(days=1), now, _POINTS))


def _make_watch(looks: Looks, form: Form, watching: Watching, store: History | None) -> Watch:
    return Watch(
        looks.whole,
        alone=looks.alone,
        every=watching.every,
        warn=form.warn,
        critical=form.critical,
        store=store,
    )


async def follow(watch: Watch, tick: float = _TICK) -> AsyncGenerator[Event | None, None]:
    """Yield each event; and `None` when all are told, and after each tick without one."""
    coming = asyncio.ensure_future(anext(watch))
    try:
        wait = 0.0
        while True:
            await asyncio.wait([coming], timeout=wait)
            if coming.done():
                event = coming.result()
                coming, wait = asyncio.ensure_future(anext(watch)), 0.0
                yield event
            else:
                yield None
                wait = tick
    finally:
        coming.cancel()


async def _all_there(watch: Watch) -> list[Event]:
    """Return the events that a watch has already."""
    events = []
    async with aclosing(follow(watch)) as coming:
        async for event in coming:
            if event is None:
                break
            events.append(event)
    return events


def _say_unread(seen: Seen, unwatched: Container[Subject]) -> None:
    """Say what could not be read, each reason once; what never can be is said elsewhere."""
    if seen.error is not None:
        warn(str(seen.error))
        return
    names: dict[str, list[str]] = {}
    for subject, sight in seen.sights.items():
        if sight.unread is not None and not sight.unread.is_refused and subject not in unwatched:
            names.setdefault(str(sight.unread.error), []).append(title(subject, sight.reading))
    for reason, titles in names.items():
        warn(f"{some_of(titles)}: {reason}")


def _let_sigterm_cancel() -> None:
    """Let SIGTERM cancel this task, as the end of a service; closing the loop undoes that."""
    loop, task = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())
    with suppress(NotImplementedError, RuntimeError):  # on Windows, or not in the main thread
        loop.add_signal_handler(signal.SIGTERM, task.cancel)


def _require_pace(client: CreditsClient, every: float) -> None:
    """Refuse looks that are closer than the answers are new, or farther apart than a week.

    Raises:
        CommandError: they are.
    """
    address = next(str(each.value) for each in client.settings if each.name == "base_url")
    if every < _LEAST_EVERY and not address.startswith("http:"):  # which only this machine may be
        raise CommandError(
            f"--every takes seconds from {_LEAST_EVERY}, not {every:g}: "
            "OpenRouter's answers are up to a minute old."
        )
    if every > _MOST_EVERY:
        raise CommandError(f"--every takes seconds up to {_MOST_EVERY:,} (a week), not {every:g}.")
