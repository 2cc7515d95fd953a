"""A server's hint to come back later is a finite number of seconds, or is ignored."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openrouter_credits._call.hints import (
    Hint,
    parse_http_date,
    parse_rate_limit_reset,
    parse_retry_after,
    server_hint,
)

NOW = datetime(2026, 10, 21, 7, 28, 0, tzinfo=UTC)
EPOCH_MS = 1792567680000
"""The same moment as NOW, in milliseconds since 1970."""


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "inf",
        "NaN",
        "-5",
        "+3",
        "1e3",
        "1_000",
        "٣",
        "1.",
        ".5",
        "1.2345",
        "1.5.5",
        "1 2",
        "1s",
        "3\x00",
        "\u00a03",
        "9" * 11,
        "9" * 5000,
        "Wednesday",
        "2026-10-21T08:28:00Z",
        "Wed, 32 Oct 2026 07:28:00 GMT",
        "Wed, 21 Oct 2026 07:28:00 +9999",
        "Wed, 21 Oct 2026 07:30:00 " + "0" * 5000,
        "Wed, 21 Oct 99999999999999999999 07:28:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 -2359",
    ],
)
def test_a_hostile_retry_after_is_ignored(value: str) -> None:
    """A Retry-After that is neither plain seconds nor an HTTP date is ignored, and raises nothing."""
    assert parse_retry_after(value, NOW) is None
    assert server_hint(503, [("Retry-After", value)], {}, NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "abc",
        "inf",
        "3600",
        "1792567682.5",
        "+1792567682",
        "1E12",
        "٣" * 13,
        "0" * 10,
        "9" * 9,
        "9" * 11,
        "9" * 12,
        "9" * 14,
        "Wed, 21 Oct 2026 07:30:00 GMT",
    ],
)
def test_a_hostile_reset_is_ignored(value: str) -> None:
    """An X-RateLimit-Reset that is not an epoch of ten or thirteen digits is ignored, and raises nothing."""
    assert parse_rate_limit_reset(value, NOW) is None
    assert server_hint(429, [("X-RateLimit-Reset", value)], {}, NOW) is None


@pytest.mark.parametrize("value", [None, True, ["1"], {"a": 1}, math.inf, -3])
def test_a_hostile_header_in_the_body_is_ignored(value: object) -> None:
    """A header that the body repeats with a wrong JSON value is ignored."""
    metadata = {"headers": {"Retry-After": value, "X-RateLimit-Reset": value}}

    assert server_hint(429, [], metadata, NOW) is None


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, -1, "-1", "x", [11], {"a": 1}, 10**10, 10**400, math.inf),
        *map(Decimal, ["-0.1", "1e10", "1e999999999", "Infinity"]),
    ],
    ids=lambda value: str(value)[:20],
)
def test_hostile_seconds_in_the_body_are_ignored(value: object) -> None:
    """`retry_after_seconds` of the body is ignored unless it is from 0 to 10 digits long."""
    assert server_hint(429, [], {"retry_after_seconds": value}, NOW) is None


def test_the_smallest_seconds_in_the_body_are_none() -> None:
    """A number of the body that is next to nothing is a wait of 0 seconds."""
    assert server_hint(429, [], {"retry_after_seconds": Decimal("1e-999999999")}, NOW) == Hint(0.0, NOW)


@pytest.mark.parametrize("headers", [None, "Retry-After: 3", ["Retry-After", "3"]])
def test_headers_in_the_body_that_are_no_object_are_ignored(headers: object) -> None:
    """The body's `headers` are ignored if they are not a JSON object."""
    assert server_hint(429, [], {"headers": headers}, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("0", 0.0), ("007", 7.0), (" \t3 ", 3.0), ("1.5", 1.5), ("0.001", 0.001), ("9999999999", 9999999999.0)],
)
def test_seconds_are_read(value: str, seconds: float) -> None:
    """Retry-After may be seconds: at most ten digits, and three after the point, with white space around."""
    assert parse_retry_after(value, NOW) == Hint(seconds, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "value",
    [
        "Wed, 21 Oct 2026 07:30:00 GMT",
        "Wednesday, 21-Oct-26 07:30:00 GMT",
        "Wed Oct 21 07:30:00 2026",
        " Wed, 21 Oct 2026 07:30:00 GMT ",
        "Wed, 21 Oct 2026 07:30:00 -0000",
        "Wed, 21 Oct 2026 09:30:00 +0200",
        "Tue, 20 Oct 2026 23:30:00 -0800",
    ],
)
def test_an_http_date_is_read_in_its_three_formats_and_any_zone(value: str) -> None:
    """An HTTP date may have RFC 1123, RFC 850 or asctime format and any zone; without a zone it is UTC."""
    hint = parse_retry_after(value, NOW)

    assert hint == Hint(120.0, NOW + timedelta(minutes=2))
    assert hint is not None
    assert hint.until.tzinfo is UTC


