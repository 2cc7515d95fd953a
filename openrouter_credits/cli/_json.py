"""The documents of `--json` and `--jsonl`: the public values under their own names, amounts as exact texts, `null` for unknown."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import attrs

from openrouter_credits import APIStatusError, Level, OpenRouterError
from openrouter_credits.cli._exits import scrub

if TYPE_CHECKING:
    from openrouter_credits import CheckReport, Credits, KeyCheck, KeyInfo, KeyStatus, Wallet

SCHEMA_VERSION = 1
"""Rises when a field changes its meaning or goes; new fields may come without."""


def to_text(document: dict[str, Any], *, indent: int | None = 2) -> str:
    """Write a document; nothing in it can steer a terminal."""
    text = json.dumps({"schema_version": SCHEMA_VERSION, **document}, indent=indent)
    return scrub(text).replace("\x7f", "\\u007f")  # JSON lets this one control character pass


def status_document(status: KeyStatus | None, error: OpenRouterError | None, level: Level) -> dict[str, Any]:
    """Describe one key; without a status, `error` says why."""
    return {
        "level": level.value,
        "sentence": None if status is None else status.explain(),
        "spendable": None if status is None else _plain(status.spendable),
        "wallet": None if status is None else _wallet_figures(status.credits),
        "key": None if status is None or status.key is None else _key(status.key, status),
        "problems": [] if status is None else _plain(status.problems),
        "error": _plain(error),
        "checked_at": None if status is None else _plain(status.checked_at),
    }


def check_document(check: KeyCheck, level: Level) -> dict[str, Any]:
    """Describe one key of many."""
    return {
        "index": check.index,
        "name": check.name,
        "label": check.label,
        "account": check.account,
        **status_document(check.status, check.error, level),
        "elapsed": round(check.elapsed, 3),
    }


def report_document(report: CheckReport, levels: list[Level], *, is_complete: bool) -> dict[str, Any]:
    """Describe a whole batch; `levels` are those of its checks."""
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
        "error": _plain(wallet.error),
        "checks": [check.index for check in wallet.checks],
    }


def _wallet_figures(said: Credits | None) -> dict[str, Any] | None:
    return None if said is None else {**_plain(said), "remaining": _plain(said.remaining)}


def _key(key: KeyInfo, status: KeyStatus) -> dict[str, Any]:
    more = {
        "used_in_window": _plain(key.used_in_window),
        "next_reset": _plain(key.next_reset(status.checked_at)),
    }
    return {**_plain(key), **more}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return [_plain(item) for item in value]
        case OpenRouterError():
            status = value.status if isinstance(value, APIStatusError) else None
            return {
                "type": type(value).__name__,
                "status": status,
                "message": value.summary,
                "remedy": value.remedy,
            }
        case _ if attrs.has(type(value)):
            names = [field.name for field in attrs.fields(type(value)) if field.name != "extra"]
            return {name: _plain(getattr(value, name)) for name in names}
        case _:
            return value
