"""The usage of an account: which days are asked for, and how they are read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import Activity, ApiKey, BadRequestError, CreditsClient, InvalidResponseError
from openrouter_credits._call.activity import Range, choose_range, read_activity
from tests.kit.values import KEY
from tests.kit.wire import Connect, Serve, Server, refusal, reply

if TYPE_CHECKING:
    from openrouter_credits._call.caller import Caller

TODAY = date(2026, 11, 26)
FIRST, LAST = date(2026, 10, 27), date(2026, 11, 25)
TOO_LARGE = reply(200, b" " * ((1 << 20) + 1))
NOT_KEPT = refusal(400, "Date must be within the last 30 (completed) UTC days")


def day(number: int) -> date:
    """Return a day of November 2026."""
    return date(2026, 11, number)


def row(when: date, usage: Any = 1.5, **fields: Any) -> dict[str, Any]:
    """Make a row of `/activity`."""
    return {"date": when.isoformat(), "model": "openai/gpt-4.1", "usage": usage, **fields}


def rows(*data: dict[str, Any]) -> bytes:
    """Answer as `/activity` does."""
    return reply(200, {"data": data})


async def read(server: Server, connect: Connect, wanted: Range) -> Activity:
    """Read days from a server."""
    client: CreditsClient = connect(server)
    caller: Caller = client._caller
    return await read_activity(caller, lambda: ApiKey(KEY), wanted)


RANGES: list[tuple[Any, Any, Range]] = [
    (None, None, Range(FIRST, LAST, is_cut=False)),
    (FIRST, LAST, Range(FIRST, LAST, is_cut=False)),
    (day(3), None, Range(day(3), LAST, is_cut=False)),
    (None, day(3), Range(FIRST, day(3), is_cut=False)),
    (day(3), day(3), Range(day(3), day(3), is_cut=False)),
    (day(20), TODAY, Range(day(20), LAST, is_cut=True)),
    (day(20), date(2027, 1, 1), Range(day(20), LAST, is_cut=True)),
    (date(2026, 1, 1), day(3), Range(FIRST, day(3), is_cut=True)),
    (date(2026, 1, 1), TODAY, Range(FIRST, LAST, is_cut=True)),
    (TODAY, TODAY, Range(None, None, is_cut=True)),
    (TODAY, None, Range(None, None, is_cut=True)),
    (date(2026, 1, 1), date(2026, 10, 26), Range(None, None, is_cut=True)),
    (None, date(2026, 10, 26), Range(None, None, is_cut=True)),
    (date(2027, 1, 1), date(2027, 2, 1), Range(None, None, is_cut=True)),
    (date.min, date.max, Range(FIRST, LAST, is_cut=True)),
    (datetime(2026, 11, 3, 12, tzinfo=UTC), day(4), Range(day(3), day(4), is_cut=False)),
    (
        datetime(2026, 11, 3, 23, tzinfo=timezone(timedelta(hours=-2))),
        datetime(2026, 11, 6, 1, tzinfo=timezone(timedelta(hours=2))),
        Range(day(4), day(5), is_cut=False),
    ),
]


@pytest.mark.parametrize(("start", "end", "expected"), RANGES, ids=str)
def test_the_days_that_openrouter_has_are_asked_for(start: Any, end: Any, expected: Range) -> None:
    """A range is cut to the last 30 completed UTC days; a time with a zone stands for its UTC day."""
    assert choose_range(start, end, None, TODAY) == expected


def test_a_range_may_be_divided_by_workspaces() -> None:
    """The entries are divided by workspace on demand."""
    divided = choose_range(None, None, "workspace", TODAY)

    assert divided == Range(FIRST, LAST, is_cut=False, by="workspace")


@pytest.mark.parametrize(
    ("start", "end", "by", "kind", "text"),
    [
        (day(4), day(3), None, ValueError, "end is not before start"),
        (date(2027, 1, 2), date(2027, 1, 1), None, ValueError, "end is not before start"),
        (KEY, None, None, TypeError, "start is a date or an aware datetime, not str"),
        (None, 20261101, None, TypeError, "end is a date or an aware datetime, not int"),
        (
            datetime(2026, 11, 3, tzinfo=UTC).replace(tzinfo=None),
            None,
            None,
            ValueError,
            "an aware datetime is needed, such as datetime.now(UTC)",
        ),
        (None, None, "model", ValueError, 'by is "workspace" or None'),
        (None, None, "", ValueError, 'by is "workspace" or None'),
        (None, None, KEY, ValueError, 'by is "workspace" or None'),
    ],
)
def test_a_wrong_range_is_refused(start: Any, end: Any, by: Any, kind: type[Exception], text: str) -> None:
    """A wrong day or grouping is returned as a TypeError or ValueError that quotes nothing."""
    error = choose_range(start, end, by, TODAY)

    assert type(error) is kind
    assert str(error) == text
    assert error.__traceback__ is None


DAYS = st.dates(TODAY - timedelta(50), TODAY + timedelta(20))


@given(st.none() | DAYS, st.none() | DAYS)
def test_no_day_is_asked_for_that_openrouter_refuses(start: date | None, end: date | None) -> None:
    """Each day that is asked for is wanted and completed; if one that is wanted is not, the range is cut."""
    found = choose_range(start, end, None, TODAY)

    if not isinstance(found, Range):
        assert start is not None
        assert end is not None
        assert end < start
        return
    kept = {TODAY - timedelta(age) for age in range(1, 31)}
    asked = {each for each in kept if found.start and found.end and found.start <= each <= found.end}
    assert asked == {each for each in kept if (start or FIRST) <= each <= (end or LAST)}
    if start is not None and end is not None:
        assert found.is_cut == (not {start, end} <= kept)


async def test_the_whole_list_is_read_in_one_request(serve: Serve, connect: Connect) -> None:
    """A range of several days is one request; days of the list that are not wanted are left out."""
    server = await serve(rows(row(day(5)), row(day(4), "2.5"), row(day(3)), row(day(2))))

    activity = await read(server, connect, Range(day(3), day(4), is_cut=False))

    assert server.lines == ["GET /api/v1/activity"]
    assert [item.date for item in activity] == [day(4), day(3)]
    assert (activity.start, activity.end, activity.is_cut) == (day(3), day(4), False)
    assert activity.total == Decimal(4)


async def test_one_day_is_asked_for_alone(serve: Serve, connect: Connect) -> None:
    """A range of one day asks for that day, divided by workspaces on demand."""
    server = await serve(rows(row(day(5), workspace_id="w1")))

    activity = await read(server, connect, Range(day(5), day(5), is_cut=True, by="workspace"))

    assert server.lines == ["GET /api/v1/activity?date=2026-11-05&group_by=workspace"]
    assert [item.workspace_id for item in activity] == ["w1"]
    assert (activity.start, activity.end, activity.is_cut) == (day(5), day(5), True)


async def test_other_days_are_left_out_of_a_day(serve: Serve, connect: Connect) -> None:
    """A server that answers with other days than the one it was asked for does not widen the range."""
    everything = rows(*(row(day(number)) for number in range(1, 8)))
    server = await serve(everything, TOO_LARGE, everything, everything)

    one = await read(server, connect, Range(day(5), day(5), is_cut=False))
    two = await read(server, connect, Range(day(3), day(4), is_cut=False))

    assert [item.date for item in one] == [day(5)]
    assert [item.date for item in two] == [day(4), day(3)]


async def test_nothing_is_asked_if_nothing_is_kept(serve: Serve, connect: Connect) -> None:
    """A range of which OpenRouter has no day is empty, without a request."""
    server = await serve(rows())

    activity = await read(server, connect, Range(None, None, is_cut=True))

    assert activity == Activity((), None, None, is_cut=True)
    assert server.hits == 0


async def test_a_list_that_is_too_large_is_read_day_by_day(serve: Serve, connect: Connect) -> None:
    """If the answer for all days is over 1 MiB, each day is asked for alone, the newest first."""
    server = await serve(TOO_LARGE, rows(row(day(5))), rows(), rows(row(day(3)), row(day(3), 2)))

    activity = await read(server, connect, Range(day(3), day(5), is_cut=False))

    assert server.lines == [
        "GET /api/v1/activity",
        *(f"GET /api/v1/activity?date=2026-11-0{n}" for n in "543"),
    ]
    assert [(item.date, item.usage) for item in activity] == [
        (day(5), Decimal("1.5")),
        (day(3), Decimal("1.5")),
        (day(3), Decimal(2)),
    ]
    assert (activity.start, activity.end, activity.is_cut) == (day(3), day(5), False)


async def test_a_day_that_the_server_does_not_have_is_cut(serve: Serve, connect: Connect) -> None:
    """A day that has not ended by the server's clock, or that it has no longer, is left out as cut."""
    server = await serve(TOO_LARGE, NOT_KEPT, rows(row(day(4))), NOT_KEPT)

    activity = await read(server, connect, Range(day(3), day(5), is_cut=False))

    assert [item.date for item in activity] == [day(4)]
    assert (activity.start, activity.end, activity.is_cut) == (day(4), day(4), True)