def test_an_asctime_date_with_one_digit_is_read() -> None:
    """An asctime date may have a day of one digit, which is padded with a blank."""
    assert parse_http_date("Sun Nov  1 08:49:37 2026") == datetime(2026, 11, 1, 8, 49, 37, tzinfo=UTC)


@pytest.mark.parametrize("value", ["Wed, 21 Oct 2026 07:28:00 GMT", "Wed, 21 Oct 2026 07:27:59 GMT"])
def test_a_date_that_is_past_is_no_hint(value: str) -> None:
    """A Retry-After date that is now or in the past is ignored."""
    assert parse_retry_after(value, NOW) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (str(EPOCH_MS + 2000), 2.0),
        (str(EPOCH_MS + 1), 0.001),
        (str(EPOCH_MS // 1000 + 2), 2.0),
        (f" {EPOCH_MS + 2000}\t", 2.0),
        ("9999999999999", 9999999999.999 - EPOCH_MS / 1000),
        ("9999999999", 9999999999 - EPOCH_MS / 1000),
    ],
)
def test_a_reset_is_an_epoch_in_milliseconds_or_seconds(value: str, seconds: float) -> None:
    """X-RateLimit-Reset is an epoch in milliseconds, as OpenRouter sends it, or in seconds."""
    hint = parse_rate_limit_reset(value, NOW)

    assert hint is not None
    assert hint.seconds == pytest.approx(seconds)


