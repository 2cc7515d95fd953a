"""The usage of an account, by day: which days to ask for, and how they are read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta

from attrs import frozen

from openrouter_credits._arguments import checked
from openrouter_credits._call.caller import Caller
from openrouter_credits._call.request import make_request
from openrouter_credits._errors import BadRequestError, ResponseTooLargeError
from openrouter_credits._models import ActivityItem
from openrouter_credits._models.activity import Activity
from openrouter_credits._models.moments import utc
from openrouter_credits._secrets import ApiKey

_A_DAY = timedelta(days=1)
_DAYS = 30
"""Completed UTC days that OpenRouter keeps (its documentation of `/activity`)."""
_MOST_ELEMENTS = 100_000
"""The most elements of the JSON of an answer; a row has about twenty-five, and 1 MiB of rows has fewer."""
_NOT_KEPT = re.compile(r"\bdate must be within\b", re.IGNORECASE)


@frozen
class Range:
    """The days to ask for, and how to group what was used on them."""

    start: date | None
    end: date | None
    """The last day; `None`, as `start`, if OpenRouter has none of the days."""
    is_cut: bool
    """Whether OpenRouter does not have all of the days that a caller wants."""
    by: str | None = None


def choose_range(start: object, end: object, by: object, today: date) -> Range | TypeError | ValueError:
    """Choose the days to ask for; `today` is the UTC day. An error is returned, and quotes nothing."""
    if by is not None and by != "workspace":
        return ValueError('by is "workspace" or None')
    first_wanted, last_wanted = checked(_day, "start", start), checked(_day, "end", end)
    if isinstance(first_wanted, Exception):
        return first_wanted
    if isinstance(last_wanted, Exception):
        return last_wanted
    if first_wanted is not None and last_wanted is not None and last_wanted < first_wanted:
        return ValueError("end is not before start")
    first, last = today - _DAYS * _A_DAY, today - _A_DAY
    begin, stop = max(first_wanted or first, first), min(last_wanted or last, last)
    if begin > stop:
        return Range(None, None, is_cut=True)
    is_cut = (begin, stop) != (first_wanted or begin, last_wanted or stop)
    return Range(begin, stop, is_cut, "workspace" if by else None)


def _day(name: str, value: object) -> date | None:
    if isinstance(value, datetime):
        return utc(value).date()
    if value is None or isinstance(value, date):
        return value
    raise TypeError(f"{name} is a date or an aware datetime, not {type(value).__name__}")


async def read_activity(
    caller: Caller, manager: Callable[[], ApiKey], wanted: Range | TypeError | ValueError
) -> Activity:
    """Read what was used on these days: in one request, or day by day if the answer is too large."""
    if isinstance(wanted, Exception):
        raise wanted
    key, start, end = manager(), wanted.start, wanted.end
    if start is None or end is None:
        return Activity((), None, None, wanted.is_cut)
    if start < end:
        try:
            rows = await _read(caller, key, wanted.by)
        except ResponseTooLargeError:
            pass
        else:
            rows = [row for row in rows if start <= row.date <= end]
            return Activity(_distinct(rows), start, end, wanted.is_cut)
    return await _read_each_day(caller, key, start, end, wanted)


async def _read_each_day(caller: Caller, key: ApiKey, start: date, end: date, wanted: Range) -> Activity:
    """Read day by day, newest first, as OpenRouter lists them."""
    rows: list[ActivityItem] = []
    days: list[date] = []
    is_cut = wanted.is_cut
    day = end
    while day >= start:
        try:
            rows += [row for row in await _read(caller, key, wanted.by, day) if row.date == day]
            days.append(day)
        except BadRequestError as error:
            if not _NOT_KEPT.search(error.message):
                raise
            is_cut = True  # by the server's clock the day has not ended, or is too old
        day -= _A_DAY
    return Activity(_distinct(rows), min(days, default=None), max(days, default=None), is_cut)


async def _read(caller: Caller, key: ApiKey, by: str | None, day: date | None = None) -> list[ActivityItem]:
    query = {"date": day and day.isoformat(), "group_by": by}
    request = make_request("GET", "/activity", key, {name: text for name, text in query.items() if text})
    return await caller.call(request, list[ActivityItem], most=_MOST_ELEMENTS)


def _distinct(rows: Iterable[ActivityItem]) -> tuple[ActivityItem, ...]:
    """Drop rows that are equal in every field, unknown ones included: OpenRouter sends some twice."""
    return tuple({(row, json.dumps(row.extra, default=repr, sort_keys=True)): row for row in rows}.values())
