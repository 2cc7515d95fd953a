"""Tests of `Watch`: tasks and time around `Alarm`, with made-up looks in virtual time."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    CheckReport,
    ClientClosedError,
    EdgeRefusedError,
    Level,
    ManagementKeyRequiredError,
    MissingKeyError,
    OpenRouterError,
    RateLimitError,
)
from openrouter_credits.history import History, HistoryError, Subject
from openrouter_credits.watch import Event, Watch, _clock
from openrouter_credits.watch._findings import Findings
from tests.kit.clock import lap, now, settle, timers, virtual
from tests.kit.hosts import others
from tests.kit.reports import allowance, failed, own_key, purse, report
from tests.kit.values import DOWN, FORBIDDEN, NOW, UNAUTHORIZED

Step = CheckReport | BaseException | float | None
"""What one look gives; a number of seconds that pass before, `None` for one that never ends."""
WALLET = Subject("wallet", "acme")


class Script:
    """A look that gives one step after the other, and the last one for ever."""

    def __init__(self, *steps: Step, takes: float = 0) -> None:
        self._steps = list(steps)
        self._takes = takes
        self.at: list[float] = []
        """When each look began, in seconds after the first."""
        self.began = 0.0
        self.cancelled = 0

    async def __call__(self) -> CheckReport:
        """Give the next step."""
        self.began = self.began if self.at else now()
        self.at.append(round(now() - self.began, 3))
        step = self._steps.pop(0) if len(self._steps) > 1 else self._steps[0]
        await asyncio.sleep(self._takes)
        if step is None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if isinstance(step, BaseException):
            raise step
        assert isinstance(step, CheckReport)
        return step

    def then(self, *steps: Step) -> None:
        """Set what is given from now on."""
        self._steps = list(steps)


def clock() -> Callable[[], datetime]:
    """Return a clock that goes with the virtual time."""
    began = now()
    return lambda: NOW + timedelta(seconds=now() - began)


def watching(look: Any, **options: Any) -> Watch:
    """Make a watch whose clock is virtual."""
    return Watch(look, **{"clock": clock(), **options})


class Reader:
    """A task that reads all events."""

    def __init__(self, watch: Watch) -> None:
        self.heard: list[Event] = []
        self._task = asyncio.create_task(self._read(watch))

    async def _read(self, watch: Watch) -> None:
        async for event in watch:
            self.heard.append(event)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the events so far."""
        return [event.kind for event in self.heard]

    async def end(self) -> list[str]:
        """Wait until there are no more, and return their kinds."""
        await self._task
        return self.kinds


async def heard(watch: Watch, seconds: float) -> list[str]:
    """Watch for so long, and return the kinds of all events."""
    async with watch:
        reader = Reader(watch)
        await asyncio.sleep(seconds)
    return await reader.end()


# The first look, and what a watch shows.


@virtual
async def test_a_watch_gives_what_is_to_be_said() -> None:
    """Each thing is given once, as the alarm says it: the first look at once, the others as they come."""
    script = Script(report("9.90"), report("9.80"), report("4.80"), report("38"))

    assert await heard(watching(script), 1500) == ["low", "critical", "recovered"]


@virtual
async def test_what_a_watch_shows_is_there_at_once() -> None:
    """After entering, all that the first look found is there."""
    async with watching(Script(report("9.90"))) as watch:
        assert watch.report == report("9.90")
        assert (watch.age, watch.store_error, watch.unwatched) == (0, None, ())
        assert watch.levels[WALLET] == Level.LOW
        assert watch.runways[WALLET].verdict == "accumulating"
        assert watch.next_at is not None
        assert 285 <= (watch.next_at - NOW).total_seconds() <= 315
        await asyncio.sleep(100)
        assert watch.age == pytest.approx(100)


def test_before_it_is_entered_a_watch_shows_nothing() -> None:
    """A watch that was not entered knows nothing."""
    watch = Watch(Script(report()))

    assert (watch.report, watch.age, watch.next_at, watch.store_error) == (None, None, None, None)
    assert (watch.runways, watch.levels, watch.unwatched) == ({}, {}, ())


@virtual
async def test_looks_begin_every_so_many_seconds() -> None:
    """The time between looks is `every`, and up to 5 % more, however long a look takes."""
    script = Script(report(), takes=20)

    await heard(watching(script, every=100), 10_000)

    gaps = [after - before for before, after in pairwise(script.at)]
    assert 95 <= len(gaps) <= 100
    assert 100 <= min(gaps) < 101
    assert 104 < max(gaps) <= 105


