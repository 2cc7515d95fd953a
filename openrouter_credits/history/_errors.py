"""What goes wrong with the file of a history."""

from __future__ import annotations

from openrouter_credits import OpenRouterError


class HistoryError(OpenRouterError):
    """The history cannot be read or written; it names the file, and `remedy` says what to do."""

    path: str = ""
    reason: str = ""
    """`full`, `read_only`, `locked`, `damaged`, `newer`, `missing` or `other`."""
