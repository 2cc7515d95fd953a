"""`await client.status()` from end to end: real HTTP in, one number and one sentence out."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import (
    APITimeoutError,
    AuthenticationError,
    ClientClosedError,
    Credits,
    CreditsClient,
    InvalidResponseError,
    KeyStatus,
    Level,
    ManagementKeyRequiredError,
    RetryPolicy,
    ServerError,
    Spendable,
    UnconfirmedCreditsError,
)
from openrouter_credits.testing import FakeBudget, FakeOpenRouter, Hang, Reply
from tests.kit.values import KEY, OTHER_KEY, outcome, sample

if TYPE_CHECKING:
    from aioresponses import aioresponses

    from tests.kit.wire import Connect

pytest_plugins = ["openrouter_credits.testing.pytest"]

CREDITS_URL = "https://openrouter.ai/api/v1/credits"
KEY_URL = "https://openrouter.ai/api/v1/key"
ZERO = Credits(Decimal(0), Decimal(0))
NOW = datetime(2026, 10, 21, 13, 5, tzinfo=UTC)  # a Wednesday, when the samples were recorded


class Stopped(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # an ordinary datetime
        """Tell the same time always."""
        return NOW.astimezone(tz)


@pytest.fixture
def _in_october(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock that `status()` looks at."""
    monkeypatch.setattr("openrouter_credits._client.datetime", Stopped)


def paths(fake: FakeOpenRouter) -> Counter[str]:
    """Count what arrived."""
    return Counter(request.path for request in fake.requests)


def problems(status: KeyStatus) -> list[type[Exception]]:
    """Name what went wrong."""
    return [type(problem) for problem in status.problems]


def figures(status: KeyStatus) -> tuple[str | None, str | None, str]:
    """Give the amount as its text, what binds, and how sure it is."""
    found = status.spendable
    return None if found.amount is None else str(found.amount), found.bound_by, found.certainty


async def read(mocked: aioresponses, credits_body: bytes | object, key_body: bytes | object) -> KeyStatus:
    """Read a status of two bodies; anything but bytes is the `data` of one."""
    for url, body in ((CREDITS_URL, credits_body), (KEY_URL, key_body)):
        mocked.get(url, body=body if isinstance(body, bytes) else json.dumps({"data": body}).encode())
    async with CreditsClient(KEY) as client:
        return await client.status()


def key_data(**fields: Any) -> dict[str, Any]:
    """Say what `/key` says of a key without a cap."""
    return {"label": "sk-or-v1-0e6...1c96", "usage": 1, "limit": None, "limit_remaining": None, **fields}


# A wallet that may not be read


async def test_a_key_that_may_not_read_the_wallet_has_its_limit(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """403: an upper bound, and a problem that says what to do."""
    key = fake_openrouter.add_account(credits="100.50").add_key(limit=30, usage="3.17")

    status = await connect(fake_openrouter, key).status()

    assert figures(status) == ("26.83", "key_limit", "at_most")
    assert (status.credits, problems(status)) == (None, [ManagementKeyRequiredError])
    assert "https://openrouter.ai/settings/management-keys" in status.problems[0].remedy
    assert [status.spendable.covers(dollars) for dollars in (26, 27)] == [None, False]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}