@virtual
async def test_a_reader_that_sleeps_delays_no_look() -> None:
    """While the reader sleeps for ten minutes, the looks go on in time, and their events wait."""
    script = Script(report("9.90"), report("4.80"), report("-1"), report("-2"))

    kinds = []
    async with watching(script, every=100) as watch:
        async for event in watch:
            kinds.append(event.kind)
            if event.kind == "depleted":
                break
            await asyncio.sleep(600)

    assert kinds == ["low", "critical", "depleted"]
    assert len(script.at) == 12
    assert max(after - before for before, after in pairwise(script.at)) <= 105


@virtual
async def test_what_is_not_watched_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """What may not be read is shown, and is logged once as a warning that names the remedy."""
    blind = own_key(allowance("30"))

    async with watching(Script(blind)) as watch:
        await asyncio.sleep(2000)
        assert [reading.subject.kind for reading in watch.unwatched] == ["wallet"]

    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.message.startswith("Not watched: ")
    assert "management" in record.message


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (own_key(allowance()), ManagementKeyRequiredError),
        (failed(MissingKeyError("none"), "a", "b"), MissingKeyError),
        (CheckReport(()), MissingKeyError),
        (MissingKeyError("none"), MissingKeyError),
        (FORBIDDEN, ManagementKeyRequiredError),
        (UNAUTHORIZED, AuthenticationError),
        (ClientClosedError("closed"), ClientClosedError),
    ],
)
@virtual
async def test_entering_raises_if_nothing_can_be_watched(step: Step, kind: type[OpenRouterError]) -> None:
    """A watch that can see nothing is not entered, leaves no task, and says why."""
    script = Script(step)

    with pytest.raises(kind) as caught:
        async with watching(script):
            raise AssertionError

    assert type(caught.value) is kind
    assert (script.at, others(), timers()) == ([0], set(), [])


@pytest.mark.parametrize(
    "step",
    [
        failed(UNAUTHORIZED, "a", "b"),
        own_key(UNAUTHORIZED),
        failed(DOWN, "a"),
        own_key(allowance("30")),
        APIConnectionError("Could not connect"),
        EdgeRefusedError("refused", status=403),
        ValueError("a bug"),
    ],
)
@virtual
async def test_entering_does_not_raise_what_may_pass(step: Step) -> None:
    """Refused keys, a host that is down, a wallet out of sight and a look that fails do not end a watch."""
    async with watching(Script(step)) as watch:
        assert watch.next_at is not None


@virtual
async def test_a_watch_is_entered_once() -> None:
    """A watch that was entered is not entered again."""
    watch = watching(Script(report()))
    async with watch:
        pass

    with pytest.raises(RuntimeError, match="entered once"):
        await watch.__aenter__()


# Looks that fail.


class Odd(BaseException):
    """No Exception, and none that ends a program."""


class UntoldError(Exception):
    """One whose text cannot be made."""

    def __str__(self) -> str:
        """Fail."""
        raise ValueError


def stray() -> CheckReport:
    """Await nothing, and be cancelled by nobody."""
    raise asyncio.CancelledError


FAILURES: dict[str, Any] = {
    "an error of ours": Script(report(), DOWN),
    "an exception": Script(report(), ValueError("bug")),
    "another one": Script(report(), Odd()),
    "one that cannot be told": Script(report(), UntoldError()),
    "a cancellation of something else": Script(report(), asyncio.CancelledError()),
    "a closed client": Script(report(), ClientClosedError("closed")),
    "a report that read nothing": Script(report(), failed(DOWN, "bot")),
    "no report": Script(report(), None),
}


@pytest.mark.parametrize("name", FAILURES)
@virtual
async def test_a_look_that_fails_is_a_failed_look(name: str) -> None:
    """Whatever a look raises, and if it never ends, the watch goes on, and says that it is blind."""
    FAILURES[name].at.clear()
    watch = watching(FAILURES[name])

    async with watch:
        reader = Reader(watch)
        await asyncio.sleep(800)
        assert reader.kinds == []
        await asyncio.sleep(600)
        assert watch.age == pytest.approx(1400)

    assert await reader.end() == ["stale"]
    assert reader.heard[0].subject == Subject("openrouter")
    assert others() == set()


