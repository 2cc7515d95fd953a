"""The command `watch` and its options, for cyclopts."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from cyclopts import Parameter

from openrouter_credits.cli._exits import WITHOUT_A_KEY, CommandError, NoKeysError
from openrouter_credits.cli._numbers import Dollars, Seconds
from openrouter_credits.cli._options import Reading, make_form
from openrouter_credits.cli._source import File, read_entries, require_source


def watch(
    file: File | None = None,
    /,
    *,
    account: bool = False,
    all_keys: Annotated[bool, Parameter(name="--all")] = False,
    once: bool = False,
    oneline: bool = False,
    history: File | None = None,
    every: Seconds = 300,
    warn: Dollars = Decimal(10),
    critical: Dollars | None = None,
    timeout: Seconds = 10,
) -> int:
    """Watch keys, and tell what happens to them."""
    from openrouter_credits.cli._watch import Watching, show_watch  # noqa: PLC0415 - usage errors need no rich

    form = make_form(warn, critical, oneline=oneline)
    if history is not None and not str(history):  # such as of "$HISTORY", which is not set
        raise CommandError("--history takes the name of a file, not ''.")
    require_source(file, account=account, all_keys=all_keys)
    try:
        entries = read_entries(file, account=account)
    except NoKeysError as error:
        raise CommandError(f"{error} Or run {WITHOUT_A_KEY}.") from None
    watching = Watching(every, None if history is None else str(history), is_once=once)
    return show_watch(entries, form, Reading(timeout=timeout, all_keys=all_keys), watching)
