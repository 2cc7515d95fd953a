"""A server's hint is a finite time ahead, or it is none."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openrouter_credits._hints import Hint, parse_http_date, parse_rate_limit_reset, parse_retry_after, server_hint

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)
EPOCH_MS = 1792567680000
"""NOW, in milliseconds since 1970."""

HOSTILE = [
    "inf",
    "Infinity",
    "-inf",
    "nan",
    "NaN",
    "-5",
    "+3",
    "-0",
    "1e400",
    "1e3",
    "1E2",
    "abc",
    "1_000",
    "٣",
    "\uff10",
    "²",
    "0x10",
    "",
    " ",
    "1,5",
    "1.5.5",
    "1.",
    ".5",
    "1.2345",
    "1 2",
    "1s",
    "1;q=1",
    "9" * 11,
    "9" * 5000,
    "1." + "0" * 5000,
    "Wed, 21 Oct 100000 07:28:00 GMT",
    "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
    "Wed, 32 Oct 2026 07:28:00 GMT",
    "Wed, 21 Oct 2026 25:28:00 GMT",
    "Wed, 21 Oct 2026 07:28:00 +9999",
    "Wed, 21 Oct 2026 07:28:00 " + "0" * 5000,
    "Fri, 31 Dec 9999 23:59:59 -2359",
    "Mon, 01 Jan 0001 00:00:00 +2359",
    "Wed, 21 Oct",
    "Wednesday",
    "2026-10-21T08:28:00Z",
    "\x00",
    "3\x00",
    "1\n2",
    "\u00a03",
]
"""What must be ignored in `Retry-After`: the values of the fault matrix, and their like."""


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_retry_after_is_ignored(value: str) -> None:
    """No exception, no infinite wait, no other reading of a text that is none of the documented ones."""
    assert parse_retry_after(value, NOW) is None
    assert server_hint(503, [("Retry-After", value)], {}, NOW) is None


@pytest.mark.parametrize(
    "value", [*HOSTILE, "0", "1", "3600", "1792567680.5", "179256768", "17925676800", "17925676800000", "1E12", "0" * 10]
)
def test_a_hostile_reset_is_ignored(value: str) -> None:
    """A reset is an epoch of ten or thirteen digits; anything else is none."""
    assert parse_rate_limit_reset(value, NOW) is None
    assert server_hint(429, [("X-RateLimit-Reset", value)], {}, NOW) is None


@pytest.mark.parametrize("value", [None, True, False, [], {}, ["1"], {"a": 1}, 1.5e400, -3, "inf", {"x": [[]]}])
def test_a_hostile_header_in_the_body_is_ignored(value: Any) -> None:
    """What the body quotes is JSON of any kind."""
    metadata = {"headers": {"Retry-After": value, "X-RateLimit-Reset": value}}

    assert server_hint(429, [], metadata, NOW) is None


@pytest.mark.parametrize("headers", [None, "Retry-After: 3", 3, ["Retry-After", "3"], True])
def test_headers_in_the_body_that_are_no_object_are_ignored(headers: Any) -> None:
    """Nothing can be looked up in them."""
    assert server_hint(429, [], {"headers": headers}, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("1", 1.0), ("007", 7.0), (" 3 ", 3.0), ("\t3", 3.0), ("1.5", 1.5), ("0.001", 0.001), ("9999999999", 9999999999.0)],
)
def test_seconds_are_read(value: str, seconds: float) -> None:
    """At most ten digits, and three after the point, with white space around."""
    assert parse_retry_after(value, NOW) == Hint(seconds, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "value",
    [
        "Wed, 21 Oct 2026 07:30:00 GMT",
        "Wednesday, 21-Oct-26 07:30:00 GMT",
        "Wed Oct 21 07:30:00 2026",
        " Wed, 21 Oct 2026 07:30:00 GMT ",
        "Wed, 21 Oct 2026 07:30:00 UTC",
        "Wed, 21 Oct 2026 07:30:00 +0000",
        "Wed, 21 Oct 2026 07:30:00 -0000",
        "Wed, 21 Oct 2026 09:30:00 +0200",
        "Tue, 20 Oct 2026 23:30:00 -0800",
    ],
)
def test_an_http_date_is_read_in_its_three_formats_and_any_zone(value: str) -> None:
    """RFC 1123, RFC 850 and asctime; a date without a zone is UTC, whatever zone this machine is in."""
    hint = parse_retry_after(value, NOW)

    assert hint == Hint(120.0, NOW + timedelta(minutes=2))
    assert hint is not None
    assert hint.until.tzinfo is UTC


def test_an_asctime_date_with_one_digit_is_read() -> None:
    """Asctime pads the day with a blank."""
    assert parse_http_date("Sun Nov  1 08:49:37 2026") == datetime(2026, 11, 1, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_date_that_is_past_is_no_hint(value: str) -> None:
    """Neither is the present moment."""
    assert parse_retry_after(value, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (str(EPOCH_MS + 2000), 2.0),
        (str(EPOCH_MS + 1), 0.001),
        (str(EPOCH_MS // 1000 + 2), 2.0),
        (f" {EPOCH_MS + 2000}\t", 2.0),
        (str(EPOCH_MS), None),
        (str(EPOCH_MS - 1), None),
        (str(EPOCH_MS // 1000), None),
        ("1000000000", None),
        ("1000000000000", None),
        ("9999999999999", 9999999999.999 - EPOCH_MS / 1000),
        ("9999999999", 9999999999 - EPOCH_MS / 1000),
    ],
)
def test_a_reset_is_an_epoch_in_milliseconds_or_seconds(value: str, seconds: float | None) -> None:
    """OpenRouter sends milliseconds; what is past is no hint."""
    hint = parse_rate_limit_reset(value, NOW)

    assert (None if hint is None else hint.seconds) == (None if seconds is None else pytest.approx(seconds))


def test_the_first_source_with_a_valid_value_wins() -> None:
    """Retry-After, then the reset, then the same in the body; an invalid one gives way to the next."""
    reset, later = str(EPOCH_MS + 2000), str(EPOCH_MS + 4000)
    body = {"headers": {"retry-after": "3", "X-RateLimit-Reset": later}}
    tables = [
        ([("Retry-After", "1"), ("X-RateLimit-Reset", reset)], body, 1.0),
        ([("Retry-After", "nan"), ("X-RateLimit-Reset", reset)], body, 2.0),
        ([("Retry-After", "nan"), ("X-RateLimit-Reset", "nan")], body, 3.0),
        ([], {"headers": {"X-RateLimit-Reset": later}}, 4.0),
        ([], {"headers": {"X-RateLimit-Reset": int(later)}}, 4.0),
        ([], {"headers": {"Retry-After": 3}}, 3.0),
        ([], {}, None),
    ]

    for headers, metadata, expected in tables:
        hint = server_hint(429, headers, metadata, NOW)

        assert (None if hint is None else hint.seconds) == expected


@pytest.mark.parametrize("status", [401, 408, 500, 503, 529])
def test_a_reset_counts_on_429_alone(status: int) -> None:
    """Every reply carries the header; elsewhere it says nothing about when to come back."""
    reset = str(EPOCH_MS + 2000)

    assert server_hint(status, [("X-RateLimit-Reset", reset)], {"headers": {"X-RateLimit-Reset": reset}}, NOW) is None


def test_of_repeated_headers_the_largest_counts() -> None:
    """A hint is a minimum; dates and seconds compare, and what is invalid does not count."""
    headers = [("Retry-After", "1"), ("retry-after", "3"), ("RETRY-AFTER", "inf"), ("Retry-After", "Wed, 21 Oct 2026 07:28:02 GMT")]

    assert server_hint(503, headers, {}, NOW) == Hint(3.0, NOW + timedelta(seconds=3))


def test_zero_is_a_hint_of_no_wait() -> None:
    """`Retry-After: 0` is valid, and leaves the back-off as it is."""
    assert server_hint(503, [("Retry-After", "0")], {}, NOW) == Hint(0.0, NOW)


@pytest.mark.parametrize(
    ("status", "header", "value"),
    [
        (503, "Retry-After", "Wed, 21 Oct 2026 07:28:05 GMT"),
        (429, "X-RateLimit-Reset", str(EPOCH_MS + 5000)),
    ],
)
@pytest.mark.parametrize("wrong", [timedelta(hours=1), timedelta(hours=-1), timedelta(days=4000)])
def test_moments_are_measured_from_the_reply_s_own_date(status: int, header: str, value: str, wrong: timedelta) -> None:
    """A wrong local clock does no harm."""
    headers = [("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), (header, value)]

    hint = server_hint(status, headers, {}, NOW + wrong)

    assert hint == Hint(5.0, NOW + timedelta(seconds=5))


@pytest.mark.parametrize("date", ["yesterday", "", "Wed, 21 Oct 100000 07:28:00 GMT", "0"])
def test_without_a_valid_date_the_wall_clock_counts(date: str) -> None:
    """A `Date` that is none is as good as none."""
    headers = [("Date", date), ("Retry-After", "Wed, 21 Oct 2026 07:28:05 GMT")]

    assert server_hint(503, headers, {}, NOW) == Hint(5.0, NOW + timedelta(seconds=5))


def test_a_date_at_the_end_of_time_is_survived() -> None:
    """Seconds that lead past the year 9999 from a hostile `Date` raise nothing."""
    headers = [("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Retry-After", "3600")]

    hint = server_hint(503, headers, {}, NOW)

    assert hint is None or hint.seconds == 3600


NAMES = st.sampled_from(["Retry-After", "retry-after", "X-RateLimit-Reset", "Date", "Other"])
DIGITS = st.from_regex(r"[0-9]{1,14}(\.[0-9]{0,4})?", fullmatch=True)
DATES = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))
WORDS = ("Wed", "Wednesday,", "21", "Oct", "26", "2026", "9999", "-Oct-", "07:28:00", "24:60:61", "GMT", "+9999", "-2359", "EST", "0", "-1")
PIECES = st.lists(st.sampled_from(WORDS)).map(" ".join)
HEADERS = st.lists(st.tuples(NAMES, st.text() | DIGITS | DATES | PIECES), max_size=6)


@given(st.sampled_from([429, 503]), HEADERS, HEADERS.map(dict))
@example(429, [("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Retry-After", "9999999999")], {})
def test_any_headers_give_none_or_a_finite_wait(status: int, headers: list[tuple[str, str]], quoted: dict[str, str]) -> None:
    """Whatever a server says, a hint is a number of seconds from 0, and a moment in UTC."""
    hint = server_hint(status, headers, {"headers": quoted}, NOW)

    assert hint is None or (0 <= hint.seconds < math.inf and hint.until.tzinfo is UTC)


@given(st.text() | DIGITS | DATES | PIECES)
def test_any_text_gives_none_or_a_finite_wait(value: str) -> None:
    """The parsers never raise."""
    for hint in (parse_retry_after(value, NOW), parse_rate_limit_reset(value, NOW)):
        assert hint is None or 0 <= hint.seconds < math.inf
    assert parse_http_date(value) is None or parse_http_date(value) is not None
