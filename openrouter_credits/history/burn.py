"""How fast an amount is spent, from readings of a counter that only grows: pure decisions, no I/O."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from attrs import define, evolve, field, frozen

from openrouter_credits import Runway
from openrouter_credits._models.amounts import add, scale, subtract
from openrouter_credits._models.moments import utc
from openrouter_credits._public import public

_HOUR, _DAY, _WEEK = timedelta(hours=1), timedelta(days=1), timedelta(days=7)
_ENOUGH = timedelta(hours=6)
"""The time that readings must cover for a forecast; also the time whose readings are kept one by one."""
_RECENT = (_HOUR, _ENOUGH)
_FINE = timedelta(minutes=1)
_COARSER = ((_ENOUGH, _HOUR), (_DAY, timedelta(hours=6)))
"""Neighbouring intervals that are so long ago, and together not longer than this, are made one.

Those of the last 6 hours are, if they are not longer than a minute.
"""
_NONE = timedelta(0)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)


@frozen
class _Knot:
    """What was known at a reading. Between two of them, spending is taken to be even."""

    at: datetime
    spent: Decimal
    """The sum of all rises of the counter until then."""
    covered: timedelta
    """The time between readings of one counter until then."""


@define(eq=False)
class _Knots:
    """Knots in the order of their time, kept small: a watch has some for each of thousands of amounts."""

    times: array[int] = field(factory=lambda: array("q"))
    """Microseconds since 1970."""
    spent: list[Decimal] = field(factory=list)
    covered: array[int] = field(factory=lambda: array("q"))
    """Microseconds."""

    def __len__(self) -> int:
        return len(self.times)

    def __getitem__(self, place: int) -> _Knot:
        at = _EPOCH + self.times[place] * _TICK
        return _Knot(at, self.spent[place], self.covered[place] * _TICK)

    def append(self, knot: _Knot) -> None:
        """Add a later knot."""
        self.times.append((knot.at - _EPOCH) // _TICK)
        self.spent.append(knot.spent)
        self.covered.append(knot.covered // _TICK)

    def pop(self) -> None:
        """Drop the last knot."""
        for row in (self.times, self.spent, self.covered):
            row.pop()

    def keep(self, places: Sequence[int]) -> None:
        """Drop all knots but those in these places."""
        self.times = array("q", [self.times[place] for place in places])
        self.spent = [self.spent[place] for place in places]
        self.covered = array("q", [self.covered[place] for place in places])

    def place_after(self, moment: datetime) -> int:
        """Return the place of the first knot after a moment."""
        return bisect_right(self.times, (moment - _EPOCH) // _TICK)


@define(eq=False)
class Burn:
    """The pace at which one amount is spent, from readings of its counter over the last 7 days.

    The counter is one that only grows, such as `total_usage`: what is bought or renewed does not move it. If
    it falls, it is another counter, and the time in which it fell is not counted. The memory is bounded: at
    most two readings a minute are kept of the last 6 hours, two an hour of the last day, and two in 6 hours
    before it.
    """

    _knots: _Knots = field(factory=_Knots, init=False, repr=False)
    _used: Decimal | None = field(default=None, init=False)
    """The counter at the last reading; `None` if the next one begins anew."""
    _read_at: datetime | None = field(default=None, init=False)
    """The caller's time of the last reading."""
    _behind: timedelta = field(default=_NONE, init=False)
    """The sum of the jumps by which the caller's clock ran back; the time of knots does not."""
    _thinned_at: datetime | None = field(default=None, init=False, repr=False)

    def add(self, at: datetime, used: Decimal) -> None:
        """Take a reading of the counter, in US dollars; `at` is when (aware).

        If `at` is before the last reading, the clock was set back: how much time has passed is not known, so
        neither the time nor a rise of the counter is counted.
        """
        at, last_at, last_used = utc(at), self._read_at, self._used
        self._read_at, self._used = at, used
        if last_at is None:
            self._knots.append(_Knot(at, Decimal(0), _NONE))
            return
        if at < last_at:
            self._behind += last_at - at
            return
        last = self._knots[-1]
        now = at + self._behind
        knot = evolve(last, at=now)
        if last_used is not None and used >= last_used:
            # the same object, if nothing was spent: most keys of a large account are idle
            spent = last.spent if used == last_used else add(last.spent, subtract(used, last_used))
            knot = _Knot(now, spent, last.covered + (now - last.at))
        if len(self._knots) > 1 and now - self._knots[-2].at <= _FINE:
            self._knots.pop()
        self._knots.append(knot)
        self._thin(now)

    def _thin(self, now: datetime) -> None:
        """Keep fewer readings of the time before the last 6 hours, once an hour."""
        if self._thinned_at is not None and now - self._thinned_at < _HOUR:
            return
        self._thinned_at = now
        times = self._knots.times
        out_at = (now - _WEEK - _EPOCH) // _TICK
        spans = [((now - age - _EPOCH) // _TICK, span // _TICK) for age, span in _COARSER]
        kept: list[int] = []
        for place, after in enumerate(times[1:]):
            longest = max([span for old_at, span in spans if after <= old_at], default=0)
            is_close = bool(kept) and after - times[kept[-1]] <= longest
            if not (is_close or after <= out_at):
                kept.append(place)
        self._knots.keep([*kept, len(times) - 1])

    def restart(self) -> None:
        """Begin anew: the next reading is of another counter, such as that of a key that was made again."""
        self._used = None

    def rate(self, now: datetime, window: timedelta) -> tuple[Decimal | None, timedelta]:
        """Return the pace in the window that ends at `now`, and how much of the window readings cover.

        The pace is in US dollars a day of the time that is covered, never negative; `None` if none is. A long
        time without readings is covered if the counter was read before and after it. A window of more than
        7 days is cut.
        """
        return self._since(self._time(now) - window)

    def _time(self, now: datetime) -> datetime:
        """Convert the caller's time to that of the knots; a time before the last reading is that of it."""
        moment = utc(now) + self._behind
        return max(moment, self._knots[-1].at) if self._knots else moment

    def _since(self, start: datetime) -> tuple[Decimal | None, timedelta]:
        if not self._knots:
            return None, _NONE
        first, last = self._until(start), self._knots[-1]
        covered = last.covered - first.covered
        if not covered:
            return None, _NONE
        return scale(subtract(last.spent, first.spent), _DAY, covered), covered

    def _until(self, moment: datetime) -> _Knot:
        """Return what was known at a moment, if spending was even between readings."""
        place = self._knots.place_after(moment)
        if place in (0, len(self._knots)):
            return self._knots[max(place - 1, 0)]
        before, after = self._knots[place - 1], self._knots[place]
        part, whole = moment - before.at, after.at - before.at
        spent = scale(subtract(after.spent, before.spent), part, whole)
        covered = (after.covered - before.covered) * (part / whole)
        return _Knot(moment, add(before.spent, spent), before.covered + covered)

    def runway(self, remaining: Decimal, now: datetime, resets_at: datetime | None = None) -> Runway:
        """Tell how long an amount lasts, by the slower pace of the last 24 hours and 7 days.

        The faster one tells the earliest date; so does the pace of the last hour, if it is known. A window
        counts if 6 hours of it are covered.

        Args:
            remaining: the amount that is left, in US dollars.
            now: the time (aware).
            resets_at: when it is renewed (aware).
        """
        found = [self.rate(now, window) for window in (_DAY, _WEEK)]
        rates = [rate for rate, covered in found if rate is not None and covered >= _ENOUGH]
        hour = self._pace(now, _HOUR)
        fast = () if hour is None else (hour,)
        return Runway.of(remaining, rates, now, basis="history", resets_at=resets_at, fast=fast)

    def recent(self, remaining: Decimal, now: datetime, resets_at: datetime | None = None) -> Runway:
        """Tell the same by the slower pace of the last hour and 6 hours: is it urgent now?

        It is `accumulating` unless readings began before each and cover 90 % of it. Readings that are further
        apart than twice the window tell only the mean of that time, and do not cover it.
        """
        found = [self._pace(now, window) for window in _RECENT]
        rates = [rate for rate in found if rate is not None]
        if len(rates) < len(_RECENT):
            rates = []
        return Runway.of(remaining, rates, now, basis="history", resets_at=resets_at)

    def _pace(self, now: datetime, window: timedelta) -> Decimal | None:
        """Return the pace in a window that is seen closely, else `None`."""
        start = self._time(now) - window
        place = self._knots.place_after(start)
        if place == 0:
            return None
        if place < len(self._knots):  # only the interval around the start can be longer than the window
            before, after = self._knots[place - 1].at, self._knots[place].at
            if after - before > 2 * window:
                start = after
        rate, covered = self._since(start)
        return rate if covered >= window * 0.9 else None


public(Burn, door="openrouter_credits.history")
