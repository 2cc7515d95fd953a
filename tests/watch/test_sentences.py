"""All texts that a watch says, to be read from top to bottom as the person who is woken by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, get_args

import pytest

from openrouter_credits import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    InvalidKeyError,
    Level,
    ManagementKeyRequiredError,
    OpenRouterError,
    Runway,
    ServerError,
    UnconfirmedCreditsError,
)
from openrouter_credits._status.look import of_management_key
from openrouter_credits.history import OPENROUTER, Reading, Subject
from openrouter_credits.watch._event import Kind
from openrouter_credits.watch._phrases import duration, moment, round_usd
from openrouter_credits.watch._sentences import describe, describe_unwatched
from tests.kit.values import FORBIDDEN, KEY, MASK, MONDAY, NOVEMBER, NOW, UNAUTHORIZED, ZERO

D = Decimal
KEYS = ("bot", "ci", "web")
A_DAY = timedelta(days=1)
DOWN = ServerError("Service temporarily unavailable", status=503)
UNREACHABLE = APIConnectionError("Could not connect to openrouter.ai", sent=False)

ADD_CREDITS = "Add credits at https://openrouter.ai/settings/credits."
RAISE_LIMIT = "Raise the limit at https://openrouter.ai/settings/keys."
RAISE_OR_WAIT = "Raise the limit at https://openrouter.ai/settings/keys, or wait until then."
RAISE_BUDGET = "Raise the workspace budget at https://openrouter.ai/settings (an admin of the workspace can)."
BUDGET_OR_WAIT = f"{RAISE_BUDGET[:-1]}, or wait until then."
MAKE_KEY = "Make a new key at https://openrouter.ai/settings/keys."
USE_BEFORE = "Make a new key at https://openrouter.ai/settings/keys, and use it before."
ENABLE = "Enable it, or make a new one, at https://openrouter.ai/settings/keys."
BLIND = "You will not be warned until it can be read again."
LATER = "Try again later; https://status.openrouter.ai tells whether others see it too."


def amount(text: str | None) -> Decimal | None:
    """Read an amount."""
    return None if text is None else D(text)


def acme(left: str | None, keys: tuple[str, ...] = KEYS, **fields: Any) -> Reading:
    """Make a reading of a wallet that keys share."""
    return Reading(Subject("wallet", "acme"), amount(left), D(90), D(100), keys=keys, **fields)


def alone(left: str | None, name: str = "bot", **fields: Any) -> Reading:
    """Make a reading of the wallet of a key whose account is not known."""
    return Reading(Subject("wallet", None, name), amount(left), D(90), D(100), keys=(name,), **fields)


def bot(left: str | None, limit: str | None = "10", account: str | None = "acme", **fields: Any) -> Reading:
    """Make a reading of a key whose limit is renewed each month."""
    every_month = {"resets_at": NOVEMBER} if limit else {}
    return Reading(
        Subject("key", account, "bot"),
        amount(left),
        D(1),
        amount(limit),
        "key_limit",
        **{**every_month, "keys": ("bot",), **fields},
    )


def team(left: str | None, keys: tuple[str, ...] = KEYS, **fields: Any) -> Reading:
    """Make a reading of a workspace's weekly budget of $50 that keys share."""
    subject = Subject("budget", "acme", "b1")
    return Reading(subject, amount(left), D(1), D(50), "workspace", MONDAY, keys=keys, **fields)


def everything(**fields: Any) -> Reading:
    """Make a reading of all at once."""
    return Reading(OPENROUTER, keys=KEYS, **fields)


def runs_out(hours: float, per_day: str) -> Runway:
    """Make a forecast that nothing is left in so many hours."""
    end = NOW + timedelta(hours=hours)
    return Runway("runs_out", D(per_day), end, end, None, "history")


def say(kind: Kind, reading: Reading, level: Level = Level.LOW, **facts: Any) -> str:
    """Describe an event that was noticed at 13:05 on a Wednesday."""
    previous = facts.pop("previous", Level.OK)
    return describe(kind, reading, level, previous, NOW, **{"since": NOW, **facts})


def minutes(number: float) -> timedelta:
    """Make a number of minutes."""
    return timedelta(minutes=number)


def hours(number: float) -> timedelta:
    """Make a number of hours."""
    return timedelta(hours=number)


