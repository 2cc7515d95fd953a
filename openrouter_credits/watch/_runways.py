"""How long each subject lasts: from readings of its counter, else from OpenRouter's own counters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal

from openrouter_credits import CheckReport, Runway, Wallet
from openrouter_credits.history import Burn, Reading, Readings, Subject

Counters = Mapping[Subject, Iterable[tuple[datetime, Decimal | None]]]


class Runways:
    """The burn of each subject, in bounded memory."""

    def __init__(self) -> None:
        self._burns: dict[Subject, Burn] = {}
        self._labels: dict[Subject, str | None] = {}

    def seed(self, counters: Counters) -> None:
        """Begin with what a history knows; `None` in a row stands before the readings of another counter."""
        for subject, row in counters.items():
            burn = self._burns[subject] = Burn()
            for at, used in row:
                if used is None:
                    burn.restart()
                else:
                    burn.add(at, used)

    def take(self, readings: Readings, now: datetime, *, is_partial: bool) -> None:
        """Take in what was read; forget subjects that are gone."""
        for reading in readings.readings:
            self._take(reading, now)
        there = {reading.subject for reading in readings.readings}
        for subject in self._burns.keys() - there:
            if readings.is_gone(subject) and not is_partial:
                del self._burns[subject]
                self._labels.pop(subject, None)

    def _take(self, reading: Reading, now: datetime) -> None:
        if not reading.is_read or reading.used is None:
            return
        burn = self._burns.setdefault(reading.subject, Burn())
        if self._labels.setdefault(reading.subject, reading.label) != reading.label:
            burn.restart()  # the key was made again under its name
            self._labels[reading.subject] = reading.label
        burn.add(now, reading.used)

    def recent(self, readings: Iterable[Reading], now: datetime) -> dict[Subject, Runway]:
        """Tell how long each amount lasts by the last hours alone."""
        return {
            reading.subject: burn.recent(reading.remaining, now, reading.resets_at)
            for reading in readings
            if reading.remaining is not None and (burn := self._burns.get(reading.subject)) is not None
        }

    def known(self, report: CheckReport, readings: Iterable[Reading], now: datetime) -> dict[Subject, Runway]:
        """Tell how long each amount lasts: by OpenRouter's counters as long as too little was seen here."""
        wallets = {id(check): wallet for wallet in report.wallets() for check in wallet.checks}
        found: dict[Subject, Runway] = {}
        for reading in readings:
            burn = self._burns.get(reading.subject)
            runway = None
            if burn is not None and reading.remaining is not None:
                runway = burn.runway(reading.remaining, now, reading.resets_at)
            if runway is None or runway.verdict == "accumulating":
                runway = _counted(report, wallets, reading) or runway
            if runway is not None:
                found[reading.subject] = runway
        return found


def _counted(report: CheckReport, wallets: Mapping[int, Wallet], reading: Reading) -> Runway | None:
    """Tell how long an amount lasts by OpenRouter's counters; `wallets` are those of each check."""
    if reading.remaining is None or not reading.checks:
        return None
    check = reading.checks[0]
    if reading.subject.kind == "wallet":
        return report.runway(wallets[id(check)])
    if reading.subject.kind == "key" and check.status is not None:
        return check.status.runway()
    return None
