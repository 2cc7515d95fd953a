"""The check of an account: which requests it makes, and what becomes of each answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from attrs import define, field

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    CheckReport,
    ClientClosedError,
    CreditsClient,
    InvalidResponseError,
    KeySpec,
    Level,
    ManagementKeyRequiredError,
    MissingKeyError,
    OpenRouterError,
    PermissionDeniedError,
    RetryPolicy,
    ServerError,
    Total,
    UnconfirmedCreditsError,
)
from openrouter_credits._batch import listed
from openrouter_credits._call.caller import Caller
from openrouter_credits._status.managed import managed_status
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.hosts import FUNDED, UNAUTHORIZED, StandIn, credits_of, key_of, others, refusal, reply
from tests.kit.values import KEY, MASK, QUICK, stopped_clock
from tests.kit.wire import in_this_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from openrouter_credits import KeyCheck, KeyStatus
    from openrouter_credits._call.request import Request
    from tests.kit.hosts import Answer

ONLY_MANAGERS = refusal(403, "Only management keys can perform this operation")
FORBIDDEN = refusal(403, "This workspace is not yours")
DOWN = refusal(503, "Busy")
ABSENT = refusal(404, "Not found")
REFUSED_CONNECTION = APIConnectionError("Could not connect", sent=False)


def entry(
    name: str, workspace: str | None = "w0", limit: float | None = None, **fields: Any
) -> dict[str, Any]:
    """Make an entry of `/keys`."""
    return {
        "hash": f"hash-{name}",
        "name": name,
        "label": f"sk-or-v1-{name:0<3.3}...{name:0>4.4}",
        "disabled": False,
        "limit": limit,
        "limit_remaining": limit,
        "limit_reset": None,
        "usage": 3,
        "usage_daily": 0,
        "usage_weekly": 1,
        "usage_monthly": 2,
        "workspace_id": workspace,
        **fields,
    }


def team(number: int) -> dict[str, Any]:
    """Make an entry of `/workspaces`."""
    return {"id": f"w{number}", "name": f"Team {number}", "slug": f"team-{number}"}


def weekly(limit: object, **fields: object) -> dict[str, Any]:
    """Make an entry of a list of budgets."""
    return {"id": "b", "limit_usd": limit, "reset_interval": "weekly", **fields}


@define
class Host:
    """An account, as OpenRouter tells of it to a management key."""

    keys: dict[str, list[Any] | Answer] = field(factory=lambda: {"w0": [entry("a"), entry("b", limit=20)]})
    """The keys of each workspace, or what is answered instead; the first one is the default one."""
    credits: Answer = FUNDED
    own: Answer = field(factory=lambda: key_of(is_management_key=True))
    workspaces: Answer | None = None
    budgets: dict[str, list[Any] | Answer] = field(factory=dict)
    include_byok: Any = False
    size: int = 100
    at: dict[str, Answer] = field(factory=dict)
    """Answers to requests for pages behind the first one, by workspace."""

    def __call__(self, request: Request, _: float) -> Answer:
        """Answer a request."""
        path, *query = request.target.split("?")
        asked = {name: value for name, (value,) in parse_qs("".join(query)).items()}
        match path.split("/")[1:]:
            case ["credits"]:
                return self.credits
            case ["key"]:
                return self.own
            case ["workspaces"]:
                teams = [team(int(name[1:])) for name in self.keys]
                return self.workspaces or reply(200, {"data": teams, "total_count": len(teams)})
            case ["workspaces", workspace, "budgets"]:
                found = self.budgets.get(workspace, ABSENT)
                if not isinstance(found, list):
                    return found
                return reply(200, {"data": found, "include_byok_in_budgets": self.include_byok})
            case _:
                return self._page(asked.get("workspace_id", next(iter(self.keys))), int(asked["offset"]))

    def _page(self, workspace: str, offset: int) -> Answer:
        keys = self.keys[workspace]
        if not isinstance(keys, list):
            return keys
        if offset and workspace in self.at:
            return self.at[workspace]
        return reply(200, {"data": keys[offset : offset + self.size]})


@asynccontextmanager
async def client_at(
    host: Callable[[Request, float], Answer], retry: RetryPolicy = QUICK
) -> AsyncIterator[tuple[CreditsClient, StandIn]]:
    """Open a client with a management key that talks to a host."""
    client = CreditsClient(management_key=KEY, base_url="http://127.0.0.1/api/v1")
    wire = StandIn(host)
    client._caller = Caller(wire, retry)
    async with client:
        yield client, wire
    assert wire.under_way == 0
    assert others() == set()


async def checked(host: Host, **options: Any) -> tuple[CheckReport, list[str]]:
    """Check the account of a host, and return the paths that were asked for."""
    async with client_at(host) as (client, wire):
        report = await client.account.check(**options)
        assert others() == set()
    assert [check.index for check in report.checks] == [*range(len(report.checks))]
    assert {(check.account, check.wallet_id) for check in report.checks} == {(MASK, 0)}
    return report, sorted(hit.path for hit in wire.hits)


def names(report: CheckReport) -> list[str | None]:
    """List the names of outcomes."""
    return [check.name for check in report.checks]


def told(report: CheckReport) -> list[str]:
    """List the outcomes as sentences."""
    return [str(check) for check in report.checks]


def error_of(check: KeyCheck, kind: type[OpenRouterError]) -> OpenRouterError:
    """Return the error of an outcome that has nothing else, and is UNKNOWN."""
    assert isinstance(check.error, kind)
    assert (check.status, check.managed_key, check.level()) == (None, None, Level.UNKNOWN)
    return check.error


async def test_a_thousand_keys_take_fourteen_requests() -> None:
    """1,000 keys of a workspace: the wallet, the workspaces, eleven pages of keys, and the budgets."""
    host = Host({"w0": [entry(f"{number:03}") for number in range(1000)]})

    report, paths = await checked(host)

    assert len(report.checks) == 1000
    assert len(paths) <= 14
    assert str(report) == "1000 keys: 1000 OK; wallets: $74.75 left."


async def test_the_check_of_a_whole_account_tells_how_long_its_wallet_lasts() -> None:
    """The report has a runway of the wallet; without one of the workspaces it has none."""
    keys: dict[str, list[Any] | Answer] = {"w0": [entry("a")], "w1": [entry("b")]}
    whole, _ = await checked(Host(keys))
    part, _ = await checked(Host({**keys, "w1": DOWN}))

    runway = whole.runway(whole.wallets()[0])
    assert runway is not None
    assert runway.basis == "counters"
    assert part.runway(part.wallets()[0]) is None


async def test_a_check_has_what_the_list_told_of_the_key() -> None:
    """An outcome has the name, the label and the whole entry of its key, and a status made of them."""
    report, _ = await checked(Host())

    check = report.checks[1]
    assert check.managed_key is not None
    assert check.status is not None
    assert check.status.key is not None
    assert (check.name, check.label, check.managed_key.hash) == ("b", "sk-or-v1-b00...000b", "hash-b")
    assert (check.status.key.limit, check.status.spendable.bound_by) == (Decimal(20), "key_limit")
    assert check.elapsed == pytest.approx(0.2)
    assert told(report) == [
        "a: $74.75 left, limited by the wallet.",
        "b: $20.00 left, limited by the key's limit (wallet: $74.75).",
    ]


async def test_disabled_and_expired_keys_are_invalid() -> None:
    """A disabled key is INVALID; an expired one too, if it is asked for."""
    keys = [entry("on"), entry("off", disabled=True), entry("old", expires_at="2020-01-01T00:00:00Z")]

    report, _ = await checked(Host({"w0": keys}), include_expired=True)
    others_, _ = await checked(Host({"w0": keys}), include_disabled=False)
    default, _ = await checked(Host({"w0": keys}))

    levels = {
        check.name: (check.level(), check.status and check.status.spendable.bound_by)
        for check in report.checks
    }
    assert levels == {
        "on": (Level.OK, "wallet"),
        "off": (Level.INVALID, "disabled"),
        "old": (Level.INVALID, "expired"),
    }
    assert (names(others_), names(default)) == (["on"], ["on", "off"])


# The wallet.


async def test_a_wallet_of_nothing_is_confirmed_once() -> None:
    """A wallet of 0/0 is asked for once, and one request tells that the key may read it."""
    report, paths = await checked(Host(credits=credits_of(0)))

    assert [paths.count("/credits"), paths.count("/key")] == [1, 1]
    assert [check.level() for check in report.checks] == [Level.DEPLETED] * 2
    assert report.total() == Total(Decimal(0), Decimal(0), 0)


@pytest.mark.parametrize(
    ("host", "kind"),
    [
        (Host(credits=DOWN), ServerError),
        (Host(credits=credits_of(0), own=key_of()), UnconfirmedCreditsError),
        (Host(credits=credits_of(0), own=DOWN), UnconfirmedCreditsError),
        (Host(credits=ONLY_MANAGERS), ManagementKeyRequiredError),
        (Host(credits=UNAUTHORIZED), AuthenticationError),
    ],
)
async def test_a_wallet_that_cannot_be_read_hides_no_key(host: Host, kind: type[OpenRouterError]) -> None:
    """If the wallet cannot be read, a key with a limit is at most that; another one is UNKNOWN."""
    report, _ = await checked(host)

    without, limited = [check.status for check in report.checks if check.status]
    assert (without.level(), without.spendable.certainty) == (Level.UNKNOWN, "unknown")
    assert (limited.level(), limited.level(30)) == (Level.UNKNOWN, Level.LOW)
    assert (limited.spendable.certainty, limited.spendable.amount) == ("at_most", Decimal(20))
    (wallet,) = report.wallets()
    assert isinstance(wallet.error, kind)
    assert wallet.error.is_of_management_key
    assert report.total() == Total(Decimal(0), Decimal(0), 1)
    assert "cannot see the wallet" not in " ".join(told(report))


@pytest.mark.parametrize(
    ("keys", "options"),
    [([], {}), ([entry("off", disabled=True)], {"include_disabled": False})],
)
async def test_an_account_without_keys_has_a_wallet(keys: list[Any], options: dict[str, Any]) -> None:
    """If there is no key to tell of, one outcome is of the management key, and tells the wallet."""
    report, _ = await checked(Host({"w0": keys}, credits=credits_of(10, 3)), **options)

    (check,) = report.checks
    assert (check.name, check.label, check.managed_key, check.level()) == (None, MASK, None, Level.LOW)
    assert str(report) == "1 key: 1 LOW; wallets: $7.00 left."


async def test_an_unread_wallet_without_keys_to_tell_of_is_unknown() -> None:
    """If no key is told of, and the wallet was not read, the outcome of the management key says why."""
    host = Host({"w0": [entry("off", disabled=True)]}, UNAUTHORIZED, budgets={"w0": [weekly(50)]})

    report, _ = await checked(host, include_disabled=False)

    (check,) = report.checks
    assert "management key was refused" in str(error_of(check, AuthenticationError))
    assert report.wallets()[0].error is check.error


async def test_a_refusal_of_the_management_key_judges_no_key() -> None:
    """If the management key may not confirm a 0/0, the outcome of the wallet is UNKNOWN, not INVALID."""
    host = Host({"w0": [entry("off", disabled=True)]}, credits_of(0), own=UNAUTHORIZED)
    host.budgets["w0"] = [weekly(50)]

    report, _ = await checked(host, include_disabled=False)

    error = error_of(report.checks[0], UnconfirmedCreditsError)
    assert [type(each) for each in error.problems] == [AuthenticationError]


# Workspaces.


async def test_all_workspaces_are_read() -> None:
    """The keys of all workspaces are there, in their order, and each workspace's budgets are read once."""
    host = Host({"w0": [entry("a")], "w1": [entry("b", "w1"), entry("c", "w1")], "w2": []})
    host.budgets["w1"] = [weekly(50)]

    report, paths = await checked(host)

    assert names(report) == ["a", "b", "c"]
    assert [path for path in paths if "budgets" in path] == [
        "/workspaces/w0/budgets",
        "/workspaces/w1/budgets",
        "/workspaces/w2/budgets",
    ]
    assert [check.status and check.status.spendable.amount for check in report.checks] == [
        Decimal("74.75"),
        Decimal(48),
        Decimal(48),
    ]