TEXTS: dict[str, tuple[str, ...]] = {
    # --- low and critical ---
    "a shared wallet falls below $10": (
        say("low", acme("9.9"), threshold=D(10), runway=runs_out(9, "26.4")),
        "acme has $9.90 left for 3 keys (bot, ci, web), below $10; about 9 hours at $26.40 a day.",
        ADD_CREDITS,
    ),
    "it falls further": (
        say("critical", acme("4.8"), threshold=D(5), runway=runs_out(0.7, "165")),
        "acme has $4.80 left for 3 keys (bot, ci, web), below $5; about 42 minutes at $165.00 a day.",
        ADD_CREDITS,
    ),
    "nothing is known of its pace yet": (
        say(
            "low",
            acme("9.9"),
            threshold=D("10.5"),
            runway=Runway("accumulating", None, None, None, None, "history"),
        ),
        "acme has $9.90 left for 3 keys (bot, ci, web), below $10.50.",
        ADD_CREDITS,
    ),
    "nothing is spent": (
        say(
            "low",
            acme("9.9", ("bot",)),
            threshold=D(10),
            runway=Runway("idle", D(0), None, None, None, "history"),
        ),
        "acme has $9.90 left for key bot, below $10.",
        ADD_CREDITS,
    ),
    "less than a cent is left": (
        say("critical", acme("0.004", ("bot", "ci")), threshold=D("0.005"), runway=runs_out(0.005, "20")),
        "acme has less than $0.01 left for 2 keys (bot, ci), below $0.005; less than a minute at $20.00 a",
        "day.",
        ADD_CREDITS,
    ),
    "a thousand keys share a wallet": (
        say("low", acme("9.9", tuple(f"k{place}" for place in range(1000))), threshold=D(10)),
        "acme has $9.90 left for 1,000 keys (k0, k1, k2 and 997 more), below $10.",
        ADD_CREDITS,
    ),
    "nobody named the account": (
        say(
            "low", Reading(Subject("wallet", MASK), D("9.9"), keys=("a", "b", "c", "d", "e")), threshold=D(10)
        ),
        f"Account {MASK} has $9.90 left for 5 keys (a, b, c, d, e), below $10.",
        ADD_CREDITS,
    ),
    "nobody knows the account": (
        say("low", alone("9.9"), threshold=D(10)),
        "The wallet of key bot has $9.90 left, below $10.",
        ADD_CREDITS,
    ),
    "nobody named the key": (
        say("low", alone("9.9", MASK), threshold=D(10)),
        f"The wallet of key {MASK} has $9.90 left, below $10.",
        ADD_CREDITS,
    ),
    "a key's limit is low, and lasts until its reset": (
        say(
            "low",
            bot("2.3"),
            threshold=D(5),
            runway=Runway("lasts_until_reset", D("0.2"), NOW + hours(276), NOVEMBER, NOVEMBER, "history"),
        ),
        "Key bot of acme has $2.30 of its $10 limit left until 1 November 00:00 UTC, below $5; at $0.20 a",
        "day it lasts until then.",
        RAISE_LIMIT,
    ),
    "a key's limit is low, and is never renewed": (
        say("low", bot("2.3", resets_at=None, account=None), threshold=D(5), runway=runs_out(24, "2.3")),
        "Key bot has $2.30 of its $10 limit left, below $5; about a day at $2.30 a day.",
        RAISE_LIMIT,
    ),
    "so much is left of a limit that nobody knows": (
        say("low", bot("2.3", None, account=MASK), threshold=D(5)),
        f"Key bot of account {MASK} has $2.30 left, below $5.",
        RAISE_LIMIT,
    ),
    "a budget that keys share is low": (
        say("low", team("3"), threshold=D(5), runway=runs_out(3, "24")),
        "The workspace budget of acme has $3.00 of $50 left for 3 keys (bot, ci, web) until Monday 00:00",
        "UTC, below $5; about 3 hours at $24.00 a day.",
        RAISE_BUDGET,
    ),
    "a budget of one key is low": (
        say(
            "critical",
            Reading(Subject("budget", None, "bot/api_key daily"), D(3), D(2), D(5), "api_key", keys=("bot",)),
            threshold=D(4),
        ),
        "The api key budget of key bot has $3.00 of $5 left, below $4.",
        "Raise the api key budget at https://openrouter.ai/settings (an admin of the workspace can).",
    ),
    "keys of unknown accounts share a budget": (
        say(
            "low",
            Reading(Subject("budget", None, "b1"), D(3), bound_by="member_budget", keys=KEYS),
            threshold=D(4),
        ),
        "The member budget has $3.00 left for 3 keys (bot, ci, web), below $4.",
        "Raise the member budget at https://openrouter.ai/settings (an admin of the workspace can).",
    ),
    # --- depleted, and a day later ---
    "a wallet is empty": (
        say("depleted", acme("0"), Level.DEPLETED, threshold=D(0)),
        "acme has nothing left: requests of 3 keys (bot, ci, web) are refused.",
        ADD_CREDITS,
    ),
    "a wallet is overdrawn": (
        say("depleted", acme("-1.195"), Level.DEPLETED, threshold=D(0)),
        "acme owes $1.20: requests of 3 keys (bot, ci, web) are refused.",
        ADD_CREDITS,
    ),
    "it still is a day later": (
        say("depleted", acme("-1.2"), Level.DEPLETED, lasted=A_DAY, repeat=1),
        "acme owes $1.20: requests of 3 keys (bot, ci, web) have been refused for a day, and still are.",
        ADD_CREDITS,
    ),
    "the wallet of one key is empty": (
        say("depleted", alone("0"), Level.DEPLETED),
        "The wallet of key bot has nothing left: its requests are refused.",
        ADD_CREDITS,
    ),
    "a key has spent its limit": (
        say("depleted", bot("0"), Level.DEPLETED),
        "Key bot of acme has spent its $10 limit: its requests are refused until 1 November 00:00 UTC.",
        RAISE_OR_WAIT,
    ),
    "a key has spent more": (
        say("depleted", bot("-0.2", resets_at=None), Level.DEPLETED),
        "Key bot of acme has spent its $10 limit, and $0.20 more: its requests are refused.",
        RAISE_LIMIT,
    ),
    "a key has spent its limit, but for what OpenRouter's arithmetic leaves": (
        say("depleted", bot("-0.000000000000000027755575615628914"), Level.DEPLETED),
        "Key bot of acme has spent its $10 limit: its requests are refused until 1 November 00:00 UTC.",
        RAISE_OR_WAIT,
    ),
    "a wallet is overdrawn by less than a cent": (
        say("depleted", alone("-0.004"), Level.DEPLETED),
        "The wallet of key bot owes less than $0.01: its requests are refused.",
        ADD_CREDITS,
    ),
    "one of two keys of a name has spent its limit": (
        say("depleted", bot("0", resets_at=None, title=f"bot ({MASK})"), Level.DEPLETED),
        f"Key bot ({MASK}) of acme has spent its $10 limit: its requests are refused.",
        RAISE_LIMIT,
    ),
    "a key has spent its limit for two days": (
        say("depleted", bot("0"), Level.DEPLETED, lasted=2 * A_DAY, repeat=2),
        "Key bot of acme has spent its $10 limit: its requests have been refused for 2 days, and still are",
        "until 1 November 00:00 UTC.",
        RAISE_OR_WAIT,
    ),
    "nobody knows the limit that is spent": (
        say("depleted", bot("0", None), Level.DEPLETED),
        "Key bot of acme has spent its limit: its requests are refused.",
        RAISE_LIMIT,
    ),
    "a budget is spent": (
        say("depleted", team("0"), Level.DEPLETED),
        "The workspace budget of acme is spent, all $50 of it: requests of 3 keys (bot, ci, web) are",
        "refused until Monday 00:00 UTC.",
        BUDGET_OR_WAIT,
    ),
    "a budget is overspent": (
        say("depleted", team("-2", ("bot",)), Level.DEPLETED),
        "The workspace budget of acme is spent, all $50 of it, and $2.00 more: requests of key bot are",
        "refused until Monday 00:00 UTC.",
        BUDGET_OR_WAIT,
    ),
    # --- invalid, and a day later ---
    "a key is refused": (
        say(
            "invalid", bot(None, None, stop="refused", error=UNAUTHORIZED), Level.INVALID, error=UNAUTHORIZED
        ),
        "Key bot of acme is refused: 401 User not found.",
        "Check the key: quotes or blanks pasted with it, deleted, disabled or expired.",
        "Your keys are at https://openrouter.ai/settings/keys.",
    ),
    "it still is a day later, says OpenRouter": (
        say(
            "invalid",
            bot(None, None, stop="refused", error=AuthenticationError("API key expired", status=401)),
            Level.INVALID,
            lasted=A_DAY,
            repeat=1,
        ),
        "Key bot of acme is refused, for a day now: 401 API key expired.",
        "Make a new key at https://openrouter.ai/settings/keys; this one has expired.",
    ),
    "a text cannot be a key": (
        say("invalid", bot(None, None, stop="refused", error=InvalidKeyError("Character 3 is a blank"))),
        "Key bot of acme cannot be a key: Character 3 is a blank.",
        "Copy the key again, without quotes, blanks or line breaks inside it.",
        "Your keys are at https://openrouter.ai/settings/keys.",
    ),
    "a key is disabled": (
        say("invalid", bot("3", stop="disabled"), Level.INVALID),
        "Key bot of acme is disabled: its requests are refused.",
        ENABLE,
    ),
    "a key is disabled for three days": (
        say("invalid", bot("3", stop="disabled"), Level.INVALID, lasted=3 * A_DAY, repeat=3),
        "Key bot of acme is disabled: its requests have been refused for 3 days, and still are.",
        ENABLE,
    ),
    "a key has expired": (
        say("invalid", bot("3", stop="expired", expires_at=NOW - hours(1)), Level.INVALID),
        "Key bot of acme has expired (12:05 UTC): its requests are refused.",
        MAKE_KEY,
    ),
    "a key has expired, nobody knows when": (
        say("invalid", bot("3", stop="expired"), Level.INVALID),
        "Key bot of acme has expired: its requests are refused.",
        MAKE_KEY,
    ),
    "a key has no region": (
        say("invalid", bot("3", stop="no_region"), Level.INVALID),
        "Key bot of acme may not send data to any region: its requests are refused.",
        "Permit a data region in the settings of its workspace: https://openrouter.ai/settings.",
    ),
    "all keys are refused": (
        say("invalid", everything(stop="refused", error=UNAUTHORIZED), Level.INVALID),
        "All 3 keys (bot, ci, web) are refused: 401 User not found.",
        "Look for what they share: their account, the place they are read from, a proxy; or make new keys",
        "at https://openrouter.ai/settings/keys.",
    ),
    "both keys are refused": (
        say("invalid", Reading(OPENROUTER, keys=("a", "b"), stop="refused", error=UNAUTHORIZED)),
        "Both keys (a, b) are refused: 401 User not found.",
        "Look for what they share: their account, the place they are read from, a proxy; or make new keys",
        "at https://openrouter.ai/settings/keys.",
    ),
    "they still are a day later": (
        say("invalid", everything(stop="refused", error=UNAUTHORIZED), Level.INVALID, lasted=A_DAY, repeat=1),
        "All 3 keys (bot, ci, web) have been refused for a day, and still are: 401 User not found.",
        "Look for what they share: their account, the place they are read from, a proxy; or make new keys",
        "at https://openrouter.ai/settings/keys.",
    ),
    # --- recovered ---
    "credits were bought": (
        say(
            "recovered",
            acme("38.8"),
            Level.OK,
            previous=Level.DEPLETED,
            threshold=D(10),
            lasted=2 * A_DAY,
            bought=D(40),
        ),
        "acme has $38.80 again, after 2 days below $10; $40.00 was bought.",
    ),
    "nobody knows how it got better": (
        say("recovered", acme("12"), Level.OK, previous=Level.LOW),
        "acme has $12.00 again.",
    ),
    "a key's limit was renewed": (
        say("recovered", bot("10"), Level.OK, previous=Level.LOW, threshold=D(5), lasted=5 * A_DAY),
        "Key bot of acme has $10.00 of its $10 limit again, after 5 days below $5.",
    ),
    "a key's limit was removed": (
        say("recovered", bot(None, None), Level.OK, previous=Level.DEPLETED, threshold=D(5), lasted=hours(1)),
        "Key bot of acme has no limit any more, after an hour below $5.",
    ),
    "a budget was renewed": (
        say("recovered", team("50"), Level.OK, previous=Level.CRITICAL, threshold=D(10), lasted=hours(3)),
        "The workspace budget of acme has $50.00 of $50 again, after 3 hours below $10.",
    ),
    "a key was enabled": (
        say("recovered", bot("7"), Level.OK, previous=Level.INVALID, lasted=minutes(65)),
        "Key bot of acme works again, after 65 minutes; it has $7.00 of its $10 limit left.",
    ),
    "a key without a limit is accepted again": (
        say("recovered", bot(None, None), Level.OK, previous=Level.INVALID, lasted=minutes(5)),
        "Key bot of acme works again, after 5 minutes.",
    ),
    "keys are accepted again": (
        say("recovered", everything(), Level.OK, previous=Level.INVALID, lasted=minutes(1)),
        "OpenRouter accepts keys again, after a minute.",
    ),
    # --- running_out ---
    "a wallet is emptied today": (
        say("running_out", acme("38.8"), Level.OK, runway=runs_out(7.76, "120")),
        "acme has $38.80 left for 3 keys (bot, ci, web), but at $120.00 a day, the pace of the last hours,",
        "it is gone in about 8 hours (Wednesday 20:50 UTC).",
        ADD_CREDITS,
    ),
    "a key's limit is emptied today": (
        say("running_out", bot("38.8", "100"), Level.OK, runway=runs_out(7.76, "120")),
        "Key bot of acme has $38.80 of its $100 limit left until 1 November 00:00 UTC, but at $120.00 a",
        "day, the pace of the last hours, it is gone in about 8 hours (Wednesday 20:50 UTC).",
        RAISE_LIMIT,
    ),
    "a budget is emptied today": (
        say("running_out", team("38.8"), Level.OK, runway=runs_out(7.76, "120")),
        "The workspace budget of acme has $38.80 of $50 left for 3 keys (bot, ci, web) until Monday 00:00",
        "UTC, but at $120.00 a day, the pace of the last hours, it is gone in about 8 hours (Wednesday",
        "20:50 UTC).",
        RAISE_BUDGET,
    ),
    "nobody knows when": (
        say("running_out", acme("38.8"), Level.OK),
        "acme has $38.80 left for 3 keys (bot, ci, web).",
        ADD_CREDITS,
    ),
    # --- expiring ---
    "a key expires in a week": (
        say("expiring", bot("3", expires_at=NOW + 7 * A_DAY), Level.OK),
        "Key bot of acme expires in 7 days (28 October 13:05 UTC): from then on its requests are refused.",
        USE_BEFORE,
    ),
    "a key expires tomorrow": (
        say("expiring", bot(None, None, expires_at=NOW + hours(23)), Level.OK),
        "Key bot of acme expires in 23 hours (Thursday 12:05 UTC): from then on its requests are refused.",
        USE_BEFORE,
    ),
    # --- stale ---
    "a wallet cannot be read": (
        say("stale", acme("38.8", is_read=False), Level.UNKNOWN, lasted=minutes(15), error=DOWN),
        "acme has not been read since 12:50 UTC (15 minutes): 503 Service temporarily unavailable.",
        "It had $38.80 for 3 keys (bot, ci, web) then.",
        BLIND,
        LATER,
    ),
    "a wallet was never read": (
        say("stale", acme(None, is_read=False), Level.UNKNOWN, since=NOW - minutes(20), error=DOWN),
        "acme has not been read since 12:45 UTC (20 minutes): 503 Service temporarily unavailable.",
        "You will not be warned for 3 keys (bot, ci, web) until it can be read.",
        LATER,
    ),
    "a wallet may not be read any more": (
        say("stale", acme("-2", is_read=False), Level.UNKNOWN, lasted=minutes(15), error=FORBIDDEN),
        "acme has not been read since 12:50 UTC (15 minutes): 403 Only management keys can perform this",
        "operation.",
        "It owed $2.00 then. You will not be warned for 3 keys (bot, ci, web) until it can be read again.",
        "Create a management key at https://openrouter.ai/settings/management-keys; the key's own limit",
        "(/key) can be read without one.",
    ),
    "a key cannot be read": (
        say("stale", bot("3", is_read=False), Level.UNKNOWN, lasted=hours(30), error=DOWN),
        "Key bot of acme has not been read since Tuesday 07:05 UTC (30 hours): 503 Service temporarily",
        "unavailable.",
        "It had $3.00 of its $10 limit then.",
        BLIND,
        LATER,
    ),
    "an empty wallet cannot be read": (
        say("stale", acme("0", is_read=False), Level.UNKNOWN, lasted=minutes(15), error=DOWN),
        "acme has not been read since 12:50 UTC (15 minutes): 503 Service temporarily unavailable.",
        "It had nothing left then. You will not be warned for 3 keys (bot, ci, web) until it can be read",
        "again.",
        LATER,
    ),
    "a key that has spent its limit cannot be read": (
        say("stale", bot("-0.2", None, is_read=False), Level.UNKNOWN, lasted=minutes(15), error=DOWN),
        "Key bot of acme has not been read since 12:50 UTC (15 minutes): 503 Service temporarily",
        "unavailable.",
        "It had spent its limit then.",
        BLIND,
        LATER,
    ),
    "a spent budget cannot be read": (
        say("stale", team("0", is_read=False), Level.UNKNOWN, lasted=minutes(15), error=DOWN),
        "The workspace budget of acme has not been read since 12:50 UTC (15 minutes): 503 Service",
        "temporarily unavailable.",
        "It was spent then. You will not be warned for 3 keys (bot, ci, web) until it can be read again.",
        LATER,
    ),
    "a key is not told of any more": (
        say("stale", bot(None, None, is_read=False), Level.UNKNOWN, lasted=minutes(15)),
        "Key bot of acme has not been read since 12:50 UTC (15 minutes): the answers do not tell of it any",
        "more.",
        "You will not be warned until it can be read.",
        "Look whether it still exists.",
    ),
    "a budget cannot be read": (
        say("stale", team("3", is_read=False), Level.UNKNOWN, lasted=8 * A_DAY, error=DOWN),
        "The workspace budget of acme has not been read since 13 October 13:05 UTC (8 days): 503 Service",
        "temporarily unavailable.",
        "It had $3.00 of $50 for 3 keys (bot, ci, web) then.",
        BLIND,
        LATER,
    ),
    "OpenRouter does not answer": (
        say("stale", everything(is_read=False), Level.UNKNOWN, lasted=hours(1), error=UNREACHABLE),
        "Nothing has been read from OpenRouter since 12:05 UTC (an hour): Could not connect to",
        "openrouter.ai.",
        BLIND,
        "Check the network and https://status.openrouter.ai, then try again.",
    ),
    "somebody's own look fails": (
        say(
            "stale",
            everything(is_read=False),
            Level.UNKNOWN,
            lasted=minutes(15),
            error=ValueError("no \x1b[31mrow\n"),
        ),
        "Nothing has been read from OpenRouter since 12:50 UTC (15 minutes): ValueError: no ?[31mrow.",
        BLIND,
        "Mend the function that looks at the keys: it raised this.",
    ),
    "an error has no words": (
        say("stale", everything(is_read=False), Level.UNKNOWN, lasted=minutes(15), error=OpenRouterError()),
        "Nothing has been read from OpenRouter since 12:50 UTC (15 minutes): OpenRouterError.",
        BLIND,
        "Report this to the maintainers of openrouter-credits.",
    ),
    # --- fresh ---
    "a wallet can be read again": (
        say("fresh", acme("38.8"), Level.OK, previous=Level.UNKNOWN, lasted=minutes(20)),
        "acme can be read again, after 20 minutes: it has $38.80 left for 3 keys (bot, ci, web).",
    ),
    "little is left in it": (
        say("fresh", acme("4.8"), Level.CRITICAL, previous=Level.UNKNOWN, lasted=minutes(20)),
        "acme can be read again, after 20 minutes: it has $4.80 left for 3 keys (bot, ci, web).",
        ADD_CREDITS,
    ),
    "it is overdrawn": (
        say("fresh", acme("-4.8"), Level.DEPLETED, previous=Level.UNKNOWN, lasted=minutes(20)),
        "acme can be read again, after 20 minutes: it owes $4.80.",
        ADD_CREDITS,
    ),
    "a key can be read again": (
        say("fresh", bot("4.8"), Level.OK, previous=Level.UNKNOWN),
        "Key bot of acme can be read again: it has $4.80 of its $10 limit left until 1 November 00:00 UTC.",
    ),
    "its limit is spent": (
        say("fresh", bot("-0.2"), Level.DEPLETED, previous=Level.UNKNOWN),
        "Key bot of acme can be read again: it has spent its $10 limit, and $0.20 more.",
        "Raise the limit at https://openrouter.ai/settings/keys, or wait until 1 November 00:00 UTC.",
    ),
    "its limit is spent for good": (
        say("fresh", bot("0", resets_at=None), Level.DEPLETED, previous=Level.UNKNOWN),
        "Key bot of acme can be read again: it has spent its $10 limit.",
        RAISE_LIMIT,
    ),
    "a key without a limit can be read again": (
        say("fresh", bot(None, None), Level.OK, previous=Level.UNKNOWN, lasted=hours(2)),
        "Key bot of acme can be read again, after 2 hours.",
    ),
    "a key that is disabled can be read again": (
        say("fresh", bot("3", stop="disabled"), Level.INVALID, previous=Level.UNKNOWN, lasted=hours(2)),
        "Key bot of acme can be read again, after 2 hours.",
    ),
    "OpenRouter answers again": (
        say("fresh", everything(), Level.OK, previous=Level.UNKNOWN, lasted=hours(1)),
        "OpenRouter can be read again, after an hour.",
    ),
}
"""What happened, what is said of it, and what ought to be said, in parts."""


