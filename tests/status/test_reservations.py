"""Reservations: what a reading may not know of is counted, and forgotten in the end."""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from openrouter_credits._status.reservations import Reservations
from tests.kit.values import HARSH

ONE = Decimal(1)
SLACK = 30.0


def after(*releases: float, held: int = 0) -> Reservations:
    """Make reservations of $1: some released at these times, and some that are held."""
    reservations = Reservations(SLACK)
    for _ in range(len(releases) + held):
        reservations.hold(ONE)
    for at in releases:
        reservations.release(ONE, at)
    return reservations


def test_a_held_amount_is_unseen_by_every_reading() -> None:
    """An amount that is held counts, whenever the reading began."""
    assert [ONE, ONE] == [after(held=1).unseen_by(at) for at in (0.0, 1e9)]


def test_a_released_amount_counts_for_sixty_seconds() -> None:
    """A reading knows what was released 60 s before it began, and nothing later."""
    reservations = after(100.0, 130.0)

    unseen = {at: reservations.unseen_by(at) for at in (0.0, 100.0, 159.9, 160.0, 189.9, 190.0)}

    assert {0.0: 2, 100.0: 2, 159.9: 2, 160.0: 1, 189.9: 1, 190.0: 0} == unseen


def test_sums_do_not_depend_on_the_context() -> None:
    """The process's own decimal context, however harsh, changes no sum."""
    reservations = Reservations(SLACK)
    tiny, huge = Decimal(math.ulp(0.0)), Decimal("9E96")

    with localcontext(HARSH):
        reservations.hold(tiny)
        reservations.hold(huge)
        reservations.release(huge, 0.0)

        assert tiny == reservations.unseen_by(1e6)


def test_a_reading_must_be_fresh_enough() -> None:
    """A reading may be as old as its caller says, but not older than an hour."""
    reservations = Reservations(SLACK)

    assert [940.0, -2600.0] == [reservations.not_before(max_age, 1000.0) for max_age in (60.0, math.inf)]


def test_a_reading_that_lacks_what_is_forgotten_is_not_used() -> None:
    """After releases were forgotten, no reading is used that does not know them."""
    reservations = Reservations(SLACK)
    for second in range(400):
        reservations.not_before(60.0, float(second))
        reservations.hold(ONE)
        reservations.release(ONE, float(second))

    first = reservations.not_before(3600.0, 400.0)

    assert 60.0 < first < 400.0 - 60.0
    assert 400.0 + 59.0 - first == reservations.unseen_by(first)


def test_what_another_event_loop_reserved_counts_on() -> None:
    """What was held counts as released now, what was released as before, but never as still to come."""
    old = after(100.0, 150.0, 900.0, held=2)
    new = Reservations(SLACK)

    new.inherit(old, 200.0)

    unseen = {at: new.unseen_by(at) for at in (159.0, 160.0, 210.0, 259.9, 260.0)}
    assert {159.0: 5, 160.0: 4, 210.0: 3, 259.9: 3, 260.0: 0} == unseen


def test_what_was_forgotten_stays_forgotten_on_another_event_loop() -> None:
    """A clock that is behind makes no reading too old."""
    old = Reservations(SLACK)
    for second in range(400):
        old.not_before(60.0, float(second))
        old.hold(ONE)
        old.release(ONE, float(second))
    new = Reservations(SLACK)

    new.inherit(old, 10.0)

    assert 0.0 == new.not_before(10.0, 10.0)
    assert [True, False] == [new.unseen_by(at) > 0 for at in (10.0, 70.0)]


def test_memory_is_bounded_by_time() -> None:
    """However many jobs end at about the same time, they are few amounts; all count as ended at the last."""
    reservations = Reservations(SLACK)
    for _ in range(100):
        reservations.hold(ONE)
    for number in range(100):
        reservations.release(ONE, 1000.005 + number / 100_000)

    assert len(reservations._released) < 5
    assert [100, 0] == [reservations.unseen_by(at) for at in (1060.005, 1060.006)]


def test_memory_is_bounded() -> None:
    """A day of jobs leaves what the last minutes need, and no more."""
    reservations = Reservations(SLACK)
    for second in range(86_400):
        reservations.not_before(60.0, float(second))
        reservations.hold(ONE)
        reservations.release(ONE, float(second))

    assert len(reservations._released) < 500


class Jobs(RuleBasedStateMachine):
    """Jobs that come and go, judged by readings of any age; beside it, a list of all of them."""

    held: Any = Bundle("held")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.reading = (self.now, Decimal(10))
        self.reservations = Reservations(SLACK)
        self.living: list[Decimal] = []
        self.ended: list[tuple[float, Decimal]] = []

    def unseen(self, began_at: float) -> Decimal:
        """Add up what a reading may not know, the long way."""
        return sum(self.living, Decimal(0)) + sum(
            (amount for at, amount in self.ended if at > began_at - 60), Decimal(0)
        )

    @rule(seconds=st.integers(1, 200))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.now += seconds

    @rule(left=st.integers(0, 20))
    def read(self, left: int) -> None:
        """Look anew."""
        self.reading = (self.now, Decimal(left))

    @rule(target=held, amount=st.integers(0, 4), max_age=st.integers(0, 5000))
    def reserve(self, amount: int, max_age: int) -> Decimal:
        """Reserve an amount, if it is there."""
        needed = Decimal(amount)
        not_before = self.reservations.not_before(max_age, self.now)
        if self.reading[0] < not_before:
            self.reading = (self.now, self.reading[1])
        began_at, left = self.reading
        if self.reservations.unseen_by(began_at) + needed > left:
            return Decimal(-1)
        self.reservations.hold(needed)
        self.living.append(needed)
        assert self.unseen(began_at) <= left, "more is promised than there is"
        return needed

    @rule(amount=consumes(held))
    def release(self, amount: Decimal) -> None:
        """End a job."""
        if amount < 0:  # it was refused
            return
        self.living.remove(amount)
        self.ended.append((self.now, amount))
        self.reservations.release(amount, self.now)

    @invariant()
    def nothing_is_lost(self) -> None:
        """Readings that may be used count exactly what they may not know."""
        first = self.reservations._released[0][0] + 60
        for began_at in {self.now, max(self.now - 90, first), max(self.reading[0], first)}:
            assert self.unseen(began_at) == self.reservations.unseen_by(began_at)

    def teardown(self) -> None:
        """All is forgotten in the end."""
        for amount in self.living:
            self.reservations.release(amount, self.now)
        assert not self.reservations.unseen_by(self.now + 60)


TestJobs = Jobs.TestCase