@virtual
async def test_a_look_that_raises_before_it_is_awaited_is_a_failed_look() -> None:
    """A look that is no coroutine function, and raises when it is called, fails like any other."""
    answers: list[Any] = [report()]

    def look() -> Awaitable[CheckReport]:
        return asyncio.sleep(0, answers.pop())

    assert await heard(watching(look), 2000) == ["stale"]


@virtual
async def test_what_is_no_report_is_a_failed_look() -> None:
    """A look that returns something else has failed."""
    answers: list[Any] = [report(), *([None] * 10)]

    async def look() -> Any:
        return answers.pop(0)

    assert await heard(watching(look), 2000) == ["stale"]


@virtual
async def test_a_look_that_hangs_is_waited_for() -> None:
    """While a look hangs no other begins; when it ends, what it read counts."""
    script = Script(report())
    async with watching(script) as watch:
        reader = Reader(watch)
        gate: asyncio.Future[CheckReport] = asyncio.get_running_loop().create_future()

        async def wait() -> CheckReport:
            return await gate

        watch._rounds._look = wait  # type: ignore[union-attr]  # it was entered
        await asyncio.sleep(3000)
        assert reader.kinds == ["stale"]
        gate.set_result(report())
        await settle()
        assert reader.kinds == ["stale", "fresh"]
        assert watch.age == pytest.approx(0, abs=1)


@pytest.mark.parametrize("good", [0, 1, 4])
@pytest.mark.parametrize("seed", range(20))
@virtual
async def test_blindness_is_told_in_time(good: int, seed: int) -> None:
    """A host that is dead from the start, or after good looks, is told of when 15 minutes are over."""
    random.seed(seed)
    script = Script(*[report()] * good, DOWN, takes=1)
    async with watching(script) as watch:
        began = now()
        event = await anext(watch)
        last_good = began + script.at[max(good, 1) - 1]

    assert event.kind == "stale"
    assert 900 <= now() - last_good <= 961


@virtual
async def test_a_subject_is_not_asked_for_twice_in_a_minute() -> None:
    """Looks at all and looks at some alone are a minute apart: the figures would be the same."""
    script, parts = Script(report("4.80"), takes=0.7), Script(report("4.80"), takes=0.7)
    async with watching(script, alone=lambda _: parts()):
        began = now()
        await asyncio.sleep(10_000)

    both = sorted([*script.at, *[round(at + parts.began - began, 3) for at in parts.at]])
    gaps = [after - before for before, after in pairwise(both)]
    assert 60 <= min(gaps) < max(gaps) <= 76 + 60
    assert sum(gaps) / len(gaps) < 64


@virtual
async def test_blindness_of_rare_looks_is_told_soon() -> None:
    """A watch that looks each hour tells that it is blind within 20 minutes of the first failed look."""
    async with watching(Script(report(), DOWN), every=3600) as watch:
        began = now()
        assert (await anext(watch)).kind == "stale"

    assert now() - began < 3600 * 1.05 + 1200


@virtual
async def test_a_first_look_that_hangs_lets_the_watch_begin() -> None:
    """Entering takes no longer than a slot; a watch that has seen nothing says that it is blind."""
    with lap() as taken:
        async with watching(Script(None)) as watch:
            entered = now()
            reader = Reader(watch)
            await asyncio.sleep(1000)
            assert watch.report is None
            assert reader.kinds == ["stale"]
            left = now()

    assert entered - taken.began == pytest.approx(330, abs=10)
    assert taken.elapsed == pytest.approx(left - taken.began, abs=0.001)


@virtual
async def test_a_failed_look_is_repeated_soon() -> None:
    """After a failed look the next begins in five minutes, although looks are an hour apart."""
    script = Script(report(), DOWN, DOWN, report())

    await heard(watching(script, every=3600), 3600 * 3)

    gaps = [after - before for before, after in pairwise(script.at)]
    assert [3420 <= gap <= 3780 for gap in gaps] == [True, False, False, True]
    assert [285 <= gap <= 315 for gap in gaps] == [False, True, True, False]


@pytest.mark.parametrize(
    "step",
    [
        RateLimitError("slow down", status=429, retry_after=3600),
        failed(RateLimitError("slow down", status=429, retry_after=3600), "bot"),
    ],
)
@virtual
async def test_the_server_is_obeyed_but_blindness_speaks(step: Step) -> None:
    """If the server asks us to wait for an hour, there is no look in that hour, but a `stale` in it."""
    script = Script(report(), step, report())

    async with watching(script) as watch:
        reader = Reader(watch)
        await asyncio.sleep(1800)
        assert reader.kinds == ["stale"]
        assert len(script.at) == 2
        await asyncio.sleep(2400)

    assert await reader.end() == ["stale", "fresh"]
    assert script.at[2] - script.at[1] == pytest.approx(3600, abs=1)


