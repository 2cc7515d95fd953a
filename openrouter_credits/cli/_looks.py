"""The looks of `watch`: those of `check`, spread over the time between two of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from attrs import evolve

from openrouter_credits import CheckReport
from openrouter_credits.cli._accounts import collect_accounts, divide, fault_of
from openrouter_credits.cli._check import collect
from openrouter_credits.history import read_subjects

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from openrouter_credits import CreditsClient, KeyCheck, KeySpec
    from openrouter_credits.cli._keyspecs import WholeAccount
    from openrouter_credits.cli._options import Reading
    from openrouter_credits.cli._seen import Seen
    from openrouter_credits.history import Subject

_SPREAD = 0.95
"""The part of the time between two looks over which the requests of one are spread."""


class Looks:
    """Looks at keys and whole accounts, and shows `seen` each report. All times are in seconds.

    Args:
        client: sends the requests; its own key is not used.
        entries: the keys and accounts.
        reading: how to read them.
        every: the time between two looks.
        seen: takes the reports.
    """

    def __init__(
        self,
        client: CreditsClient,
        entries: Iterable[KeySpec | WholeAccount],
        reading: Reading,
        every: float,
        seen: Seen,
    ) -> None:
        self._client = client
        self._specs, self._accounts = divide(entries)
        self._reading = reading
        self._rate = spread(self._specs, every)
        self._seen = seen
        self._report: CheckReport | None = None
        """The last whole look."""

    async def whole(self) -> CheckReport:
        """Look at all keys: the first time at once, later spread.

        Raises:
            OpenRouterError: there is nothing but one account, and it could not be listed.
        """
        rate = None if self._report is None else self._rate
        try:
            report = await self._look(self._specs, self._accounts, rate)
        except Exception as error:
            self._seen.fail(error, datetime.now(UTC))
            raise
        fault = None if self._specs else fault_of(self._accounts, report)
        if fault is not None:
            self._seen.fail(fault, datetime.now(UTC))
            raise fault
        self._report = report
        self._seen.take(report, datetime.now(UTC))
        return report

    async def alone(self, subjects: Collection[Subject]) -> CheckReport:
        """Look at some subjects, each by one of its keys, and at those of a whole account by all of it."""
        specs: dict[int, KeyCheck] = {}
        names: set[str | None] = set()
        for before in _one_each(self._report, subjects):
            if before.index < len(self._specs):
                specs[before.index] = before
            else:
                names.add(before.account)
        listed = [account for account in self._accounts if account.name in names]
        report = await self._look([self._specs[place] for place in specs], listed, None)
        again = [_again(*pair) for pair in zip(specs.values(), report.checks, strict=False)]
        report = CheckReport((*again, *report.checks[len(again) :]))
        self._seen.take(report, datetime.now(UTC), is_partial=True)
        return report

    async def _look(
        self, specs: Sequence[KeySpec], accounts: Sequence[WholeAccount], rate: float | None
    ) -> CheckReport:
        checks: list[KeyCheck] = []
        reports: dict[int, CheckReport] = {}
        await asyncio.gather(
            collect(self._client, specs, checks.append, evolve(self._reading, rate=rate)),
            collect_accounts(self._client, accounts, reports.__setitem__, self._reading),
        )
        checks.sort(key=lambda check: check.index)
        return CheckReport.merged(
            [CheckReport(tuple(checks)), *(reports[place] for place in sorted(reports))]
        )


def spread(specs: Iterable[KeySpec], every: float) -> float | None:
    """Return the requests a second of a look; `None` for a short one, which is not spread.

    Whole accounts are not counted: a request lists a hundred keys.
    """
    specs = list(specs)
    readers = {spec.management_key or spec.api_key for spec in specs}  # a wallet is read once
    requests = len({spec.api_key for spec in specs}) + len(readers)
    return requests / (every * _SPREAD) if requests > every else None


def _one_each(report: CheckReport | None, subjects: Collection[Subject]) -> Iterable[KeyCheck]:
    """List the outcome by which each subject is looked at again."""
    readings = () if report is None else read_subjects(report).readings
    return [each.checks[0] for each in readings if each.checks and each.subject in subjects]


def _again(before: KeyCheck, check: KeyCheck) -> KeyCheck:
    """Name the outcome of a key as in the last whole look, which may have learnt its account."""
    return evolve(check, name=before.name, label=before.label, account=before.account)
