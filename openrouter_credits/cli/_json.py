"""The JSON documents of `--json` and `--jsonl` that are more than a value's `to_json()`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openrouter_credits import CheckReport, KeyCheck, OpenRouterError
from openrouter_credits._documents import layout, write

if TYPE_CHECKING:
    from openrouter_credits.cli._options import Form

_OF_MANY = {"index", "name", "label", "account", "elapsed"}


def failure_to_json(error: OpenRouterError) -> str:
    """Write why one key could not be read, as `KeyStatus.to_json` writes what was read of it."""
    check = layout(KeyCheck(0, None, None, None, None, error, 0.0))
    return write({name: value for name, value in check.items() if name not in _OF_MANY}, 2)


def report_to_json(report: CheckReport, form: Form, *, is_complete: bool) -> str:
    """Write a report; `complete` is false after Ctrl-C."""
    return write({"complete": is_complete, **layout(report, warn=form.warn, critical=form.critical)}, 2)


def no_report_to_json(reason: str | OpenRouterError) -> str:
    """Write why there are no keys to check, beside the fields of a report of none."""
    error: object = reason
    if isinstance(reason, str):
        error = {"type": "CommandError", "status": None, "message": reason, "remedy": None}
    return write({"complete": False, **layout(CheckReport(())), "error": error}, 2)