async def test_a_host_that_dies_is_not_asked_for_each_workspace() -> None:
    """If two workspaces in a row had no answer, the others are not asked for; each is UNKNOWN even so."""
    dead = {f"w{number}": REFUSED_CONNECTION for number in range(2, 30)}
    host = Host({"w0": REFUSED_CONNECTION, "w1": [entry("a", "w1")], **dead})

    report, paths = await checked(host)

    asked = {path.rpartition("=")[2] for path in paths if path.startswith("/keys")}
    assert asked == {"w0", "w1", "w2", "w3"}
    assert [check.name for check in report.checks] == ["Team 0", "a", *(f"Team {n}" for n in range(2, 30))]
    assert {type(check.error) for check in report.checks if check.name != "a"} == {APIConnectionError}


async def test_a_host_that_refuses_is_asked_for_each_workspace() -> None:
    """An answer that is a refusal shows that the host is there: all workspaces are asked for."""
    lists: list[Any] = [REFUSED_CONNECTION, FORBIDDEN, REFUSED_CONNECTION, FORBIDDEN, [entry("a", "w4")]]
    host = Host({f"w{number}": answer for number, answer in enumerate(lists)})

    report, _ = await checked(host)

    assert names(report)[-1] == "a"


async def test_some_workspaces_are_read() -> None:
    """Only the workspaces that were asked for are read, and the list of workspaces is not."""
    host = Host({"w0": [entry("a")], "w1": [entry("b", "w1")], "w2": [entry("c", "w2")]})

    some, paths = await checked(host, workspaces=["w2", "w1"])
    default, _ = await checked(host, workspaces="default")

    assert (names(some), names(default)) == (["c", "b"], ["a"])
    assert "/workspaces?" not in "".join(paths)


