"""`openrouter-credits keys`: all keys of an account, the most urgent first, from one management key."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from openrouter_credits import OpenRouterError
from openrouter_credits._words import one_line
from openrouter_credits.cli._account import ask
from openrouter_credits.cli._exits import ATTENTION, NO_VERDICT, CommandError, allow_closed_pipe, fail
from openrouter_credits.cli._json import no_report_to_json
from openrouter_credits.cli._judge import (
    NEVER,
    NONE,
    UNKNOWN,
    attention,
    left,
    short_day,
    some_of,
    stopped_by,
    usd,
)
from openrouter_credits.cli._keyname import name_of
from openrouter_credits.cli._screen import coloured, make_console, make_table, show
from openrouter_credits.cli._table import NARROW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from rich.console import Console

    from openrouter_credits import CheckReport, KeyCheck, KeyStatus, Level, ManagedKey
    from openrouter_credits.cli._options import Form
    from openrouter_credits.cli._table import Sheet

_COLUMNS = ("Key", "Level", ">Left", ">Limit", ">Used", "Resets", "Expires", "Last used")
_SPARE = ("Expires", "Used")
"""Columns that a narrow terminal goes without: the first one only if no key expires."""
_MOST_LINES = 5
"""Lines on standard error about what was not read; the last one counts the others."""


def show_keys(form: Form, timeout: float, *, include_expired: bool) -> int:
    """List the keys of the account, and return 0, or 3 if something of them could not be read.

    Raises:
        CommandError: there is no key.
        OpenRouterError: neither a key nor the wallet could be read. In both cases, JSON is printed first.
    """
    try:
        report = ask(lambda account: account.check(include_expired=include_expired), timeout)
    except (CommandError, OpenRouterError) as error:
        if form.style == "json":
            with allow_closed_pipe():
                print(no_report_to_json(error if isinstance(error, OpenRouterError) else str(error)))
        raise
    with allow_closed_pipe():
        if form.style == "json":
            print(report.to_json(2, warn=form.warn, critical=form.critical))
        else:
            draw_keys(make_console(), report, form)
    unread = list(_unread(report))
    for line in unread[:_MOST_LINES]:
        fail(f"Not read: {line}", NO_VERDICT)
    if len(unread) > _MOST_LINES:
        fail(f"Not read: {len(unread) - _MOST_LINES} more (see --json)", NO_VERDICT)
    is_whole = all(check.error is None for check in report.checks)
    return 0 if is_whole else NO_VERDICT


def draw_keys(console: Console, report: CheckReport, form: Form) -> None:
    """Draw the sums, and the keys: those in the worst state first, then those with the least left."""
    checks = [check for check in report.checks if check.managed_key is not None]
    counts = Counter(map(form.level, checks))
    show(console, _sum(report, checks))
    if len(counts) > 1:
        show(console, _by_level(counts))
    if checks:
        checks.sort(key=lambda check: attention(check, form))
        show(console, "", _table(console, [_cells(check, form) for check in checks]))


def _sum(report: CheckReport, checks: Sequence[KeyCheck]) -> str:
    credits = next((wallet.credits for wallet in report.wallets() if wallet.credits is not None), None)
    wallet = "; the wallet could not be read"
    if credits is not None:
        wallet = f", {usd(credits.remaining)} in the wallet"
    if not checks and any(check.error is not None for check in report.checks):
        return f"No key could be read{wallet}."
    if not checks:
        return f"There are no keys{wallet}. To make one: openrouter-credits keys create NAME."
    least = "" if len(checks) == len(report.checks) else "At least "
    number = f"{least}{len(checks):,} {'key' if len(checks) == 1 else 'keys'}"
    return f"{number}{wallet}; {_without_limit(checks)}."


def _by_level(counts: Mapping[Level, int]) -> Text:
    """Count the keys of each level, so that many keys of the first one do not hide the next."""
    levels = sorted(counts, key=ATTENTION.__getitem__)
    return Text(", ").join(coloured(f"{counts[level]:,} {level}", level) for level in levels)


def _without_limit(checks: Sequence[KeyCheck]) -> str:
    count = sum(_limit(check.managed_key) == NONE for check in checks)
    if len(checks) == 1:
        return "it has no limit" if count else "it has a limit"
    match count:
        case 0:
            return "each has a limit"
        case 1:
            return "1 has no limit"
        case _:
            return f"{count:,} have no limit"


def _table(console: Console, rows: Sequence[dict[str, str | Text]]) -> Sheet:
    """Make the table; on a terminal that is too narrow, leave out columns rather than show lines."""
    columns = list(_COLUMNS)
    table = _drawn(columns, rows)
    if table.fits(console.width) or console.width < NARROW:
        return table
    for spare in _SPARE:
        if spare != "Expires" or all(row[spare] == NEVER for row in rows):
            columns = [column for column in columns if column.removeprefix(">") != spare]
        smaller = _drawn(columns, rows)
        if smaller.fits(console.width):
            return smaller
    return table


def _drawn(columns: Sequence[str], rows: Iterable[dict[str, str | Text]]) -> Sheet:
    table = make_table(*columns, heads=2)
    for row in rows:
        table.add_row(*(row[column.removeprefix(">")] for column in columns))
    return table


def _cells(check: KeyCheck, form: Form) -> dict[str, str | Text]:
    key, status, level = check.managed_key, check.status, form.level(check)
    assert key is not None and status is not None  # noqa: S101, PT018 - of a key that was listed
    now = status.checked_at
    return {
        "Key": name_of(key),
        "Level": coloured(level, level),
        "Left": _left(status),
        "Limit": _limit(key),
        "Used": "" if key.limit is None else usd(key.used_in_window),
        "Resets": _resets(key, now),
        "Expires": _moment(key.expires_at, now, UNKNOWN if "expires_at" in key.unread else NEVER),
        "Last used": _moment(key.last_used_at, now, UNKNOWN),
    }


def _left(status: KeyStatus) -> str:
    """Format the amount left; of a key that cannot spend, say why."""
    return stopped_by(status).removeprefix("key ") if status.is_invalid else left(status)


def _limit(key: ManagedKey | None) -> str:
    return NONE if key is None or key.limit is None else usd(key.limit)


def _resets(key: ManagedKey, now: datetime) -> str:
    if key.limit is None:
        return ""
    if "limit_reset" in key.unread:
        return UNKNOWN
    if key.limit_reset is None:
        return NEVER
    return _moment(key.next_reset(now), now, one_line(key.limit_reset))


def _moment(when: datetime | None, now: datetime, otherwise: str) -> str:
    return otherwise if when is None else short_day(when, now)


def _unread(report: CheckReport) -> Iterator[str]:
    """List what could not be read, and why: each cause once, with the step that mends it."""
    for check in report.checks:
        if check.error is not None:
            yield f"{check.name or 'the keys'}: {check.error}"
    of_wallet = {str(wallet.error) for wallet in report.wallets() if wallet.error is not None}
    names: dict[str, list[str]] = {}
    for check in report.checks:
        if check.status is not None:
            for problem in dict.fromkeys(map(str, check.status.problems)):
                names.setdefault(problem, []).append(check.name or check.label or UNKNOWN)
    for problem, keys in names.items():
        subject = "the wallet" if problem in of_wallet else some_of(keys)
        yield f"{subject}: {problem}"