@pytest.mark.parametrize("row", TEXTS.values(), ids=TEXTS)
def test_each_event_has_its_sentence(row: tuple[str, ...]) -> None:
    """A text says what happened, to which keys, and what to do."""
    text, *expected = row

    assert text == " ".join(expected)


def test_no_kind_of_event_is_without_a_sentence() -> None:
    """The table has every kind, of every subject that it can be about."""
    wallets = {say(kind, acme("3", expires_at=MONDAY)) for kind in get_args(Kind)}

    assert len(wallets) == len(get_args(Kind)) - 2  # critical reads as low; running_out without a pace, too


UNCONFIRMED = UnconfirmedCreditsError(ZERO)
NOT_A_MANAGER = of_management_key(ManagementKeyRequiredError("Only management keys may", status=403))
NOT_SET = ConfigurationError("The variable BOT_KEY is not set")
MANAGER_NOT_SET = of_management_key(ConfigurationError("The variable ACME_KEY is not set"))
MAY_NOT = "an ordinary key may not read it."
LIMITS = "The limits of the keys themselves are watched."
CREATE_ONE = (
    "Create a management key at https://openrouter.ai/settings/management-keys, and give it as "
    "management_key, in OPENROUTER_MANAGEMENT_KEY, or in the key file."
)
CORRECT = "Correct the client's arguments or the environment variables they come from."
UNWATCHED: dict[str, tuple[list[Reading], list[str]]] = {
    "nothing is hidden": ([], []),
    "an ordinary key cannot see its wallet": (
        [alone(None, error=FORBIDDEN)],
        [f"Not watched: the wallet of key bot: {MAY_NOT} {LIMITS} {CREATE_ONE}"],
    ),
    "a thousand keys cannot, for two reasons": (
        [alone(None, f"k{place}", error=(FORBIDDEN, UNCONFIRMED)[place % 2]) for place in range(1000)],
        [f"Not watched: the wallet of 1,000 keys (k0, k1, k2 and 997 more): {MAY_NOT} {LIMITS} {CREATE_ONE}"],
    ),
    "keys of an account cannot": (
        [acme(None, error=FORBIDDEN)],
        [f"Not watched: the wallet of 3 keys (bot, ci, web): {MAY_NOT} {LIMITS} {CREATE_ONE}"],
    ),
    "looks at wallets alone cannot": (
        [acme(None, (), error=FORBIDDEN), Reading(Subject("wallet", None, "bot"), error=FORBIDDEN)],
        [
            f"Not watched: the wallet of account acme: {MAY_NOT} {CREATE_ONE}",
            f"Not watched: the wallet of key bot: {MAY_NOT} {CREATE_ONE}",
        ],
    ),
    "the management key is an ordinary one": (
        [acme(None, error=NOT_A_MANAGER)],
        [f"Not watched: the wallet of account acme: {NOT_A_MANAGER.summary}. {NOT_A_MANAGER.remedy}"],
    ),
    "the management key of an account is not set": (
        [acme(None, error=MANAGER_NOT_SET)],
        [f"Not watched: the wallet of account acme: The variable ACME_KEY is not set. {CORRECT}"],
    ),
    "keys are not set": (
        [
            alone(None, "bot", error=NOT_SET),
            Reading(Subject("key", None, "bot"), error=NOT_SET, keys=("bot",)),
            Reading(Subject("key", None, "ci"), error=NOT_SET, keys=("ci",)),
            Reading(Subject("key", None, "web"), error=ConfigurationError("No such file"), keys=("web",)),
        ],
        [
            f"Not watched: 2 keys (bot, ci): The variable BOT_KEY is not set. {CORRECT}",
            f"Not watched: key web: No such file. {CORRECT}",
        ],
    ),
}
"""What may not be read, and what is said of it."""


