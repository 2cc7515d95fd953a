"""The usage of an account, by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date as Date  # noqa: N812 - a field is named `date`, as in the API
from decimal import Decimal
from functools import reduce
from typing import Any, overload

from attrs import field, frozen

from openrouter_credits._documents import Value
from openrouter_credits._models.amounts import add, finite, finite_or_none
from openrouter_credits._models.sparse import Sparse
from openrouter_credits._public import public


@frozen(repr=False)
class ActivityItem(Sparse):
    """The usage of one model, from one provider, on one UTC day: an entry of `GET /activity`.

    Amounts are US dollars.
    """

    date: Date
    """The UTC day."""
    model: str
    """The model, such as `openai/gpt-4.1`."""
    usage: Decimal = field(validator=finite)
    """Amount taken from the wallet."""
    model_permaslug: str | None = None
    """The version of the model, such as `openai/gpt-4.1-2025-04-14`."""
    endpoint_id: str | None = None
    """The provider's endpoint, in OpenRouter's numbering."""
    provider_name: str | None = None
    """The provider that answered."""
    byok_usage_inference: Decimal | None = field(default=None, validator=finite_or_none)
    """Amount that the provider charged to your own key there (BYOK)."""
    requests: int | None = None
    """Number of requests."""
    prompt_tokens: int | None = None
    """Tokens of all prompts."""
    completion_tokens: int | None = None
    """Tokens of all answers."""
    reasoning_tokens: int | None = None
    """Tokens of all answers that were reasoning."""
    cached_tokens: int | None = None
    """Tokens of all prompts that came from the provider's cache."""
    workspace_id: str | None = None
    """The workspace, if the answer is divided by workspaces."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the entry that this version does not know, or that are not as documented."""


def _number_of(items: tuple[ActivityItem, ...]) -> str:
    return f"<{len(items)} of ActivityItem>"


@frozen
class Activity(Value, Sequence[ActivityItem]):
    """The usage of an account in a range of completed UTC days: a sequence of `ActivityItem`."""

    items: tuple[ActivityItem, ...] = field(repr=_number_of)
    """The entries, in OpenRouter's order; an exact duplicate is left out."""
    start: Date | None
    """The first day that was read; `None` if OpenRouter has no day of the range."""
    end: Date | None
    """The last day that was read, included; `None` as for `start`."""
    is_cut: bool = False
    """Whether days of the range are missing: today, days to come, and days that OpenRouter has no longer."""

    @property
    def total(self) -> Decimal:
        """The amount taken from the wallet, in US dollars: the exact sum of `usage`."""
        return reduce(add, [item.usage for item in self.items], Decimal(0))

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, place: int) -> ActivityItem: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[ActivityItem, ...]: ...
    def __getitem__(self, place: int | slice) -> ActivityItem | tuple[ActivityItem, ...]:
        return self.items[place]

    def _layout(self) -> dict[str, Any]:
        return {**super()._layout(), "total": self.total}


public(ActivityItem, Activity)