@virtual
async def test_a_program_that_is_to_end_ends() -> None:
    """SystemExit of a look is no failed look: it reaches the reader as well."""
    loop: Any = asyncio.get_running_loop()
    script = Script(report())
    ended = loop.create_future()  # in a task of the loop it would end the test run
    ended.set_exception(SystemExit(3))

    with pytest.raises(SystemExit):
        async with watching(script) as watch:
            watch._rounds._at_all = ended  # type: ignore[union-attr]  # it was entered
            await anext(watch)

    assert others() == set()


# Time that is not even.


class Laptop:
    """The default clock of a machine that may sleep, or be set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead = timedelta(0)
        self._began = now()
        monkeypatch.setattr(_clock, "wall", self.time)

    def time(self) -> datetime:
        """Return the time."""
        return NOW + timedelta(seconds=now() - self._began) + self._ahead

    def sleep(self, seconds: float) -> None:
        """Let the time pass without running; set the clock back if it is negative."""
        self._ahead += timedelta(seconds=seconds)


async def test_a_laptop_that_slept_takes_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """After 8 hours of sleep there is one look at once, and nothing false is said."""
    laptop, script = Laptop(monkeypatch), Script(report())
    async with Watch(script) as watch:
        reader = Reader(watch)
        await asyncio.sleep(100)
        laptop.sleep(8 * 3600)
        await asyncio.sleep(15)
        assert len(script.at) == 2
        await asyncio.sleep(200)
        assert len(script.at) == 2
        assert watch.age is not None
        assert watch.age < 300

    assert await reader.end() == []


async def test_a_laptop_that_slept_in_a_look_is_not_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that was under way when the machine fell asleep, and fails, is one failed look."""
    laptop, script = Laptop(monkeypatch), Script(report(), DOWN, report(), takes=20)
    async with Watch(script) as watch:
        reader = Reader(watch)
        await asyncio.sleep(310)
        laptop.sleep(8 * 3600)
        await asyncio.sleep(600)

    assert await reader.end() == []


