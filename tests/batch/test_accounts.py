"""Which keys of a batch spend from one wallet, in whatever order that is learnt."""

from __future__ import annotations

import asyncio
import itertools
import pickle
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    ApiKey,
    CheckReport,
    ConfigurationError,
    InvalidKeyError,
    KeyCheck,
    KeySpec,
    Total,
)
from openrouter_credits._batch.accounts import Accounts
from tests.kit.clock import run, virtual
from tests.kit.hosts import Host, by_key, client_of, credits_of, gathered, key_of, lazily, refusal
from tests.kit.values import KEY, MASK, OTHER_KEY, made_up

Endpoint = Literal["credits", "key"]
MANAGEMENT_KEY, OTHER_MANAGEMENT_KEY = made_up(9_000_001), made_up(9_000_002)
MANAGER, OTHER_MANAGER = ApiKey(KEY), ApiKey(OTHER_KEY)
FORBIDDEN = refusal(403, "Only management keys can perform this operation")
MANAGES = {"/credits": credits_of(100), "/key": key_of(is_management_key=True)}
ONE_MANAGER = by_key({MANAGEMENT_KEY: MANAGES})
"""A host of one account of 100 dollars."""
TWO_MANAGERS = by_key({MANAGEMENT_KEY: MANAGES, made_up(1): MANAGES})
BOSS = KeySpec(made_up(1), "boss", account="acme", management_key=MANAGEMENT_KEY)
MANAGER_ITSELF = KeySpec(MANAGEMENT_KEY, "manager")


def check_of(index: int, wallet_id: int | None, account: str | None) -> KeyCheck:
    """Make an outcome with this wallet number and account."""
    return KeyCheck(index, None, None, account, None, None, 0.1, wallet_id=wallet_id)


# The numbers of wallets.


@pytest.mark.parametrize(
    ("account", "management_key", "expected_account", "wallet_names"),
    [
        (None, None, None, ()),
        ("acme", None, "acme", ("acme",)),
        (None, KEY, MASK, (MANAGER,)),
        ("acme", KEY, "acme", ("acme", MANAGER)),
        (None, "sk or", None, ()),
        ("acme", "sk or", "acme", ("acme",)),
    ],
)
def test_a_job_has_the_names_of_its_wallet(
    account: str | None,
    management_key: str | None,
    expected_account: str | None,
    wallet_names: tuple[str | ApiKey, ...],
) -> None:
    """A wallet is named by its account and by its management key, except one that cannot be a key."""
    spec = KeySpec("sk-x", account=account, management_key=management_key)

    job = Accounts().job(3, spec)

    assert (job.index, job.spec) == (3, spec)
    assert (job.account, job.management_key) == (expected_account, spec.management_key)
    assert job.wallet_names == wallet_names
    assert job.wallet_id == (0 if wallet_names else None)


def test_a_job_has_the_management_key_that_its_account_had_before() -> None:
    """A key without a management key has that of its account only if an earlier key named it."""
    accounts = Accounts()
    specs = [
        KeySpec("sk-1", account="acme"),
        KeySpec("sk-2", account="acme", management_key=KEY),
        KeySpec("sk-3", account="acme"),
        KeySpec("sk-4", account="acme", management_key=KEY),
        KeySpec("sk-5", account="umbrella"),
    ]

    jobs = [accounts.job(index, spec) for index, spec in enumerate(specs)]

    assert [job.management_key for job in jobs] == [None, MANAGER, MANAGER, MANAGER, None]
    assert [accounts.current(job.wallet_id) for job in jobs] == [0, 0, 0, 0, 2]


def test_a_second_management_key_of_an_account_is_refused() -> None:
    """A second management key of an account raises ValueError, which shows neither of the two keys."""
    accounts = Accounts()
    accounts.job(0, KeySpec("sk-1", account="acme", management_key=KEY))

    with pytest.raises(ValueError, match="account 'acme' has two management keys") as caught:
        accounts.job(1, KeySpec("sk-2", account="acme", management_key=OTHER_KEY))

    assert "sk-" not in str(caught.value)