@pytest.mark.parametrize("workspaces", ["w1", [KEY], 5])
async def test_wrong_workspaces_are_refused(workspaces: Any) -> None:
    """An argument that cannot be workspaces is refused before anything is sent, and not quoted."""
    async with client_at(Host()) as (client, wire):
        with pytest.raises((ValueError, TypeError)) as caught:
            await client.account.check(workspaces=workspaces)

    assert wire.hits == []
    assert KEY not in str(caught.value)


async def test_a_workspace_that_fails_hides_no_other() -> None:
    """A forbidden workspace is one UNKNOWN outcome of its name; the other workspaces are there."""
    host = Host({"w0": [entry("a")], "w1": FORBIDDEN, "w2": [entry("c", "w2")]})

    report, _ = await checked(host)

    assert names(report) == ["a", "Team 1", "c"]
    error_of(report.checks[1], PermissionDeniedError)
    assert str(report) == "3 keys: 1 UNKNOWN, 2 OK; wallets: $74.75 left."


async def test_a_workspace_that_fails_later_keeps_its_first_keys() -> None:
    """If a page of a workspace fails, the keys before it are there, then the outcome of the workspace."""
    host = Host({"w0": [entry(f"{number:03}") for number in range(150)]}, at={"w0": DOWN})
    host.budgets["w0"] = [weekly(1000)]

    report, _ = await checked(host)

    assert len(report.checks) == 101
    error_of(report.checks[100], ServerError)
    assert report.checks[100].name == "Team 0"
    # The keys that are missing have spent of the budget, too.
    assert {check.level() for check in report.checks} == {Level.UNKNOWN}