async def test_a_clock_that_is_set_back_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the clock of the machine is set back an hour, the looks go on in time."""
    laptop, script = Laptop(monkeypatch), Script(report())
    async with Watch(script, every=100) as watch:
        await asyncio.sleep(50)
        laptop.sleep(-3600)
        await asyncio.sleep(1000)
        assert watch.age is not None
        assert 0 <= watch.age <= 105

    assert max(after - before for before, after in pairwise(script.at)) <= 105


# Some subjects alone.


@virtual
async def test_amounts_below_critical_are_looked_at_each_minute() -> None:
    """While a wallet is CRITICAL, it is looked at alone every minute, and a top-up is told at once."""
    alone: list[tuple[float, Collection[Subject]]] = []
    left = purse("4.80")

    async def look_alone(subjects: Collection[Subject]) -> CheckReport:
        alone.append((now(), subjects))
        return report(left, at=NOW + timedelta(seconds=now()))

    script = Script(report("4.80"))
    async with watching(script, alone=look_alone) as watch:
        began, reader = now(), Reader(watch)
        await asyncio.sleep(250)
        assert [round(at - began) for at, _ in alone] == [60, 120, 180, 240]
        assert {subject for _, subjects in alone for subject in subjects} == {WALLET}
        left = purse("38", bought="200")
        script.then(report(left))
        await asyncio.sleep(400)

    assert await reader.end() == ["critical", "recovered"]
    assert len(alone) <= 5


@virtual
async def test_what_was_looked_at_alone_is_shown() -> None:
    """The report has what a look at some alone has found; other keys stay as they are."""

    async def look_alone(_: Collection[Subject]) -> CheckReport:
        return report("3", ["a"], at=NOW + timedelta(hours=1))

    async with watching(Script(report("4.80", ["a", "b"])), alone=look_alone) as watch:
        await asyncio.sleep(70)
        assert watch.report is not None
        assert [str(wallet.credits and wallet.credits.remaining) for wallet in watch.report.wallets()] == [
            "3"
        ]
        assert len(watch.report.checks) == 2
        assert watch.age == pytest.approx(70)


@virtual
async def test_a_long_look_does_not_undo_what_was_seen_meanwhile() -> None:
    """A look that takes minutes, and began before a top-up, is no reason to alarm again."""

    async def look_alone(_: Collection[Subject]) -> CheckReport:
        return report("38", at=NOW + timedelta(hours=1))

    class Slow(Script):
        """A look whose later steps take four minutes."""

        async def __call__(self) -> CheckReport:
            found = await super().__call__()
            await asyncio.sleep(240 if len(self.at) > 1 else 0)
            return found

    script = Slow(report("4.80"), report("4.80"), report("38", at=NOW + timedelta(hours=2)))
    left = [report("4.80")] * 5

    async def look_some(subjects: Collection[Subject]) -> CheckReport:
        return left.pop() if left else await look_alone(subjects)

    assert await heard(watching(script, alone=look_some), 1200) == ["critical", "recovered"]


@pytest.mark.parametrize("part", [DOWN, failed(DOWN, "bot"), None])
@virtual
async def test_a_look_at_some_alone_that_fails_says_nothing(part: Step) -> None:
    """If a look at some alone fails or hangs, the next look at all tells what is so."""
    parts = Script(part)

    async def look_alone(_: Collection[Subject]) -> CheckReport:
        return await parts()

    script = Script(report("4.80"))
    assert await heard(watching(script, alone=look_alone), 1000) == ["critical"]

    assert len(script.at) == 4
    assert 1 <= len(parts.at) <= 4


@virtual
async def test_while_the_host_is_down_nobody_is_looked_at_alone() -> None:
    """After a failed look, subjects are not looked at alone until the host answers again."""
    calls: list[float] = []

    async def look_alone(_: Collection[Subject]) -> CheckReport:
        calls.append(now())
        return report("4.80")

    script = Script(report("4.80"), DOWN)
    async with watching(script, alone=look_alone):
        began = now()
        await asyncio.sleep(2000)

    assert len(calls) == 4
    assert max(calls) - began < 300


@virtual
async def test_a_first_refusal_is_looked_at_a_minute_later() -> None:
    """A key that is refused for the first time is looked at again a minute later, and then told."""
    refused = report("30", {"a": allowance("20"), "b": UNAUTHORIZED})

    async def look_alone(subjects: Collection[Subject]) -> CheckReport:
        assert [subject.name for subject in subjects] == ["b"]
        return CheckReport((refused.checks[1],))

    async with watching(Script(refused), alone=look_alone) as watch:
        began = now()
        event = await anext(watch)

    assert (event.kind, event.subject.name) == ("invalid", "b")
    assert now() - began == pytest.approx(60, abs=1)


# Leaving.


@virtual
async def test_leaving_in_mid_look_ends_it() -> None:
    """A look that is under way when the block is left is cancelled, and nothing is left behind."""
    script = Script(report("4.80"), None)
    parts = Script(None)

    async def look_alone(_: Collection[Subject]) -> CheckReport:
        return await parts()

    async with watching(script, alone=look_alone):
        await asyncio.sleep(330)
        assert len(others()) == 3

    assert (script.cancelled, parts.cancelled) == (1, 1)
    assert (others(), timers()) == (set(), [])


@virtual
async def test_leaving_ends_a_reader_that_waits() -> None:
    """A task that waits for events ends when the block is left, after those that are still there."""
    async with watching(Script(report("30"), report("9.90"))) as watch:
        reader = Reader(watch)
        await asyncio.sleep(100)

    assert await reader.end() == []

    async with watching(Script(report("9.90"))) as watch:
        pass
    assert [event.kind async for event in watch] == ["low"]
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


@virtual
async def test_an_exception_of_the_block_leaves_nothing() -> None:
    """A block that raises, or is cancelled, leaves no task, and raises what it raised."""
    with pytest.raises(ZeroDivisionError):
        async with watching(Script(report())):
            1 / 0  # noqa: B018 - it raises

    async def read() -> None:
        async with watching(Script(report())) as watch:
            async for _ in watch:
                pass

    task = asyncio.create_task(read())
    await asyncio.sleep(1000)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (others(), timers()) == (set(), [])


@virtual
async def test_leaving_waits_though_it_is_cancelled_again() -> None:
    """Whoever is cancelled while it leaves leaves no task behind, and no look goes on."""

    async def look() -> CheckReport:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.5)  # closes a connection
        raise AssertionError

    async def read() -> None:
        async with watching(look):
            raise AssertionError

    task = asyncio.create_task(read())
    await asyncio.sleep(1)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (others(), timers()) == (set(), [])


@virtual
async def test_a_watch_is_entered_before_it_is_read() -> None:
    """Reading a watch that was not entered raises, as nobody looks for it."""
    with pytest.raises(RuntimeError, match="async with"):
        await anext(watching(Script(report())))


@virtual
async def test_entering_can_be_cancelled() -> None:
    """Entering that is cancelled in the first look ends the look, and leaves no task."""
    script = Script(None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(10), watching(script):
            raise AssertionError

    assert script.cancelled == 1
    assert (others(), timers()) == (set(), [])


@virtual
async def test_two_watches_do_not_know_each_other() -> None:
    """Two watches at the same time each say everything."""
    first, second = watching(Script(report("9.90"))), watching(Script(report("4.80")))
    async with first, second:
        assert [(await anext(first)).kind, (await anext(second)).kind] == ["low", "critical"]


# Bugs of ours.


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the second look be one that we cannot take in."""
    take, seen = Findings.take, []

    async def fail(findings: Findings, *arguments: Any, **options: Any) -> Any:
        seen.append(1)
        if len(seen) > 1:
            raise ZeroDivisionError
        return await take(findings, *arguments, **options)

    monkeypatch.setattr(Findings, "take", fail)