def test_a_management_key_is_known_as_soon_as_a_spec_names_it() -> None:
    """A key is known as a management key once a spec names it as one; other keys are not."""
    accounts = Accounts()
    before = accounts.is_known(MANAGER)
    accounts.job(0, KeySpec(OTHER_KEY, management_key=KEY))

    assert (before, accounts.is_known(MANAGER), accounts.is_known(OTHER_MANAGER)) == (False, True, False)


def test_an_account_with_the_text_of_a_key_as_its_name_is_not_that_key() -> None:
    """An account whose name reads like a key is another wallet than that of the management key."""
    accounts = Accounts()

    assert accounts.join(KEY) != accounts.join(MANAGER)
    assert not accounts.is_known(OTHER_MANAGER)


def test_no_names_are_no_wallet() -> None:
    """A key of which no account and no management key is known has no wallet number."""
    accounts = Accounts()

    assert accounts.join() is None
    assert accounts.current(None) is None


def test_names_are_joined_through_each_other() -> None:
    """Two accounts that share a management key are one wallet in every order; a third account is another."""
    links: list[tuple[str | ApiKey, ...]] = [("a",), ("b",), ("c",), ("a", MANAGER), ("b", MANAGER)]
    for order in itertools.permutations(links):
        accounts = Accounts()
        numbers = {link: accounts.join(*link) for link in order}

        a, b, c, *joined = (accounts.current(numbers[link]) for link in links)
        assert {a} == {b, *joined}
        assert a != c
        assert [a, b, c, *joined] == [accounts.join(*link) for link in links]


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=3), max_size=12))
def test_numbers_are_equal_if_names_are_linked(links: list[list[str]]) -> None:
    """Two names have the same number exactly if a chain of links leads from one to the other."""
    accounts = Accounts()
    groups: list[set[str]] = []
    numbers = []
    for link in links:
        numbers.append(accounts.join(*link))
        touched = [group for group in groups if group & set(link)]
        groups = [group for group in groups if group not in touched] + [set(link).union(*touched)]

    for (one, number), (other, other_number) in itertools.combinations(zip(links, numbers, strict=True), 2):
        is_linked = any({one[0], other[0]} <= group for group in groups)
        assert is_linked == (accounts.current(number) == accounts.current(other_number))


def test_many_names_for_one_management_key_are_one_wallet() -> None:
    """Ten thousand accounts that share one management key are one wallet."""
    accounts = Accounts()
    numbers = [accounts.join(f"account {number}", MANAGER) for number in range(10_000)]

    assert {accounts.current(number) for number in numbers} == {0}


def test_settling_gives_all_keys_of_a_wallet_its_number_and_name() -> None:
    """A key whose wallet is joined or named after its check has that number and name in the end."""
    accounts = Accounts()
    by_name, by_manager = accounts.join("acme"), accounts.join(MANAGER)
    other = accounts.join("x")
    checks = [check_of(0, by_manager, MASK), check_of(1, by_name, "acme"), check_of(2, other, "x")]
    accounts.join("acme", MANAGER)

    settled = accounts.settle(checks)

    assert [(check.wallet_id, check.account) for check in settled] == [(0, "acme"), (0, "acme"), (2, "x")]
    assert [check.index for check in settled] == [0, 1, 2]


@pytest.mark.parametrize(
    "links",
    [
        pytest.param([(MANAGER,), ("acme", MANAGER)], id="key, then both"),
        pytest.param([("acme", MANAGER), (MANAGER,)], id="both, then key"),
        pytest.param(
            [(OTHER_MANAGER,), (MANAGER, "acme"), (MANAGER, OTHER_MANAGER)], id="through another key"
        ),
        pytest.param([("acme", MANAGER), ("umbrella", MANAGER)], id="the first of two names"),
    ],
)
def test_a_wallet_keeps_its_first_name(links: list[tuple[str | ApiKey, ...]]) -> None:
    """A wallet has the first account's name that was linked with it, however it was linked."""
    accounts = Accounts()
    numbers = [accounts.join(*link) for link in links]

    settled = accounts.settle([check_of(index, number, MASK) for index, number in enumerate(numbers)])

    assert [check.account for check in settled] == ["acme"] * len(links)


def test_settling_changes_nothing_that_is_settled() -> None:
    """Outcomes without a wallet, with an unnamed wallet, or settled already stay the same objects."""
    accounts = Accounts()
    number, named = accounts.join(MANAGER), accounts.join("acme")
    checks = [check_of(0, None, None), check_of(1, number, MASK), check_of(2, named, "acme")]

    settled = accounts.settle(checks)

    assert all(check is before for check, before in zip(settled, checks, strict=True))


