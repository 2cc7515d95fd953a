"""The activity of an account: completed UTC days, each row once; what is missing is said."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    CreditsClient,
    InvalidResponseError,
    ManagementKeyRequiredError,
    MissingKeyError,
)
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.values import KEY, stopped_clock
from tests.kit.wire import Connect, Received, Serve, answers, in_this_loop, refusal, reply

if TYPE_CHECKING:
    from ._sinks import Watch

pytestmark = pytest.mark.row(76)

TODAY = datetime.now(UTC).date()


def row(day: date, **fields: Any) -> dict[str, Any]:
    """Make a row of `/activity`."""
    return {
        "date": day.isoformat(),
        "model": "openai/gpt-4.1",
        "model_permaslug": "openai/gpt-4.1-2025-04-14",
        "endpoint_id": "e",
        "provider_name": "OpenAI",
        "usage": 0.015,
        "byok_usage_inference": 0.012,
        "requests": 5,
        "prompt_tokens": 50,
        "completion_tokens": 125,
        "reasoning_tokens": 25,
        **fields,
    }


@pytest.fixture
def manage(connect: Connect) -> Callable[..., CreditsClient]:
    """Make clients that have a management key alone."""
    return lambda server, key=KEY: connect(server, None, management_key=key)


async def test_a_range_is_cut_to_what_there_is(connect: Connect, fault: Watch) -> None:
    """The last 30 completed days are told; a range that has other days is cut, and says so; no 400 is met."""
    async with in_this_loop(FakeOpenRouter(now=stopped_clock())) as fake:
        acme = fake.add_account()
        boss = acme.add_key(management=True)
        for days in range(40):
            acme.add_activity(TODAY - timedelta(days=days), usage=f"0.{days + 10}")
        account = connect(fake, None, management_key=boss).account

        async def told(*days: int | None) -> tuple[list[int], bool]:
            start, end = (None if each is None else TODAY - timedelta(days=each) for each in days)
            activity = await fault.value(account.activity(start, end))
            assert activity.start is None or activity.start >= TODAY - timedelta(days=30)
            assert activity.end is None or activity.end <= TODAY - timedelta(days=1)
            return [(TODAY - item.date).days for item in activity], activity.is_cut

        assert await told(None, None) == (list(range(1, 31)), False)
        assert await told(3, 1) == ([1, 2, 3], False)
        assert await told(7, 7) == ([7], False)
        assert await told(30, 30) == ([30], False)
        assert await told(2, 0) == ([1, 2], True)
        assert await told(40, 29) == ([29, 30], True)
        assert await told(40, -5) == (list(range(1, 31)), True)
        before = len(fake.requests)
        assert await told(0, 0) == ([], True)
        assert await told(50, 31) == ([], True)
        assert len(fake.requests) == before


async def test_a_row_that_is_sent_twice_is_told_once(
    serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """Exact duplicates are left out; rows that differ in anything, known or not, are not."""
    day = TODAY - timedelta(days=2)
    rows = [row(day), row(day), row(day, requests=6), row(day, note=1), row(day, note=2), row(day, note=1)]
    server = await serve(reply(200, {"data": rows}))

    activity = await fault.value(manage(server).account.activity())

    assert [(item.requests, item.extra.get("note")) for item in activity] == [
        (5, None),
        (6, None),
        (5, 1),
        (5, 2),
    ]
    assert sum(item.usage for item in activity) == Decimal("0.06")
    assert len(activity) == 4
    assert activity[1].requests == 6


async def test_days_that_were_not_asked_for_are_not_told(
    serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """A server that sends other days than it was asked for does not widen the range."""
    server = await serve(reply(200, {"data": [row(TODAY - timedelta(days=days)) for days in range(5)]}))

    activity = await fault.value(
        manage(server).account.activity(TODAY - timedelta(days=3), TODAY - timedelta(days=2))
    )

    assert [(TODAY - item.date).days for item in activity] == [2, 3]


async def test_a_day_that_ends_on_the_server_first_is_cut(
    serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """If the server's day is another one than ours, its 400 for a day means that the day is missing."""
    server = await serve(refusal(400, "Date must be within the last 30 (completed) UTC days"))
    day = TODAY - timedelta(days=30)

    activity = await fault.value(manage(server).account.activity(day, day))

    assert (list(activity), activity.is_cut) == ([], True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"data": None},
        {"data": [None]},
        {"data": [{}]},
        {"data": [row(TODAY, date="yesterday")]},
        {"data": [row(TODAY - timedelta(days=1), usage="x")]},
        {"data": [row(TODAY - timedelta(days=1), usage=None)]},
    ],
    ids=["no data", "a list", "null", "null inside", "no fields", "no date", "no amount", "null amount"],
)
async def test_activity_that_is_none_is_an_error(
    body: object, serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """Rows without day, model or amount raise InvalidResponseError after one request."""
    server = await serve(reply(200, body))

    await fault.error(InvalidResponseError, manage(server).account.activity())

    assert server.hits == 1


async def test_wrong_days_are_not_sent(
    serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """An end before the start, a naive time and what is no day are refused before any request."""
    server = await serve(reply(200, {"data": []}))
    account: Any = manage(server).account
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        ((TODAY, TODAY - timedelta(days=1)), {}),
        ((datetime(2026, 10, 1),), {}),  # noqa: DTZ001 - the naive time that is refused
        (("2026-10-01",), {}),
        ((KEY,), {}),
        ((), {"by": "model"}),
        ((), {"by": KEY}),
    ]

    for arguments, options in wrong:

        async def call(arguments: tuple[Any, ...] = arguments, options: Any = options) -> None:
            await account.activity(*arguments, **options)

        outcome = await fault(call(), also=(TypeError, ValueError))
        assert isinstance(outcome.error, TypeError | ValueError)

    assert server.hits == 0


async def test_activity_by_workspace_is_asked_for(
    serve: Serve, manage: Callable[..., CreditsClient], fault: Watch
) -> None:
    """`by="workspace"` is the API's `group_by`, and each row has its workspace."""
    day = TODAY - timedelta(days=2)

    def answer(asked: Received) -> bytes:
        names = ("a", "b") if "group_by=workspace" in asked.target else (None,)
        return reply(200, {"data": [row(day, workspace_id=name) for name in names]})

    account = manage(await serve(answers(answer))).account

    whole = await fault.value(account.activity())
    split = await fault.value(account.activity(by="workspace"))

    assert [item.workspace_id for item in whole] == [None]
    assert [item.workspace_id for item in split] == ["a", "b"]


async def test_activity_needs_a_management_key(serve: Serve, connect: Connect, fault: Watch) -> None:
    """An ordinary key is told what it needs; without any key, nothing is sent."""
    server = await serve(refusal(403, "Only management keys can perform this operation"))

    await fault.error(ManagementKeyRequiredError, connect(server).account.activity())
    await fault.error(MissingKeyError, _activity(connect(server, None)))

    assert server.hits == 1


async def _activity(client: CreditsClient) -> None:
    await client.account.activity()
