"""What `watch` has seen of each subject: readings, ages, and amounts over time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from openrouter_credits import ApiKey, APITimeoutError, CheckReport, CreditsClient, KeyCheck, KeySpec
from openrouter_credits.cli._seen import Amounts, Seen, Sight, sparkline
from openrouter_credits.history import Point, Subject
from openrouter_credits.testing import FakeOpenRouter, Reply
from tests.kit.wire import in_this_loop

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=5)
WALLET = Subject("wallet", "acme")


def amounts(*values: int | None, minutes: int = 1) -> Amounts:
    """Make a series that begins now, with so many minutes between its amounts."""
    return [
        (NOW + timedelta(minutes=minutes * number), None if value is None else Decimal(value))
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize(
    ("series", "drawn"),
    [
        (amounts(), ""),
        (amounts(5), ""),
        (amounts(5, 5, 5), ""),
        (amounts(0, -5), ""),
        (amounts(5, 3, minutes=0), ""),
        (amounts(None, 4, None), ""),
        (amounts(8, 4), "▇▇▇▄"),
        (amounts(4, 3, 2, 1, 0), "▆▄▂▁"),
        (amounts(8, 8, None, None, None, 4), "▇  ▄"),
        (amounts(-3, 100, 100, 100), "▁▇▇▇"),
    ],
)
def test_a_sparkline_goes_from_nothing_to_the_most(series: Amounts, drawn: str) -> None:
    """Its height is the part of the most there was; a blank was not read; no change is no line."""
    assert drawn == sparkline(series, 4)


def test_amounts_are_kept_in_bounded_memory() -> None:
    """After a year of looks, no more than 512 amounts are kept: the first, the last, and some between."""
    sight = Sight()
    for number in range(100_000):
        sight.add(NOW + timedelta(minutes=5 * number), Decimal(number))

    kept = [amount for _, amount in sight.amounts]

    assert len(kept) <= 512
    assert Decimal(99_999) == kept[-1]
    assert kept == sorted(kept, key=lambda amount: amount or 0)


async def look(fake: FakeOpenRouter, *specs: KeySpec) -> CheckReport:
    """Check keys."""
    async with CreditsClient("unused", base_url=fake.url) as client:
        return await client.check_all(specs)


@pytest.fixture
def specs(request: pytest.FixtureRequest) -> list[KeySpec]:
    """Name two keys of an account, and its management key."""
    names = ("sk-or-v1-made-up-a", "sk-or-v1-made-up-b")
    manager = ApiKey("sk-or-v1-made-up-manager")
    return [KeySpec(key, key[-1], "acme", manager) for key in names]


async def test_a_subject_keeps_what_was_read_last(specs: list[KeySpec]) -> None:
    """What a later look does not read keeps its amount and its age, and the series has a gap."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme = fake.add_account(credits=30)
        acme.add_key(api_key="sk-or-v1-made-up-manager", management=True)
        for name in "ab":
            acme.add_key(api_key=f"sk-or-v1-made-up-{name}", limit=7)
        seen = Seen()
        seen.take(await look(fake, *specs), NOW)
        fake.script("/credits", *[Reply(404)] * 9)
        seen.take(await look(fake, *specs), LATER)

    wallet = seen.sights[WALLET]
    assert (LATER, None) == (seen.looked_at, seen.error)
    assert wallet.reading is not None
    assert wallet.unread is not None
    assert (Decimal(30), NOW) == (wallet.reading.remaining, wallet.read_at)
    assert [(NOW, Decimal(30)), (LATER, None)] == wallet.amounts
    assert LATER == seen.sights[Subject("key", "acme", "a")].read_at


async def test_a_subject_that_is_gone_is_dropped(specs: list[KeySpec]) -> None:
    """A subject that a whole look does not have is dropped, unless the list of keys was not read whole."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme = fake.add_account(credits=30)
        acme.add_key(api_key="sk-or-v1-made-up-manager", management=True)
        for name in "ab":
            acme.add_key(api_key=f"sk-or-v1-made-up-{name}", limit=7)
        both, one = await look(fake, *specs), await look(fake, specs[0])
    gone, seen = Subject("key", "acme", "b"), Seen()
    seen.take(both, NOW)

    workspace = KeyCheck(0, "team", None, "acme", None, APITimeoutError("no answer"), 0.0)

    seen.take(one, LATER, is_partial=True)
    seen.take(CheckReport.merged([one, CheckReport((workspace,))]), LATER)
    before = set(seen.sights)
    seen.take(one, LATER)

    assert {gone} == before - set(seen.sights)


async def test_a_look_that_read_nothing_says_why(specs: list[KeySpec]) -> None:
    """A look that read nothing, or raised, is an error until the next one that reads something."""
    async with in_this_loop(FakeOpenRouter()) as fake:
        acme = fake.add_account(credits=30)
        acme.add_key(api_key="sk-or-v1-made-up-manager", management=True)
        acme.add_key(api_key="sk-or-v1-made-up-a")
        good = await look(fake, specs[0])
        for path in ("/credits", "/key"):
            fake.script(path, *[Reply(404)] * 9)
        bad = await look(fake, specs[0])
    seen = Seen()

    seen.take(bad, NOW)
    of_report = seen.error
    seen.take(good, LATER)
    none = seen.error
    fault = OSError()
    seen.fail(fault, LATER)

    assert "404" in str(of_report)
    assert (None, fault) == (none, seen.error)


def test_a_history_comes_before_what_was_seen() -> None:
    """A history's points are put before the amounts, from the first known one on."""
    seen = Seen({WALLET: Sight(amounts=amounts(3))})
    earlier = [NOW - timedelta(hours=number) for number in (3, 2, 1)]

    seen.remember(WALLET, [Point(earlier[0], None), Point(earlier[1], Decimal(9)), Point(earlier[2], None)])

    assert [(earlier[1], Decimal(9)), (earlier[2], None), *amounts(3)] == seen.sights[WALLET].amounts