# Whole batches.


@virtual
async def test_an_account_lends_its_management_key_to_keys_without_one() -> None:
    """A key without a management key uses that of its account, once an earlier key has named it."""
    specs = [
        KeySpec(made_up(1), account="acme"),
        KeySpec(made_up(2), account="acme", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(3), account="acme"),
        KeySpec(made_up(4), account="acme", management_key=MANAGEMENT_KEY),
    ]
    async with client_of(by_key({made_up(1): {"/credits": FORBIDDEN}})) as (client, wire):
        report = await client.check_all(specs)

    assert wire.hits_of(MANAGEMENT_KEY) == 1
    assert [wire.hits_of(made_up(number), "/credits") for number in range(1, 5)] == [1, 0, 0, 0]
    (wallet,) = report.wallets()
    assert (wallet.account, len(wallet.checks)) == ("acme", 4)
    assert wallet.credits is not None
    assert wallet.credits.remaining == Decimal("74.75")


@virtual
async def test_a_bad_management_key_is_not_replaced_by_that_of_its_account() -> None:
    """A mistyped management key is reported, although another key of the same account has a good one."""
    good = KeySpec(made_up(1), account="acme", management_key=MANAGEMENT_KEY)
    mistyped = KeySpec(made_up(2), account="acme", management_key="sk or")
    async with client_of() as (client, wire):
        report = await client.check_all([good, mistyped], concurrency=1)

    status = report.checks[1].status
    assert status is not None
    assert [type(problem) for problem in status.problems] == [InvalidKeyError]
    assert wire.hits_of(MANAGEMENT_KEY) == 1


@pytest.mark.parametrize("is_async", [False, True])
@virtual
async def test_an_account_with_two_management_keys_is_refused(is_async: bool) -> None:
    """An account with two management keys raises ValueError after the outcomes that are finished."""
    specs = [
        KeySpec(made_up(1), account="acme", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(2), account="acme", management_key=OTHER_MANAGEMENT_KEY),
    ]
    seen = []
    async with client_of() as (client, _):
        with pytest.raises(ValueError, match="account 'acme' has two management keys"):
            async for check in client.check_keys(lazily(specs) if is_async else specs):
                seen.append(check)  # noqa: PERF401 - the loop is left by the exception

    assert [check.index for check in seen] == [0]


@virtual
async def test_a_conflict_of_accounts_does_not_wait_for_a_slow_source() -> None:
    """A conflict of management keys is raised before a slow source gives its next key."""

    async def source() -> AsyncGenerator[KeySpec, None]:
        yield KeySpec(made_up(1), account="acme", management_key=MANAGEMENT_KEY)
        yield KeySpec(made_up(2), account="acme", management_key=OTHER_MANAGEMENT_KEY)
        await asyncio.sleep(10_000)

    async with client_of() as (client, _):
        with pytest.raises(ValueError, match="two management keys"):
            await asyncio.wait_for(client.check_all(source()), 60)


@pytest.mark.parametrize(
    ("specs", "expected"),  # each spec as (account, management key); the specs of each wallet
    [
        pytest.param([("a", None), ("b", None), ("a", None)], [{0, 2}, {1}], id="by account"),
        pytest.param(
            [(None, MANAGEMENT_KEY), (None, OTHER_MANAGEMENT_KEY), (None, MANAGEMENT_KEY)],
            [{0, 2}, {1}],
            id="by management key",
        ),
        pytest.param(
            [("a", MANAGEMENT_KEY), ("a", None), (None, MANAGEMENT_KEY)],
            [{0, 1, 2}],
            id="by both, then either",
        ),
        pytest.param(
            [("a", None), (None, MANAGEMENT_KEY), ("a", MANAGEMENT_KEY), ("b", OTHER_MANAGEMENT_KEY)],
            [{0, 1, 2}, {3}],
            id="by either, then both",
        ),
        pytest.param([("a", MANAGEMENT_KEY), ("b", MANAGEMENT_KEY)], [{0, 1}], id="two names"),
        pytest.param([(None, None), ("a", None), (None, None)], [{0}, {1}, {2}], id="unknown"),
    ],
)
@virtual
async def test_a_wallet_is_counted_once(
    specs: list[tuple[str | None, str | None]], expected: list[set[int]]
) -> None:
    """`wallets()` lists each wallet once, however and in whatever order its keys name it."""
    keys = [
        KeySpec(made_up(number), account=account, management_key=management_key)
        for number, (account, management_key) in enumerate(specs)
    ]
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    wallets = report.wallets()
    assert [{check.index for check in wallet.checks} for wallet in wallets] == expected
    assert all(wallet.credits is not None for wallet in wallets)


