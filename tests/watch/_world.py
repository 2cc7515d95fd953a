"""A small honest world: an account whose keys spend, and an auditor who hears what is said of it.

The auditor knows the promises alone: what may be said of what was shown, and what must be. It has no states
and no code of the alarm.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from attrs import define, field

from openrouter_credits import (
    AuthenticationError,
    CheckReport,
    Credits,
    KeyCheck,
    KeyInfo,
    OpenRouterError,
)
from openrouter_credits.watch import Event
from tests.kit.reports import report
from tests.kit.values import DOWN, UNAUTHORIZED, down

CACHE = timedelta(minutes=1)
"""So long the figures of OpenRouter may be old."""
PATIENCE = timedelta(minutes=15)
APART = timedelta(seconds=150)
"""Looks that are closer count as one, for recoveries and blindness."""
DAY = timedelta(days=1)
THRESHOLDS = {"low": Decimal(10), "critical": Decimal(5), "depleted": Decimal(0)}
LEFT_AT = {"low": Decimal(12), "critical": Decimal(6), "depleted": Decimal(6)}
"""The amount at which each level is left: 1.2 times its threshold, of DEPLETED that of CRITICAL."""
SEVERITY = ["ok", "low", "critical", "depleted", "invalid"]


@define
class Key:
    """A key with a limit, or without one."""

    limit: Decimal | None = None
    reset: str | None = "monthly"
    used: Decimal = Decimal(0)
    in_window: Decimal = Decimal(0)

    def info(self) -> KeyInfo:
        """Tell what `/key` says."""
        left = None if self.limit is None else self.limit - self.in_window
        return KeyInfo(
            label="k",
            usage=self.used,
            limit=self.limit,
            limit_remaining=left,
            limit_reset=self.reset if self.limit is not None else None,
            is_management_key=False,
        )


@define
class World:
    """An account, its wallet and its keys; `now` is the true time, which a wall clock may miss."""

    now: datetime
    bought: Decimal
    keys: dict[str, Key]
    behind: timedelta = timedelta(0)
    """How far the wall clock of the watching machine is behind."""
    used: Decimal = Decimal(0)
    _shown: tuple[Credits, dict[str, KeyInfo]] | None = None
    _shown_at: datetime | None = None

    @property
    def clock(self) -> datetime:
        """The wall clock of the watching machine."""
        return self.now - self.behind

    @property
    def left(self) -> Decimal:
        """What is truly in the wallet."""
        return self.bought - self.used

    def spend(self, name: str, amount: Decimal) -> None:
        """Let a key spend; a negative amount is given back."""
        key = self.keys[name]
        key.used += amount
        key.in_window += amount
        self.used += amount

    def wait(self, time: timedelta) -> None:
        """Let time pass; limits are renewed at 00:00 UTC."""
        before, self.now = self.now, self.now + time
        for key in self.keys.values():
            is_new_day = before.date() != self.now.date()
            is_new_month = (before.year, before.month) != (self.now.year, self.now.month)
            if (key.reset == "daily" and is_new_day) or (key.reset == "monthly" and is_new_month):
                key.in_window = Decimal(0)

    def show(self, *, hides: str = "", refuses: Iterable[str] = ()) -> CheckReport | OpenRouterError:
        """Show what a look finds: figures that are up to a minute old.

        Args:
            hides: what cannot be read: `host`, `all`, `wallet` or the name of a key.
            refuses: keys that get 401.
        """
        if self._shown is None or self._shown_at is None or self.now - self._shown_at >= CACHE:
            keys = {name: key.info() for name, key in self.keys.items()}
            self._shown, self._shown_at = (Credits(self.bought, self.used), keys), self.now
        if hides == "host":
            return down()
        wallet, infos = self._shown
        found: dict[str, KeyInfo | OpenRouterError] = {**infos, **dict.fromkeys(refuses, UNAUTHORIZED)}
        if hides == "all":
            return report(DOWN, dict.fromkeys(found, DOWN), at=self.clock)
        if hides in found:
            found[hides] = DOWN
        return report(DOWN if hides == "wallet" else wallet, found, at=self.clock)


@define
class Heard:
    """What the auditor remembers of one subject."""

    standing: str = "ok"
    """The worst that was said since it was well."""
    most: dict[str, Decimal] = field(factory=dict)
    """The largest amount seen since each kind was said."""
    told_at: dict[str, datetime] = field(factory=dict)
    well: int = 0
    """Looks in a row that show enough to be OK again."""
    better: int = 0
    """Looks in a row that show enough to leave the level that was said last."""
    made_of: tuple[Decimal, str] = (Decimal(0), "")
    """What was bought or allowed, and the window, when something was said last."""
    good_at: datetime | None = None
    failed: int = 0
    """Looks in a row that did not read it."""
    surely_failed: int = 0
    """Those of them that are not so close that they may count as one."""
    is_stale: bool = False
    refused: int = 0
    """Looks that were refused since one was not."""
    in_a_row: bool = False
    """Whether the last look was refused."""


Said = dict[str, list[str]]
"""The kinds that were said of each subject, and have not been accounted for."""


@define
class Auditor:
    """Hears all events, and asserts that each was true, new and needed, and that none is missing."""

    kinds: list[str] = field(factory=list)
    """All that was said."""
    _heard: dict[str, Heard] = field(factory=dict)
    _ids: set[str] = field(factory=set)
    _now: datetime | None = None
    """Its own time, which never runs back."""
    _clock: datetime | None = None
    _is_apart: bool = True
    """Whether the last look was long enough after the one before."""
    _wallet: Decimal | None = None
    """What was seen last in the wallet."""
    _limits: dict[str, Decimal | None] = field(factory=dict)
    """What was seen last of each key's own limit."""

    def hear(self, look: CheckReport | OpenRouterError, at: datetime, events: tuple[Event, ...]) -> None:
        """Compare what was shown with what was said."""
        now = self._pass(at)
        said: Said = {}
        for event in events:
            assert event.id not in self._ids, f"told twice: {event}"
            self._ids.add(event.id)
            self.kinds.append(event.kind)
            said.setdefault(str(event.subject), []).append(event.kind)
        checks = look.checks if isinstance(look, CheckReport) else ()
        statuses = [check.status for check in checks if check.status is not None]
        wallet = next((status.credits for status in statuses if status.credits is not None), None)
        host = self._of("openrouter")
        is_dead = not statuses
        self._hear_of_reading("openrouter", now, said, is_read=not is_dead, must=True)
        if is_dead:
            for heard in self._heard.values():
                heard.failed += heard is not host
                heard.surely_failed += heard is not host and self._is_apart
                heard.in_a_row, heard.well, heard.better = False, 0, 0
        else:
            self._hear_of_reading("wallet:acme", now, said, is_read=wallet is not None, must=True)
            if wallet is not None:
                self._wallet = wallet.remaining
                made_of = wallet.total_credits, ""
                self._hear_of_amount("wallet:acme", wallet.remaining, made_of, now, said)
            for check in checks:
                self._hear_of_key(check, at, now, said, is_wallet_read=wallet is not None)
        assert not any(said.values()), f"said without need: {said}"

    def _of(self, subject: str) -> Heard:
        return self._heard.setdefault(subject, Heard())

    def _pass(self, at: datetime) -> datetime:
        if self._now is None or self._clock is None:
            self._now = at
        else:
            passed = max(at - self._clock, timedelta(0))
            self._now, self._is_apart = self._now + passed, passed >= APART
        self._clock = at
        return self._now

    def _hear_of_reading(self, subject: str, now: datetime, said: Said, *, is_read: bool, must: bool) -> None:
        heard, kinds, may = self._of(subject), said.get(subject, []), must
        if is_read:
            if heard.is_stale:
                assert "fresh" in kinds, f"nobody said that {subject} is read again"
                kinds.remove("fresh")
            heard.good_at, heard.failed, heard.surely_failed, heard.is_stale = now, 0, 0, False
            return
        heard.failed, heard.well, heard.better = heard.failed + 1, 0, 0
        heard.surely_failed += self._is_apart
        has_waited = heard.good_at is not None and now - heard.good_at >= PATIENCE
        is_blind, must = has_waited and heard.failed >= 3, must and has_waited and heard.surely_failed >= 3
        if "stale" in kinds:
            kinds.remove("stale")
            assert may, f"{subject} has nothing to say"
            assert is_blind, f"{subject} is not blind yet"
            assert not heard.is_stale, f"{subject} says again that it is blind"
            heard.is_stale = True
        assert heard.is_stale or not must, f"nobody said that {subject} is not read"

    def _hear_of_key(
        self, check: KeyCheck, at: datetime, now: datetime, said: Said, *, is_wallet_read: bool
    ) -> None:
        subject = f"key:acme/{check.name}"
        heard, kinds = self._of(subject), said.get(subject, [])
        key = check.status.key if check.status is not None else None
        self._hear_of_validity(subject, check, now, kinds)
        if key is not None:
            self._limits[subject] = key.limit_remaining
        remaining = self._limits.get(subject)
        is_covered = remaining is None or self._wallet is None or self._wallet <= remaining
        must = is_wallet_read and not is_covered and heard.refused == 0
        if heard.refused == 0:
            self._hear_of_reading(subject, now, said, is_read=key is not None, must=must)
        if key is None:
            return
        if is_covered or key.limit_remaining is None or key.limit is None:
            heard.well = heard.better = 0
            heard.most = {kind: max(most, key.limit_remaining or most) for kind, most in heard.most.items()}
            return
        window = str(key.next_reset(at))
        self._hear_of_amount(subject, key.limit_remaining, (key.limit, window), now, said)

    def _hear_of_validity(self, subject: str, check: KeyCheck, now: datetime, kinds: list[str]) -> None:
        heard = self._of(subject)
        faults = (*(check.status.problems if check.status else ()), *([check.error] if check.error else ()))
        is_refused = any(isinstance(fault, AuthenticationError) for fault in faults)
        must = is_refused and heard.in_a_row
        heard.in_a_row = is_refused
        heard.refused += is_refused
        if "invalid" in kinds:
            kinds.remove("invalid")
            assert heard.refused >= 2, f"{subject} was not refused twice"
            is_new = heard.standing != "invalid" or now - heard.told_at["invalid"] >= DAY
            assert is_new, f"{subject} is told twice to be invalid"
            heard.standing, heard.told_at["invalid"] = "invalid", now
        assert not must or heard.standing == "invalid", f"nobody said that {subject} is refused"
        if check.status is not None and check.status.key is not None:
            heard.refused = 0
            if heard.standing == "invalid":
                assert "recovered" in kinds, f"nobody said that {subject} is accepted again"
                kinds.remove("recovered")
                heard.standing = "ok"

    def _hear_of_amount(
        self, subject: str, amount: Decimal, made_of: tuple[Decimal, str], now: datetime, said: Said
    ) -> None:
        heard, kinds = self._of(subject), said.get(subject, [])
        heard.most = {kind: max(most, amount) for kind, most in heard.most.items()}
        level, limit = _judge(amount), made_of[0] if made_of[1] else None
        cap = Decimal("Infinity") if limit is None else limit
        is_better = heard.standing in LEFT_AT and amount >= min(LEFT_AT[heard.standing], cap)
        heard.better = heard.better + 1 if is_better else 0
        for kind in ("low", "critical", "depleted"):
            if kind not in kinds:
                continue
            kinds.remove(kind)
            assert kind == level, f"{subject} has {amount}, and says {kind}"
            is_new = kind not in heard.most or heard.most[kind] >= min(LEFT_AT[kind], cap)
            is_renewed = made_of[1] != heard.made_of[1] and heard.most.get(kind, amount) > amount
            is_reminder = kind == "depleted" and kind in heard.told_at and now - heard.told_at[kind] >= DAY
            assert is_new or is_renewed or is_reminder, f"{subject} tells {kind} twice"
            heard.standing, heard.well, heard.better, heard.made_of = kind, 0, 0, made_of
            heard.most[kind], heard.told_at[kind] = amount, now
        if "recovered" in kinds:
            kinds.remove("recovered")
            assert heard.standing != "ok", f"{subject} was well before"
            enough = min(LEFT_AT["low"], cap) if heard.standing == "low" else THRESHOLDS["low"]
            assert amount >= enough, f"{subject} has {amount}: that is no recovery"
            is_proven = made_of[0] > heard.made_of[0] or made_of[1] != heard.made_of[1]
            assert is_proven or heard.better >= 2, f"{subject} has {amount}: one look is no proof"
            heard.standing, heard.well, heard.most = "ok", 0, {}
        is_full = limit is not None and amount >= limit
        is_told = is_full or SEVERITY.index(level) <= SEVERITY.index(heard.standing)
        assert is_told, f"{subject} has {amount}: nobody said {level}"
        is_late = level == heard.standing == "depleted" and now - heard.told_at["depleted"] > DAY + APART
        assert not is_late, f"nobody was reminded of {subject}"
        is_well = amount >= min(LEFT_AT["low"], max(cap, THRESHOLDS["low"]))
        heard.well = heard.well + self._is_apart if is_well else 0
        assert heard.well < 2 or heard.standing == "ok", f"nobody said that {subject} has recovered"


def _judge(amount: Decimal) -> str:
    if amount <= 0:
        return "depleted"
    if amount < THRESHOLDS["critical"]:
        return "critical"
    return "low" if amount < THRESHOLDS["low"] else "ok"
