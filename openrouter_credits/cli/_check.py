"""`openrouter-credits check`: many keys, the most urgent first, and each wallet once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from openrouter_credits import CheckReport, CreditsClient
from openrouter_credits._words import one_line, told_once
from openrouter_credits.cli._exits import (
    ATTENTION,
    INTERRUPTED,
    CommandError,
    allow_closed_pipe,
    fail,
    worst,
)
from openrouter_credits.cli._json import report_to_json
from openrouter_credits.cli._judge import UNKNOWN, day, left, limit, usd
from openrouter_credits.cli._screen import coloured, make_console, make_table, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from openrouter_credits import KeyCheck, KeySpec, KeyStatus, Level
    from openrouter_credits.cli._options import Form, Reading

_NAMED = 3
"""Number of keys named beside each remedy."""
_WAYS_OUT = {
    "expired": "Make a new key at https://openrouter.ai/settings/keys.",
    "no_region": "Permit a data region in the settings of the key's workspace: https://openrouter.ai/settings.",
    "management_key": (
        "Move it to OPENROUTER_MANAGEMENT_KEY, or, in a key file, to the management_key of its account."
    ),
}
"""The advice for keys that cannot spend, by the reason."""


def show_check(specs: Sequence[KeySpec], form: Form, reading: Reading) -> int:
    """Check the keys, show the outcomes, and return the exit code of the most urgent key.

    After Ctrl-C, show the keys that were checked until then.

    Raises:
        CommandError: an option is out of range.
    """
    checks: list[KeyCheck] = []

    async def run(handle: Callable[[KeyCheck], None]) -> None:
        # The client's own key is not used. Without one, the client would read the key of the environment,
        # which may be invalid.
        async with CreditsClient("unused") as client:
            await collect(client, specs, handle, reading)

    def take(check: KeyCheck) -> None:
        checks.append(check)
        if form.style == "jsonl":
            print(check.to_json(warn=form.warn, critical=form.critical), flush=True)

    is_interrupted = False
    with allow_closed_pipe():
        try:
            with make_progress(
                len(specs), is_wanted=not (form.style == "jsonl" and sys.stdout.isatty())
            ) as progress:
                asyncio.run(run(counting(take, progress)))
        except KeyboardInterrupt:
            is_interrupted = True
            fail(f"Interrupted: {len(checks)} of {len(specs)} keys were checked.", INTERRUPTED)
        report = CheckReport(tuple(sorted(checks, key=lambda check: check.index)))
        if form.style == "json":
            print(report_to_json(report, form, is_complete=not is_interrupted))
        elif checks and form.style == "text":
            draw_report(make_console(), report, form)
    return INTERRUPTED if is_interrupted else worst(map(form.level, checks))


async def collect(
    client: CreditsClient,
    specs: Sequence[KeySpec],
    take: Callable[[KeyCheck], None],
    reading: Reading,
) -> None:
    """Check keys, and pass each outcome to `take` as soon as it is known.

    Raises:
        CommandError: an option is out of range.
    """
    try:
        checks = client.check_keys(
            specs,
            concurrency=reading.concurrency,
            read=reading.read,
            rate=reading.rate,
            deadline=reading.deadline,
        )
    except ValueError as error:
        raise CommandError(f"{error}. See openrouter-credits check --help.") from None
    async with aclosing(checks):
        async for check in checks:
            take(check)


def make_progress(total: int, *, is_wanted: bool = True) -> Progress:
    """Make a progress bar on standard error, if that is a terminal; the bar disappears at the end."""
    console = make_console(stderr=True)
    columns = (TextColumn("Checking"), BarColumn(None), MofNCompleteColumn(), TimeElapsedColumn())
    is_shown = is_wanted and console.is_terminal
    progress = Progress(*columns, console=console, transient=True, disable=not is_shown)
    progress.add_task("", total=total)
    return progress


def counting(take: Callable[[KeyCheck], None], progress: Progress) -> Callable[[KeyCheck], None]:
    """Return a function that calls `take` and advances the progress bar."""

    def take_and_count(check: KeyCheck) -> None:
        take(check)
        progress.advance(progress.task_ids[0])

    return take_and_count


def draw_report(console: Console, report: CheckReport, form: Form) -> None:
    """Draw the counts, the keys, the remedies for unread keys, and the wallets."""
    show(console, _counts(report, form), "")
    keys = make_table("Level", "Key", "Account", ">Left", "Why")
    for check in sorted(report.checks, key=lambda check: _attention(check, form)):
        level = form.level(check)
        amount = UNKNOWN if check.status is None else left(check.status.spendable, level)
        keys.add_row(
            coloured(level, level),
            one_line(_name(check)),
            one_line(check.account or UNKNOWN),
            amount,
            _why(check, level),
        )
    show(console, keys, "", *_remedies(report), *_wallets(report))


def _counts(report: CheckReport, form: Form) -> Text:
    counts = Counter(map(form.level, report.checks))
    levels = sorted(counts, key=ATTENTION.__getitem__)
    parts = [coloured(f"{counts[level]} {level}", level) for level in levels]
    number = len(report.checks)
    return Text(f"{number} {'key' if number == 1 else 'keys'}: ") + Text(", ").join(parts)


def _attention(check: KeyCheck, form: Form) -> tuple[int, Decimal, int]:
    """Return the sort key of an outcome: its level, then the amount left, then its place in the source."""
    level = form.level(check)
    amount = None if check.status is None or level == "INVALID" else check.status.spendable.amount
    if amount is None:
        amount = Decimal("inf")
    return ATTENTION[level], amount, check.index


def _name(check: KeyCheck) -> str:
    return check.name or check.label or f"key {check.index + 1}"


def _why(check: KeyCheck, level: Level) -> str:
    if check.status is None:
        return UNKNOWN if check.error is None else one_line(check.error.summary)
    if level == "INVALID":
        return one_line(check.status.explain())
    reasons = told_once(one_line(problem.summary) for problem in check.status.problems)
    if check.status.spendable.bound_by is not None:
        reasons.insert(0, _bound(check.status))
    return "; ".join(reasons) or UNKNOWN


def _bound(status: KeyStatus) -> str:
    resets_at = status.spendable.resets_at
    is_ahead = resets_at is not None and resets_at > status.checked_at
    return f"{limit(status.spendable.bound_by)}{f' until {day(resets_at)}' if is_ahead else ''}"


def _remedies(report: CheckReport) -> Iterator[RenderableType]:
    """List each remedy once, with the keys that need it."""
    names: dict[str, list[str]] = {}
    for check in report.checks:
        for remedy in dict.fromkeys(_advice(check)):
            names.setdefault(remedy, []).append(_name(check))
    if names:
        table = make_table("What to do", "")
        for remedy, keys in names.items():
            more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
            table.add_row(one_line(", ".join(keys[:_NAMED]) + more), one_line(remedy))
        yield table
        yield ""


def _advice(check: KeyCheck) -> Sequence[str]:
    if check.error is not None:
        return [check.error.remedy]
    if check.status is None:
        return ()
    remedies = [problem.remedy for problem in check.status.problems]
    if not check.status.is_invalid:
        return remedies
    reason = check.status.spendable.bound_by
    # the wallet of a key that cannot spend does not matter; the first problem is the refusal
    return [_WAYS_OUT[reason]] if reason in _WAYS_OUT else remedies[:1]


def _wallets(report: CheckReport) -> Iterator[RenderableType]:
    wallets = report.wallets()
    shared = [wallet for wallet in wallets if wallet.account is not None]
    if shared:
        table = make_table("Wallet", ">Left", ">Keys")
        for wallet in shared:
            amount = None if wallet.credits is None else wallet.credits.remaining
            table.add_row(one_line(wallet.account), usd(amount), str(len(wallet.checks)))
        if len(shared) > 1:
            total = report.total()
            read = sum(wallet.credits is not None for wallet in shared)
            title = "together" if read == len(shared) else f"{read} of {len(shared)} read"
            keys = sum(len(wallet.checks) for wallet in shared)
            table.add_row(title, usd(total.known) if read else UNKNOWN, str(keys))
            if total.owed:
                table.add_row("owed", usd(total.owed.copy_negate()), "")
        yield table
    others = len(wallets) - len(shared)
    if others == 1:
        yield "1 key: account unknown; not included in the total."
    elif others > 1:
        yield f"{others} keys: account unknown; not included in the total."
