"""What a report tells of wallets, keys and budgets, each once."""

from __future__ import annotations

import itertools
import pickle
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openrouter_credits import (
    AddressNotAllowedError,
    APITimeoutError,
    AuthenticationError,
    Budget,
    CheckReport,
    ConfigurationError,
    Credits,
    CreditsClient,
    InvalidKeyError,
    InvalidResponseError,
    KeyCheck,
    KeyInfo,
    KeySpec,
    ManagedKey,
    OpenRouterError,
    PermissionDeniedError,
    ServerError,
    UnconfirmedCreditsError,
)
from openrouter_credits._status.look import assess, of_management_key
from openrouter_credits._status.managed import wallet_status
from openrouter_credits.history import OPENROUTER, Reading, Readings, Subject, read_subjects
from openrouter_credits.testing import FakeOpenRouter
from tests.kit.clock import lap
from tests.kit.values import (
    DOWN,
    FORBIDDEN,
    KEY,
    MASK,
    MONDAY,
    NOVEMBER,
    NOW,
    QUICK,
    UNAUTHORIZED,
    ZERO,
    key,
    keys,
    wallet,
)
from tests.kit.wire import in_this_loop

Answer = Credits | OpenRouterError | None
D = Decimal

FULL = wallet("74.75")
MASKS = [f"sk-or-v1-{number:03x}...{number:04x}" for number in range(10)]


def a_check(
    name: str | None = "bot",
    credits: Answer = FULL,
    info: KeyInfo | OpenRouterError | None = None,
    *,
    account: str | None = "acme",
    index: int = 0,
    wallet_id: int | None = 0,
    label: str | None = None,
    has_manager: bool = False,
) -> KeyCheck:
    """Make the outcome of a look that got these answers; `None` for what was not asked for."""
    status, error = None, None
    try:
        status = assess(credits, info, wallet_reader=info, now=NOW, has_manager=has_manager)
    except OpenRouterError as fault:
        error = fault.with_traceback(None)
    if account is None and wallet_id == 0:
        wallet_id = None
    return KeyCheck(index, name, label or MASKS[index], account, status, error, 0.1, wallet_id=wallet_id)


def report_of(*checks: KeyCheck) -> CheckReport:
    """Make a report, numbered in this order."""
    return CheckReport(tuple(attrs.evolve(check, index=index) for index, check in enumerate(checks)))


def read(*checks: KeyCheck) -> dict[str, Reading]:
    """Read the subjects of a report, by their texts."""
    found = read_subjects(report_of(*checks)).readings
    readings = {str(reading.subject): reading for reading in found}
    assert len(readings) == len(found)
    return readings


def cap(remaining: str | None = "26.83", **fields: Any) -> KeyInfo:
    """Make a key with a monthly limit of $30."""
    limit = {"limit": D(30), "limit_remaining": D(remaining)} if remaining else {}
    return key(**{"limit": None, "limit_reset": "monthly", **limit, **fields})


def shared(remaining: str | None = "12", budget_id: str | None = "b1", scope: str = "workspace") -> Budget:
    """Make a weekly budget of $50."""
    amount = None if remaining is None else D(remaining)
    return Budget(scope, D(50), D(38), amount, "weekly", MONDAY, budget_id=budget_id)


# --- subjects ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        (Subject("wallet", "acme"), "wallet:acme"),
        (Subject("wallet", None, "bot"), "wallet:bot"),
        (Subject("key", "acme", "bot", hash="8f14"), "key:acme/bot"),
        (Subject("key", None, MASK), f"key:{MASK}"),
        (Subject("budget", "acme", "workspace weekly"), "budget:acme/workspace weekly"),
        (OPENROUTER, "openrouter"),
        (Subject("key", "a\x1b[31m", "b\r\n\u202ec"), "key:a?[31m/b???c"),
    ],
)
def test_a_subject_is_named_in_one_word(subject: Subject, text: str) -> None:
    """Its text has kind, account and name; a hash is not in it."""
    assert str(subject) == text


def test_subjects_of_one_name_differ_by_their_hash() -> None:
    """Subjects are equal and have one hash() if kind, account, name and the key's hash are equal."""
    one, same = Subject("key", "acme", "bot", hash="1"), Subject("key", "acme", "bot", hash="1")
    other = Subject("key", "acme", "bot", hash="2")

    assert (one, hash(one)) == (same, hash(same))
    assert len({one, same, other, Subject("key", "acme", "bot"), Subject("wallet", "acme", "bot")}) == 4