@pytest.mark.usefixtures("broken")
async def test_a_bug_of_ours_reaches_the_reader(caplog: pytest.LogCaptureFixture) -> None:
    """A fault in the watch itself is raised to its reader, once, after the events before it."""
    async with watching(Script(report("9.90"))) as watch:
        await asyncio.sleep(1000)
        assert (await anext(watch)).kind == "low"
        with pytest.raises(ZeroDivisionError):
            await anext(watch)
        with pytest.raises(StopAsyncIteration):
            await anext(watch)

    assert "the watch has ended" in caplog.text
    assert others() == set()


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(("own", "raised"), [(None, ZeroDivisionError), (KeyError(), KeyError)])
async def test_a_bug_of_ours_is_raised_at_the_end(own: Exception | None, raised: type[Exception]) -> None:
    """A fault that no reader has seen is raised when the block is left, unless the block raises itself."""
    with pytest.raises(raised):
        async with watching(Script(report("9.90"))):
            await asyncio.sleep(1000)
            if own is not None:
                raise own


# With a history.


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Name a file for a history."""
    return str(tmp_path / "history.db")


STORY = ["30", "9.90", "11.8", "9.9", "4.80", "7.80", "-1.20", "38.80"]
SAID = ["low", "critical", "depleted", "recovered"]


async def test_a_restart_after_each_look_says_nothing_twice(path: str) -> None:
    """A watch that is started anew for each look says the same as one that goes on."""
    said = []
    time = clock()
    for left in (*STORY, STORY[-1]):
        async with Watch(Script(report(left)), clock=time, store=History(path)) as watch:
            await asyncio.sleep(250)
        said += [event.kind async for event in watch]
        await asyncio.sleep(50)

    assert said == SAID
    assert await heard(watching(Script(*map(report, STORY))), 300 * 10) == SAID


@pytest.mark.parametrize("watchers", [2, 4])
async def test_watchers_of_one_file_say_each_thing_once(path: str, watchers: int) -> None:
    """Several watchers that share a file say together what one says alone, with ids that are unique."""
    time, began = clock(), now()

    async def look() -> CheckReport:
        return report(STORY[min(int((now() - began) / 400), len(STORY) - 1)])

    several = [Watch(look, clock=time, store=History(path)) for _ in range(watchers)]
    readers = []
    for watch in several:
        await watch.__aenter__()
        readers.append(Reader(watch))
        await asyncio.sleep(7)
    await asyncio.sleep(4000)
    for watch in several:
        await watch.__aexit__(None, None, None)

    events = sorted([each for reader in readers for each in reader.heard], key=lambda event: event.at)
    assert [event.kind for event in events] == SAID
    assert len({event.id for event in events}) == len(SAID)
    for reader in readers:
        await reader.end()


async def test_runways_of_what_was_not_read_are_kept_and_no_others() -> None:
    """A limit that was taken away has no runway any more; one that a look could not read keeps its own."""
    limited, unlimited = {"bot": allowance("5")}, {"bot": allowance()}
    key = Subject("key", "acme", "bot")
    script = Script(report("50", limited), report("50", {"bot": DOWN}), report("50", unlimited))
    async with watching(script) as watch:
        kept = []
        for _ in range(3):
            kept.append(key in watch.runways)
            await asyncio.sleep(320)  # a look is up to 5 % late

    assert kept == [True, True, False]


async def test_a_runway_begins_with_the_history(path: str) -> None:
    """A watch that is started anew knows how fast an amount was spent before."""
    time = clock()
    script = Script(*[report(str(90 - number / 2)) for number in range(100)])
    async with Watch(script, clock=time, store=History(path)):
        await asyncio.sleep(8 * 3600)

    async with Watch(Script(report("40")), clock=time, store=History(path)) as watch:
        assert watch.runways[WALLET].verdict == "runs_out"
        assert watch.runways[WALLET].basis == "history"


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (report("30"), UNAUTHORIZED),
        (report("30"), FORBIDDEN),
        (own_key(allowance(), purse("30")), own_key(allowance())),
    ],
)
async def test_what_a_history_knows_is_told_as_stale(path: str, good: CheckReport, bad: Step) -> None:
    """What was read before, and is refused since, is told once, also by watches that are started anew."""
    said = []
    time = clock()
    for step in (good, *[bad] * 8, good):
        async with Watch(Script(step), clock=time, store=History(path)) as watch:
            await asyncio.sleep(250)
        said += [event.kind async for event in watch]
        await asyncio.sleep(50)

    assert said == ["stale", "fresh"]
    assert await heard(watching(Script(good, *[bad] * 8, good)), 300 * 10) == said


async def test_no_history_makes_a_watch_of_no_key(path: str) -> None:
    """Without a key, entering raises, whatever was read before."""
    time = clock()
    async with Watch(Script(report()), clock=time, store=History(path)):
        pass

    with pytest.raises(MissingKeyError):
        async with Watch(Script(MissingKeyError("none")), clock=time, store=History(path)):
            raise AssertionError


class Locked(History):
    """A history that another process has locked for a while."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.is_locked = False

    async def decide(self, function: Any) -> tuple[str, ...]:
        """Decide, or fail."""
        if self.is_locked:
            raise HistoryError("locked", reason="locked")
        return await super().decide(function)


