"""The looks of a client: at all keys, spread over the time there is, and at some subjects alone."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import partial

from attrs import evolve

from openrouter_credits import ApiKey, CheckReport, CreditsClient, KeyCheck, KeySpec
from openrouter_credits.history import Subject, read_subjects
from openrouter_credits.watch._aside import aside
from openrouter_credits.watch._pace import spread


class Looks:
    """The looks at a list of keys.

    Args:
        client: makes the requests; its own keys are not used.
        every: the time from one look to the next, in seconds.
    """

    def __init__(self, client: CreditsClient, every: float) -> None:
        self._client = client
        self._every = every
        self._specs: tuple[KeySpec, ...] = ()
        self._alone: tuple[KeySpec, ...] = ()
        """The same, each with what reads its wallet: alone, no other key tells that."""
        self._rate: float | None = None
        """Requests a second of a look; the first one is as fast as it can be."""
        self._report: CheckReport | None = None

    @property
    def is_spread(self) -> bool:
        """Whether later looks at all are spread over the time."""
        return self._rate is not None

    def begin(self, specs: tuple[KeySpec, ...]) -> None:
        """Set the keys to look at."""
        self._specs, self._alone = specs, with_managers(specs)
        self._rate = spread(count_requests(specs), self._every)

    async def at_all(self) -> CheckReport:
        """Look at all keys: the first time at once, later no faster than the time allows."""
        rate = None if self._report is None else self._rate
        self._report = await self._client.check_all(self._specs, rate=rate)
        return self._report

    async def alone(self, subjects: Collection[Subject]) -> CheckReport:
        """Look at one key of each subject; the outcomes are named as in the last look at all.

        If a key of them did not see its wallet, one that did is looked at as well.
        """
        report = self._report or CheckReport(())
        wanted = await aside(len(report.checks), partial(_choose, report, frozenset(subjects)))
        report = await self._client.check_all([self._alone[index] for index in wanted])
        pairs = zip(wanted.values(), report.checks, strict=True)
        return CheckReport(tuple(_again(before, check) for before, check in pairs))


def _choose(report: CheckReport, subjects: Collection[Subject]) -> dict[int, KeyCheck]:
    """Choose the keys to look at, by their places in the list."""
    readings = {reading.subject: reading for reading in read_subjects(report).readings}
    found = [readings[subject] for subject in subjects if subject in readings]
    for reading in tuple(found):
        wallets = [readings[each] for each in reading.under if each.kind == "wallet"]
        found += [each for each in wallets if each.is_read and not _has_wallet(reading.checks[0])]
    checks = [reading.checks[0] for reading in found]
    return {check.index: check for check in sorted(checks, key=lambda check: check.index)}


def _has_wallet(check: KeyCheck) -> bool:
    return check.status is not None and check.status.credits is not None


def with_managers(specs: Iterable[KeySpec]) -> tuple[KeySpec, ...]:
    """Give each key the management key that stands beside another key of its account.

    Raises:
        ValueError: an account has two management keys; each look would raise it.
    """
    specs = tuple(specs)
    managers: dict[str, ApiKey] = {}
    for spec in specs:
        if spec.account is None or not isinstance(spec.management_key, ApiKey):
            continue  # keys without an account have no manager in common
        if managers.setdefault(spec.account, spec.management_key) != spec.management_key:
            raise ValueError(f"account {spec.account!r} has two management keys")
    return tuple([_with_manager(spec, managers) for spec in specs])


def _with_manager(spec: KeySpec, managers: Mapping[str, ApiKey]) -> KeySpec:
    manager = managers.get(spec.account or "")
    if spec.management_key is not None or manager is None or manager == spec.api_key:
        return spec
    return evolve(spec, management_key=manager)


def count_requests(specs: Iterable[KeySpec]) -> int:
    """Return how many requests a look at these keys takes: equal ones are shared."""
    specs = with_managers(specs)
    keys = {spec.api_key for spec in specs}
    readers = {spec.management_key or spec.api_key for spec in specs}
    return sum(isinstance(key, ApiKey) for key in (*keys, *readers))


def renewed(report: CheckReport, part: CheckReport) -> CheckReport:
    """Put the newer outcomes of a look at some keys in the place of the older ones of the same keys.

    A look at all that is spread over minutes may end after such a look, and know less.
    """
    found = {identity(check): check for check in part.checks if check.status is not None}
    return CheckReport(
        tuple(
            [
                _again(check, newer)
                if (newer := found.get(identity(check))) is not None and _is_newer(newer, check)
                else check
                for check in report.checks
            ]
        )
    )


def identity(check: KeyCheck) -> tuple[str | None, ...]:
    """Return what an outcome is known by in another report."""
    listed = check.managed_key
    return check.account, check.name, check.label, None if listed is None else listed.hash


def _is_newer(check: KeyCheck, other: KeyCheck) -> bool:
    if check.status is None or other.status is None:
        return check.status is not None
    return check.status.checked_at > other.status.checked_at


def _again(before: KeyCheck, check: KeyCheck) -> KeyCheck:
    """Return the outcome of a key that was looked at again, with its former place, names and wallet."""
    return evolve(
        before,
        status=check.status,
        error=check.error,
        elapsed=check.elapsed,
        managed_key=check.managed_key,
    )
