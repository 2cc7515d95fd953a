"""Amounts that are reserved: what a reading may not know of; no I/O, no clock.

All times are in seconds, by one monotonic clock; all amounts are US dollars.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from decimal import Context, Decimal, Inexact
from operator import itemgetter

MOST_DECIMALS = 1074
"""As many as a float has, written out; amounts have at most 97 digits before the point."""
EXACT = Context(prec=1500, traps=[Inexact])
"""Holds sums of such amounts; the process's own context may round."""
ROUNDING = 1e-6
"""Differences of times are not exact."""
_SPENT_IS_KNOWN_AFTER = 60.0
"""OpenRouter's figures are cached for about so long: a later reading knows what was spent."""
_OLDEST_READING = 3600.0
"""An older reading is not used, so that what was released can be forgotten one day."""
_TOGETHER = 0.01
"""Releases in the same hundredth of a second are one: memory is bounded, however many jobs there are."""


class Reservations:
    """Amounts that may be spent without showing in a reading: those held now, and those released lately.

    Args:
        slack: how long a look takes at most.
    """

    def __init__(self, slack: float) -> None:
        self._slack = slack
        self._held = Decimal(0)
        # When, and the sum of all that was released up to then, in order.
        self._released: list[tuple[float, Decimal]] = [(-math.inf, Decimal(0))]
        self._longest_age = 0.0

    def inherit(self, earlier: Reservations, now: float) -> None:
        """Go on from the reservations of an event loop that is over, whose jobs may have spent.

        What was still held counts as released now; so does what was released later, by a clock of its own.
        """
        self._longest_age = earlier._longest_age
        (_, forgotten), *others = earlier._released
        self._released = [(-math.inf, forgotten), *((min(at, now), total) for at, total in others)]
        if earlier._held:
            self._held = earlier._held
            self.release(earlier._held, now)

    def not_before(self, max_age: float, now: float) -> float:
        """Tell when a reading must have begun to be used: nothing that it does not know may be forgotten."""
        max_age = min(max_age, _OLDEST_READING)
        self._longest_age = max(self._longest_age, max_age)
        return max(now - max_age, self._released[0][0] + _SPENT_IS_KNOWN_AFTER)

    def unseen_by(self, began_at: float) -> Decimal:
        """Return the sum of what a reading that began then may not know."""
        _, known = self._released[self._place(began_at)]
        _, total = self._released[-1]
        return EXACT.add(self._held, EXACT.subtract(total, known))

    def hold(self, amount: Decimal) -> None:
        """Begin a reservation."""
        self._held = EXACT.add(self._held, amount)

    def release(self, amount: Decimal, now: float) -> None:
        """End a reservation; it counts on until a reading that began 60 s from now."""
        self._held = EXACT.subtract(self._held, amount)
        last, total = self._released[-1]
        if last // _TOGETHER == now // _TOGETHER:
            self._released.pop()
        self._released.append((now, EXACT.add(total, amount)))
        forgotten = self._place(now - self._longest_age - self._slack)
        if forgotten * 2 > len(self._released):  # not at each release: it moves all others
            del self._released[:forgotten]

    def _place(self, began_at: float) -> int:
        """Find the last release that a reading which began then knows."""
        known_until = began_at - _SPENT_IS_KNOWN_AFTER + ROUNDING
        return max(bisect_right(self._released, known_until, key=itemgetter(0)) - 1, 0)
