"""Names, amounts and times in a sentence: short, and without a character that steers a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from openrouter_credits import OpenRouterError, Runway, format_usd
from openrouter_credits._masking import scrub
from openrouter_credits.history import Reading

SETTINGS = "https://openrouter.ai/settings"

_CENT = Decimal("0.01")
_LONGEST_NAME = 40
_LONGEST_QUOTE = 200
_MOST_NAMES = 5
"""More keys than this are counted, behind the first of them."""
_FIRST_NAMES = 3
_MASK = re.compile(r".{12}\.\.\..{4}")
_A_WEEK = timedelta(days=7)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TEN_YEARS = 3652
"""In days: a forecast beyond says nothing."""
# not strftime's names: those follow the locale
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def clean(text: object, longest: int = _LONGEST_NAME) -> str:
    """Make a stranger's words fit for a sentence: one line, printable, without keys, and not too long."""
    line = " ".join(scrub(str(text)).split())
    text = scrub("".join([each if each.isprintable() else "?" for each in line]))
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def left(amount: Decimal) -> str:
    """Show an amount that is left; less than a cent is not nothing."""
    return "less than $0.01" if 0 < amount < _CENT else format_usd(amount)


def owed(amount: Decimal) -> str:
    """Show a negative amount as a debt, never smaller than it is."""
    return "less than $0.01" if amount > -_CENT else format_usd(amount).removeprefix("-")


def round_usd(amount: Decimal) -> str:
    """Show a threshold or a limit with all its digits: `$10`, `$7.50`, `$0.005`."""
    whole, _, decimals = f"{amount:,f}".partition(".")
    decimals = decimals.rstrip("0")
    return f"${whole}.{decimals:0<2}" if decimals else f"${whole}"


def duration(time: timedelta) -> str:
    """Tell how long something takes: `12 minutes`, `90 minutes`, `9 hours`, `a day`, `3 days`."""
    seconds = time.total_seconds()
    minutes, hours, days = (round(seconds / unit) for unit in (_MINUTE, _HOUR, _DAY))
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return {1: "a minute", 60: "an hour"}.get(minutes, f"{minutes} minutes")
    if hours < 48:
        return "a day" if hours == 24 else f"{hours} hours"
    return f"{days:,} days" if days <= _TEN_YEARS else "more than 10 years"


def about(time: timedelta) -> str:
    """Tell how long something will take, as an estimate."""
    text = duration(time)
    return text if " than " in text else f"about {text}"


def moment(when: datetime, now: datetime) -> str:
    """Name a moment in UTC: by its weekday if it is less than 7 days from today, else by its date."""
    when, now = when.astimezone(UTC), now.astimezone(UTC)
    if when <= now and when.date() == now.date():
        return f"{when:%H:%M} UTC"
    if abs(when.date() - now.date()) < _A_WEEK:
        return f"{_WEEKDAYS[when.weekday()]} {when:%H:%M} UTC"
    year = "" if when.year == now.year else f" {when.year}"
    return f"{when.day} {_MONTHS[when.month - 1]}{year} {when:%H:%M} UTC"


def names_of(names: Sequence[str], noun: str = "key") -> str:
    """Count and name keys: `key bot`, `3 keys (bot, ci, web)`, `1,000 keys (a, b, c and 997 more)`."""
    shown = [clean(name) for name in names[:_MOST_NAMES]]
    if len(names) == 1:
        return f"{noun} {shown[0]}"
    text = ", ".join(shown)
    if len(names) > _MOST_NAMES:
        text = f"{', '.join(shown[:_FIRST_NAMES])} and {len(names) - _FIRST_NAMES:,} more"
    return f"{len(names):,} {noun}s ({text})"


def for_keys(reading: Reading) -> str:
    """Tell which keys spend from a wallet or budget, unless `who` says it."""
    is_told = reading.subject.kind == "key" or _is_of_one_key(reading)
    return "" if is_told or not reading.keys else f" for {names_of(reading.keys)}"


def _is_of_one_key(reading: Reading) -> bool:
    return reading.subject.account is None and len(reading.keys) == 1


def until(reading: Reading, now: datetime) -> str:
    """Tell when a limit is renewed, behind the amount that is left; empty if that is not ahead."""
    if reading.resets_at is None or reading.resets_at <= now:
        return ""
    return f" until {moment(reading.resets_at, now)}"


def scope(reading: Reading) -> str:
    """Name a budget by whose it is: `workspace budget`."""
    words = clean(reading.bound_by.replace("_", " ")).removesuffix("budget").strip()
    return f"{words} budget".lstrip()