ITSELF = KeySpec(MANAGEMENT_KEY, "manager")
OF_ACME = KeySpec(made_up(1), "boss", account="acme", management_key=MANAGEMENT_KEY)
OF_NOBODY = KeySpec(made_up(2), management_key=MANAGEMENT_KEY)
FULL = KeySpec(MANAGEMENT_KEY, "twice", account="acme", management_key=MANAGEMENT_KEY)


@pytest.mark.parametrize("is_streamed", [False, True], ids=["check_all", "check_keys"])
@pytest.mark.parametrize("read", [("credits", "key"), ("credits",)], ids=["both", "the wallet"])
@pytest.mark.parametrize(
    "specs",
    [
        [OF_ACME, ITSELF],
        [ITSELF, OF_ACME],
        [OF_NOBODY, ITSELF, OF_ACME],
        [ITSELF, OF_ACME, ITSELF],
        [FULL, ITSELF, OF_NOBODY],
        [ITSELF, FULL],
    ],
    ids=[
        "manager last",
        "manager first",
        "in between",
        "manager twice",
        "its own manager",
        "its own manager last",
    ],
)
@virtual
async def test_a_manager_beside_its_keys_is_of_one_wallet(
    specs: list[KeySpec], read: tuple[Endpoint, ...], is_streamed: bool
) -> None:
    """A management key that is itself among the keys is of the wallet that it reads, which counts once."""
    async with client_of(ONE_MANAGER) as (client, _):
        if is_streamed:
            report = CheckReport(tuple(await gathered(client.check_keys(specs, read=read))))
        else:
            report = await client.check_all(specs, read=read)

    (wallet,) = report.wallets()
    assert len(wallet.checks) == len(specs)
    assert report.total() == Total(Decimal(100), Decimal(0), 0)


@pytest.mark.parametrize(
    "specs",
    [
        [KeySpec(made_up(2), account="acme", management_key=MANAGEMENT_KEY), "manager"],
        ["manager", KeySpec(made_up(2), account="acme", management_key=MANAGEMENT_KEY)],
    ],
    ids=["manager last", "manager first"],
)
@pytest.mark.parametrize("is_its_own", [False, True])
@pytest.mark.parametrize("is_streamed", [False, True], ids=["check_all", "check_keys"])
@virtual
async def test_what_a_management_key_is_there_for_does_not_depend_on_the_order(
    specs: list[KeySpec | str], is_its_own: bool, is_streamed: bool
) -> None:
    """A management key is INVALID as a key of its account, unless its own spec says that it manages it."""
    own = KeySpec(MANAGEMENT_KEY, "manager", "acme", MANAGEMENT_KEY if is_its_own else None)
    keys = [own if spec == "manager" else spec for spec in specs]
    async with client_of(ONE_MANAGER) as (client, _):
        if is_streamed:
            report = CheckReport(tuple(await gathered(client.check_keys(keys, concurrency=1))))
        else:
            report = await client.check_all(keys, concurrency=1)

    (found,) = [check.level() for check in report.checks if check.name == "manager"]
    assert found == ("OK" if is_its_own else "INVALID")
    assert report.total() == Total(Decimal(100), Decimal(0), 0)


