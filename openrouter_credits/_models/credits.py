"""The wallet of an account."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from openrouter_credits._documents import Value
from openrouter_credits._models.amounts import divide, finite, subtract
from openrouter_credits._public import public


@frozen
class Credits(Value):
    """The wallet of an account: `GET /credits`."""

    total_credits: Decimal = field(validator=finite)
    """Everything ever bought or granted."""
    total_usage: Decimal = field(validator=finite)
    """Everything ever spent."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the answer that this version does not know."""

    @property
    def remaining(self) -> Decimal:
        """The amount left: exact, and negative when the account owes."""
        return subtract(self.total_credits, self.total_usage)

    @property
    def is_zero(self) -> bool:
        """Whether both totals are 0: so it is for a new account, and for some keys that may not read it."""
        return not (self.total_credits or self.total_usage)

    @property
    def used_fraction(self) -> Decimal | None:
        """The spent share: 1 is all, above 1 the account owes; `None` if there never were any credits."""
        return divide(self.total_usage, self.total_credits) if self.total_credits else None

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "remaining": self.remaining}


public(Credits)