async def test_a_history_that_fails_stops_nothing(path: str) -> None:
    """While the history fails, the watch goes on and says so; then nothing is said twice."""
    store = Locked(path)
    time = clock()
    script = Script(*map(report, STORY[:6]))
    async with store, Watch(script, clock=time, store=store) as watch:
        reader = Reader(watch)
        await asyncio.sleep(400)
        assert (reader.kinds, watch.store_error) == (["low"], None)
        store.is_locked = True
        await asyncio.sleep(1000)
        assert reader.kinds == ["low", "critical"]
        assert watch.store_error is not None
        assert watch.store_error.reason == "locked"
        store.is_locked = False
        await asyncio.sleep(600)
        assert str(watch.store_error) == "None"
    assert await reader.end() == ["low", "critical"]

    async with Watch(Script(report("7.80")), clock=time, store=History(path)) as again:
        pass
    assert [event.kind async for event in again] == []


async def test_a_path_that_does_not_exist_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A history that cannot be opened is logged once, with its remedy, and the watch goes on without it."""
    store = History(tmp_path / "nowhere" / "history.db")
    async with watching(Script(report("9.90")), store=store) as watch:
        assert (await anext(watch)).kind == "low"
        assert watch.store_error is not None
        await asyncio.sleep(1000)

    assert len([record for record in caplog.records if record.levelno == logging.WARNING]) == 1
    assert "nowhere" in caplog.text
    assert not store.is_open


# Arguments.


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"every": 0}, ValueError),
        ({"every": "often"}, TypeError),
        ({"warn": 5, "critical": 10}, ValueError),
        ({"rearm": "0.5"}, ValueError),
        ({"clear_after": 0}, ValueError),
        ({"stale_after": 1.5}, TypeError),
        ({"remind": -1}, ValueError),
        ({"expiring": 7}, TypeError),
        ({"store": "history.db"}, TypeError),
    ],
)
def test_arguments_are_checked_at_once(options: Any, kind: type[Exception]) -> None:
    """A wrong argument is refused when the watch is made."""
    with pytest.raises(kind):
        Watch(Script(report()), **options)