@pytest.mark.parametrize(
    ("specs", "wallets", "total"),
    [
        ([KeySpec(KEY), KeySpec(KEY)], [(None, [0, 1])], Total(Decimal(50), Decimal(0), 0)),
        (
            [KeySpec(KEY), KeySpec(OTHER_KEY), KeySpec(KEY)],
            [(None, [0, 2]), (None, [1])],
            Total(Decimal(0), Decimal(0), 2),
        ),
        (
            [KeySpec(KEY), KeySpec(made_up(3), account="x"), KeySpec(KEY, account="acme"), KeySpec(KEY)],
            [("acme", [0, 2, 3]), ("x", [1])],
            Total(Decimal(100), Decimal(0), 0),
        ),
        (
            [KeySpec(KEY, account="umbrella"), KeySpec(KEY, account="acme")],
            [("umbrella", [0, 1])],
            Total(Decimal(50), Decimal(0), 0),
        ),
        (
            [KeySpec(KEY), KeySpec(KEY, management_key=made_up(3))],
            [(str(ApiKey(made_up(3))), [0, 1])],
            Total(Decimal(50), Decimal(0), 0),
        ),
    ],
    ids=[
        "alone",
        "beside another",
        "with an account and without",
        "with two accounts",
        "with a management key and without",
    ],
)
@virtual
async def test_equal_keys_of_a_report_have_one_wallet(
    specs: list[KeySpec], wallets: list[tuple[str | None, list[int]]], total: Total
) -> None:
    """A key that is there twice has one wallet; it has an account if one of its specs has."""
    host = by_key({key: {"/credits": credits_of(50)} for key in (KEY, OTHER_KEY, made_up(3))})
    async with client_of(host) as (client, _):
        report = await client.check_all(specs)

    found = [(wallet.account, [check.index for check in wallet.checks]) for wallet in report.wallets()]
    assert found == wallets
    assert report.total() == total


@virtual
async def test_a_wallet_has_the_name_that_was_declared() -> None:
    """A wallet is named by its account, else by its masked management key, else not at all."""
    keys = [
        KeySpec(made_up(1), account="acme", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(2), management_key=OTHER_MANAGEMENT_KEY),
        KeySpec(made_up(3)),
    ]
    async with client_of() as (client, _):
        report = await client.check_all(keys)

    assert [wallet.account for wallet in report.wallets()] == [
        "acme",
        str(ApiKey(OTHER_MANAGEMENT_KEY)),
        None,
    ]


@virtual
async def test_a_management_key_belongs_to_its_own_account() -> None:
    """A management key checked as a key belongs to the wallet that it reads for others."""
    async with client_of(by_key({MANAGEMENT_KEY: {"/key": key_of(is_management_key=True)}})) as (
        client,
        wire,
    ):
        report = await client.check_all(
            [KeySpec(made_up(1), management_key=MANAGEMENT_KEY), MANAGEMENT_KEY, OTHER_MANAGEMENT_KEY]
        )

    assert wire.hits_of(MANAGEMENT_KEY, "/credits") == 1
    assert [[check.index for check in wallet.checks] for wallet in report.wallets()] == [[0, 1], [2]]
    assert report.checks[1].account == str(ApiKey(MANAGEMENT_KEY))


@pytest.mark.parametrize(
    "server", [pytest.param(ONE_MANAGER, id="ordinary"), pytest.param(TWO_MANAGERS, id="manager")]
)
@pytest.mark.parametrize("concurrency", [1, 32])
@pytest.mark.parametrize("read", [("credits", "key"), ("credits",), ("key",)])
@pytest.mark.parametrize("is_manager_first", [False, True])
@virtual
async def test_a_management_key_is_of_the_wallet_that_it_reads(
    is_manager_first: bool, read: tuple[Endpoint, ...], concurrency: int, server: Host
) -> None:
    """A management key and a key that names it, itself of either kind, are one wallet in every order."""
    specs = [MANAGER_ITSELF, BOSS] if is_manager_first else [BOSS, MANAGER_ITSELF]
    async with client_of(server) as (client, _):
        report = await client.check_all(specs, read=read, concurrency=concurrency)

    (wallet,) = report.wallets()
    assert wallet.account == "acme"
    assert [check.account for check in wallet.checks] == ["acme", "acme"]
    total = report.total()
    assert (total.known, total.owed, total.unread) == ((100, 0, 0) if "credits" in read else (0, 0, 1))


