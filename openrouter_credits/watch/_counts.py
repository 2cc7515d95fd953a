"""What the machines of an alarm are made of: looks that are counted, and what an amount was made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from attrs import define

from openrouter_credits.history import Reading

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""Stands for a moment that has not come yet."""
_SKEW = timedelta(minutes=1)


@define
class Clock:
    """A clock that never runs back: it adds up by how much the time of each look is ahead of the last one."""

    now: datetime
    seen: datetime
    """The time that the last look was given."""

    def advance(self, now: datetime) -> datetime:
        """Take the time of a look, and return this clock's.

        A time that is less than a minute behind is that of another watcher of the same history, whose clock
        is a little late: wait for it. One that is further behind was set back: go on from there.
        """
        ahead = now - self.seen
        if ahead > timedelta(0):
            self.now += ahead
        if ahead > timedelta(0) or ahead <= -_SKEW:
            self.seen = now
        return self.now


@define
class Count:
    """Looks in a row at which something was so; looks that are too close together count once."""

    number: int = 0
    counted_at: datetime = NEVER

    def add(self, now: datetime, spacing: float) -> int:
        """Take one more look, and return how many there are; `spacing` is in seconds."""
        if not self.number or (now - self.counted_at).total_seconds() >= spacing:
            self.number += 1
            self.counted_at = now
        return self.number


@define
class Mark:
    """What an amount was made of at one look; a later look shows whether it was filled up since."""

    granted: Decimal | None = None
    resets_at: datetime | None = None
    label: str | None = None

    @classmethod
    def of(cls, reading: Reading) -> Mark:
        """Remember what a reading tells."""
        return cls(reading.granted, reading.resets_at, reading.label)

    def is_filled_up(self, reading: Reading) -> bool:
        """Tell whether credits were bought, the limit was raised, or its window or the key itself is new."""
        return _is_later(self.granted, reading.granted) or self.is_renewed(reading)

    def is_renewed(self, reading: Reading) -> bool:
        """Tell whether the window or the key itself is new, and with it the whole limit."""
        return _is_later(self.resets_at, reading.resets_at) or is_another(self.label, reading.label)


def _is_later(before: Any, after: Any) -> bool:
    return before is not None and after is not None and after > before


def is_another(before: str | None, after: str | None) -> bool:
    """Tell whether two masks are of different keys; a mask that is not known is of any key."""
    return before is not None and after is not None and before != after
