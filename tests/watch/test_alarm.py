"""One event for one cause: what keys share, keys that are refused together, restarts; real reports."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import AuthenticationError, CheckReport, KeyCheck, Level, OpenRouterError
from openrouter_credits._status.look import assess
from openrouter_credits.watch import Alarm
from openrouter_credits.watch._event import event_id
from tests.kit import values
from tests.kit.looks import ACME, START, TEAM, Story, budget, key, refused, unread, wallet
from tests.kit.reports import listed, managed
from tests.kit.values import DOWN, UNAUTHORIZED

if TYPE_CHECKING:
    from collections.abc import Callable

NAMES = tuple(f"bot{number}" for number in range(10))
UNDER: dict[str, Any] = {"under": (ACME,)}


def test_a_wallet_lower_than_its_keys(story: Story) -> None:
    """Where the wallet is lower, its keys say nothing of their amounts; where it is not, they do."""
    bots = [key(8, 20, name="a", **UNDER), key(20, 20, name="b", **UNDER), key(name="c", **UNDER)]

    said = story.look(wallet(7, "a", "b", "c"), *bots)
    assert ["low"] == said
    assert ("a", "b", "c") == story.events[0].keys

    assert ["low key:acme/a", "recovered"] == sorted(story.looks(wallet(90, "a", "b", "c"), *bots, count=2))
    assert [] == story.look(wallet(90, "a", "b", "c"), *bots)


@pytest.mark.parametrize(("shared", "expected"), [("9.01", ["low"]), (9, []), (-1, [])])
def test_a_tie_is_the_wallet_s(story: Story, shared: Any, expected: list[str]) -> None:
    """A key speaks only if its own limit is the lower one."""
    said = story.look(wallet(shared), key(9, 20, **UNDER))

    assert expected == [kind.split()[0] for kind in said if "key" in kind]


def test_a_covered_level_stands_still(story: Story) -> None:
    """A key that is covered keeps the level that was said: it is neither left nor repeated meanwhile."""
    said = story.look(wallet(90), key(0, 20, **UNDER))
    said += story.look(wallet(-1), key(1, 20, **UNDER))
    said += story.look(wallet(-1), key(15, 20, **UNDER), after=1440)
    assert {"wallet:acme": "DEPLETED", "key:acme/bot": "OK"} == story.levels
    said += story.looks(wallet(-1), key(15, 20, **UNDER), count=2)
    said += story.look(wallet(90, bought=200), key(0, 20, **UNDER))

    assert ["depleted key:acme/bot", "depleted", "depleted", "recovered", "depleted key:acme/bot"] == said


def test_an_unread_wallet_covers_by_its_last_amount(story: Story) -> None:
    """What a wallet held when it was read last still covers the keys."""
    story.look(wallet(7), key(8, 20, **UNDER))

    assert [] == story.look(unread(wallet(7)), key(8, 20, **UNDER))


def test_a_budget_that_ten_keys_share(story: Story) -> None:
    """A budget is one subject, whichever keys share it: one event names them all."""
    bots = [key(name=name, under=(TEAM,)) for name in NAMES]

    said = [kind for left in (50, 9, 4, 0) for kind in story.look(budget(left, *NAMES), *bots)]
    said += story.look(budget(50, *NAMES, limit=60, resets_at=START), *bots)
    said += story.looks(budget(100, *NAMES), *bots, count=2)

    assert ["low", "critical", "depleted", "recovered"] == [kind.split()[0] for kind in said]
    assert {("budget:acme/team", NAMES, "member")} == {
        (str(event.subject), event.keys, event.bound_by) for event in story.events
    }


def test_keys_without_a_limit_are_watched_for_their_validity(story: Story) -> None:
    """A key without a limit under a wallet says nothing of amounts, but it says that it is invalid."""
    bot = key(**UNDER)

    said = story.look(wallet(90), bot)
    said += story.looks(wallet(90), refused(**UNDER), count=2)
    said += story.look(wallet(9), bot)

    assert ["invalid key:acme/bot", "low", "recovered key:acme/bot"] == said
    assert (Level.INVALID, Level.OK) == (story.events[0].level, story.events[0].previous)
    assert None is story.events[2].amount


def test_invalid_keys_under_a_lower_wallet(story: Story) -> None:
    """Coverage is about amounts: a covered key that is disabled says so, and so does its end."""
    said = story.look(wallet(7), key(8, 20, **UNDER))
    said += story.look(wallet(7), key(8, 20, stop="disabled", **UNDER))
    said += story.look(wallet(7), key(8, 20, **UNDER))

    assert ["low", "invalid key:acme/bot", "recovered key:acme/bot"] == said


ALL = [key(50, name="a"), key(60, name="b"), key(70, name="c")]
ALL_REFUSED = [refused("a"), refused("b"), refused("c")]
REFUSED_MANAGER = AuthenticationError("User not found.", status=401)
REFUSED_MANAGER.is_of_management_key = True
BLOCKED = unread(wallet(90), error=UNAUTHORIZED)


def test_all_keys_refused_at_once(story: Story) -> None:
    """All keys refused in one look are one event at the second look, repeated each day; then one by one."""
    story.look(wallet(90), *ALL)

    said = story.look(BLOCKED, *ALL_REFUSED)
    assert {"key:acme/a": "UNKNOWN"}.items() <= story.levels.items()
    said += story.looks(BLOCKED, *ALL_REFUSED, count=9)
    assert {"key:acme/a": "INVALID"}.items() <= story.levels.items()
    said += story.look(BLOCKED, *ALL_REFUSED, after=1440)
    said += story.look(unread(wallet(90)), *map(unread, ALL))

    assert ["invalid openrouter", "invalid openrouter"] == said
    assert {("a", "b", "c")} == {event.keys for event in story.events}
    assert ("refused", Level.INVALID, Level.OK) == (
        story.events[0].bound_by,
        story.events[0].level,
        story.events[0].previous,
    )

    said = story.look(wallet(90), ALL[0], refused("b"), refused("c"))
    assert ["recovered openrouter", "invalid key:acme/b", "invalid key:acme/c"] == said
    assert ["recovered key:acme/b"] == story.look(wallet(90), ALL[0], ALL[1], refused("c"))
    assert ["recovered key:acme/c"] == story.look(wallet(90), *ALL)


def test_the_management_key_is_refused_with_all_others(story: Story) -> None:
    """A wallet whose management key is refused along with all keys has no event of its own meanwhile."""
    blocked = unread(wallet(90), error=REFUSED_MANAGER)
    story.look(wallet(90), *ALL)

    said = story.looks(blocked, *ALL_REFUSED, count=9)
    said += story.looks(blocked, *ALL, count=2)
    said += story.look(blocked, *ALL)

    assert ["invalid openrouter", "recovered openrouter", "stale"] == said


def test_keys_that_were_refused_before_the_others(story: Story) -> None:
    """A key that is invalid already is named again when all are refused, and stays invalid after that."""
    said = story.looks(ALL[0], ALL[1], refused("c"), count=2)
    said += story.looks(*ALL_REFUSED, count=2)
    said += story.look(ALL[0], ALL[1], refused("c"))

    assert ["invalid key:acme/c", "invalid openrouter", "recovered openrouter"] == said


def test_a_key_whose_second_refusal_is_that_of_all(story: Story) -> None:
    """A key that is refused one look before all others waits for them: the cause may be one."""
    said = story.look(ALL[0], ALL[1], refused("c"))
    said += story.look(*ALL_REFUSED)
    assert [] == said

    assert ["invalid openrouter"] == story.look(*ALL_REFUSED)


def test_a_key_whose_second_refusal_is_its_own(story: Story) -> None:
    """If the others are let in again, those that are still refused speak at once."""
    story.look(*ALL)
    story.look(*ALL_REFUSED)

    assert ["invalid key:acme/c"] == story.look(ALL[0], ALL[1], refused("c"))


def test_a_part_of_the_keys_is_refused_while_none_is_read(story: Story) -> None:
    """Keys that are refused together stay so until one is read: unread ones say nothing of themselves."""
    story.looks(*ALL_REFUSED, count=2)

    assert [] == story.looks(refused("a"), *map(unread, ALL[1:]), count=9)


def test_a_look_at_some_keys_that_are_refused(story: Story) -> None:
    """A look at refused keys alone is not one at all keys; one at every key is."""
    story.look(*ALL)
    story.look(ALL[0], refused("b"), refused("c"))

    said = story.look(refused("b"), refused("c"), is_partial=True, after=1)

    assert ["invalid key:acme/b", "invalid key:acme/c"] == said
    story.look(*ALL)
    story.look(*ALL_REFUSED)
    assert ["invalid openrouter"] == story.look(*ALL_REFUSED, is_partial=True, after=1)


def test_once_all_keys_refused(told: Callable[..., Story]) -> None:
    """With `refused_after=1` the first look says it."""
    story = told(refused_after=1)

    assert ["invalid openrouter"] == story.look(*ALL_REFUSED)
    assert [Level.UNKNOWN] == [event.previous for event in story.events]


def test_ids_are_those_of_the_event(story: Story) -> None:
    """Ids are unique, and come from subject, kind, `since` and ordinal alone."""
    story.look(wallet(9))
    story.look(wallet(0))
    story.look(wallet(0), after=1440)

    depleted = story.events[1]
    assert [
        event_id(ACME, "low", story.events[0].since),
        event_id(ACME, "depleted", depleted.since),
        event_id(ACME, "depleted", depleted.since, 1),
    ] == [event.id for event in story.events]


def checked(wallet_: Any, *infos: Any) -> CheckReport:
    """Make the report of keys that share a wallet."""
    checks = []
    for number, info in enumerate(infos):
        status = assess(wallet_, info, wallet_reader=None, now=values.NOW)
        checks.append(
            KeyCheck(number, f"bot{number}", f"sk-or-v1-{number}", "acme", status, None, 0.1, wallet_id=1)
        )
    return CheckReport(tuple(checks))


def test_reports() -> None:
    """`consider` takes reports as they are; a look that failed as a whole is none."""
    alarm = Alarm()
    tokyo = timezone(timedelta(hours=9))

    first = alarm.consider(checked(values.wallet("30"), values.key("20"), values.key(None)), START)
    second = alarm.consider(
        checked(values.wallet("9"), values.key("9.5"), values.key(None)), START.astimezone(tokyo)
    )
    failed = [alarm.consider(None, START + timedelta(minutes=5 * n), error=DOWN) for n in range(4)]

    assert () == first
    assert [("low", "wallet:acme", ("bot0", "bot1"))] == [
        (event.kind, str(event.subject), event.keys) for event in second
    ]
    assert (START, UTC) == (second[0].at, second[0].at.tzinfo)
    assert ["stale"] == [event.kind for events in failed for event in events]


def in_workspaces(*keys: Any, failed: OpenRouterError | None = None, wallet: Any = "90") -> CheckReport:
    """Make the report of an account, in which the keys of another workspace may have failed to be listed."""
    checks = listed(wallet, *keys).checks if keys else ()
    if failed is not None:
        checks += (KeyCheck(len(checks), "prod", None, "acme", None, failed, 0.1, wallet_id=0),)
    return CheckReport(checks)


def test_why_a_key_is_not_listed_any_more() -> None:
    """A key whose workspace could not be read is stale for that reason; so is all, if none could."""
    alarm, both = Alarm(), (managed("a", "40"), managed("b", "40"))
    alarm.consider(in_workspaces(*both), START)

    one = [
        alarm.consider(in_workspaces(both[0], failed=DOWN), START + timedelta(minutes=5 * n))
        for n in range(1, 5)
    ]
    none = [
        alarm.consider(in_workspaces(failed=DOWN), START + timedelta(hours=1, minutes=5 * n))
        for n in range(4)
    ]

    events = [event for look in (*one, *none) for event in look]
    assert [("stale", "key:acme/b"), ("stale", "openrouter")] == [
        (event.kind, str(event.subject)) for event in events
    ]
    assert all(DOWN.summary in event.text for event in events)


def test_naive_times_are_refused() -> None:
    """A time without its zone is an error of the caller."""
    with pytest.raises(ValueError, match="aware"):
        Alarm().consider(None, datetime(2026, 11, 2))  # noqa: DTZ001 - what is refused


def test_levels_cannot_be_written() -> None:
    """What an alarm tells of levels is not a way to change them."""
    levels: Any = Alarm().levels

    with pytest.raises(TypeError):
        levels[ACME] = Level.OK
