"""Scripted answers wait for the requests to their paths."""

from __future__ import annotations

from typing import Any

import pytest

from openrouter_credits.testing import Disconnect, FakeAccount, FakeOpenRouter, Reply
from tests.testing.conftest import Caller


async def test_scripted_answers_come_first_one_each(call: Caller, acme: FakeAccount) -> None:
    """Scripted answers are used up in order on their path alone; the server then answers normally again."""
    key = acme.add_key()
    call.fake.script("/key", Reply(503))
    call.fake.script("/key", Reply(429, headers={"Retry-After": "1"}), Reply(200, "{}"))

    other, _ = await call("/credits", key)
    first = await call.message("/key")
    async with call.session.get(call.fake.url + "/key") as second:
        assert (429, "1") == (second.status, second.headers["Retry-After"])
    third = await call("/key", method="POST")
    fourth, _ = await call("/key", key)

    assert 403 == other
    assert (503, "Service temporarily unavailable") == first
    assert (200, "{}") == third
    assert 200 == fourth


async def test_a_template_is_for_each_path_that_fits_it(call: Caller, acme: FakeAccount) -> None:
    """Answers for `/keys/{hash}` are for any key's path, and come after those for that very path."""
    boss = acme.add_key(management=True)
    call.fake.script("/keys/{hash}", Reply(503), Reply(502))
    call.fake.script("/keys/beef", Reply(500))

    paths = ("/keys", "/keys/beef", "/keys/cafe", "/keys/", "/keys/cafe/x", "/keys/beef", "/keys/beef")
    statuses = [(await call(path, boss))[0] for path in paths]

    assert [200, 500, 503, 404, 404, 502, 404] == statuses


async def test_a_query_is_for_the_requests_that_have_its_parameters(call: Caller, acme: FakeAccount) -> None:
    """Answers for a path with a query are for requests with those parameters, and come before the path's."""
    boss, team = acme.add_key(management=True), acme.add_workspace("Team Ä")
    call.fake.script("/keys", Reply(500))
    call.fake.script(f"/keys?workspace_id={team.id}", Reply(403), Reply(403))
    call.fake.script(f"/keys?offset=100&workspace_id={team.id}", Reply(503))
    call.fake.script("/workspaces/{ref}/budgets?a=%C3%84", Reply(502))

    paths = (
        f"/keys?workspace_id={team.id}&offset=0",
        f"/keys?include_disabled=true&workspace_id={team.id}&offset=100",
        f"/keys?offset=100&workspace_id={team.id}",
        "/keys?offset=100",
        f"/keys?workspace_id={team.id}",
        "/workspaces/default/budgets?a=x",
        "/workspaces/default/budgets?a=%c3%84",
    )
    statuses = [(await call(path, boss))[0] for path in paths]

    assert [403, 503, 403, 500, 200, 404, 502] == statuses


@pytest.mark.parametrize("path", FakeOpenRouter.paths)
def test_each_served_path_can_be_scripted(path: str) -> None:
    """script() takes each path that the server serves, as `paths` lists it."""
    FakeOpenRouter().script(path, Reply())


@pytest.mark.parametrize(
    ("path", "nearest"),
    [
        ("/credit", "/credits"),
        ("/credits/", "/credits"),
        ("/Credits", "/credits"),
        ("/api/v1/credits", "/credits"),
        ("/keys/", "/keys"),
        ("/keyz", "/key"),
        ("/auth/kee", "/auth/key"),
    ],
)
def test_a_path_that_is_never_served_is_refused(path: str, nearest: str) -> None:
    """script() refuses a path that no request can reach, and names the nearest one that is served."""
    with pytest.raises(ValueError, match="never served") as caught:
        FakeOpenRouter().script(path, Reply())

    expected = f"path {path!r} is never served: did you mean {nearest!r}? FakeOpenRouter.paths lists all"
    assert expected == str(caught.value)


@pytest.mark.parametrize("path", ["{}", "/{}", "/keys/{}/x", "/keys?{}"])
def test_a_refused_path_does_not_show_a_key(path: str) -> None:
    """The error of script() masks a key that stands in the path by mistake."""
    key = FakeOpenRouter().add_account().add_key()

    with pytest.raises(ValueError, match="path") as caught:
        FakeOpenRouter().script(path.format(key.reveal()), Reply())

    assert path.format(key) in str(caught.value)
    assert key.reveal() not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            ("key", Reply()),
            ValueError,
            "path is below the base URL, such as '/credits', not 'key'",
        ),
        (
            ("/key?x", Reply()),
            ValueError,
            "the query of path is such as '/keys?offset=99', not as in '/key?x'",
        ),
        ((b"/key", Reply()), TypeError, "path is a str such as '/credits', not bytes"),
        (
            ("/key", Reply(), Disconnect),
            TypeError,
            "answers are Reply(), Disconnect(), CutBody(), Drip() or Hang(), not the class Disconnect",
        ),
        (
            ("/key", 503),
            TypeError,
            "answers are Reply(), Disconnect(), CutBody(), Drip() or Hang(), not int",
        ),
    ],
)
def test_a_script_is_checked_when_it_is_written(
    arguments: tuple[Any, ...], error: type[Exception], message: str
) -> None:
    """script() refuses what is no path or no answer, and queues nothing then."""
    fake = FakeOpenRouter()

    with pytest.raises(error) as caught:
        fake.script(*arguments)

    assert message == str(caught.value)
    assert fake._scripts.take("/key") is None
