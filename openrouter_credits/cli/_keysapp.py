"""The commands below `keys`, and their options, for cyclopts."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._numbers import Dollars, DollarsOrNone, Seconds, reader
from openrouter_credits.cli._options import make_form

# Commands import what they need when they run: wrong usage is answered without rich and the client.

_A_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _interval(*accepted: str) -> Parameter:
    words = f"{', '.join(accepted[:-1])} or {accepted[-1]}"
    return reader(lambda text: text if text in accepted else None, words)


def _moment(text: str) -> datetime | None:
    """Read a moment with a time zone, or a day of UTC, which begins at midnight."""
    try:
        when = datetime.fromisoformat(f"{text}T00:00Z" if _A_DAY.fullmatch(text) else text)
        return None if when.tzinfo is None else when.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


Interval = Annotated[Literal["daily", "weekly", "monthly"], _interval("daily", "weekly", "monthly")]
IntervalOrNever = Annotated[
    Literal["daily", "weekly", "monthly", "never"], _interval("daily", "weekly", "monthly", "never")
]
Moment = Annotated[
    datetime,
    reader(_moment, "a day of UTC such as 2026-12-31, or a moment such as 2026-12-31T18:00Z"),
]

keys = App(name="keys")


@keys.default
@keys.command(name="list")
def list_keys(
    *,
    expired: Annotated[bool, Parameter(name="--all")] = False,
    json: bool = False,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
    timeout: Seconds = 10,
) -> int:
    """List all keys of an account."""
    form = make_form(warn, critical, json=json)
    from openrouter_credits.cli._keys import show_keys  # noqa: PLC0415 - usage errors need no rich

    return show_keys(form, timeout, include_expired=expired)


@keys.command
def create(
    name: str,
    /,
    *,
    limit: Dollars | None = None,
    reset: Interval | None = None,
    expires: Moment | None = None,
    workspace: str | None = None,
    write_to: Path | None = None,
    yes: bool = False,
    timeout: Seconds = 10,
) -> int:
    """Make a key."""
    from openrouter_credits.cli._consent import Way  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._newkey import NewKeySettings, create_key  # noqa: PLC0415 - see above

    if expires is not None and expires <= datetime.now(UTC):
        raise CommandError("--expires takes a moment in the future: a day begins at 00:00 UTC.")
    return create_key(
        NewKeySettings(name, limit, reset, expires, workspace), write_to, Way(yes=yes, timeout=timeout)
    )


@keys.command
def disable(name: str, /, *, yes: bool = False, timeout: Seconds = 10) -> int:
    """Switch a key off."""
    from openrouter_credits.cli._consent import Way  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._keywrites import switch_key  # noqa: PLC0415 - usage errors need no client

    return switch_key(name, Way(yes=yes, timeout=timeout), disabled=True)


@keys.command
def enable(name: str, /, *, yes: bool = False, timeout: Seconds = 10) -> int:
    """Switch a key on again."""
    from openrouter_credits.cli._consent import Way  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._keywrites import switch_key  # noqa: PLC0415 - usage errors need no client

    return switch_key(name, Way(yes=yes, timeout=timeout), disabled=False)


@keys.command
def limit(
    name: str,
    amount: DollarsOrNone,
    /,
    *,
    reset: IntervalOrNever | None = None,
    yes: bool = False,
    timeout: Seconds = 10,
) -> int:
    """Set or remove the limit of a key."""
    from openrouter_credits.cli._consent import Way  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._keywrites import limit_key  # noqa: PLC0415 - usage errors need no client

    way = Way(yes=yes, timeout=timeout)
    dollars = amount if isinstance(amount, Decimal) else None
    if reset is None:
        return limit_key(name, way, dollars)
    return limit_key(name, way, dollars, None if reset == "never" else reset)


@keys.command
def delete(name: str, /, *, yes: bool = False, timeout: Seconds = 10) -> int:
    """Delete a key."""
    from openrouter_credits.cli._consent import Way  # noqa: PLC0415 - usage errors need no rich
    from openrouter_credits.cli._keywrites import delete_key  # noqa: PLC0415 - usage errors need no client

    return delete_key(name, Way(yes=yes, timeout=timeout))