def test_a_key_that_has_a_hash_is_known_by_it() -> None:
    """One that is given another name is the same subject; a key without a hash, or another kind, is not."""
    one, renamed = Subject("key", "acme", "bot", hash="1"), Subject("key", "acme", "web", hash="1")
    others = [Subject("key", "zeta", "bot", hash="1"), Subject("budget", "acme", "bot", hash="1")]
    unlike = [Subject("key", "acme", "bot"), Subject("key", "acme", "web")]

    assert (one, hash(one)) == (renamed, hash(renamed))
    assert len({one, renamed, *others, *unlike}) == 5
    assert one != "key:acme/bot"


def test_a_reading_is_written_without_its_outcomes() -> None:
    """The JSON of a reading has its subject and amounts, and not the checks that it was made of."""
    reading = read(a_check(info=cap()))["key:acme/bot"]

    text = reading.to_json()

    assert '"subject": {"kind": "key", "account": "acme", "name": "bot", "hash": null}' in text
    assert '"remaining": 26.83' in text
    assert "checks" not in text
    assert pickle.loads(pickle.dumps(reading)) == reading
    assert repr(reading) == (
        "Reading(subject=key:acme/bot, remaining=Decimal('26.83'), stop=None, error=None, is_read=True, "
        "is_hidden=False)"
    )


# --- wallets ----------------------------------------------------------------------------------------------


def test_a_wallet_that_keys_share_is_one_subject() -> None:
    """The wallet has what was ever bought and used, and the names of its keys in the report's order."""
    checks = [a_check(name, info=cap()) for name in ("web", "bot", "ci")]

    wallet = read(*checks)["wallet:acme"]

    assert wallet == Reading(
        Subject("wallet", "acme"), D("74.75"), D("25.75"), D("100.5"), "wallet", keys=("web", "bot", "ci")
    )
    assert [check.name for check in wallet.checks] == ["web", "bot", "ci"]


def test_wallets_of_one_account_name_are_one() -> None:
    """Outcomes that nobody has numbered share a wallet if their account has one name."""
    checks = [a_check(name, info=cap(), wallet_id=None) for name in ("bot", "ci")]

    assert read(*checks)["wallet:acme"].keys == ("bot", "ci")


def test_the_outcome_that_read_a_wallet_comes_first() -> None:
    """The first of a wallet's checks is one that read it: a look at that one alone tells of the wallet."""
    wallet = read(a_check("ci", DOWN, cap()), a_check("bot", FULL, cap()))["wallet:acme"]

    assert [check.name for check in wallet.checks] == ["bot", "ci"]
    assert (wallet.remaining, wallet.keys) == (D("74.75"), ("ci", "bot"))


def test_a_wallet_whose_account_is_not_known_is_named_by_its_key() -> None:
    """It is named by its key, or by the mask; so is one whose management key has no mask of its own."""
    named, unnamed = a_check(account=None, info=cap()), a_check(None, account=None, info=cap())
    hidden = a_check("ci", account="***", info=cap(), wallet_id=1)

    subjects = [subject for subject in read(named, unnamed, hidden) if subject.startswith("wallet")]

    assert subjects == ["wallet:bot", f"wallet:{MASKS[0]}", "wallet:ci"]


MANAGER = key(is_management_key=True)


def read_as_manager(info: KeyInfo | OpenRouterError, name: str | None = "boss") -> list[Subject]:
    """Read the wallet of a management key in a list of keys, which is known as one only if /key was read."""
    account = MASK if isinstance(info, KeyInfo) else None
    boss = a_check(name, FULL, info, account=account, label=MASK)
    found = look(boss, a_check("boss", info=cap(), account=None, index=1)).readings
    return [each.subject for each in found if each.subject.kind == "wallet"]


@pytest.mark.parametrize(("name", "subject"), [("boss", f"boss ({MASK})"), (None, MASK)])
def test_a_management_key_in_a_list_has_one_wallet(name: str | None, subject: str) -> None:
    """Whether /key could be read, which tells that it is one, does not change which wallet it is."""
    known, unknown = read_as_manager(MANAGER, name), read_as_manager(DOWN, name)

    assert known == unknown
    assert known[0] == Subject("wallet", None, subject)


def test_a_blank_name_is_none() -> None:
    """A key whose name is blank is named by its mask; a blank account is not known."""
    found = read(a_check(" \t", info=cap(), account=" "))

    assert list(found) == [f"wallet:{MASKS[0]}", f"key:{MASKS[0]}"]