async def test_no_limit_and_no_wallet_is_unknown(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """There is no number to give, and none is given."""
    key = fake_openrouter.add_account(credits=100).add_key()

    status = await connect(fake_openrouter, key).status()

    assert status.spendable == Spendable(None, None, None, "unknown")
    assert (status.level(), status.spendable.covers(0)) == (Level.UNKNOWN, None)
    assert "$" not in status.explain()


@pytest.mark.parametrize(("limit", "level"), [(100, Level.UNKNOWN), (9, Level.LOW), (3, Level.CRITICAL), (0, Level.DEPLETED)])
async def test_an_upper_bound_decides_downwards_only(limit: int, level: Level, fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """The wallet may hold less than the limit, and was not readable."""
    key = fake_openrouter.add_account(credits=100).add_key(limit=limit)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == ((str(limit), "key_limit", "at_most"), level)


async def test_a_management_key_reads_the_wallet_for_the_key(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """With both, the picture is complete."""
    account = fake_openrouter.add_account(credits="100.50", usage="25.75")
    key, boss = account.add_key(limit=30, usage="3.17"), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (figures(status), problems(status)) == (("26.83", "key_limit", "complete"), [])
    assert status.explain() == "$26.83 left: the key's limit binds (wallet: $74.75)."
    assert sorted((request.path, request.key) for request in fake_openrouter.requests) == [("/credits", str(boss)), ("/key", str(key))]


async def test_a_management_key_has_its_wallet_and_nothing_else(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """It cannot run inference: its own cap and budgets stop nothing."""
    account = fake_openrouter.add_account(credits="100.50", usage="25.75")
    boss = account.add_key(management=True, limit=5, budgets=[FakeBudget("workspace", 3)])

    alone = await connect(fake_openrouter, None, management_key=boss).status()
    as_key = await connect(fake_openrouter, boss).status()

    assert figures(alone) == figures(as_key) == ("74.75", "wallet", "complete")
    assert alone.key == as_key.key
    assert alone.key is not None
    assert alone.key.is_management_key is True


# A zero that is not believed


@pytest.mark.parametrize(
    ("limit", "expected"), [(None, (None, None, "unknown")), (30, ("26.83", "key_limit", "at_most"))], ids=["no cap", "cap"]
)
async def test_a_zero_that_the_keys_use_belies_is_no_amount(
    limit: int | None, expected: tuple[str | None, str | None, str], fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """The wallet is unknown; what was said is kept in the problem, and no further request was needed."""
    key = fake_openrouter.add_account(credits=100, usage="3.17").add_key(limit=limit, usage="3.17", credits_reply="zeros")

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.credits) == (expected, None)
    (problem,) = status.problems
    assert isinstance(problem, UnconfirmedCreditsError)
    assert (problem.credits, problem.problems) == (ZERO, ())
    assert status.level() is Level.UNKNOWN
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}


@pytest.mark.parametrize("reply", ["zeros", "real"])
async def test_a_new_account_has_exactly_nothing(reply: Any, fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """It never paid and never used anything: 0, and that is complete."""
    key = fake_openrouter.add_account(free_tier=True).add_key(credits_reply=reply)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.credits, problems(status)) == (("0", "wallet", "complete"), ZERO, [])
    assert (status.level(), status.explain()) == (Level.DEPLETED, "Nothing left ($0.00): the wallet binds.")


@pytest.mark.parametrize("reply", ["zeros", "real"])
async def test_a_fresh_key_does_not_bear_a_zero_out(reply: Any, fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A key's own use of 0 proves nothing where somebody has paid."""
    key = fake_openrouter.add_account(free_tier=False).add_key(credits_reply=reply)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), problems(status)) == ((None, None, "unknown"), [UnconfirmedCreditsError])


@pytest.mark.parametrize("absent", [{}, {"is_free_tier": None}, {"is_free_tier": "true"}, {"is_free_tier": 1}], ids=repr)
async def test_a_free_tier_that_is_not_said_bears_nothing_out(absent: dict[str, Any], mocked: aioresponses) -> None:
    """Only true is true."""
    status = await read(mocked, sample("credits-unconfirmed-zero"), key_data(usage=0, **absent))

    assert (figures(status), problems(status)) == ((None, None, "unknown"), [UnconfirmedCreditsError])


async def test_a_zero_is_borne_out_by_the_key_that_read_it(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A key passed as a management key that `/key` calls an ordinary one bears nothing out, whatever the other key is."""
    impostor = fake_openrouter.add_account(credits=100).add_key(credits_reply="zeros")
    key = fake_openrouter.add_account(free_tier=True).add_key(limit=30)

    status = await connect(fake_openrouter, key, management_key=impostor).status()

    assert (figures(status), problems(status)) == (("30", "key_limit", "at_most"), [UnconfirmedCreditsError])
    asked = Counter((request.path, request.key) for request in fake_openrouter.requests)
    assert asked == {("/credits", str(impostor)): 1, ("/key", str(impostor)): 1, ("/key", str(key)): 1}


async def test_a_management_key_bears_a_zero_out(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """It may read the wallet, which is empty, whatever the ordinary key is."""
    account = fake_openrouter.add_account()
    key, boss = account.add_key(limit=30), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (figures(status), problems(status)) == (("0", "wallet", "complete"), [])


async def test_a_reader_that_cannot_be_asked_bears_nothing_out(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """Why not is told inside the problem."""
    account = fake_openrouter.add_account()
    client = connect(fake_openrouter, account.add_key(limit=30), management_key=account.add_key(management=True))
    fake_openrouter.script("/key", Reply(200, {"data": key_data()}), Reply(404))

    status = await client.status()

    assert problems(status) == [UnconfirmedCreditsError]
    assert [str(problem) for problem in status.problems[0].problems] == [
        "404 Resource not found. Check the address (base_url) and the path."
    ]
    assert status.level() is Level.UNKNOWN


# Several bounds


@pytest.mark.usefixtures("_in_october")
async def test_the_smallest_bound_binds(mocked: aioresponses) -> None:
    """The workspace's budget below the key's limit below the wallet; its reset is named."""
    key = json.loads(sample("key-2026-10"))["data"] | {"limit_remaining": 60}

    status = await read(mocked, sample("credits-spec"), key)

    assert status.spendable == Spendable(Decimal("11.75"), "workspace", datetime(2026, 10, 26, tzinfo=UTC), "complete")
    assert status.explain() == "$11.75 left until Monday 00:00 UTC: the workspace budget binds (wallet: $74.75)."
    assert (status.checked_at, status.level(), status.level(warn=12)) == (NOW, Level.OK, Level.LOW)


@pytest.mark.usefixtures("_in_october")
async def test_each_bound_binds_in_its_turn(connect: Connect) -> None:
    """As money is spent and bought; the key's limit is among its budgets too, and goes before them."""
    weekly = FakeBudget("workspace", 60, "48.25", reset_interval="weekly")
    async with FakeOpenRouter(now=lambda: NOW) as fake:
        account = fake.add_account(credits=40)
        key = account.add_key(credits_reply="real", limit=20, limit_reset="monthly", budgets=[weekly])
        client = connect(fake, key)

        before = await client.status()
        fake.spend(key, "12.75")
        overdrawn = await client.status()
        account.usage += 30
        empty = await client.status()
        account.credits += 1000
        bought = await client.status()
        await client.close()

    monday = datetime(2026, 10, 26, tzinfo=UTC)
    assert [status.spendable for status in (before, overdrawn, empty, bought)] == [
        Spendable(Decimal("11.75"), "workspace", monday, "complete"),
        Spendable(Decimal(-1), "workspace", monday, "complete"),
        Spendable(Decimal("-2.75"), "wallet", None, "complete"),
        Spendable(Decimal(-1), "workspace", monday, "complete"),
    ]
    assert [status.level() for status in (before, overdrawn, empty, bought)] == [Level.OK] + [Level.DEPLETED] * 3


@pytest.mark.usefixtures("_in_october")
async def test_a_tie_is_the_keys_limit(mocked: aioresponses) -> None:
    """A budget of that scope is the same limit, and one of another scope comes after it."""
    budgets = [{"scope": scope, "remaining_usd": 5.0, "resets_at": "2026-10-26T00:00:00Z"} for scope in ("workspace", "key_limit")]

    status = await read(mocked, sample("credits-spec"), key_data(limit=10, limit_remaining=5, limit_reset="monthly", budgets=budgets))

    assert status.spendable == Spendable(Decimal(5), "key_limit", datetime(2026, 11, 1, tzinfo=UTC), "complete")
    assert status.explain() == "$5.00 left until 1 November 00:00 UTC: the key's limit binds (wallet: $74.75)."


async def test_a_tie_of_everything_is_the_wallet(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """It comes first."""
    key = fake_openrouter.add_account(credits="5.00").add_key(credits_reply="real", limit=5, budgets=[FakeBudget("member", "5.0")])

    assert figures(await connect(fake_openrouter, key).status()) == ("5", "wallet", "complete")


async def test_a_debt_stays_a_debt(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """A wallet below zero is not an empty one."""
    key = fake_openrouter.add_account(credits=5, usage="7.75").add_key(credits_reply="real", limit=100)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == (("-2.75", "wallet", "complete"), Level.DEPLETED)
    assert status.explain() == "Nothing left (-$2.75): the wallet binds."


@pytest.mark.usefixtures("_in_october")
async def test_a_cap_below_zero_binds(mocked: aioresponses) -> None:
    """What was under way when it ran out is still counted."""
    status = await read(mocked, sample("credits-spec"), sample("key-over-limit"))

    assert status.spendable == Spendable(Decimal("-0.204117"), "key_limit", datetime(2026, 10, 22, tzinfo=UTC), "complete")
    assert status.level() is Level.DEPLETED
    assert status.explain() == "Nothing left (-$0.21) until Thursday 00:00 UTC: the key's limit binds (wallet: $74.75)."


# Bodies as they were seen


@pytest.mark.usefixtures("_in_october")
async def test_the_window_is_not_the_lifetime(mocked: aioresponses) -> None:
    """A monthly cap of $500 with $454.54 left has used $45.46, though the key has spent $433.29 in its life."""
    status = await read(mocked, {"total_credits": 1000, "total_usage": 0}, sample("key-monthly-cap"))

    assert figures(status) == ("454.542594979", "key_limit", "complete")
    assert status.key is not None
    assert (str(status.key.used_in_window), str(status.key.usage_monthly)) == ("45.457405021", "45.457405021")
    assert status.explain() == "$454.54 left until 1 November 00:00 UTC: the key's limit binds (wallet: $1000.00)."


async def test_the_shape_of_2025_is_read(mocked: aioresponses) -> None:
    """It has neither periods nor an expiry: they are unknown, not 0."""
    status = await read(mocked, sample("credits-integer"), sample("key-2025"))

    assert (figures(status), problems(status)) == (("3.31088086", "wallet", "complete"), [])
    assert status.key is not None
    assert {status.key.usage_daily, status.key.usage_monthly, status.key.expires_at, status.key.limit_reset, status.key.budgets} == {None}
    assert status.explain() == "$3.31 left: the wallet binds."


@pytest.mark.parametrize("shape", ["2025", "2026-08", "2026-10"])
async def test_every_shape_comes_to_the_same(shape: Any, fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """What a key can spend does not depend on how much `/key` says."""
    key = fake_openrouter.add_account(credits=100).add_key(credits_reply="real", limit=30, usage="3.17", shape=shape)

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.level()) == (("26.83", "key_limit", "complete"), Level.OK)


async def test_whole_numbers_are_read_however_they_are_written(mocked: aioresponses) -> None:
    """An integer as an amount, `10.0` as a count."""
    quota = {"limit": 50, "used": 10.0, "remaining": 40.0}

    status = await read(mocked, b'{"data":{"total_credits":5,"total_usage":2.0}}', key_data(free_model_daily_requests=quota))

    assert figures(status) == ("3", "wallet", "complete")
    assert status.key is not None
    free = status.key.free_model_daily_requests
    assert free is not None
    assert [(count, type(count)) for count in (free.limit, free.used, free.remaining)] == [(50, int), (10, int), (40, int)]


async def test_unknown_words_are_kept_and_counted(mocked: aioresponses) -> None:
    """A new kind of window has no end that is known; a new kind of budget binds like any other."""
    budgets = [{"scope": "galaxy_\x1b[2J", "remaining_usd": 7, "reset_interval": "yearly", "resets_at": "soon"}]
    key = key_data(limit=10, limit_remaining=8, limit_reset="fortnightly", budgets=budgets)

    status = await read(mocked, sample("credits-spec"), key)

    assert status.spendable == Spendable(Decimal(7), "galaxy_\x1b[2J", None, "complete")
    assert status.key is not None
    assert (status.key.limit_reset, status.key.next_reset(NOW)) == ("fortnightly", None)
    assert status.explain() == "$7.00 left: the galaxy [2J budget binds (wallet: $74.75)."


async def test_a_label_is_what_the_server_says(mocked: aioresponses) -> None:
    """It is text, whatever it looks like."""
    status = await read(mocked, sample("credits-spec"), key_data(label="[bold red]"))

    assert status.key is not None
    assert status.key.label == "[bold red]"


async def test_an_amount_is_shown_rounded_down(mocked: aioresponses) -> None:
    """$9.999 is $9.99, and LOW."""
    status = await read(mocked, b'{"data":{"total_credits":9.999,"total_usage":0}}', key_data())

    assert (figures(status)[0], status.explain(), status.level()) == ("9.999", "$9.99 left: the wallet binds.", Level.LOW)


async def test_a_float_adds_no_noise(mocked: aioresponses) -> None:
    """100.3 - 56.671895005 is 43.628104995."""
    status = await read(mocked, sample("credits-noise"), key_data())

    assert figures(status) == ("43.628104995", "wallet", "complete")


async def test_a_null_is_not_a_zero(mocked: aioresponses) -> None:
    """A wallet without a figure is unread; so is a cap that does not say what remains."""
    no_wallet = await read(mocked, {"total_credits": None, "total_usage": 0}, key_data(limit=10, limit_remaining=7))
    no_cap = await read(mocked, sample("credits-spec"), key_data(limit=10, limit_remaining=None))

    assert [problems(status) for status in (no_wallet, no_cap)] == [[InvalidResponseError]] * 2
    assert [figures(status) for status in (no_wallet, no_cap)] == [("7", "key_limit", "at_most"), ("74.75", "wallet", "at_most")]
    assert no_cap.explain() == "At most $74.75 left: the wallet binds (key: unknown)."


# Keys that end


async def test_an_expired_key_is_invalid(mocked: aioresponses) -> None:
    """Though figures can still be read of it."""
    status = await read(mocked, sample("credits-spec"), key_data(expires_at="2025-12-31T23:59:59Z"))

    assert (figures(status)[0], status.level()) == ("74.75", Level.INVALID)
    assert status.explain() == "The key has expired: 31 December 2025 23:59 UTC."


@pytest.mark.usefixtures("_in_october")
async def test_a_key_that_expires_in_three_days_says_so(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """It is fine until then."""
    expires_at = NOW + timedelta(days=3)
    fake_openrouter.script("/key", Reply(200, {"data": key_data(expires_at=expires_at.isoformat())}))
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real")

    status = await connect(fake_openrouter, key).status()

    assert status.key is not None
    assert (status.key.expires_at, status.level()) == (expires_at, Level.OK)
    assert status.explain() == "$74.75 left: the wallet binds; the key expires Saturday 13:05 UTC."


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "401 API key expired."),
        ({"disabled": True}, "401 User not found."),
    ],
    ids=["expired", "disabled"],
)
async def test_a_key_that_is_refused_with_a_wallet_that_is_read_is_invalid(
    options: dict[str, Any], message: str, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """A management key reads the wallet; the key itself has nothing to spend."""
    account = fake_openrouter.add_account(credits="74.75")
    key, boss = account.add_key(**options), account.add_key(management=True)

    status = await connect(fake_openrouter, key, management_key=boss).status()

    assert (problems(status), status.level()) == ([AuthenticationError], Level.INVALID)
    assert status.explain() == f"The key is not valid: {message}"


# Faults


async def test_two_refusals_are_the_keys(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """Both 401: the AuthenticationError itself, asked once each."""
    error = await outcome(connect(fake_openrouter).status())

    assert type(error) is AuthenticationError
    assert error.message == "User not found."
    assert [type(problem) for problem in error.problems] == [AuthenticationError]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 1}
    assert KEY not in str(error) + repr(error)


async def test_the_keys_error_goes_before_the_wallets(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """`/key` 401 and `/credits` 503: the first is raised, the second is in its problems."""
    fake_openrouter.script("/credits", Reply(503), Reply(503), Reply(503))

    error = await outcome(connect(fake_openrouter).status())

    assert type(error) is AuthenticationError
    assert [(type(problem), len(problem.attempts)) for problem in error.problems] == [(ServerError, 3)]
    assert paths(fake_openrouter) == {"/credits": 3, "/key": 1}


async def test_the_keys_error_goes_first_even_if_it_may_pass(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """`/key` 503, and a zero that nothing confirms."""
    key = fake_openrouter.add_account().add_key(credits_reply="zeros")
    fake_openrouter.script("/key", Reply(503), Reply(503), Reply(503))

    error = await outcome(connect(fake_openrouter, key).status())

    assert type(error) is ServerError
    (doubt,) = error.problems
    assert isinstance(doubt, UnconfirmedCreditsError)
    assert [type(problem) for problem in doubt.problems] == [ServerError]
    assert paths(fake_openrouter) == {"/credits": 1, "/key": 3}


async def test_a_key_that_cannot_be_read_leaves_the_wallet(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """As an upper bound."""
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real", limit=3)
    fake_openrouter.script("/key", Reply(503), Reply(503), Reply(503))

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), status.key, problems(status)) == (("74.75", "wallet", "at_most"), None, [ServerError])
    assert (status.level(), status.level(warn=100)) == (Level.UNKNOWN, Level.LOW)
    assert status.explain() == "At most $74.75 left: the wallet binds (key: unknown)."


async def test_faults_that_pass_leave_no_trace(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """Both endpoints fail twice and then answer."""
    key = fake_openrouter.add_account(credits="74.75").add_key(credits_reply="real", limit=100)
    for path in ("/credits", "/key"):
        fake_openrouter.script(path, Reply(503), Reply(502, b"<html>"))

    status = await connect(fake_openrouter, key).status()

    assert (figures(status), problems(status)) == (("74.75", "wallet", "complete"), [])
    assert paths(fake_openrouter) == {"/credits": 3, "/key": 3}


@pytest.mark.parametrize(("hangs", "expected"), [("/credits", "key_limit"), ("/key", "wallet")])
async def test_an_endpoint_that_hangs_does_not_hide_the_other(
    hangs: str, expected: str, fake_openrouter: FakeOpenRouter, connect: Connect
) -> None:
    """Both are asked at once, under one deadline."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real", limit=40)
    fake_openrouter.script(hangs, Hang())

    status = await connect(fake_openrouter, key, retry=RetryPolicy(attempts=1), timeout=0.5).status()

    assert (problems(status), status.spendable.bound_by, status.spendable.certainty) == ([APITimeoutError], expected, "at_most")


async def test_a_client_closed_meanwhile_is_no_status(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """To be closed is not a problem of one half."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real")
    fake_openrouter.script("/credits", Hang())
    client = connect(fake_openrouter, key)

    call = asyncio.ensure_future(outcome(client.status()))
    while paths(fake_openrouter) != {"/credits": 1, "/key": 1}:
        await asyncio.sleep(0.001)
    await client.close()

    assert type(await call) is ClientClosedError


async def test_a_status_is_of_now(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """Its time is taken when all is read, in UTC."""
    key = fake_openrouter.add_account(credits=50).add_key(credits_reply="real")
    before = datetime.now(UTC)

    status = await connect(fake_openrouter, key).status()

    assert before <= status.checked_at <= datetime.now(UTC)
    assert status.checked_at.tzinfo is UTC


async def test_another_keys_status_takes_nothing_from_this_one(fake_openrouter: FakeOpenRouter, connect: Connect) -> None:
    """`with_key()` pairs no key with somebody else's wallet."""
    account, other = fake_openrouter.add_account(credits=50), fake_openrouter.add_account(credits=7)
    client = connect(fake_openrouter, account.add_key(), management_key=account.add_key(management=True))

    statuses = await asyncio.gather(
        client.status(),
        client.with_key(other.add_key(limit=30)).status(),
        client.with_key(other.add_key(limit=30), management_key=other.add_key(management=True)).status(),
        outcome(client.with_key(OTHER_KEY).status()),
    )

    assert [figures(status) for status in statuses[:3]] == [
        ("50", "wallet", "complete"),
        ("30", "key_limit", "at_most"),
        ("7", "wallet", "complete"),
    ]
    assert isinstance(statuses[3], AuthenticationError)