async def test_all_workspaces_may_fail() -> None:
    """If no key could be read, the wallet is told by the outcome of the management key."""
    report, _ = await checked(Host({"w0": FORBIDDEN, "w1": DOWN}))

    assert names(report) == ["Team 0", "Team 1", None]
    assert report.total() == Total(Decimal("74.75"), Decimal(0), 0)
    assert report.level() is Level.UNKNOWN


@pytest.mark.parametrize("answer", [refusal(403, "No"), ABSENT, ONLY_MANAGERS])
async def test_without_workspaces_the_default_one_is_read(answer: Answer) -> None:
    """If /workspaces answers 403 or 404, the default workspace is read, with budgets that its keys name."""
    host = Host({"w7": [entry("a", "w7")]}, workspaces=answer, budgets={"w7": [weekly(30)]})

    report, _ = await checked(host)

    assert told(report)[0].startswith("a: $29.00 left until Monday")
    assert names(report) == ["a"]


@pytest.mark.parametrize("answer", [FORBIDDEN, ABSENT])
async def test_a_default_workspace_may_hide_its_budgets(answer: Answer) -> None:
    """If budgets are refused where workspaces are, the key is judged without any."""
    report, _ = await checked(Host(workspaces=ABSENT, budgets={"w0": answer}))

    assert [check.level() for check in report.checks] == [Level.OK, Level.OK]


