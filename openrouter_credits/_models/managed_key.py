"""One key of an account, as the account's management key sees it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import field, frozen

from openrouter_credits._models.allowance import Allowance
from openrouter_credits._public import public


@frozen(repr=False)
class ManagedKey(Allowance):
    """One key of an account, as its management key sees it: an entry of `GET /keys`.

    It holds no secret. Amounts are US dollars.
    """

    hash: str = field(kw_only=True)
    """The name of the key in `/keys/{hash}`: it never changes (a SHA-256 in hexadecimal, says OpenRouter)."""
    name: str | None = field(default=None, kw_only=True)
    """The name that people gave it."""
    disabled: bool | None = field(default=None, kw_only=True)
    """Whether it is switched off: it is refused as long as it is."""
    created_at: datetime | None = field(default=None, kw_only=True)
    """When it was made (UTC)."""
    updated_at: datetime | None = field(default=None, kw_only=True)
    """When its settings were changed last (UTC); `None` for never."""
    last_used_at: datetime | None = field(default=None, kw_only=True)
    """When it was used last (UTC); `None` for never, or if OpenRouter does not say."""
    external_user: str | None = field(default=None, kw_only=True)
    """The user that the key was made for, in the words of the account."""
    unread: tuple[str, ...] = field(default=(), kw_only=True)
    """Parts of the entry that bear on how much can be spent, and that are missing or not as documented."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the entry that this version does not know, or that are not as documented."""


public(ManagedKey)
