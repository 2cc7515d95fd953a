"""The pages of `/keys` are cut from a list that is kept until a key changes or expires."""

from __future__ import annotations

import json
from datetime import timedelta

from openrouter_credits.testing import FakeOpenRouter
from tests.testing.conftest import TUESDAY, Clock, calling


async def test_each_change_of_a_key_shows_on_the_next_page() -> None:
    """Keys that are made, disabled, moved or deleted between two requests are listed as they are now."""
    async with FakeOpenRouter() as fake, calling(fake) as call:
        acme = fake.add_account()
        boss, team = acme.add_key(management=True), acme.add_workspace("Team")

        async def names() -> list[str]:
            return [key["name"] for key in await call.data("/keys", boss)]

        seen = [await names()]
        acme.add_key(name="a")
        seen.append(await names())
        made = await call.data("/keys", boss, method="POST", body='{"name": "b"}')
        seen.append(await names())
        path = f"/keys/{made['hash']}"
        for change in ({"name": "c"}, {"disabled": True}, {"disabled": False}, {"workspace_id": team.id}):
            await call.data(path, boss, method="PATCH", body=json.dumps(change))
            seen.append(await names())
        await call(path, boss, method="DELETE")
        there = await call.data(f"/keys?workspace_id={team.id}", boss)

    assert [[], ["a"], ["b", "a"], ["c", "a"], ["a"], ["c", "a"], ["a"]] == seen
    assert [] == there


async def test_a_key_that_expires_leaves_the_list() -> None:
    """A key is listed until it expires, and again if the server's clock is put back before that."""
    clock = Clock(TUESDAY)
    async with FakeOpenRouter(now=clock) as fake, calling(fake) as call:
        acme = fake.add_account()
        boss = acme.add_key(management=True)
        acme.add_key(name="soon", expires_at=TUESDAY + timedelta(hours=1))
        acme.add_key(name="late", expires_at=TUESDAY + timedelta(hours=9))
        listed = []
        for hours in (0, 1, 0, 10):
            clock.now = TUESDAY + timedelta(hours=hours)
            listed.append([key["name"] for key in await call.data("/keys", boss)])

    assert [["late", "soon"], ["late"], ["late", "soon"], []] == listed