def test_equal_keys_have_one_wallet_and_one_limit() -> None:
    """A key that is twice in a report, its wallet number is negative, is one subject with both names."""
    low, high = a_check("a", info=cap("1"), wallet_id=-1), a_check("b", info=cap("2"), wallet_id=-1)
    low, high = (attrs.evolve(check, account=None) for check in (low, high))

    for checks, names in (((low, high), ("a", "b")), ((high, low), ("b", "a"))):
        found = read(*checks)
        assert list(found) == [f"wallet:{names[0]}", f"key:{names[0]}"]
        assert found[f"wallet:{names[0]}"].keys == names
        assert found[f"key:{names[0]}"].remaining == 1
        assert set(found[f"key:{names[0]}"].keys) == {"a", "b"}


NO_MANAGER = of_management_key(FORBIDDEN)
NO_TEXT = ConfigurationError("The variable OTHER_KEY is not set")
UNCONFIRMED = UnconfirmedCreditsError(ZERO)
UNSURE = UnconfirmedCreditsError(ZERO, problems=[DOWN])
NOT_A_KEY = InvalidKeyError("Character 3 is a blank")
TIMED_OUT = APITimeoutError("No answer in 10 s")


@pytest.mark.parametrize(
    ("error", "is_hidden"),
    [
        (FORBIDDEN, True),
        (NO_MANAGER, True),
        (UNCONFIRMED, True),
        (PermissionDeniedError("Forbidden", status=403), True),
        (NO_TEXT, True),
        (UNSURE, False),
        (AddressNotAllowedError("IP not on the allowlist", status=403), False),
        (DOWN, False),
        (TIMED_OUT, False),
        (UNAUTHORIZED, False),
    ],
)
def test_a_wallet_is_hidden_or_unread(error: OpenRouterError, is_hidden: bool) -> None:
    """What the key may not read is hidden; a fault that may pass only leaves it unread."""
    wallet = read(a_check(credits=error, info=cap()))["wallet:acme"]

    assert (wallet.is_read, wallet.is_hidden, wallet.remaining) == (False, is_hidden, None)
    assert (wallet.error, wallet.keys, wallet.is_refused) == (error, ("bot",), error is UNAUTHORIZED)


def test_one_key_that_may_not_read_a_wallet_tells_that_it_is_hidden() -> None:
    """Which of its ordinary keys could not be asked for a moment does not change that."""
    for first, second in itertools.permutations([DOWN, FORBIDDEN, UNAUTHORIZED], 2):
        wallet = read(a_check("a", first, cap()), a_check("b", second, cap()))["wallet:acme"]

        assert wallet.is_hidden == (FORBIDDEN in (first, second))
        expected = FORBIDDEN if wallet.is_hidden else DOWN
        assert wallet.error is expected


def test_a_wallet_that_only_refused_keys_could_read_says_so() -> None:
    """Its blindness has the cause of its keys; a refused management key is a cause of its own."""
    refused = read(a_check("a", UNAUTHORIZED, UNAUTHORIZED), a_check("b", UNAUTHORIZED, UNAUTHORIZED))
    of_manager = of_management_key(UNAUTHORIZED)
    blind = read(a_check("a", UNAUTHORIZED, UNAUTHORIZED, has_manager=True), a_check("b", of_manager, cap()))

    assert [refused[name].is_refused for name in refused] == [True, True, True]
    assert (blind["wallet:acme"].is_refused, blind["key:acme/a"].is_refused) == (False, True)
    assert blind["wallet:acme"].error == of_manager or "management key" in str(blind["wallet:acme"].error)


# --- keys -------------------------------------------------------------------------------------------------


def test_a_key_is_read_with_its_limit_and_what_it_shares() -> None:
    """A key has its limit, its counter, its reset, its mask, its expiry, and the subjects above it."""
    reading = read(a_check(info=cap(usage=D("3.17"), budgets=(shared(),), expires_at=NOVEMBER)))[
        "key:acme/bot"
    ]

    assert reading == Reading(
        Subject("key", "acme", "bot"),
        D("26.83"),
        D("3.17"),
        D(30),
        "key_limit",
        NOVEMBER,
        keys=("bot",),
        under=(Subject("wallet", "acme"), Subject("budget", "acme", "b1")),
        label=MASKS[0],
        expires_at=NOVEMBER,
    )


def test_a_key_without_a_limit_is_read_too() -> None:
    """It has a counter and no amount: whether it is valid is watched."""
    reading = read(a_check(info=key()))["key:acme/bot"]

    assert (reading.remaining, reading.used, reading.granted) == (None, 1, None)
    assert (reading.is_read, reading.stop, reading.resets_at) == (True, None, None)


