"""Looks of an alarm, made by hand: readings of wallets, keys and budgets, and stories made of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from attrs import evolve

from openrouter_credits.history import Reading, Readings, Subject
from openrouter_credits.watch import Alarm
from tests.kit.values import DOWN, FORBIDDEN, UNAUTHORIZED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openrouter_credits import Runway
    from openrouter_credits.watch import Event

START = datetime(2026, 11, 2, 12, tzinfo=UTC)
"""A Monday."""
ACME = Subject("wallet", "acme")
BOT = Subject("key", "acme", "bot")
TEAM = Subject("budget", "acme", "team")


def key_named(name: str) -> Subject:
    """Name a key of the account acme."""
    return Subject("key", "acme", name)


def wallet(left: object, *keys: str, bought: object = 100) -> Reading:
    """Read a wallet in which so much is left, of so much bought."""
    return Reading(ACME, Decimal(str(left)), granted=Decimal(str(bought)), keys=keys or ("bot",))


def key(left: object = None, limit: object = 100, name: str = "bot", **fields: Any) -> Reading:
    """Read a key: how much is left of its limit; `None` for no limit."""
    amounts: dict[str, Any] = {}
    if left is not None:
        amounts = {"remaining": Decimal(str(left)), "granted": Decimal(str(limit))}
    common = {"keys": (name,), "label": f"sk-or-v1-{name}", "bound_by": "key_limit"}
    return Reading(**{"subject": key_named(name), **common, **amounts, **fields})


def budget(left: object, *keys: str, limit: object = 100, name: str = "team", **fields: Any) -> Reading:
    """Read a budget that keys share."""
    subject, amounts = Subject("budget", "acme", name), (Decimal(str(left)), Decimal(str(limit)))
    return Reading(subject, amounts[0], granted=amounts[1], bound_by="member", keys=keys, **fields)


def unread(reading: Reading, **fields: Any) -> Reading:
    """Make the reading of the same subject in a look that could not read it."""
    nothing = {"remaining": None, "used": None, "granted": None, "is_read": False, "error": DOWN}
    return evolve(reading, **{**nothing, **fields})


def hidden(reading: Reading) -> Reading:
    """Make the reading of the same subject by a key that may not read it."""
    return unread(reading, is_hidden=True, error=FORBIDDEN)


def refused(name: str = "bot", **fields: Any) -> Reading:
    """Read a key that is refused (401)."""
    return key(None, name=name, stop="refused", error=UNAUTHORIZED, **fields)


def look(*readings: Reading, is_complete: bool = True) -> Readings:
    """Put readings together, as `read_subjects` does."""
    keys = [reading for reading in readings if reading.subject.kind == "key"]
    return Readings(
        readings,
        is_complete,
        read_nothing=not any(reading.is_read for reading in readings),
        are_all_refused=len(keys) > 1 and all(reading.stop == "refused" for reading in keys),
    )


NOTHING = look()
"""A look that failed as a whole."""


class Story:
    """Looks, one after another, and what an alarm says of them.

    Args:
        has_restarts: whether after each look another alarm goes on with what the last one remembered.
        options: of the alarm.
    """

    def __init__(self, *, has_restarts: bool = False, start: datetime = START, **options: Any) -> None:
        self.now = start
        self.events: list[Event] = []
        self.levels: dict[str, str] = {}
        """After the last look."""
        self.unwatched: list[str] = []
        """After the last look."""
        self.alarm = Alarm(**options)
        self._has_restarts = has_restarts
        self._options = options

    def look(
        self,
        *readings: Reading,
        after: float = 5,
        runways: Mapping[Subject, Runway] | None = None,
        is_complete: bool = True,
        is_partial: bool = False,
        error: Exception | None = None,
    ) -> list[str]:
        """Look once, so many minutes after the last look, and return what is said: `kind subject`."""
        found = look(*readings, is_complete=is_complete)
        return self.take(found, after=after, runways=runways, is_partial=is_partial, error=error)

    def take(
        self,
        found: Readings,
        *,
        after: float = 5,
        runways: Mapping[Subject, Runway] | None = None,
        is_partial: bool = False,
        error: Exception | None = None,
    ) -> list[str]:
        """Do as `look` does."""
        self.now += timedelta(minutes=after)
        events = self.alarm._consider(found, self.now, runways or {}, is_partial=is_partial, error=error)
        self.events += events
        self.levels = {str(subject): str(level) for subject, level in self.alarm.levels.items()}
        self.unwatched = [str(reading.subject) for reading in self.alarm.unwatched]
        if self._has_restarts:
            remembered = json.loads(json.dumps(self.alarm.state))
            self.alarm = Alarm(**self._options, state=remembered)
        return [said(event) for event in events]

    def looks(self, *readings: Reading, count: int, after: float = 5, **options: Any) -> list[str]:
        """Look so many times alike, and return all that is said."""
        return [each for _ in range(count) for each in self.look(*readings, after=after, **options)]


def said(event: Event) -> str:
    """Name an event in short: its kind, and its subject unless it is the wallet acme."""
    return event.kind if event.subject == ACME else f"{event.kind} {event.subject}"