@pytest.mark.parametrize("workspace", [None, "", "../keys", "w0"])
async def test_a_workspace_that_nobody_names_has_no_budgets(workspace: str | None) -> None:
    """If keys tell no workspace that can be asked for, the budgets are not known, and not asked for."""
    keys = [entry("a", workspace), entry("b", "w1" if workspace == "w0" else workspace)]

    report, paths = await checked(Host({"w0": keys}, workspaces=ABSENT))

    status = report.checks[0].status
    assert status is not None
    assert status.key is not None
    assert (status.key.budgets, status.level()) == (None, Level.OK)
    assert not any("budgets" in path for path in paths)


@pytest.mark.parametrize("answer", [DOWN, refusal(500), reply(200, {"data": 5}), REFUSED_CONNECTION])
async def test_a_list_of_workspaces_that_fails_is_one_outcome(answer: Answer) -> None:
    """If the list of workspaces fails otherwise, one UNKNOWN outcome named `workspaces` tells it."""
    report, _ = await checked(Host(workspaces=answer))

    error_of(next(check for check in report.checks if check.name == "workspaces"), OpenRouterError)
    expected = [None] if answer is REFUSED_CONNECTION else ["a", "b"]
    assert sorted(set(names(report)) - {"workspaces"}, key=str) == expected
    assert report.total().known == Decimal("74.75")


async def test_an_entry_that_cannot_be_read_hides_no_other() -> None:
    """An entry that is not as documented is one UNKNOWN outcome, in its place."""
    host = Host({"w0": [entry("a"), entry("b", limit="much"), entry("c")]})  # type: ignore[arg-type]  # wrong

    report, _ = await checked(host)

    assert names(report) == ["a", "Team 0", "c"]
    assert "$.data[1].limit" in str(error_of(report.checks[1], InvalidResponseError))


# Budgets.


async def test_hidden_keys_have_spent_of_a_budget() -> None:
    """The spending of disabled and expired keys counts for a budget, although nobody asked for them."""
    keys = [entry("on"), entry("off", disabled=True), entry("old", expires_at="2020-01-01T00:00:00Z")]

    report, _ = await checked(Host({"w0": keys}, budgets={"w0": [weekly(50)]}), include_disabled=False)

    assert names(report) == ["on"]
    assert told(report)[0].startswith(
        "on: $47.00 left until Monday 00:00 UTC, limited by the workspace budget"
    )