async def test_a_single_day_that_the_server_does_not_have_is_empty(serve: Serve, connect: Connect) -> None:
    """If the one day that is asked for has not ended by the server's clock, the activity is empty and cut."""
    server = await serve(NOT_KEPT)

    activity = await read(server, connect, Range(day(5), day(5), is_cut=False))

    assert activity == Activity((), None, None, is_cut=True)
    assert server.hits == 1


async def test_another_bad_request_is_an_error(serve: Serve, connect: Connect) -> None:
    """A 400 that is not about the day is raised."""
    server = await serve(refusal(400, "Invalid query"))

    with pytest.raises(BadRequestError, match="Invalid query"):
        await read(server, connect, Range(day(5), day(5), is_cut=False))


async def test_exact_duplicates_are_dropped(serve: Serve, connect: Connect) -> None:
    """A row that is equal to another in every field counts once; one that differs in any field stays."""
    same = row(day(4), endpoint_id="e1", new={"a": [1.5]})
    others = [
        row(day(4), endpoint_id="e2", new={"a": [1.5]}),
        row(day(4), endpoint_id="e1", new={"a": [2.5]}),
        row(day(4), 1.25, endpoint_id="e1", new={"a": [1.5]}),
        row(day(3), endpoint_id="e1", new={"a": [1.5]}),
    ]
    server = await serve(rows(same, *others, same))

    activity = await read(server, connect, Range(day(3), day(4), is_cut=False))

    assert [(item.date, item.endpoint_id, item.usage, item.extra["new"]["a"][0]) for item in activity] == [
        (day(4), "e1", Decimal("1.5"), Decimal("1.5")),
        (day(4), "e2", Decimal("1.5"), Decimal("1.5")),
        (day(4), "e1", Decimal("1.5"), Decimal("2.5")),
        (day(4), "e1", Decimal("1.25"), Decimal("1.5")),
        (day(3), "e1", Decimal("1.5"), Decimal("1.5")),
    ]


