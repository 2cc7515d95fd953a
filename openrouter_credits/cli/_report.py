"""The report of many keys on the screen: the most urgent first, what to do, and each wallet once."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.text import Text

from openrouter_credits._words import day, one_line
from openrouter_credits.cli._advice import TO_FILE, advice, plain_problems
from openrouter_credits.cli._exits import ATTENTION
from openrouter_credits.cli._judge import UNKNOWN, attention, left, some_of, stopped_by
from openrouter_credits.cli._screen import coloured, make_table, show
from openrouter_credits.cli._wallets import wallet_parts

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence

    from rich.console import Console, RenderableType

    from openrouter_credits import CheckReport, KeyCheck
    from openrouter_credits.cli._options import Form


def draw_report(
    console: Console, report: CheckReport, form: Form, others: Container[int] = frozenset()
) -> None:
    """Draw the counts, the keys, what to do, and the wallets.

    Args:
        console: where to draw.
        report: the outcomes.
        form: the thresholds.
        others: the indexes of the outcomes that are no keys, but accounts, or parts of one.
    """
    checks = sorted(report.checks, key=lambda check: attention(check, form))
    keys = make_table("Level", "Key", "Account", ">Left", "Why", heads=2)
    for check in checks:
        level = form.level(check)
        amount = UNKNOWN if check.status is None else left(check.status)
        account = one_line(check.account or UNKNOWN)
        keys.add_row(coloured(level, level), one_line(_name(check)), account, amount, _why(check))
    show(console, _counts(report, form, others), "", keys)
    for section in (_remedies(checks, form), wallet_parts(report, others)):
        if parts := list(section):
            show(console, "", *parts)


def _counts(report: CheckReport, form: Form, others: Container[int]) -> Text:
    counts = Counter(map(form.level, report.checks))
    levels = sorted(counts, key=ATTENTION.__getitem__)
    parts = [coloured(f"{counts[level]} {level}", level) for level in levels]
    rows = sum(check.index in others for check in report.checks)
    keys = len(report.checks) - rows
    title = f"{keys} {'key' if keys == 1 else 'keys'}"
    if rows:
        title += f", {rows} other {'row' if rows == 1 else 'rows'}"
    return Text(f"{title}: ") + Text(", ").join(parts)


def _name(check: KeyCheck) -> str:
    return check.name or check.label or f"key {check.index + 1}"


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
            names.setdefault(remedy, []).append(_name(check))
    if names:
        table = make_table("", "")
        for remedy, keys in names.items():
            table.add_row(one_line(some_of(keys)), one_line(remedy))
        yield Text("What to do", style="bold")
        yield table


def _advice(check: KeyCheck, form: Form) -> Iterable[str]:
    if check.status is not None:
        is_listed = check.managed_key is not None
        return advice(check.status, form, account=check.account, where=TO_FILE, is_listed=is_listed)
    return () if check.error is None else [check.error.remedy]