@pytest.mark.parametrize(
    ("beside", "of_workspace", "expected"),
    [(True, False, "43"), (False, True, "48"), (None, True, "43"), (None, None, "48"), ("yes", True, "43")],
)
async def test_byok_counts_if_openrouter_says_so(beside: Any, of_workspace: Any, expected: str) -> None:
    """Spending with own keys counts towards budgets if their list says so, or else the workspace."""
    keys = [entry("a", byok_usage_weekly=5), entry("b", byok_usage_weekly=0)]
    host = Host({"w0": keys}, budgets={"w0": [weekly(50)]}, include_byok=beside)
    host.workspaces = reply(200, {"data": [{**team(0), "include_byok_in_budgets": of_workspace}]})

    report, _ = await checked(host)

    status = report.checks[0].status
    assert status is not None
    assert status.spendable.amount == Decimal(expected)


@pytest.mark.parametrize(
    ("answer", "path"),
    [
        (FORBIDDEN, "budgets"),
        (DOWN, "budgets"),
        (reply(200, {"data": None}), "budgets"),
        ([weekly(50)] * 300, "budgets"),
        ([weekly("much"), weekly(50)], "budgets[0]"),
        ([weekly(50), "no budget"], "budgets[1]"),
        ([weekly(50, reset_interval="fortnightly")], "budgets[0].remaining_usd"),
        ([weekly(50, reset_interval=7)], "budgets[0].remaining_usd"),
    ],
)
async def test_budgets_that_cannot_be_read_are_a_problem_of_each_key(answer: Any, path: str) -> None:
    """A budget of a workspace that cannot be read is a problem of each key: UNKNOWN above the threshold."""
    host = Host({"w0": [entry("a"), entry("b", limit=4)], "w1": [entry("c", "w1")]}, budgets={"w0": answer})

    report, _ = await checked(host)

    assert [check.level() for check in report.checks] == [Level.UNKNOWN, Level.CRITICAL, Level.OK]
    first = report.checks[0].status
    assert first is not None
    assert first.key is not None
    assert (first.key.unread, len(first.problems)) == ((path,), 1)
    assert report.wallets()[0].error is None


async def test_a_refusal_of_budgets_is_of_the_management_key() -> None:
    """A refusal of budgets is one of the management key: it makes no key of the workspace INVALID."""
    report, _ = await checked(Host(budgets={"w0": UNAUTHORIZED}))

    status = report.checks[0].status
    assert status is not None
    assert [problem.is_of_management_key for problem in status.problems] == [True]
    assert status.level() is Level.UNKNOWN


# Errors of the whole.


@pytest.mark.parametrize("workspaces", [ONLY_MANAGERS, None])
@pytest.mark.parametrize("credits", [ONLY_MANAGERS, FUNDED, credits_of(0)])
async def test_an_ordinary_key_is_an_error(workspaces: Answer, credits: Answer) -> None:
    """An ordinary key is told that a management key is needed, whatever it may read of the wallet."""
    host = Host({"w0": ONLY_MANAGERS, "w1": ONLY_MANAGERS}, credits, own=key_of(), workspaces=workspaces)

    async with client_at(host) as (client, _):
        with pytest.raises(ManagementKeyRequiredError, match="Create a management key"):
            await client.account.check()


@pytest.mark.parametrize("host", [Host(workspaces=UNAUTHORIZED), Host({"w0": [], "w1": UNAUTHORIZED})])
async def test_a_management_key_that_is_refused_is_an_error(host: Host) -> None:
    """A 401 to the management key ends the check at once, and is raised."""
    async with client_at(host) as (client, _):
        with pytest.raises(AuthenticationError):
            await client.account.check()
        assert others() == set()


