"""Every text that a watch says: what happened, in plain English, and what to do. Pure decisions, no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from openrouter_credits import ConfigurationError, InvalidKeyError, Level, Runway
from openrouter_credits.history import OPENROUTER, Reading
from openrouter_credits.watch._event import Kind
from openrouter_credits.watch._phrases import (
    SETTINGS,
    about,
    amount,
    duration,
    for_keys,
    had,
    has,
    left,
    moment,
    more,
    names_of,
    pace,
    reason,
    remedy,
    round_usd,
    spent,
    until,
    who,
)

_STOPS = {
    "expired": ("has expired", f"Make a new key at {SETTINGS}/keys."),
    "disabled": ("is disabled", f"Enable it, or make a new one, at {SETTINGS}/keys."),
    "no_region": (
        "may not send data to any region",
        f"Permit a data region in the settings of its workspace: {SETTINGS}.",
    ),
}
"""Why a key cannot spend, and what to do."""
_WHAT_THEY_SHARE = (
    f"Look for what they share: their account, the place they are read from, a proxy; or make new keys at "
    f"{SETTINGS}/keys."
)
_UNTIL_IT_IS_READ = "You will not be warned until it can be read again."
_MAY_NOT = "an ordinary key may not read it."
_GIVE_MANAGEMENT_KEY = (
    f"Create a management key at {SETTINGS}/management-keys, and give it as management_key, in "
    "OPENROUTER_MANAGEMENT_KEY, or in the key file."
)
_BLIND = f"{_MAY_NOT} {_GIVE_MANAGEMENT_KEY}"
_BLIND_BUT_FOR_LIMITS = f"{_MAY_NOT} The limits of the keys themselves are watched. {_GIVE_MANAGEMENT_KEY}"


def describe(
    kind: Kind,
    reading: Reading,
    level: Level,
    previous: Level,
    now: datetime,
    *,
    since: datetime,
    threshold: Decimal | None = None,
    runway: Runway | None = None,
    lasted: timedelta | None = None,
    bought: Decimal | None = None,
    error: Exception | None = None,
    repeat: int = 0,
) -> str:
    """Tell of an event.

    Args:
        kind: of the event.
        reading: of its subject, in this look; for `stale` with the last known amount.
        level: now.
        previous: before.
        now: the time (aware).
        since: when the state began; for `stale` when the subject was read last, unless `lasted` tells that.
        threshold: the amount that was crossed.
        runway: how long the amount lasts, if that is known.
        lasted: how long the state lasted that has ended, or that is reminded of; how long nothing was read.
        bought: of `recovered`, what was paid into the wallet meanwhile.
        error: of `stale`, why it cannot be read; of `invalid`, why the key is refused.
        repeat: the number of reminders so far.
    """
    match kind:
        case "low" | "critical":
            return _low(reading, now, threshold, runway)
        case "depleted":
            return _depleted(reading, now, lasted if repeat else None)
        case "invalid":
            return _invalid(reading, now, error, lasted if repeat else None)
        case "recovered":
            return _recovered(reading, previous, threshold, lasted, bought)
        case "running_out":
            return _running_out(reading, now, runway)
        case "expiring":
            return _expiring(reading, now)
        case "stale":
            return _stale(reading, now, since if lasted is None else now - lasted, error)
        case _:
            return _fresh(reading, level, now, lasted)


def _low(reading: Reading, now: datetime, threshold: Decimal | None, runway: Runway | None) -> str:
    below = "" if threshold is None else f", below {round_usd(threshold)}"
    return f"{who(reading)} {has(reading, now)}{below}{pace(runway, now)}. {more(reading)}"


def _depleted(reading: Reading, now: datetime, lasted: timedelta | None) -> str:
    keys = for_keys(reading).removeprefix(" for ")
    requests = f"requests of {keys}" if keys else "its requests"
    wait = ", or wait until then" if until(reading, now) else ""
    refused = f"{requests} {_are_refused(lasted)}{until(reading, now)}"
    state = spent(reading, min(reading.remaining or Decimal(0), Decimal(0)))
    return f"{who(reading)} {state}: {refused}. {more(reading, wait)}"


def _are_refused(lasted: timedelta | None) -> str:
    return "are refused" if lasted is None else f"have been refused for {duration(lasted)}, and still are"


def _invalid(reading: Reading, now: datetime, error: Exception | None, lasted: timedelta | None) -> str:
    error = error or reading.error
    if reading.subject == OPENROUTER:
        everything = f"All {names_of(reading.keys)}".replace("All 2 ", "Both ")
        return f"{everything} {_are_refused(lasted)}: {reason(error)}. {_WHAT_THEY_SHARE}"
    state, way_out = _STOPS.get(reading.stop or "", ("", ""))
    if not state:
        state = "cannot be a key" if isinstance(error, InvalidKeyError) else "is refused"
        after = "" if lasted is None else f", for {duration(lasted)} now"
        step = remedy(error)
        place = "" if SETTINGS in step else f" Your keys are at {SETTINGS}/keys."
        return f"{who(reading)} {state}{after}: {reason(error)}. {step}{place}"
    if reading.stop == "expired" and reading.expires_at is not None:
        state += f" ({moment(reading.expires_at, now)})"
    return f"{who(reading)} {state}: its requests {_are_refused(lasted)}. {way_out}"


def _recovered(
    reading: Reading,
    previous: Level,
    threshold: Decimal | None,
    lasted: timedelta | None,
    bought: Decimal | None,
) -> str:
    after = "" if lasted is None else f", after {duration(lasted)}"
    if reading.subject == OPENROUTER:
        return f"OpenRouter accepts keys again{after}."
    if previous == Level.INVALID:
        known = "" if reading.remaining is None else f"; it has {amount(reading)} left"
        return f"{who(reading)} works again{after}{known}."
    if after and threshold is not None:
        after += f" below {round_usd(threshold)}"
    paid = "" if bought is None else f"; {left(bought)} was bought"
    state = "no limit any more" if reading.remaining is None else f"{amount(reading)} again"
    return f"{who(reading)} has {state}{after}{paid}."


def _running_out(reading: Reading, now: datetime, runway: Runway | None) -> str:
    if runway is None or runway.per_day is None or runway.runs_out_at is None:
        return _low(reading, now, None, None)
    return (
        f"{who(reading)} {has(reading, now)}, but at {left(runway.per_day)} a day, the pace of the last "
        f"hours, it is gone in {about(runway.runs_out_at - now)} "
        f"({moment(runway.runs_out_at, now)}). {more(reading)}"
    )


def _expiring(reading: Reading, now: datetime) -> str:
    expires_at = reading.expires_at or now
    return (
        f"{who(reading)} expires in {duration(expires_at - now)} ({moment(expires_at, now)}): from then on "
        f"its requests are refused. Make a new key at {SETTINGS}/keys, and use it before."
    )


def _stale(reading: Reading, now: datetime, since: datetime, error: Exception | None) -> str:
    when = f"since {moment(since, now)} ({duration(now - since)}): {reason(error)}"
    if reading.subject == OPENROUTER:
        return f"Nothing has been read from OpenRouter {when}. {_UNTIL_IT_IS_READ} {remedy(error)}"
    keys = for_keys(reading)
    blind = f"You will not be warned{keys} until it can be read."
    if reading.remaining is not None and reading.remaining > 0:
        blind = f"It {had(reading, reading.remaining)}{keys} then. {_UNTIL_IT_IS_READ}"
    elif reading.remaining is not None:
        blind = f"It {had(reading, reading.remaining)} then. {blind[:-1]} again."
    return f"{who(reading)} has not been read {when}. {blind} {remedy(error)}"


def _fresh(reading: Reading, level: Level, now: datetime, lasted: timedelta | None) -> str:
    after = "" if lasted is None else f", after {duration(lasted)}"
    known = f"{who(reading)} can be read again{after}"
    if reading.subject == OPENROUTER or reading.remaining is None or reading.stop is not None:
        return f"{known}."
    wait = f", or wait{until(reading, now)}" if reading.remaining <= 0 and until(reading, now) else ""
    step = f" {more(reading, wait)}" if level in (Level.LOW, Level.CRITICAL, Level.DEPLETED) else ""
    return f"{known}: it {has(reading, now)}.{step}"


def describe_unwatched(readings: Iterable[Reading]) -> tuple[str, ...]:
    """Tell what may not be read, and what mends it: one text for each cause, however many keys have it."""
    causes: dict[tuple[str, str, str], list[str]] = {}
    for reading in readings:
        subject, error = reading.subject, reading.error
        is_of_manager = error is not None and error.is_of_management_key
        what, noun = "the wallet of ", "key" if subject.account is None else "account"
        why, names = f"{reason(error)}. {remedy(error)}", [subject.account or subject.name or ""]
        if subject.kind == "key":
            what, noun, names = "", "key", [subject.name or ""]
        elif not is_of_manager:
            if isinstance(error, ConfigurationError):
                continue  # its keys have the same cause, and are among the readings, too
            why = _BLIND
            if reading.keys:
                noun, names, why = "key", list(reading.keys), _BLIND_BUT_FOR_LIMITS
        causes.setdefault((what, noun, why), []).extend(names)
    return tuple(
        [
            f"Not watched: {what}{names_of(list(dict.fromkeys(names)), noun)}: {why}"
            for (what, noun, why), names in causes.items()
        ]
    )
