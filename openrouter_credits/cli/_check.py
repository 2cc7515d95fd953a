"""`openrouter-credits check`: many keys, the most urgent first, what to do, and each wallet once."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from contextlib import aclosing
from decimal import Decimal
from typing import TYPE_CHECKING

from attrs import evolve
from rich.text import Text

from openrouter_credits import CheckReport, CreditsClient
from openrouter_credits._words import day, one_line
from openrouter_credits.cli._accounts import collect_accounts, divide, fault_of
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
from openrouter_credits.cli._judge import UNKNOWN, left, stopped_by
from openrouter_credits.cli._screen import coloured, make_console, make_table, show
from openrouter_credits.cli._waiting import make_bar, shown_if_slow
from openrouter_credits.cli._wallets import wallet_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from openrouter_credits import KeyCheck, KeySpec
    from openrouter_credits.cli._keyspecs import WholeAccount
    from openrouter_credits.cli._options import Form, Reading

_NAMED = 3
"""Number of keys named beside each remedy."""
_LONGEST_NAME = 24
"""Characters of a name beside a remedy; the table of keys shows all of it."""
_ALL_KEYS = "For all keys of this account: openrouter-credits check --account"
_ALWAYS_WITH_WALLET = (
    "--key-only leaves wallets unread, but a whole account is checked with its wallet. Leave out --key-only."
)


def show_check(entries: Iterable[KeySpec | WholeAccount], form: Form, reading: Reading) -> int:
    """Check keys and whole accounts, show the outcomes, and return the exit code of the most urgent one.

    After Ctrl-C, show what was checked until then.

    Raises:
        CommandError: an option is out of range, or has no meaning for a whole account.
        OpenRouterError: there is nothing but one account, and it could not be listed; JSON is printed first.
    """
    specs, accounts = divide(entries)
    if accounts and "credits" not in reading.read:
        raise CommandError(_ALWAYS_WITH_WALLET)
    checks: list[KeyCheck] = []
    reports: dict[int, CheckReport] = {}
    is_wanted = not (form.style == "jsonl" and sys.stdout.isatty())
    progress = make_bar("Checking", len(specs) + len(accounts), is_wanted=is_wanted)
    bar = progress.task_ids[0]

    async def run() -> None:
        # The client's own key is not used. Without one, the client would read the key of the environment,
        # which may be invalid.
        try:
            client = CreditsClient("unused", timeout=reading.timeout)
        except ValueError as error:
            raise _out_of_range(error) from None
        async with client:
            with shown_if_slow(progress):
                await asyncio.gather(
                    collect(client, specs, take, reading),
                    collect_accounts(client, accounts, take_account, reading),
                )

    def take(check: KeyCheck) -> None:
        checks.append(check)
        show_line(check)
        progress.advance(bar)

    def take_account(place: int, report: CheckReport) -> None:
        number = len(specs) + sum(len(each.checks) for each in reports.values())
        reports[place] = report
        for check in report.checks:
            show_line(evolve(check, index=number + check.index))
        progress.update(bar, advance=1)

    def show_line(check: KeyCheck) -> None:
        if form.style == "jsonl":
            print(check.to_json(warn=form.warn, critical=form.critical), flush=True)

    is_interrupted = False
    with allow_closed_pipe():
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            is_interrupted = True
            done = _counted((len(checks), len(specs), "keys"), (len(reports), len(accounts), "accounts"))
            fail(f"Interrupted: {done} were checked.", INTERRUPTED)
    report = CheckReport(tuple(sorted(checks, key=lambda check: check.index)))
    if reports:
        report = CheckReport.merged([report, *(reports[place] for place in sorted(reports))])
    fault = None if specs else fault_of(accounts, report)
    with allow_closed_pipe():
        if form.style == "json":
            print(report_to_json(report, form, is_complete=not is_interrupted))
        elif report.checks and form.style == "text" and fault is None:
            draw_report(make_console(), report, form)
            if _is_wallet_alone(specs, report):
                show(make_console(), "", _ALL_KEYS)
    if is_interrupted:
        return INTERRUPTED
    if fault is not None:
        raise fault
    return worst(map(form.level, report.checks))


def _is_wallet_alone(specs: Sequence[KeySpec], report: CheckReport) -> bool:
    """Tell whether nothing but a management key was looked at, and could be read."""
    is_manager = [spec.api_key == spec.management_key for spec in specs] == [True]
    return is_manager and all(check.status is not None for check in report.checks)


def _counted(*parts: tuple[int, int, str]) -> str:
    """Count what is done of each kind, such as `3 of 8 keys and 0 of 1 accounts`, without empty kinds."""
    return " and ".join(f"{done} of {all_} {kind}" for done, all_, kind in parts if all_)


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
        is_listed = check.managed_key is not None
        return advice(check.status, form, account=check.account, where=TO_FILE, is_listed=is_listed)
    return () if check.error is None else [check.error.remedy]