@pytest.mark.parametrize("value", [str(EPOCH_MS), str(EPOCH_MS - 1), str(EPOCH_MS // 1000)])
def test_a_reset_that_is_past_is_no_hint(value: str) -> None:
    """An X-RateLimit-Reset that is now or in the past is ignored."""
    assert parse_rate_limit_reset(value, NOW) is None


RESET, LATER = str(EPOCH_MS + 2000), str(EPOCH_MS + 4000)
BODY = {"headers": {"retry-after": "3", "X-RateLimit-Reset": LATER}}


@pytest.mark.parametrize(
    ("headers", "metadata", "seconds"),
    [
        ([("Retry-After", "1"), ("X-RateLimit-Reset", RESET)], BODY, 1.0),
        ([("Retry-After", "nan"), ("X-RateLimit-Reset", RESET)], BODY, 2.0),
        ([("Retry-After", "nan"), ("X-RateLimit-Reset", "nan")], BODY, 3.0),
        ([], {"headers": {"X-RateLimit-Reset": LATER}}, 4.0),
        ([], {"headers": {"X-RateLimit-Reset": int(LATER)}}, 4.0),
        ([], {"headers": {"Retry-After": 3}}, 3.0),
        ([], {"retry_after_seconds": 11, "retry_after_seconds_raw": Decimal("10.918")}, 11.0),
        ([], {"retry_after_seconds": 11, **BODY}, 3.0),
        ([("Retry-After", "1")], {"retry_after_seconds": 11}, 1.0),
        ([], {"retry_after_seconds": Decimal("10.91812345")}, 10.91812345),
        ([], {"retry_after_seconds": "11"}, 11.0),
        ([], {"retry_after_seconds": 0}, 0.0),
        ([], {}, None),
    ],
)
def test_the_first_source_with_a_valid_value_wins(
    headers: list[tuple[str, str]], metadata: dict[str, object], seconds: float | None
) -> None:
    """A hint is the first valid of: Retry-After, the reset, both in the body, `retry_after_seconds`."""
    hint = server_hint(429, headers, metadata, NOW)

    assert (None if hint is None else hint.seconds) == seconds


@pytest.mark.parametrize("status", [401, 503])
def test_a_reset_counts_on_429_alone(status: int) -> None:
    """X-RateLimit-Reset is ignored unless the status is 429: every reply has it."""
    metadata = {"headers": {"X-RateLimit-Reset": RESET}}

    assert server_hint(status, [("X-RateLimit-Reset", RESET)], metadata, NOW) is None


def test_of_repeated_headers_the_largest_counts() -> None:
    """The longest of several Retry-After headers counts, in seconds or dates; invalid ones are ignored."""
    headers = [
        ("Retry-After", "1"),
        ("retry-after", "3"),
        ("RETRY-AFTER", "inf"),
        ("Retry-After", "Wed, 21 Oct 2026 07:28:02 GMT"),
    ]

    assert server_hint(503, headers, {}, NOW) == Hint(3.0, NOW + timedelta(seconds=3))


def test_zero_is_a_hint_of_no_wait() -> None:
    """`Retry-After: 0` is a valid hint of zero seconds, not a missing one."""
    assert server_hint(503, [("Retry-After", "0")], {}, NOW) == Hint(0.0, NOW)


@pytest.mark.parametrize(
    ("status", "header", "value", "wrong"),
    [
        (503, "Retry-After", "Wed, 21 Oct 2026 07:28:05 GMT", timedelta(hours=1)),
        (503, "Retry-After", "Wed, 21 Oct 2026 07:28:05 GMT", timedelta(days=-4000)),
        (429, "X-RateLimit-Reset", str(EPOCH_MS + 5000), timedelta(hours=1)),
    ],
)
def test_moments_are_measured_from_the_reply_s_own_date(
    status: int, header: str, value: str, wrong: timedelta
) -> None:
    """A date or a reset is measured from the reply's own Date, so that a wrong local clock does no harm."""
    headers = [("Date", "Wed, 21 Oct 2026 07:28:00 GMT"), (header, value)]

    hint = server_hint(status, headers, {}, NOW + wrong)

    assert hint == Hint(5.0, NOW + timedelta(seconds=5))


def test_without_a_valid_date_the_wall_clock_counts() -> None:
    """A Retry-After date is measured from the local clock if the reply's own Date is invalid."""
    headers = [("Date", "yesterday"), ("Retry-After", "Wed, 21 Oct 2026 07:28:05 GMT")]

    assert server_hint(503, headers, {}, NOW) == Hint(5.0, NOW + timedelta(seconds=5))


def test_a_date_at_the_end_of_time_is_survived() -> None:
    """Seconds that lead past the year 9999 stay as they are, and end at the last moment of datetime."""
    headers = [("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Retry-After", "3600")]

    assert server_hint(503, headers, {}, NOW) == Hint(3600.0, datetime.max.replace(tzinfo=UTC))


NAMES = st.sampled_from(["Retry-After", "retry-after", "X-RateLimit-Reset", "Date", "Other"])
DIGITS = st.from_regex(r"[0-9]{1,14}(\.[0-9]{0,4})?", fullmatch=True)
DATES = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.strftime("%a, %d %b %Y %H:%M:%S GMT"))
WORDS = (
    "Wed",
    "Wednesday,",
    "21",
    "Oct",
    "26",
    "2026",
    "9999",
    "-Oct-",
    "07:28:00",
    "24:60:61",
    "GMT",
    "+9999",
    "-2359",
    "EST",
    "0",
    "-1",
)
PIECES = st.lists(st.sampled_from(WORDS)).map(" ".join)
HEADERS = st.lists(st.tuples(NAMES, st.text() | DIGITS | DATES | PIECES), max_size=6)


@given(st.sampled_from([429, 503]), HEADERS, HEADERS.map(dict))
@example(429, [("Date", "Fri, 31 Dec 9999 23:59:59 GMT"), ("Retry-After", "9999999999")], {})
def test_any_headers_give_none_or_a_finite_wait(
    status: int, headers: list[tuple[str, str]], quoted: dict[str, str]
) -> None:
    """Any headers give no hint, or a hint of finitely many seconds, at least 0, and a moment in UTC."""
    hint = server_hint(status, headers, {"headers": quoted}, NOW)

    assert hint is None or (0 <= hint.seconds < math.inf and hint.until.tzinfo is UTC)


@given(st.text() | DIGITS | DATES | PIECES)
def test_any_text_gives_none_or_a_finite_wait(value: str) -> None:
    """The parsers of hints and dates take any text and never raise; a date that they find is in UTC."""
    for hint in (parse_retry_after(value, NOW), parse_rate_limit_reset(value, NOW)):
        assert hint is None or 0 <= hint.seconds < math.inf
    moment = parse_http_date(value)
    assert moment is None or moment.tzinfo is UTC
