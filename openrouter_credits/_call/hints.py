"""When a server says it may be asked again: `Retry-After`, and OpenRouter's `X-RateLimit-Reset`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime

from attrs import frozen

_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,3})?")
_HTTP_DATE = re.compile(r"[A-Z][a-z]{2,8},? [0-9A-Za-z:+ -]{8,40}")
_EPOCH_SECONDS = re.compile(r"[1-9][0-9]{9}")
_EPOCH_MILLISECONDS = re.compile(r"[1-9][0-9]{12}")
_MOST_SECONDS = 10**10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@frozen
class Hint:
    """How long the server asks to be left alone."""

    seconds: float
    until: datetime
    """The same as a moment, in UTC."""


def server_hint(
    status: int, headers: Iterable[tuple[str, str]], metadata: Mapping[str, object], wall_clock: datetime
) -> Hint | None:
    """Read the hint of a reply that refuses; the first source with a valid value wins.

    The sources: the reply's own headers, those that OpenRouter repeats in `error.metadata.headers`, and
    `error.metadata.retry_after_seconds`.
    Moments are measured from the reply's own `Date`, so that a wrong local clock does no harm.
    """
    own = _lower(headers)
    now = next(filter(None, map(parse_http_date, own.get("date", ()))), wall_clock)
    for source in (own, _repeated(metadata)):
        waits = [hint for value in source.get("retry-after", ()) if (hint := parse_retry_after(value, now))]
        if waits:
            return max(waits, key=lambda hint: hint.seconds)
        if status == 429:
            for value in source.get("x-ratelimit-reset", ()):
                if hint := parse_rate_limit_reset(value, now):
                    return hint
    return parse_wait(metadata.get("retry_after_seconds"), now)


def _repeated(metadata: Mapping[str, object]) -> dict[str, list[str]]:
    """Return the headers that OpenRouter repeats in a body."""
    headers = metadata.get("headers")
    if not isinstance(headers, dict):
        return {}
    return _lower((name, str(value)) for name, value in headers.items())


def parse_retry_after(value: str, now: datetime) -> Hint | None:
    """Read seconds (ten digits, three after the point) or an HTTP date ahead of `now`; else `None`."""
    value = value.strip(" \t")
    if _SECONDS.fullmatch(value):
        seconds = float(value)
        return Hint(seconds, now + min(timedelta(seconds=seconds), _LAST - now))
    return _ahead(parse_http_date(value), now)


def parse_wait(value: object, now: datetime) -> Hint | None:
    """Read seconds that came as a JSON number, or as a text like that of `Retry-After`; else `None`."""
    if isinstance(value, str):
        return parse_retry_after(value, now)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 <= value < _MOST_SECONDS:
        return None
    seconds = float(value)
    return Hint(seconds, now + min(timedelta(seconds=seconds), _LAST - now))


def parse_rate_limit_reset(value: str, now: datetime) -> Hint | None:
    """Read an epoch ahead of `now`, in milliseconds (as OpenRouter sends it) or in seconds; else `None`."""
    value = value.strip(" \t")
    if _EPOCH_MILLISECONDS.fullmatch(value):
        return _ahead(_EPOCH + timedelta(milliseconds=int(value)), now)
    if _EPOCH_SECONDS.fullmatch(value):
        return _ahead(_EPOCH + timedelta(seconds=int(value)), now)
    return None


def parse_http_date(value: str) -> datetime | None:
    """Read one of HTTP's three date formats, as UTC; `None` for any other text."""
    if not _HTTP_DATE.fullmatch(value):
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):  # the standard library's ways to refuse a date
        return None


def _ahead(moment: datetime | None, now: datetime) -> Hint | None:
    return Hint((moment - now).total_seconds(), moment) if moment and moment > now else None


def _lower(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value)
    return found
