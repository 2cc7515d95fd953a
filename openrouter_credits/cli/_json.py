"""The JSON documents of `--json` and `--jsonl`.

Fields have the names of the public API, amounts are exact texts, and `null` means unknown.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from openrouter_credits import (
    CheckReport,
    Credits,
    KeyCheck,
    KeyInfo,
    KeyStatus,
    Level,
    OpenRouterError,
    Wallet,
)
from openrouter_credits._documents import document, to_json
from openrouter_credits._words import scrub

SCHEMA_VERSION = 1
"""Increases if a field changes its meaning or is removed; new fields do not increase it."""


def to_text(content: dict[str, Any], *, indent: int | None = 2) -> str:
    """Write a document as JSON that is safe to show in a terminal."""
    return to_json({"schema_version": SCHEMA_VERSION, **content}, clean=scrub, indent=indent)


def status_document(status: KeyStatus | None, error: OpenRouterError | None, level: Level) -> dict[str, Any]:
    """Describe one key; if `status` is `None`, `error` is the reason."""
    return {
        "level": level.value,
        "sentence": None if status is None else status.explain(),
        "spendable": None if status is None else document(status.spendable),
        "wallet": None if status is None else _wallet_figures(status.credits),
        "key": None if status is None or status.key is None else _key(status.key, status),
        "problems": [] if status is None else document(status.problems),
        "error": document(error),
        "checked_at": None if status is None else document(status.checked_at),
    }


def check_document(check: KeyCheck, level: Level) -> dict[str, Any]:
    """Describe one key of a batch."""
    return {
        "index": check.index,
        "name": check.name,
        "label": check.label,
        "account": check.account,
        **status_document(check.status, check.error, level),
        "elapsed": round(check.elapsed, 3),
    }


def report_document(report: CheckReport, levels: list[Level], *, is_complete: bool) -> dict[str, Any]:
    """Describe a batch; `levels` has one level for each of its checks."""
    counts = Counter(levels)
    return {
        "complete": is_complete,
        "counts": {level.value: counts[level] for level in Level},
        "checks": [check_document(check, level) for check, level in zip(report.checks, levels, strict=True)],
        "wallets": [_wallet(wallet) for wallet in report.wallets()],
    }


def _wallet(wallet: Wallet) -> dict[str, Any]:
    return {
        "account": wallet.account,
        "wallet": _wallet_figures(wallet.credits),
        "error": document(wallet.error),
        "checks": [check.index for check in wallet.checks],
    }


def _wallet_figures(credits: Credits | None) -> dict[str, Any] | None:
    return None if credits is None else {**document(credits), "remaining": document(credits.remaining)}


def _key(key: KeyInfo, status: KeyStatus) -> dict[str, Any]:
    derived = {
        "used_in_window": document(key.used_in_window),
        "next_reset": document(key.next_reset(status.checked_at)),
    }
    return {**document(key), **derived}
