"""What an account has used, by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date as Date  # noqa: N812 - a field is named `date`, as in the API
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from openrouter_credits._documents import Value
from openrouter_credits._models.amounts import finite, finite_or_none
from openrouter_credits._models.sparse import Sparse
from openrouter_credits._public import public


@frozen(repr=False)
class ActivityItem(Sparse):
    """What an account used of one model, from one provider, on one UTC day: an entry of `GET /activity`.

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


@frozen
class Activity(Value):
    """What an account used in a range of completed UTC days: a sequence of `ActivityItem`."""

    items: tuple[ActivityItem, ...]
    """The entries, in OpenRouter's order; exact duplicates are left out."""
    start: Date | None
    """The first day that was asked for; `None` if no day of the range is among the last 30 completed ones."""
    end: Date | None
    """The last day that was asked for, included; `None` as for `start`."""
    is_cut: bool = False
    """Whether days of the range are missing: today, days to come, and those OpenRouter no longer has."""

    def __iter__(self) -> Iterator[ActivityItem]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> ActivityItem:
        return self.items[place]


public(ActivityItem, Activity)