@pytest.mark.parametrize(
    ("counts", "byok", "used"),
    [(True, D("0.5"), D("1.5")), (False, D("0.5"), D(1)), (None, D("0.5"), D(1)), (True, None, None)],
)
def test_byok_is_in_the_counter_where_it_counts(
    counts: bool | None, byok: Decimal | None, used: Decimal | None
) -> None:
    """BYOK is added where it counts towards the limit; if it is not known then, there is no counter."""
    info = cap(include_byok_in_limit=counts, byok_usage=byok)

    assert read(a_check(info=info))["key:acme/bot"].used == used


@pytest.mark.parametrize(
    ("info", "stop"),
    [
        (cap(expires_at=NOW), "expired"),
        (cap(allowed_data_regions=()), "no_region"),
        (key(expires_at=NOW), "expired"),
        (KeyInfo("k", D(1), D(30), expires_at=NOW), "expired"),
        (key(is_management_key=True, expires_at=NOW), "expired"),
    ],
)
def test_a_key_that_cannot_spend_says_why(info: KeyInfo, stop: str) -> None:
    """An expired key, or one without a region, was read, whatever is left of its limit."""
    reading = read(a_check(info=info))["key:acme/bot"]

    assert (reading.stop, reading.is_read, reading.error) == (stop, True, None)


@pytest.mark.parametrize("credits", [FULL, None, UNAUTHORIZED, DOWN])
def test_a_refused_key_was_read(credits: Answer) -> None:
    """A 401 for the key tells how it is, whatever became of the wallet; the error is the refusal."""
    reading = read(a_check(credits=credits, info=UNAUTHORIZED))["key:acme/bot"]

    assert (reading.stop, reading.is_read, reading.is_hidden) == ("refused", True, False)
    assert isinstance(reading.error, AuthenticationError)
    assert (reading.is_refused, reading.label, reading.bound_by) == (True, MASKS[0], "key_limit")


def test_a_key_refused_for_its_wallet_alone_is_refused() -> None:
    """If /key could not be read, a 401 of the wallet to the same key is the refusal; so it is alone."""
    both = read(a_check(credits=UNAUTHORIZED, info=DOWN))["key:acme/bot"]
    alone = read(a_check(credits=UNAUTHORIZED, info=None))["key:acme/bot"]

    assert [reading.stop for reading in (both, alone)] == ["refused"] * 2
    assert [type(reading.error) for reading in (both, alone)] == [AuthenticationError] * 2


def test_a_refused_key_without_a_mask_is_a_key() -> None:
    """A refusal is never of a workspace: it is of a key, whether its mask is known or not."""
    nameless = KeyCheck(0, "bot", None, "acme", None, UNAUTHORIZED, 0.1, wallet_id=0)

    assert read(nameless)["key:acme/bot"].stop == "refused"


def test_a_text_that_cannot_be_a_key_is_refused() -> None:
    """A text that cannot be a key is refused; a key that could not be fetched is hidden."""
    broken = KeyCheck(0, "bot", None, None, None, NOT_A_KEY, 0.0)
    absent = KeyCheck(1, None, None, None, None, NO_TEXT, 0.0)

    found = read(broken, absent)

    assert (found["key:bot"].stop, found["key:bot"].is_refused) == ("refused", True)
    assert (found["key:#2"].is_read, found["key:#2"].is_hidden) == (False, True)
    assert found["wallet:bot"].is_refused


@pytest.mark.parametrize("credits", [FULL, FORBIDDEN, DOWN, None])
def test_a_key_that_could_not_be_read_is_unread(credits: Answer) -> None:
    """A fault of /key leaves the key unread, below the wallet that it shares."""
    found = read(a_check(credits=credits, info=DOWN), a_check("ci", credits, cap()))

    reading = found["key:acme/bot"]
    assert (reading.is_read, reading.is_hidden, reading.stop) == (False, False, None)
    assert isinstance(reading.error, ServerError)
    assert reading.under == (() if credits is None else (Subject("wallet", "acme"),))


def test_a_key_whose_amount_could_not_be_read_is_unread() -> None:
    """A key that has a limit, and nobody knows what is left of it, is unread; the problem says why."""
    info = KeyInfo("k", D(1), D(30), unread=("limit_remaining",))

    reading = read(a_check(info=info))["key:acme/bot"]

    assert (reading.is_read, reading.remaining, reading.granted) == (False, None, 30)
    assert isinstance(reading.error, InvalidResponseError)
    assert "limit_remaining" in str(reading.error)
    assert not read(a_check(info=attrs.evolve(info, unread=())))["key:acme/bot"].is_read


