"""Activity: what was used on the last 30 completed days."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.testing import FakeOpenRouter
from tests.testing.conftest import TUESDAY, Clock, calling

OUTSIDE = (400, "Date must be within the last 30 (completed) UTC days")
YESTERDAY = TUESDAY.date() - timedelta(days=1)


def hash_of(key: ApiKey) -> str:
    """Return the hash by which OpenRouter names a key."""
    return hashlib.sha256(key.reveal().encode()).hexdigest()


async def test_spending_is_listed_when_its_day_is_over() -> None:
    """/activity has what keys spent, from the next UTC day on and for 30 days, added up by model."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        acme = fake.add_account(credits=100)
        boss, first, second = acme.add_key(management=True), acme.add_key(), acme.add_key()
        fake.spend(first, "1.25")
        fake.spend(second, "0.000000001")
        fake.spend(fake.add_account().add_key(), 7)

        today = await call.data("/activity", boss)
        clock.now += timedelta(days=1)
        (row,) = await call.data("/activity", boss)
        clock.now += timedelta(days=29)
        last = await call.data("/activity", boss)
        clock.now += timedelta(days=1)
        gone = await call.data("/activity", boss)

    assert [] == today
    assert {
        "date": "2026-10-20",
        "model": "openrouter/fake",
        "model_permaslug": "openrouter/fake",
        "endpoint_id": row["endpoint_id"],
        "provider_name": "Fake",
        "usage": Decimal("1.250000001"),
        "byok_usage_inference": 0,
        "requests": 2,
        "prompt_tokens": 0,
        "completion_tokens": 0,
        "reasoning_tokens": 0,
        "cached_tokens": 0,
    } == row
    assert [row] == last
    assert [] == gone


async def test_history_can_be_added() -> None:
    """add_activity() adds rows to /activity, newest first, and changes neither wallet nor key."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        acme = fake.add_account(credits=100)
        boss = acme.add_key(management=True)
        acme.add_activity("2026-10-18", model="b", usage="0.5")
        acme.add_activity(YESTERDAY, model="a", usage=1, byok_usage_inference="0.25", requests=3)
        acme.add_activity(YESTERDAY, model="a", prompt_tokens=4, completion_tokens=3, reasoning_tokens=2)
        acme.add_activity("2025-01-01", usage=9)

        rows = await call.data("/activity", boss)
        wallet = await call.data("/credits", boss)

    names = ("date", "model", "usage", "requests", "prompt_tokens", "completion_tokens", "reasoning_tokens")
    expected = [("2026-10-19", "a", 1, 4, 4, 3, 2), ("2026-10-18", "b", Decimal("0.5"), 1, 0, 0, 0)]
    assert expected == [tuple(row[name] for name in names) for row in rows]
    assert Decimal("0.25") == rows[0]["byok_usage_inference"]
    assert 0 == wallet["total_usage"]


async def test_activity_is_filtered_and_grouped() -> None:
    """/activity takes a date, a key's hash, a user and a workspace, and splits rows by workspace."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        acme = fake.add_account(user_id="user_1")
        boss, team = acme.add_key(management=True), acme.add_workspace("Team")
        key = acme.add_key(workspace=team, creator_user_id="user_2")
        unused, stranger = acme.add_key(), fake.add_account().add_key()
        acme.add_activity(YESTERDAY, key=key.reveal(), usage=1)
        acme.add_activity(YESTERDAY, usage=2)
        acme.add_activity(YESTERDAY, workspace=team, usage=4)
        acme.add_activity("2026-10-01", usage=8)
        hashes = [hash_of(any_key) for any_key in (key, unused, stranger)]

        async def used(query: str) -> list[int]:
            return [row["usage"] for row in await call.data(f"/activity?{query}", boss)]

        answers = {
            query: await used(query)
            for query in (
                "",
                f"date={YESTERDAY}",
                f"api_key_hash={hashes[0]}",
                f"api_key_hash={hashes[1]}",
                "user_id=user_2",
                f"workspace_id={team.id}",
                f"date={YESTERDAY}&group_by=workspace",
            )
        }
        split = await call.data(f"/activity?date={YESTERDAY}&group_by=workspace", boss)
        unknown = [
            await call.message(f"/activity?{query}", boss)
            for query in (f"api_key_hash={hashes[2]}", "workspace_id=none", "group_by=model")
        ]
        await call(f"/keys/{hashes[0]}?workspace_id={team.id}", boss, method="DELETE")
        still = await used(f"api_key_hash={hashes[0]}")

    assert [[7, 8], [7], [1], [], [1], [5], [2, 5]] == list(answers.values())
    assert [acme.workspace_id, team.id] == [row["workspace_id"] for row in split]
    assert [
        (404, "API key not found"),
        (404, "Workspace not found"),
        (400, "group_by is workspace, or absent"),
    ] == unknown
    assert [1] == still


@pytest.mark.parametrize(
    ("date", "is_listed"),
    [
        ("2026-10-19", True),
        ("2026-09-20", True),
        ("2026-09-19", False),
        ("2026-10-20", False),
        ("2026-10-21", False),
        ("20261019", False),
        ("yesterday", False),
    ],
)
async def test_only_the_last_30_completed_days_are_there(date: str, is_listed: Any) -> None:
    """/activity answers 400 to today, to a day more than 30 days ago, and to a date in another form."""
    async with FakeOpenRouter(now=lambda: TUESDAY) as fake, calling(fake) as call:
        boss = fake.add_account().add_key(management=True)

        status, body = await call(f"/activity?date={date}", boss)
        if not is_listed:
            assert OUTSIDE == await call.message(f"/activity?date={date}", boss)

    assert (status == 200) is is_listed, body