@pytest.mark.parametrize(
    ("host", "problems"),
    [
        (Host({"w0": FORBIDDEN, "w1": FORBIDDEN}, DOWN), ["PermissionDeniedError", "ServerError"]),
        (Host({"w0": []}, DOWN, workspaces=DOWN), ["ServerError"]),
        (Host({"w0": []}, DOWN), []),
        (Host(credits=REFUSED_CONNECTION, workspaces=REFUSED_CONNECTION), ["APIConnectionError"]),
    ],
)
async def test_an_account_of_which_nothing_is_read_is_an_error(host: Host, problems: list[str]) -> None:
    """If neither a key nor the wallet could be read, the first error is raised, with the others."""
    async with client_at(host) as (client, _):
        with pytest.raises(OpenRouterError) as caught:
            await client.account.check()

    assert [type(each).__name__ for each in caught.value.problems] == problems
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_without_a_key_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client without any key raises MissingKeyError, and sends nothing."""
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)
    client, wire = CreditsClient(base_url="http://127.0.0.1/api/v1"), StandIn(Host())
    client._caller = Caller(wire, QUICK)

    async with client:
        with pytest.raises(MissingKeyError):
            await client.account.check()

    assert wire.hits == []


# Beside a look at each key.


async def test_a_list_tells_what_each_key_tells() -> None:
    """The limits that a check of the account finds are those of a look at each key with its secret."""
    clock = stopped_clock()
    expiries = {"expired": clock() - timedelta(seconds=1), "expiring": clock() + timedelta(days=3)}
    async with in_this_loop(FakeOpenRouter(now=clock)) as fake:
        acme = fake.add_account(credits="100.5", usage="25.75")
        boss = acme.add_key(management=True)
        teams = [acme.add_workspace("one"), acme.add_workspace("two")]
        teams[0].add_budget(40, "monthly")
        teams[0].add_budget(10, "daily")
        teams[1].add_budget("26.5")
        keys = {
            f"{place}-{limit}-{reset}-{state}": acme.add_key(
                name=f"{place}-{limit}-{reset}-{state}",
                workspace=workspace,
                limit=limit,
                limit_reset=reset,
                disabled="disabled" in state,
                expires_at=expiries.get(state.split()[0]),
            )
            for place, workspace in enumerate([*teams, None])
            for limit in (None, 0, "0.3", "7.25")
            for reset in (None, "daily", "weekly", "monthly")
            for state in ("on", "disabled", "expired", "expired disabled", "expiring")
        }
        for place, key in enumerate(keys.values()):
            fake.spend(key, Decimal(place % 7) / 10)
        async with CreditsClient(management_key=boss, base_url=fake.url) as client:
            listed = await client.account.check(include_expired=True)
            specs = {name: KeySpec(key, management_key=boss) for name, key in keys.items()}
            looked = {check.name: check.status for check in (await client.check_all(specs)).checks}

    assert {check.name for check in listed.checks} == set(keys)
    for check in listed.checks:
        status, other = check.status, looked[check.name]
        assert status is not None
        assert status.credits is not None
        if other is None or other.spendable.bound_by == "refused":  # such a key cannot be asked
            state = str(check.name).rpartition("-")[2].split()[-1]
            assert (state, check.level()) == (status.spendable.bound_by, Level.INVALID)
            continue
        found, expected = status.spendable, other.spendable
        assert (found.amount, found.bound_by, found.resets_at) == (
            expected.amount,
            expected.bound_by,
            expected.resets_at,
        )
        assert found.bounds == expected.bounds
        assert [status.level(warn) for warn in (1, 10, 100)] == [other.level(warn) for warn in (1, 10, 100)]


# How it runs.


async def test_the_wallet_and_the_lists_are_read_at_once() -> None:
    """The wallet is read beside the lists, and the budgets of all workspaces are read at once."""
    host = Host({f"w{number}": [entry(f"k{number}", f"w{number}")] for number in range(4)}, size=1)
    async with client_at(host) as (client, wire):
        await client.account.check()

    at = {hit.path: round(hit.at, 3) for hit in wire.hits}
    assert at["/credits"] == 0
    assert len({at[f"/workspaces/w{number}/budgets"] for number in range(4)}) == 1


@pytest.mark.parametrize(
    ("budgets", "options", "query"),
    [
        (None, {}, "include_disabled=true&include_expired=false"),
        ([], {}, "include_disabled=true&include_expired=false"),
        (None, {"include_disabled": False}, "include_disabled=false&include_expired=false"),
        (DOWN, {"include_disabled": False}, "include_disabled=false&include_expired=false"),
        ([5], {"include_disabled": False}, "include_disabled=true&include_expired=true"),
    ],
)
async def test_keys_that_nobody_asked_for_are_listed_only_for_a_budget(
    budgets: Any, options: dict[str, bool], query: str
) -> None:
    """Only what may have spent of a shared budget is listed beside what was asked for: it may be much."""
    found = {} if budgets is None else {"w0": budgets}

    _, paths = await checked(Host({"w0": [entry("a")]}, budgets=found), **options)

    assert [path.partition("&")[2] for path in paths if path.startswith("/keys")] == [
        f"{query}&workspace_id=w0"
    ]


async def test_other_tasks_run_while_many_keys_are_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of thousands of keys no more than a hundred are judged before other tasks have their turn."""
    judged = [0]

    def judge(*arguments: Any) -> KeyStatus:
        if judged[-1] == 0:
            asyncio.get_running_loop().call_soon(judged.append, 0)
        judged[-1] += 1
        return managed_status(*arguments)

    monkeypatch.setattr(listed, "managed_status", judge)
    keys: dict[str, list[Any] | Answer] = {
        f"w{team}": [entry(f"{team}-{number}", f"w{team}") for number in range(99)] for team in range(12)
    }
    keys["w12"] = [entry(f"12-{number}", "w12") for number in range(950)]

    report, _ = await checked(Host(keys))

    assert len(report.checks) == sum(judged) == 12 * 99 + 950
    assert max(judged) == 100