def test_a_management_key_is_no_subject() -> None:
    """It cannot spend: it stands for its wallet alone, whose keys it is not among."""
    found = read(a_check("boss", info=key(is_management_key=True)), a_check("bot", info=cap()))

    assert list(found) == ["wallet:acme", "key:acme/bot"]
    assert found["wallet:acme"].keys == ("bot",)


def test_keys_of_one_name_are_told_apart() -> None:
    """By their hash if they are listed in their account, else by their masks; equal keys are one."""
    listed = [
        attrs.evolve(a_check(info=cap(remaining)), managed_key=ManagedKey("k", D(1), None, hash=name))
        for name, remaining in (("1", "5"), ("2", "6"))
    ]
    others = [a_check(info=cap("7"), index=index) for index in (3, 4, 4)]

    readings = read_subjects(report_of(*listed, *others)).readings[1:]

    names = [(reading.subject.name, reading.subject.hash, reading.remaining) for reading in readings]
    assert names == [
        ("bot", "1", 5),
        ("bot", "2", 6),
        (f"bot ({MASKS[3]})", None, 7),
        (f"bot ({MASKS[4]})", None, 7),
    ]
    assert [len(reading.checks) for reading in readings] == [1, 1, 1, 2]


def test_listed_keys_of_one_name_are_counted_and_named_apart() -> None:
    """What they share names each with its mask; each of them has its own name, and the mask in its title."""
    info = cap(budgets=(shared(),))
    checks = [
        attrs.evolve(
            a_check(name, info=info, index=place), managed_key=ManagedKey("k", D(1), None, hash=f"{place}")
        )
        for place, name in enumerate(["bot", "bot", "ci"])
    ]

    wallet, *keys, budget = look(*checks).readings

    apart = (f"bot ({MASKS[0]})", f"bot ({MASKS[1]})", "ci")
    assert (wallet.keys, budget.keys) == (apart, apart)
    assert [(each.keys, each.title) for each in keys] == [
        (("bot",), apart[0]),
        (("bot",), apart[1]),
        (("ci",), None),
    ]


def test_unnamed_keys_are_named_by_their_masks() -> None:
    """A mask that hides all, `***`, names none: such a key is named by its place."""
    found = read(a_check(None, info=cap(), index=5), a_check(None, info=cap(), label="***"))

    assert list(found)[1:] == [f"key:acme/{MASKS[5]}", "key:acme/#2"]


def test_of_two_outcomes_of_one_key_the_lower_amount_counts() -> None:
    """One that was read goes before one that was not; of two, the one with less, then one with a limit."""
    unread, none, low, high = (a_check(info=info) for info in (DOWN, key(), cap("1"), cap("2")))

    for checks in itertools.permutations([unread, none, low, high]):
        reading = read(*checks)["key:acme/bot"]

        assert (reading.remaining, reading.is_read, len(reading.checks)) == (1, True, 4)
        assert reading.keys == ("bot",)


def test_no_name_holds_a_key() -> None:
    """A name, an account, or a budget's id that looks like a key is masked: subjects are kept in files."""
    budgets = shared(budget_id=KEY), shared(budget_id=None, scope=KEY)

    found = read(a_check(KEY, account=KEY, info=cap(budgets=budgets)))

    hidden = "sk-or-***"
    assert list(found) == [
        f"wallet:{hidden}",
        f"key:{hidden}/{hidden}",
        f"budget:{hidden}/{hidden}",
        f"budget:{hidden}/{hidden} weekly",
    ]


# --- budgets ----------------------------------------------------------------------------------------------


def test_a_budget_that_keys_share_is_one_subject() -> None:
    """Ten keys tell of one budget by its id; the lowest amount counts, and its key is looked at again."""
    amounts = ["12", "11", "10", "11", "10"]
    checks = [a_check(f"k{place}", info=cap(budgets=(shared(each),))) for place, each in enumerate(amounts)]

    budget = read(*checks)["budget:acme/b1"]

    names = ("k0", "k1", "k2", "k3", "k4")
    assert budget == Reading(
        Subject("budget", "acme", "b1"), D(10), D(38), D(50), "workspace", MONDAY, keys=names
    )
    assert [check.name for check in budget.checks] == ["k2", "k0", "k1", "k3", "k4"]