async def test_the_order_of_unknown_fields_does_not_matter(serve: Serve, connect: Connect) -> None:
    """Rows whose unknown fields are in another order are duplicates; the number 1.5 and the text are not."""
    server = await serve(
        rows(row(day(4), a=1, b=1.5), row(day(4), b=1.5, a=1), row(day(4), a=1, b="1.5"), row(day(4), a=1))
    )

    activity = await read(server, connect, Range(day(3), day(4), is_cut=False))

    assert [item.extra for item in activity] == [
        {"a": 1, "b": Decimal("1.5")},
        {"a": 1, "b": "1.5"},
        {"a": 1},
    ]


async def test_thousands_of_rows_are_read(serve: Serve, connect: Connect) -> None:
    """A list of 3,000 rows, which is nearly 1 MiB, is read in one request."""
    full = {
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "endpoint_id": "550e8400-e29b-41d4-a716-446655440000",
        "provider_name": "OpenAI",
        "byok_usage_inference": 0.012,
        "requests": 5,
        "prompt_tokens": 50,
        "completion_tokens": 125,
        "reasoning_tokens": 25,
        "cached_tokens": 10,
    }
    server = await serve(rows(*(row(day(4), number, **full) for number in range(3000))))

    activity = await read(server, connect, Range(day(3), day(4), is_cut=False))

    assert (len(activity), activity.total) == (3000, Decimal(3000 * 2999 // 2))
    assert server.hits == 1


async def test_a_wrong_row_is_an_error(serve: Serve, connect: Connect) -> None:
    """A row without a day that can be read is an error that names its place."""
    server = await serve(rows(row(day(4)), row(day(4)) | {"date": "yesterday"}))

    with pytest.raises(InvalidResponseError, match=r"\$\.data\[1\]\.date: "):
        await read(server, connect, Range(day(3), day(4), is_cut=False))


@pytest.mark.parametrize("text", ["2026-11-04", "2026-11-04 00:00:00", "2026-11-04T23:59:59Z"])
async def test_a_day_may_have_a_time(text: str, serve: Serve, connect: Connect) -> None:
    """The day of a row may be written with a time behind it; to_json() writes the day alone."""
    server = await serve(rows(row(day(4)) | {"date": text}))

    activity = await read(server, connect, Range(day(4), day(4), is_cut=False))

    assert activity[0].date == day(4)
    assert json.loads(activity.to_json())["items"][0]["date"] == "2026-11-04"