@pytest.mark.parametrize(
    "between",
    [
        pytest.param([], id="while it was under way"),
        pytest.param([KeySpec(made_up(2), account="x")], id="before it was sent"),
    ],
)
@virtual
async def test_a_management_key_that_the_batch_ended_before_is_of_its_wallet(between: list[KeySpec]) -> None:
    """A management key that is not checked in time is of the wallet that it has read for another key."""
    async with client_of(ONE_MANAGER, latency=2) as (client, _):
        report = await client.check_all([BOSS, *between, MANAGER_ITSELF], concurrency=1, deadline=2.5)

    accounts = {check.name: check.account for check in report.checks}
    assert (accounts["boss"], accounts["manager"]) == ("acme", "acme")
    assert len(report.wallets()) == 1 + len(between)


@virtual
async def test_outcomes_that_come_as_they_finish_tell_what_is_known_then() -> None:
    """`check_keys` yields the account as known by then; `check_all` has one for all keys of a wallet."""
    specs = [KeySpec(made_up(2), account="acme"), MANAGER_ITSELF, BOSS]
    async with client_of(ONE_MANAGER) as (client, _):
        streamed = await gathered(client.check_keys(specs, concurrency=1))
        report = await client.check_all(specs, concurrency=1)

    mask = str(ApiKey(MANAGEMENT_KEY))
    assert [(check.account, check.wallet_id) for check in streamed] == [("acme", 0), (mask, 1), ("acme", 0)]
    assert [(check.account, check.wallet_id) for check in report.checks] == [("acme", 0)] * 3


def test_three_names_of_one_wallet_are_joined_whenever_they_are_learnt() -> None:
    """Two accounts and a management key that later keys link are one wallet in every order of the keys."""
    specs = [
        KeySpec(made_up(1), account="a"),
        MANAGER_ITSELF,
        KeySpec(made_up(2), account="b", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(3), account="a", management_key=MANAGEMENT_KEY),
    ]

    async def wallets_of(order: tuple[KeySpec, ...]) -> list[list[int]]:
        async with client_of(ONE_MANAGER) as (client, _):
            report = await client.check_all(order, concurrency=1)
        assert {check.account for check in report.checks} == {"a", "b"}
        return [[check.index for check in wallet.checks] for wallet in report.wallets()]

    orders = list(itertools.permutations(specs))
    assert [run(wallets_of(order)) for order in orders] == [[[0, 1, 2, 3]]] * len(orders)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_report_of_streamed_outcomes_joins_wallets_learnt_late(order: tuple[int, ...]) -> None:
    """A report of what check_keys yields has one wallet, although its numbers were joined after a yield."""
    specs = [
        KeySpec(made_up(1), account="acme"),
        KeySpec(made_up(2), management_key=MANAGEMENT_KEY),
        KeySpec(made_up(3), account="acme", management_key=MANAGEMENT_KEY),
    ]

    owner = {"/credits": credits_of(100), "/key": key_of()}
    host = by_key({MANAGEMENT_KEY: MANAGES} | {made_up(number): owner for number in (1, 2, 3)})

    async def report() -> CheckReport:
        async with client_of(host) as (client, _):
            checks = await gathered(client.check_keys([specs[place] for place in order], concurrency=1))
        return CheckReport(tuple(checks))

    found = run(report())

    assert [("acme", 3)] == [(wallet.account, len(wallet.checks)) for wallet in found.wallets()]
    assert Total(Decimal(100), Decimal(0), 0) == found.total()
    assert Total(Decimal(100), Decimal(0), 0) == pickle.loads(pickle.dumps(found)).total()


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_key_that_a_later_key_names_as_management_key_joins_their_wallets(
    order: tuple[int, ...],
) -> None:
    """A key of one account that manages another makes them one wallet in both orders, without `/key` too."""
    specs = [
        KeySpec(made_up(1), account="acme", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(2), account="beta", management_key=made_up(1)),
    ]

    async def wallets() -> int:
        async with client_of(TWO_MANAGERS) as (client, _):
            keys = [specs[place] for place in order]
            return len((await client.check_all(keys, read=("credits",), concurrency=1)).wallets())

    assert 1 == run(wallets())


def test_an_account_that_a_key_was_given_stays() -> None:
    """check_all gives the account's name to keys that have none, and replaces no name that a key has."""
    specs = [
        KeySpec(made_up(1), account="team-a", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(2), account="team-b", management_key=MANAGEMENT_KEY),
        KeySpec(made_up(3), management_key=MANAGEMENT_KEY),
    ]

    async def accounts() -> list[str | None]:
        async with client_of(ONE_MANAGER) as (client, _):
            return [check.account for check in (await client.check_all(specs)).checks]

    assert ["team-a", "team-b", "team-a"] == run(accounts())