@pytest.mark.parametrize(
    ("account", "scope", "budget_id", "subjects"),
    [
        ("acme", "workspace", "b1", ["budget:acme/b1"]),
        ("acme", "workspace", None, ["budget:acme/workspace weekly"]),
        ("acme", "api_key", "b1", ["budget:acme/b1"]),
        ("acme", "api_key", None, ["budget:acme/bot/api_key weekly", "budget:acme/ci/api_key weekly"]),
        (
            "acme",
            "workspace_default_key",
            None,
            ["budget:acme/bot/workspace_default_key weekly", "budget:acme/ci/workspace_default_key weekly"],
        ),
        ("acme", "wallet", None, ["budget:acme/wallet_budget weekly"]),
        (None, "workspace", "b1", ["budget:b1"]),
        (None, "workspace", None, ["budget:bot/workspace weekly", "budget:ci/workspace weekly"]),
    ],
)
def test_a_budget_is_known_by_its_id_or_by_scope_and_interval(
    account: str | None, scope: str, budget_id: str | None, subjects: list[str]
) -> None:
    """Without an id, one that may be of a single key is told apart by the key, read or unread."""
    for amount in ("12", None):
        info = cap(budgets=(shared(amount, budget_id, scope),))

        found = read(a_check("bot", info=info, account=account), a_check("ci", info=info, account=account))

        budgets = [name for name in found if name.startswith("budget")]
        assert budgets == subjects
        assert {found[name].is_read for name in budgets} == {amount is not None}
        assert found[budgets[0]].bound_by == ("wallet_budget" if scope == "wallet" else scope)


def test_a_budget_without_a_reset_is_for_a_lifetime() -> None:
    """Its name has OpenRouter's word for it; the key's own limit is no budget, though it may be listed."""
    lifetime = [
        Budget("member", remaining_usd=D(3), reset_interval=interval) for interval in ("lifetime", None)
    ]
    unread = attrs.evolve(lifetime[0], remaining_usd=None)
    own = Budget("key_limit", remaining_usd=None)

    for budgets in ((lifetime[0],), (lifetime[1],), (unread,)):
        found = read(a_check(info=cap(budgets=(*budgets, own))))
        assert list(found) == ["wallet:acme", "key:acme/bot", "budget:acme/member lifetime"]


def test_a_budget_without_an_amount_is_unread() -> None:
    """It is unread for the reason that its key's answer tells, unless another key tells its amount."""
    info = cap(budgets=(shared(None),), unread=("limit_reset", "budgets[0].remaining_usd"))
    blind = a_check("bot", info=info)

    unread = read(blind)["budget:acme/b1"]
    known = read(blind, a_check("ci", info=cap(budgets=(shared(),))))["budget:acme/b1"]

    assert (unread.is_read, unread.is_hidden, unread.keys) == (False, False, ("bot",))
    assert "budgets[0].remaining_usd" in str(unread.error)
    assert (known.remaining, known.is_read, known.keys) == (12, True, ("bot", "ci"))
    assert [check.name for check in known.checks] == ["ci", "bot"]


# --- the whole report -------------------------------------------------------------------------------------


def look(*checks: KeyCheck) -> Readings:
    """Read the subjects of a report."""
    return read_subjects(report_of(*checks))


def test_a_look_at_wallets_alone_tells_nothing_of_keys() -> None:
    """With read=("credits",) there is no key but one that was refused; faults are those of wallets."""
    found = look(
        a_check("a", FULL, None, account=None),
        a_check("b", DOWN, None, account=None),
        a_check("c", FORBIDDEN, None, account=None),
        a_check("d", UNAUTHORIZED, None, account=None),
    )

    told = {str(each.subject): (each.is_read, each.is_hidden) for each in found.readings}
    assert told == {
        "wallet:a": (True, False),
        "wallet:b": (False, False),
        "wallet:c": (False, True),
        "wallet:d": (False, False),
        "key:d": (True, False),
    }


def test_a_look_at_keys_alone_tells_nothing_of_wallets() -> None:
    """With read=("key",) no wallet is hidden, unread or above a key, also if some keys failed."""
    found = look(a_check("a", None, cap()), a_check("b", None, DOWN), a_check("c", None, UNAUTHORIZED))

    assert [str(each.subject) for each in found.readings] == ["key:acme/a", "key:acme/b", "key:acme/c"]
    assert [each.under for each in found.readings] == [()] * 3