@pytest.mark.parametrize(("readings", "texts"), UNWATCHED.values(), ids=UNWATCHED)
def test_what_may_not_be_read_is_told_once_for_each_cause(readings: list[Reading], texts: list[str]) -> None:
    """However many keys have a cause, there is one text, with the step that mends it."""
    assert list(describe_unwatched(readings)) == texts


HOSTILE = f"\x1b]0;owned\x07\x9b31m{KEY}\r\n\u202eevil\ud800 " + "x" * 500


@pytest.mark.parametrize("kind", get_args(Kind))
@pytest.mark.parametrize("subject", ["wallet", "key", "budget", "openrouter"])
def test_no_text_is_long_steers_a_terminal_or_tells_a_key(kind: Kind, subject: str) -> None:
    """Names, scopes and the server's words are cut, masked, and without control characters."""
    error = ServerError(HOSTILE, status=503)
    error.remedy = HOSTILE
    keys = tuple(f"{HOSTILE}{place}" for place in range(1000))
    for account in (HOSTILE, None):
        reading = Reading(Subject(subject, account, HOSTILE), bound_by=HOSTILE, keys=keys, error=error)
        if subject == "openrouter":
            reading = Reading(OPENROUTER, keys=keys, error=error)
        for repeat in (0, 1):
            text = say(kind, reading, lasted=A_DAY, repeat=repeat, error=error)

            assert text.isprintable()
            assert KEY not in text
            assert KEY[9:30] not in text
            assert len(text) < 1000
    (blind,) = describe_unwatched([Reading(Subject("wallet", None, HOSTILE), keys=keys, error=error)])
    assert blind.isprintable()
    assert len(blind) < 600


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "less than a minute"),
        (29, "less than a minute"),
        (31, "a minute"),
        (12 * 60, "12 minutes"),
        (59.4 * 60, "59 minutes"),
        (59, "a minute"),
        (59.6 * 60, "an hour"),
        (89 * 60, "89 minutes"),
        (119.6 * 60, "2 hours"),
        (9.3 * 3600, "9 hours"),
        (23.6 * 3600, "a day"),
        (1.5 * 86400, "36 hours"),
        (25 * 3600, "25 hours"),
        (47.6 * 3600, "2 days"),
        (1500 * 86400, "1,500 days"),
        (3653 * 86400, "more than 10 years"),
    ],
)
def test_a_duration_is_told_in_one_unit(seconds: float, text: str) -> None:
    """Minutes, hours up to two days, then days; a long time is not counted."""
    assert duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (datetime(2026, 10, 21, 0, 5, tzinfo=UTC), "00:05 UTC"),
        (datetime(2026, 10, 20, 23, 55, tzinfo=UTC), "Tuesday 23:55 UTC"),
        (datetime(2026, 10, 14, 13, 5, tzinfo=UTC), "14 October 13:05 UTC"),
        (datetime(2026, 10, 21, 18, 0, tzinfo=UTC), "Wednesday 18:00 UTC"),
        (datetime(2026, 10, 27, 0, 0, tzinfo=UTC), "Tuesday 00:00 UTC"),
        (datetime(2026, 10, 28, 0, 0, tzinfo=UTC), "28 October 00:00 UTC"),
        (datetime(2026, 10, 14, 18, 0, tzinfo=UTC), "14 October 18:00 UTC"),
        (datetime(2026, 10, 26, 1, 0, tzinfo=timezone(timedelta(hours=1))), "Monday 00:00 UTC"),
        (datetime(2027, 1, 1, tzinfo=UTC), "1 January 2027 00:00 UTC"),
    ],
)
def test_a_moment_is_told_in_utc(when: datetime, text: str) -> None:
    """Earlier today by its time, within a week by its weekday, else by its date."""
    assert moment(when, NOW) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [("10", "$10"), ("7.5", "$7.50"), ("0.005", "$0.005"), ("1234.00", "$1,234"), ("100", "$100")],
)
def test_a_threshold_is_told_exactly(amount: str, text: str) -> None:
    """A threshold has no cents that nobody wrote, and all digits that somebody did."""
    assert round_usd(D(amount)) == text