@pytest.mark.parametrize(("given", "shown"), [(42, 42), ("", str(ApiKey(MANAGEMENT_KEY)))])
def test_an_account_may_be_a_number_and_an_empty_name_is_none(given: Any, shown: object) -> None:
    """An account that is a number, as in a database, works as a name does; an empty name counts as none."""
    specs = [KeySpec(made_up(number), account=given, management_key=MANAGEMENT_KEY) for number in (1, 2)]

    async def wallets() -> list[object]:
        async with client_of(ONE_MANAGER) as (client, _):
            return [wallet.account for wallet in (await client.check_all(specs)).wallets()]

    assert [shown] == run(wallets())


# A management key that only stood in the same place.


def assumed(key: str, name: str, management_key: str = MANAGEMENT_KEY) -> KeySpec:
    """Make the spec of a key that stands beside a management key, in an environment or a file."""
    return KeySpec(key, name, "environment", management_key, _assumed=True)


def two_accounts(ours: dict[str, object], managers: dict[str, object]) -> Host:
    """Answer `/key` of the first key and of the management key with these fields."""
    manager = {**MANAGES, "/key": key_of(is_management_key=True, **managers)}
    return by_key({MANAGEMENT_KEY: manager, made_up(1): {"/key": key_of(**ours)}})


PEOPLE = "the two were made by different people"
ORGANIZATIONS = "the two belong to different organizations"


@pytest.mark.parametrize(
    ("ours", "managers", "difference"),
    [
        ({}, {}, None),
        ({"organization_id": "o1"}, {"organization_id": "o1"}, None),
        ({"organization_id": "o1"}, {"organization_id": "o2"}, ORGANIZATIONS),
        ({"organization_id": "o1"}, {}, None),
        ({"creator_user_id": "u1"}, {"creator_user_id": "u1"}, None),
        ({"creator_user_id": "u1"}, {"creator_user_id": "u2"}, PEOPLE),
        ({"creator_user_id": "u1"}, {}, None),
        (
            {"organization_id": "o1", "creator_user_id": "u1"},
            {"organization_id": "o1", "creator_user_id": "u2"},
            None,
        ),
        (
            {"organization_id": "o1", "creator_user_id": "u1"},
            {"organization_id": "o2", "creator_user_id": "u1"},
            ORGANIZATIONS,
        ),
        (
            {"organization_id": "o1", "creator_user_id": "u1"},
            {"creator_user_id": "u2"},
            PEOPLE,
        ),
    ],
)
@virtual
async def test_an_assumed_management_key_of_another_account_reads_no_wallet(
    ours: dict[str, object], managers: dict[str, object], difference: str | None
) -> None:
    """Organizations are compared, and creators if one is unknown; if they differ, the wallet is unknown."""
    async with client_of(two_accounts(ours, managers)) as (client, wire):
        report = await client.check_all([assumed(made_up(1), "bob")])

    (check,) = report.checks
    assert check.status is not None
    if difference is None:
        assert (check.account, check.status.problems) == ("environment", ())
        assert check.status.credits is not None
    else:
        (problem,) = check.status.problems
        assert (check.account, check.wallet_id, check.status.credits) == (None, None, None)
        assert problem.summary == (
            f"The management key {ApiKey(MANAGEMENT_KEY)} is of another account: {difference}"
        )
        assert problem.is_of_management_key
        assert report.total() == Total(Decimal(0), Decimal(0), 1)
    assert wire.paths == {"/key": 2, "/credits": 1}


@virtual
async def test_assumed_keys_of_one_account_share_a_wallet_and_others_do_not() -> None:
    """Keys of the management key's account share its wallet; its `/key` is read once for all of them."""
    host = two_accounts({"creator_user_id": "u1"}, {"creator_user_id": "u2"})
    keys = [assumed(made_up(number), f"k{number}") for number in range(20)]

    async with client_of(host) as (client, wire):
        report = await client.check_all(keys)
        streamed = await gathered(client.check_keys(keys))

    assert [None if number == 1 else "environment" for number in range(20)] == [
        check.account for check in report.checks
    ]
    assert [check.account for check in report.checks] == [
        check.account for check in sorted(streamed, key=lambda check: check.index)
    ]
    assert [19, 1] == [len(wallet.checks) for wallet in report.wallets()]
    assert wire.paths == {"/key": 2 * 21, "/credits": 2}