def test_a_look_that_read_nothing_says_so() -> None:
    """A look read nothing if no key and no wallet was read; a refusal, or a wallet alone, is an answer."""
    down = a_check("a", DOWN, DOWN)

    assert look().read_nothing
    assert look(down, a_check("b", TIMED_OUT, TIMED_OUT)).read_nothing
    assert not look(down, a_check("b", UNAUTHORIZED, UNAUTHORIZED)).read_nothing
    assert not look(down, a_check("b", FORBIDDEN, cap())).read_nothing
    assert not look(down, a_check("b", FULL, DOWN)).read_nothing


@pytest.mark.parametrize(
    ("infos", "are_refused"),
    [
        ([UNAUTHORIZED, UNAUTHORIZED], True),
        ([UNAUTHORIZED], False),
        ([UNAUTHORIZED, cap()], False),
        ([UNAUTHORIZED, DOWN], False),
        ([UNAUTHORIZED, cap(expires_at=NOW)], False),
        ([UNAUTHORIZED, UNAUTHORIZED, key(is_management_key=True)], True),
        ([], False),
    ],
)
def test_all_keys_may_be_refused_in_one_look(
    infos: Sequence[KeyInfo | OpenRouterError], are_refused: bool
) -> None:
    """Several keys, and each refused, is told; not of one key, nor if another answer was got for one."""
    checks = [a_check(f"k{place}", FULL, info) for place, info in enumerate(infos)]

    assert look(*checks).are_all_refused == are_refused


def test_texts_that_cannot_be_keys_are_not_refused_by_openrouter() -> None:
    """OpenRouter never saw them: they say nothing of the others."""
    broken = KeyCheck(1, "x", None, None, None, NOT_A_KEY, 0.0)

    assert not look(a_check("a", UNAUTHORIZED, UNAUTHORIZED), broken).are_all_refused


def test_what_is_missing_in_a_complete_report_is_gone() -> None:
    """A report with a workspace that could not be read is not complete; nor is an empty one."""
    of_workspace = KeyCheck(1, "bot", None, MASK, None, DOWN, 0.1, wallet_id=0)
    gone = Subject("key", "acme", "old")

    complete, partial = look(a_check(info=cap())), look(a_check(info=cap()), of_workspace)

    assert (complete.is_complete, complete.is_gone(gone)) == (True, True)
    assert (partial.is_complete, partial.is_gone(gone)) == (False, False)
    assert not look().is_complete
    assert [str(each.subject) for each in partial.readings] == ["wallet:acme", "key:acme/bot"]


@pytest.mark.parametrize(
    ("info", "is_gone"),
    [
        (cap(), True),
        (cap(unread=("limit_reset", "budgets[0].remaining_usd")), True),
        (cap(unread=("budgets",)), False),
        (cap(unread=("budgets[1]",)), False),
        (DOWN, False),
        (UNAUTHORIZED, True),
    ],
)
def test_a_budget_is_gone_only_if_all_budgets_were_read(
    info: KeyInfo | OpenRouterError, is_gone: bool
) -> None:
    """While the budgets of a key are not known, no budget of its account is gone; a refused key has none."""
    found = look(a_check("a", info=info), a_check("b", info=cap()))

    assert found.is_gone(Subject("budget", "acme", "b1")) == is_gone
    assert found.is_gone(Subject("budget", "other", "b1"))
    assert found.is_gone(Subject("wallet", "other"))


def test_unread_budgets_of_an_unknown_account_may_be_anybodys() -> None:
    """A key whose account is not known may share any budget."""
    found = look(a_check(account=None, info=DOWN), a_check("b", info=cap()))

    assert not found.is_gone(Subject("budget", "acme", "b1"))


def test_an_account_without_keys_is_its_wallet() -> None:
    """The outcome of a management key, for the wallet of an account without keys, is no key."""
    status = wallet_status(FULL, NOW)
    known = KeyCheck(0, None, MASK, MASK, status, None, 0.1, wallet_id=0)
    blind = KeyCheck(0, None, MASK, MASK, None, of_management_key(DOWN), 0.1, wallet_id=0)

    (wallet,), (unread,) = look(known).readings, look(blind).readings

    assert (wallet.subject, wallet.remaining, wallet.keys) == (Subject("wallet", MASK), D("74.75"), ())
    assert (unread.subject, unread.is_read, unread.is_hidden) == (Subject("wallet", MASK), False, False)
    assert look(known).is_complete


def test_readings_come_in_order() -> None:
    """Wallets come first, then keys, then budgets; keys in the report's order within a wallet."""
    info = cap(budgets=(shared(),))
    found = look(
        a_check("a1", info=info, account="a", wallet_id=0),
        a_check("b1", info=info, account="b", wallet_id=1),
        a_check("a2", info=info, account="a", wallet_id=0),
    )

    assert [str(each.subject) for each in found.readings] == [
        "wallet:a",
        "wallet:b",
        "key:a/a1",
        "key:a/a2",
        "key:b/b1",
        "budget:a/b1",
        "budget:b/b1",
    ]


