"""How long an amount lasts, as a `Watch` tells it over days of looks in virtual time."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

from openrouter_credits import CheckReport, Credits, Runway
from openrouter_credits.history import History, Subject
from openrouter_credits.watch import Event, Watch
from tests.kit.clock import now, virtual
from tests.kit.reports import allowance, report
from tests.kit.values import NOW

MORNING = NOW.replace(hour=8, minute=0)
WALLET = Subject("wallet", "acme")


class Service:
    """An account whose key spends at one pace by day, from 8 to 20 o'clock, and at another one by night.

    Amounts are in US dollars; `bought` is in the wallet at the beginning, at 8 o'clock.
    """

    def __init__(self, bought: str, by_day: str, by_night: str) -> None:
        self._bought, self._paces = Decimal(bought), (Decimal(by_day), Decimal(by_night))
        self._began = now()

    def clock(self) -> datetime:
        """Tell the time."""
        return MORNING + timedelta(seconds=now() - self._began)

    async def look(self) -> CheckReport:
        """Look at the account."""
        time, used = self.clock() - MORNING, Decimal(0)
        halves, rest = divmod(time, timedelta(hours=12))
        for half in range(halves + 1):
            hours = (timedelta(hours=12) if half < halves else rest) / timedelta(hours=1)
            used += self._paces[half % 2] * Decimal(hours)
        bot = allowance("500", "1000", None, usage_daily=used)
        return report(Credits(self._bought, used), {"bot": bot}, at=self.clock())

    async def watch(self, hours: float, store: Path | None = None) -> tuple[list[Event], Runway]:
        """Watch for so long; return the events, and the runway of the wallet at the end."""
        history = None if store is None else History(store)
        async with Watch(self.look, every=900, store=history, clock=self.clock) as watch:
            await asyncio.sleep(hours * 3600)
            runway = watch.runways[WALLET]
        return [event async for event in watch], runway


def hours_of(events: list[Event]) -> dict[str, float]:
    """Return when each kind was said, in hours since the morning; fail if one was said twice."""
    kinds: dict[str, float] = {str(event.kind): (event.at - MORNING) / timedelta(hours=1) for event in events}
    assert len(kinds) == len(events)
    return kinds


@virtual
async def test_a_wallet_that_runs_out_within_a_day_is_told_once() -> None:
    """At $1 an hour, a wallet runs out within a day when $24 are left; later only its levels are told."""
    events, _ = await Service("36", "1", "1").watch(37)

    hours = hours_of(events)
    assert list(hours) == ["running_out", "low", "critical", "depleted"]
    assert 12 < hours["running_out"] < 12.6
    assert events[0].runway is not None
    assert events[0].runway.basis == "history"


@virtual
async def test_nothing_runs_out_in_the_first_hours() -> None:
    """Until 6 hours were seen, nothing is told to run out, though it is in the counters of the key."""
    events, _ = await Service("40", "3", "3").watch(7)

    hours = hours_of(events)
    assert list(hours) == ["running_out"]
    assert hours["running_out"] >= 6


@virtual
async def test_nothing_runs_out_at_night_after_a_busy_day() -> None:
    """A wallet that would last a day and an hour at the pace of the day is no matter for the night."""
    events, runway = await Service("37", "1", "0.02").watch(23)

    assert events == []
    assert runway.verdict == "runs_out"


@virtual
async def test_a_watch_that_is_started_again_knows_and_says_the_same(tmp_path: Path) -> None:
    """With a history, what runs out is told once over restarts, and the runways are the same within 3 %."""
    whole, expected = await Service("34", "1", "0.5").watch(21)
    service, events, runway = Service("34", "1", "0.5"), list[Event](), expected
    for hours in (9, 5.5, 6.5):
        said, runway = await service.watch(hours, tmp_path / "history.db")
        events += said

    assert [event.kind for event in whole] == [event.kind for event in events] == ["running_out"]
    assert expected.per_day is not None
    assert runway.per_day is not None
    # of the first hour, the history tells the end alone
    assert abs(runway.per_day / expected.per_day - 1) < Decimal("0.03")