@virtual
async def test_a_declared_management_key_is_not_doubted() -> None:
    """The management key of a program's KeySpec is believed: no request more, and its wallet is read."""
    host = two_accounts({"organization_id": "o1"}, {"organization_id": "o2"})

    async with client_of(host) as (client, wire):
        report = await client.check_all([KeySpec(made_up(1), "bob", "acme", MANAGEMENT_KEY)])

    assert [("acme", ())] == [
        (check.account, check.status.problems) for check in report.checks if check.status is not None
    ]
    assert wire.paths == {"/key": 1, "/credits": 1}


@pytest.mark.parametrize(
    ("answers", "spec", "read", "paths"),
    [
        ({}, assumed(made_up(1), "bob"), ("key",), {"/key": 1}),
        ({}, assumed(made_up(1), "bob"), ("credits",), {"/credits": 1, "/key": 2}),
        ({}, assumed(MANAGEMENT_KEY, "manager"), ("credits", "key"), {"/credits": 1, "/key": 1}),
        ({}, assumed(made_up(1), "bob", "no key"), ("credits", "key"), {"/key": 1}),
        ({}, assumed("no key", "bob"), ("credits", "key"), {}),
        (
            {MANAGEMENT_KEY: FORBIDDEN},
            assumed(made_up(1), "bob"),
            ("credits", "key"),
            {"/credits": 1, "/key": 1},
        ),
        (
            {MANAGEMENT_KEY: {"/credits": credits_of(9), "/key": FORBIDDEN}},
            assumed(made_up(1), "bob"),
            ("credits", "key"),
            {"/credits": 1, "/key": 2},
        ),
        (
            {made_up(1): {"/key": FORBIDDEN}},
            assumed(made_up(1), "bob"),
            ("credits", "key"),
            {"/credits": 1, "/key": 2},
        ),
    ],
)
@virtual
async def test_what_cannot_be_compared_is_believed_without_a_request_too_many(
    answers: dict[str, Any], spec: KeySpec, read: tuple[Endpoint, ...], paths: dict[str, int]
) -> None:
    """Keys are compared only where a wallet was read, and by no request that an answer makes needless."""
    async with client_of(by_key(answers, ONE_MANAGER)) as (client, wire):
        (check,) = (await client.check_all([spec], read=read)).checks

    assert (check.account, wire.paths) == ("environment", paths)


@virtual
async def test_a_management_key_is_compared_in_time_or_believed() -> None:
    """If the batch ends before `/key` of the management key is read, its wallet stays as it was read."""
    slow = by_key({MANAGEMENT_KEY: MANAGES})
    latency = {made_up(1): 0.1, MANAGEMENT_KEY: 0.1}

    def of(request: Any) -> float:
        is_managers_key = (request.key.reveal(), request.target) == (MANAGEMENT_KEY, "/key")
        return 9.0 if is_managers_key else latency[request.key.reveal()]

    async with client_of(slow, of) as (client, _):
        (check,) = (await client.check_all([assumed(made_up(1), "bob")], deadline=1)).checks

    assert check.status is not None
    assert (check.account, check.status.problems) == ("environment", ())


@virtual
async def test_a_key_that_could_not_be_read_where_it_is_kept_is_unknown() -> None:
    """An error in the place of a key is its outcome: UNKNOWN, since nothing judges the key."""
    missing = ConfigurationError("keys.toml, line 2: op ended with status 1", remedy="Run it yourself.")

    async with client_of() as (client, wire):
        report = await client.check_all(
            [KeySpec(missing, "bob"), KeySpec(made_up(1), "web", management_key=missing)]
        )

    bob, web = report.checks
    assert (bob.error, bob.level(), bob.label) == (missing, "UNKNOWN", None)
    assert web.status is not None
    assert [missing.summary] == [problem.summary for problem in web.status.problems]
    assert wire.paths == {"/key": 1}