@pytest.mark.parametrize("after", [0.01, 0.06, 0.11, 0.16, 0.19])
async def test_a_cancelled_check_leaves_no_task(after: float) -> None:
    """A check that is cancelled, at whatever moment, leaves no task and no request."""
    async with client_at(Host({"w0": [entry("a")], "w1": [entry("b", "w1")]})) as (client, wire):
        task = asyncio.create_task(client.account.check())
        await asyncio.sleep(after)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (others(), wire.under_way) == (set(), 0)


@pytest.mark.parametrize("after", [0.01, 0.06, 0.11, 0.16, 0.21])
async def test_a_closed_client_ends_the_check(after: float) -> None:
    """A check whose client is closed, at whatever moment, ends with ClientClosedError."""
    async with client_at(lambda *_: None) as (client, _):
        task = asyncio.create_task(client.account.check())
        await asyncio.sleep(after)
        await client.close()
        with pytest.raises(ClientClosedError):
            await task
        assert others() == set()


async def test_a_client_that_is_closed_while_budgets_are_read_ends_the_check() -> None:
    """A client that is closed when only budgets are under way ends the check, too."""
    async with client_at(Host(budgets={"w0": None})) as (client, _):
        task = asyncio.create_task(client.account.check())
        await asyncio.sleep(1)
        await client.close()
        with pytest.raises(ClientClosedError):
            await task


async def test_the_json_of_an_account_has_no_secret_and_each_hash() -> None:
    """The JSON of a report has the hash of each key, the wallet once, and the key nowhere."""
    report, _ = await checked(Host({"w0": [entry("a")], "w1": FORBIDDEN}))

    document = json.loads(report.to_json())

    assert KEY not in report.to_json()
    assert [check["managed_key"] and check["managed_key"]["hash"] for check in document["checks"]] == [
        "hash-a",
        None,
    ]
    assert [wallet["account"] for wallet in document["wallets"]] == [MASK]
    assert document["counts"]["UNKNOWN"] == 1
