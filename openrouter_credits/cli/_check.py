"""`openrouter-credits check`: many keys, sorted by what needs attention, and each wallet once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from decimal import Context, Decimal
from functools import reduce
from typing import TYPE_CHECKING

from attrs import frozen
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from openrouter_credits import CheckReport, CreditsClient
from openrouter_credits.cli._exits import (
    ATTENTION,
    INTERRUPTED,
    CommandError,
    clean,
    fail,
    reader_may_leave,
    worst,
)
from openrouter_credits.cli._json import check_document, report_document, to_text
from openrouter_credits.cli._judge import UNKNOWN, binder, day, left, usd
from openrouter_credits.cli._screen import coloured, make_console, make_table, show

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from openrouter_credits import KeyCheck, KeySpec, Level, Wallet

_EXACT = Context(prec=100)
_NAMED = 3
"""How many keys are named beside what to do about them."""


@frozen
class Format:
    """How the outcome is judged and shown."""

    warn: Decimal
    critical: Decimal
    json: bool = False
    jsonl: bool = False

    def level(self, check: KeyCheck) -> Level:
        """Judge a key."""
        return check.level(self.warn, self.critical)


def show_check(
    specs: Sequence[KeySpec], form: Format, *, concurrency: int, rate: float | None, deadline: float | None
) -> int:
    """Check the keys, show the outcome, and return the exit code of the worst; Ctrl-C shows what is known so far.

    Raises:
        CommandError: an option is out of range.
    """
    checks: list[KeyCheck] = []

    async def run(taken: Callable[[KeyCheck], None]) -> None:
        # The client's own key is not used; one that is given keeps the environment's out, which may be no key at all.
        async with CreditsClient("unused") as client:
            await collect(client, specs, taken, concurrency=concurrency, rate=rate, deadline=deadline)

    def take(check: KeyCheck) -> None:
        checks.append(check)
        if form.jsonl:
            print(to_text(check_document(check, form.level(check)), indent=None), flush=True)

    is_interrupted = False
    with reader_may_leave():
        try:
            with make_progress(len(specs), is_wanted=not (form.jsonl and sys.stdout.isatty())) as progress:
                asyncio.run(run(counting(take, progress)))
        except KeyboardInterrupt:
            is_interrupted = True
            fail(f"Interrupted: {len(checks)} of {len(specs)} keys were checked.", INTERRUPTED)
        report = CheckReport(tuple(sorted(checks, key=lambda check: check.index)))
        if form.json:
            print(
                to_text(
                    report_document(
                        report, [form.level(check) for check in report.checks], is_complete=not is_interrupted
                    )
                )
            )
        elif checks and not form.jsonl:
            draw_report(make_console(), report, form)
    return INTERRUPTED if is_interrupted else worst(map(form.level, checks))


async def collect(
    client: CreditsClient,
    specs: Sequence[KeySpec],
    take: Callable[[KeyCheck], None],
    *,
    concurrency: int = 32,
    rate: float | None = None,
    deadline: float | None = None,
) -> None:
    """Check keys, and hand each outcome over as it is there.

    Raises:
        CommandError: an option is out of range.
    """
    try:
        checks = client.check_keys(specs, concurrency=concurrency, rate=rate, deadline=deadline)
    except ValueError as error:
        raise CommandError(f"{error}. See openrouter-credits check --help.") from None
    async with aclosing(checks):
        async for check in checks:
            take(check)


def make_progress(total: int, *, is_wanted: bool = True) -> Progress:
    """Make a bar on standard error, if that is a terminal; it goes away at the end."""
    console = make_console(stderr=True)
    columns = (TextColumn("Checking"), BarColumn(None), MofNCompleteColumn(), TimeElapsedColumn())
    progress = Progress(
        *columns, console=console, transient=True, disable=not (is_wanted and console.is_terminal)
    )
    progress.add_task("", total=total)
    return progress


def counting(take: Callable[[KeyCheck], None], progress: Progress) -> Callable[[KeyCheck], None]:
    """Move the bar with each outcome."""

    def take_and_count(check: KeyCheck) -> None:
        take(check)
        progress.advance(progress.task_ids[0])

    return take_and_count


def draw_report(console: Console, report: CheckReport, form: Format) -> None:
    """Draw the counts, the keys, what to do about those that were not read, and the wallets."""
    show(console, _counts(report, form), "")
    keys = make_table("Level", "Key", "Account", ">Left", "Why")
    for check in sorted(report.checks, key=lambda check: _attention(check, form)):
        level = form.level(check)
        amount = UNKNOWN if check.status is None else left(check.status.spendable, level)
        keys.add_row(
            coloured(level, level),
            clean(_name(check)),
            clean(check.account or UNKNOWN),
            amount,
            _why(check, level),
        )
    show(console, keys, "", *_remedies(report), *_wallets(report.wallets()))


def _counts(report: CheckReport, form: Format) -> Text:
    counts = Counter(map(form.level, report.checks))
    told_counts = [
        coloured(f"{counts[level]} {level}", level) for level in sorted(counts, key=ATTENTION.__getitem__)
    ]
    number = len(report.checks)
    return Text(f"{number} {'key' if number == 1 else 'keys'}: ") + Text(", ").join(told_counts)


def _attention(check: KeyCheck, form: Format) -> tuple[int, Decimal, int]:
    """Sort by level, then by what is left."""
    level = form.level(check)
    amount = None if check.status is None or level == "INVALID" else check.status.spendable.amount
    return ATTENTION[level], Decimal("inf") if amount is None else amount, check.index


def _name(check: KeyCheck) -> str:
    return check.name or check.label or f"key {check.index + 1}"


def _why(check: KeyCheck, level: Level) -> str:
    if check.status is None:
        return UNKNOWN if check.error is None else clean(check.error.summary)
    if level == "INVALID":
        return clean(check.status.explain())
    spendable = check.status.spendable
    resets = "" if spendable.resets_at is None else f" until {day(spendable.resets_at)}"
    unread = "".join(f"; {clean(problem.summary)}" for problem in check.status.problems)
    return f"{binder(spendable.bound_by)}{resets}{unread}"


def _remedies(report: CheckReport) -> Iterator[RenderableType]:
    """Say what to do, each thing once."""
    names: dict[str, list[str]] = {}
    for check in report.checks:
        errors = (
            [check.error]
            if check.error is not None
            else []
            if check.status is None
            else check.status.problems
        )
        for remedy in {error.remedy: None for error in errors}:
            names.setdefault(remedy, []).append(_name(check))
    if names:
        table = make_table("What to do", "")
        for remedy, keys in names.items():
            table.add_row(
                clean(
                    ", ".join(keys[:_NAMED])
                    + (f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else "")
                ),
                clean(remedy),
            )
        yield table
        yield ""


def _wallets(wallets: Sequence[Wallet]) -> Iterator[RenderableType]:
    shared = [wallet for wallet in wallets if wallet.account is not None]
    if shared:
        table = make_table("Wallet", ">Left", ">Keys")
        for wallet in shared:
            table.add_row(clean(wallet.account), usd(_remaining(wallet)), str(len(wallet.checks)))
        known = [amount for wallet in shared if (amount := _remaining(wallet)) is not None]
        if len(shared) > 1:
            read = "together" if len(known) == len(shared) else f"{len(known)} of {len(shared)} read"
            table.add_row(
                read,
                usd(reduce(_EXACT.add, known)) if known else UNKNOWN,
                str(sum(len(wallet.checks) for wallet in shared)),
            )
        yield table
    if others := len(wallets) - len(shared):
        yield (
            "1 key of no known account: its wallet is in no sum."
            if others == 1
            else (f"{others} keys of no known account: their wallets are in no sum.")
        )


def _remaining(wallet: Wallet) -> Decimal | None:
    return None if wallet.credits is None else wallet.credits.remaining