def who(reading: Reading) -> str:
    """Name a subject, as a sentence begins: `acme`, `Key bot of acme`, `The workspace budget of acme`."""
    name, account = clean(reading.title or reading.subject.name), _account(reading.subject.account)
    match reading.subject.kind:
        case "wallet":
            return _at_the_start(account) if account else f"The wallet of key {name}"
        case "key":
            return f"Key {name} of {account}" if account else f"Key {name}"
        case "budget":
            if _is_of_one_key(reading):
                account = f"key {clean(reading.keys[0])}"
            budget = f"The {scope(reading)}"
            return f"{budget} of {account}" if account else budget
        case _:
            return "OpenRouter"


def _account(name: str | None) -> str:
    if name is None:
        return ""
    return f"account {name}" if _MASK.fullmatch(name) else clean(name)


def _at_the_start(text: str) -> str:
    return f"A{text[1:]}" if text.startswith("account ") else text


def amount(reading: Reading) -> str:
    """Show an amount, and the limit that it is a part of."""
    found = left(reading.remaining or Decimal(0))
    match reading.subject.kind, reading.granted:
        case "key", Decimal() as limit:
            return f"{found} of its {round_usd(limit)} limit"
        case "budget", Decimal() as limit:
            return f"{found} of {round_usd(limit)}"
        case _:
            return found


def has(reading: Reading, now: datetime) -> str:
    """Tell what is left, for which keys, and until when; or that nothing is."""
    if reading.remaining is not None and reading.remaining <= 0:
        return spent(reading, reading.remaining)
    return f"has {amount(reading)} left{for_keys(reading)}{until(reading, now)}"


def spent(reading: Reading, remaining: Decimal) -> str:
    """Tell that nothing is left, and how much more was spent.

    Less than a cent beyond a limit is not told: OpenRouter's own arithmetic may leave so much.
    """
    kind = reading.subject.kind
    if kind == "wallet":
        return f"owes {owed(remaining)}" if remaining < 0 else "has nothing left"
    limit = "" if reading.granted is None else round_usd(reading.granted)
    debt = f", and {owed(remaining)} more" if remaining <= -_CENT else ""
    if kind == "key":
        return f"has spent its {limit and f'{limit} '}limit{debt}"
    return f"is spent{limit and f', all {limit} of it'}{debt}"


def had(reading: Reading, remaining: Decimal) -> str:
    """Tell what was left when it was read last."""
    if remaining > 0:
        return f"had {amount(reading)}"
    match reading.subject.kind:
        case "wallet":
            return f"owed {owed(remaining)}" if remaining < 0 else "had nothing left"
        case "key":
            return "had spent its limit"
        case _:
            return "was spent"


def more(reading: Reading, wait: str = "") -> str:
    """Tell how to get more of a limit."""
    match reading.subject.kind:
        case "wallet":
            return f"Add credits at {SETTINGS}/credits."
        case "key":
            return f"Raise the limit at {SETTINGS}/keys{wait}."
        case _:
            return f"Raise the {scope(reading)} at {SETTINGS} (an admin of the workspace can){wait}."


def pace(runway: Runway | None, now: datetime) -> str:
    """Tell how long an amount lasts, behind it; empty if that is not known."""
    if runway is None or not runway.per_day or runway.runs_out_at is None:
        return ""
    a_day = f"{left(runway.per_day)} a day"
    if runway.verdict == "lasts_until_reset":
        return f"; at {a_day} it lasts until then"
    return f"; {about(runway.runs_out_at - now)} at {a_day}"


def reason(error: Exception | None) -> str:
    """Tell what went wrong, in its own words."""
    if error is None:
        return "the answers do not tell of it any more"
    if isinstance(error, OpenRouterError):
        return clean(error.summary, _LONGEST_QUOTE).rstrip(" .") or type(error).__name__
    try:
        words = str(error)
    except Exception:  # noqa: BLE001 - a look may raise anything, also what cannot be told
        words = ""
    return f"{type(error).__name__}: {clean(words, _LONGEST_QUOTE)}".rstrip(" .:")


def remedy(error: Exception | None) -> str:
    """Tell what to do about what went wrong."""
    if error is None:
        return "Look whether it still exists."
    if isinstance(error, OpenRouterError):
        return clean(error.remedy, 2 * _LONGEST_QUOTE)
    return "Mend the function that looks at the keys: it raised this."
