"""`openrouter-credits check`: many keys, the most urgent first, what to do, and each wallet once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING

from rich.text import Text

from openrouter_credits import CheckReport, CreditsClient
from openrouter_credits._words import one_line
from openrouter_credits.cli._advice import TO_FILE, advice, plain_problems
from openrouter_credits.cli._exits import (
    ATTENTION,
    INTERRUPTED,
    CommandError,
    allow_closed_pipe,
    fail,
    worst,
)
from openrouter_credits.cli._json import report_to_json
from openrouter_credits.cli._judge import UNKNOWN, day, left, stopped_by
from openrouter_credits.cli._screen import coloured, make_console, make_table, show
from openrouter_credits.cli._waiting import make_bar, shown_if_slow
from openrouter_credits.cli._wallets import wallet_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType
    from rich.progress import Progress

    from openrouter_credits import KeyCheck, KeySpec
    from openrouter_credits.cli._options import Form, Reading

_NAMED = 3
"""Number of keys named beside each remedy."""
_LONGEST_NAME = 24
"""Characters of a name beside a remedy; the table of keys shows all of it."""


def show_check(specs: Sequence[KeySpec], form: Form, reading: Reading) -> int:
    """Check the keys, show the outcomes, and return the exit code of the most urgent key.

    After Ctrl-C, show the keys that were checked until then.

    Raises:
        CommandError: an option is out of range.
    """
    checks: list[KeyCheck] = []

    progress = make_progress(len(specs), is_wanted=not (form.style == "jsonl" and sys.stdout.isatty()))

    async def run() -> None:
        # The client's own key is not used. Without one, the client would read the key of the environment,
        # which may be invalid.
        try:
            client = CreditsClient("unused", timeout=reading.timeout)
        except ValueError as error:
            raise _out_of_range(error) from None
        async with client:
            with shown_if_slow(progress):
                await collect(client, specs, counting(take, progress), reading)

    def take(check: KeyCheck) -> None:
        checks.append(check)
        if form.style == "jsonl":
            print(check.to_json(warn=form.warn, critical=form.critical), flush=True)

    is_interrupted = False
    with allow_closed_pipe():
        try:
            asyncio.run(run())
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
        raise _out_of_range(error) from None
    async with aclosing(checks):
        async for check in checks:
            take(check)


def _out_of_range(error: ValueError) -> CommandError:
    return CommandError(f"{error}. See openrouter-credits check --help.")


def make_progress(total: int, *, is_wanted: bool = True) -> Progress:
    """Make a progress bar on standard error, if that is a terminal; the bar disappears at the end."""
    return make_bar("Checking", total, is_wanted=is_wanted)


def counting(take: Callable[[KeyCheck], None], progress: Progress) -> Callable[[KeyCheck], None]:
    """Return a function that calls `take` and advances the progress bar."""

    def take_and_count(check: KeyCheck) -> None:
        take(check)
        progress.advance(progress.task_ids[0])

    return take_and_count


def draw_report(console: Console, report: CheckReport, form: Form) -> None:
    """Draw the counts, the keys, what to do, and the wallets."""
    checks = sorted(report.checks, key=lambda check: _attention(check, form))
    keys = make_table("Level", "Key", "Account", ">Left", "Why", heads=2)
    for check in checks:
        level = form.level(check)
        amount = UNKNOWN if check.status is None else left(check.status)
        account = one_line(check.account or UNKNOWN)
        keys.add_row(coloured(level, level), one_line(_name(check)), account, amount, _why(check))
    show(console, _counts(report, form), "", keys)
    for section in (_remedies(checks, form), wallet_parts(report)):
        if parts := list(section):
            show(console, "", *parts)


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


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."


def _why(check: KeyCheck) -> str:
    """Say what stops the key first, and what could not be read; or why the key cannot spend."""
    if check.status is None:
        return UNKNOWN if check.error is None else one_line(check.error.summary).rstrip(".")
    spendable, problems = check.status.spendable, plain_problems(check.status)
    if check.status.is_invalid:
        is_refused = spendable.bound_by == "refused"  # then the refusal is the first problem
        return problems[0] if is_refused and problems else stopped_by(check.status)
    if spendable.bound_by is not None:
        is_ahead = spendable.resets_at is not None and spendable.resets_at > check.status.checked_at
        until = f" until {day(spendable.resets_at)}" if is_ahead and spendable.resets_at else ""
        problems.insert(0, f"{stopped_by(check.status)}{until}")
    return "; ".join(problems) or "no key limit; wallet: not asked for"


def _remedies(checks: Sequence[KeyCheck], form: Form) -> Iterator[RenderableType]:
    """List each remedy once, with the keys that need it."""
    names: dict[str, list[str]] = {}
    for check in checks:
        for remedy in dict.fromkeys(_advice(check, form)):
            names.setdefault(remedy, []).append(_short(_name(check)))
    if names:
        table = make_table("", "")
        for remedy, keys in names.items():
            more = f" and {len(keys) - _NAMED} more" if len(keys) > _NAMED else ""
            table.add_row(one_line(", ".join(keys[:_NAMED]) + more), one_line(remedy))
        yield Text("What to do", style="bold")
        yield table


def _advice(check: KeyCheck, form: Form) -> Iterable[str]:
    if check.status is not None:
        return advice(check.status, form, account=check.account, where=TO_FILE)
    return () if check.error is None else [check.error.remedy]
