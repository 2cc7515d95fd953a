"""`openrouter-credits check`: many keys, and whole accounts, as soon as each is read, in any format."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

from attrs import evolve

from openrouter_credits import CheckReport, CreditsClient, OpenRouterError
from openrouter_credits.cli._accounts import collect_accounts, divide, fault_of
from openrouter_credits.cli._exits import INTERRUPTED, CommandError, allow_closed_pipe, fail, worst
from openrouter_credits.cli._json import no_report_to_json, report_to_json
from openrouter_credits.cli._keyfile import ENVIRONMENT
from openrouter_credits.cli._report import draw_report
from openrouter_credits.cli._screen import make_console, show
from openrouter_credits.cli._waiting import make_bar, shown_if_slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from openrouter_credits import KeyCheck, KeySpec
    from openrouter_credits.cli._keyspecs import WholeAccount
    from openrouter_credits.cli._options import Form, Reading

_ALL_KEYS = "For all keys of this account: openrouter-credits check --account"
_ALWAYS_WITH_WALLET = (
    "--key-only leaves wallets unread, but a whole account is checked with its wallet. Leave out --key-only."
)


def show_check(entries: Iterable[KeySpec | WholeAccount], form: Form, reading: Reading) -> int:
    """Check keys and whole accounts, show the outcomes, and return the exit code of the most urgent one.

    After Ctrl-C, show what was checked until then.

    Raises:
        CommandError: an option is out of range, or has no meaning for a whole account.
        OpenRouterError: there is nothing but one account, and it could not be listed, or no client can be
            made; JSON is printed first.
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
        except OpenRouterError as error:
            if form.style == "json":
                print(no_report_to_json(error))
            raise
    report = CheckReport(tuple(sorted(checks, key=lambda check: check.index)))
    if reports:
        report = CheckReport.merged([report, *(reports[place] for place in sorted(reports))])
    others = frozenset(each.index for each in report.checks[len(checks) :] if each.managed_key is None)
    fault = None if specs else fault_of(accounts, report)
    with allow_closed_pipe():
        if form.style == "json":
            print(report_to_json(report, form, is_complete=not is_interrupted))
        elif report.checks and form.style == "text" and fault is None:
            draw_report(make_console(), report, form, others)
            if _is_wallet_alone(specs, report):
                show(make_console(), "", _ALL_KEYS)
    if is_interrupted:
        return INTERRUPTED
    if fault is not None:
        raise fault
    return worst(map(form.level, report.checks))


def _is_wallet_alone(specs: Sequence[KeySpec], report: CheckReport) -> bool:
    """Tell whether nothing but the management key of the environment was looked at, and could be read."""
    found = [(spec.account, spec.api_key == spec.management_key) for spec in specs]
    is_manager = found == [(ENVIRONMENT, True)]
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