CREDITS = st.sampled_from([FULL, FORBIDDEN, UNCONFIRMED, UNAUTHORIZED, DOWN])
INFOS = st.sampled_from([DOWN, UNAUTHORIZED]) | keys()
PLACES = st.sampled_from(["acme", "other", None])


@given(st.lists(st.tuples(PLACES, CREDITS, INFOS), max_size=6))
def test_the_order_of_keys_has_no_say(
    parts: list[tuple[str | None, Answer, KeyInfo | OpenRouterError]],
) -> None:
    """Whatever was read, each subject is told once, and alike in any order of the keys."""
    checks = [
        a_check(f"k{place}", credits, info, account=account, wallet_id=None)
        for place, (account, credits, info) in enumerate(parts)
    ]

    there, back = (
        {
            str(each.subject): (each.remaining, each.is_read, each.is_hidden, each.stop, set(each.keys))
            for each in look(*some).readings
        }
        for some in (checks, checks[::-1])
    )

    assert there == back
    assert len(there) == len(look(*checks).readings)


async def test_an_account_is_read_from_its_list() -> None:
    """A listed account has its wallet, its keys by hash, also disabled ones, and the budgets they share."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme = fake.add_account(credits=100, usage=25)
        boss = acme.add_key(management=True)
        team = acme.add_workspace("team")
        team.add_budget(40, "monthly")
        for number in range(2):
            acme.add_key(name="bot", workspace=team, limit=10, usage=number)
        acme.add_key(name="old", disabled=True)
        async with CreditsClient(management_key=boss, base_url=fake.url, retry=QUICK) as client:
            found = read_subjects(await client.account.check())

    amounts = [(each.subject.kind, each.subject.name, each.remaining, each.stop) for each in found.readings]
    assert amounts[:4] == [
        ("wallet", None, 75, None),
        ("key", "old", None, "disabled"),
        ("key", "bot", 9, None),
        ("key", "bot", 10, None),
    ]
    assert len({each.subject for each in found.readings}) == 5
    budget = found.readings[4]
    assert (budget.subject.kind, budget.remaining) == ("budget", 39)
    assert budget.subject in found.readings[2].under
    assert (found.is_complete, found.read_nothing, found.are_all_refused) == (True, False, False)


async def test_keys_are_read_each_for_itself() -> None:
    """Keys of an account with a management key share a wallet; a key without one cannot see its own."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme, other = fake.add_account(credits=100, usage=25), fake.add_account(credits=5)
        boss = acme.add_key(management=True)
        specs = [
            *[KeySpec(acme.add_key(limit=10), name, "acme", boss) for name in ("bot", "ci")],
            KeySpec(other.add_key(), "alone"),
            KeySpec("not a key", "broken", "acme"),
        ]
        async with CreditsClient(base_url=fake.url, retry=QUICK) as client:
            found = read_subjects(await client.check_all(specs))
            wallets = read_subjects(await client.check_all(specs, read=("credits",)))
            keys = read_subjects(await client.check_all(specs, read=("key",)))

    told = {str(each.subject): (each.remaining, each.is_read, each.is_hidden) for each in found.readings}
    assert told == {
        "wallet:acme": (75, True, False),
        "wallet:alone": (None, False, True),
        "key:acme/bot": (10, True, False),
        "key:acme/ci": (10, True, False),
        "key:acme/broken": (None, True, False),
        "key:alone": (None, True, False),
    }
    assert [str(each.subject) for each in wallets.readings] == [
        "wallet:acme",
        "wallet:alone",
        "key:acme/broken",
    ]
    assert [str(each.subject) for each in keys.readings] == [name for name in told if name.startswith("key")]


@pytest.mark.real_time
async def test_thousands_of_keys_are_read_in_no_time() -> None:
    """10,000 keys of one account and one budget take 0.2 s at most; here with an allowance of a second."""
    info = cap(budgets=(shared(),))
    check = a_check(info=info)
    report = CheckReport(
        tuple([attrs.evolve(check, index=place, name=f"k{place}") for place in range(10_000)])
    )

    laps = []
    for _ in range(3):
        with lap() as taken:
            found = read_subjects(report)
        laps.append(taken.elapsed)

    assert len(found.readings) == 10_002
    assert min(laps) < 0.2 + 1
