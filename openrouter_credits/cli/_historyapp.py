"""The command `history` and its options, for cyclopts."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._numbers import Days
from openrouter_credits.cli._source import File

_NO_FILE = (
    "There is no default file. Name the one that a watch writes: openrouter-credits history --history FILE."
)


def history(
    subject: str | None = None,
    /,
    *,
    file: Annotated[File | None, Parameter(name="--history")] = None,
    days: Days = 7,
    json: bool = False,
    csv: bool = False,
) -> int:
    """Show what a watch remembers."""
    from openrouter_credits.cli._history import show_history, show_readings  # noqa: PLC0415 - usage errors need no rich

    if json and csv:
        raise CommandError("--json and --csv exclude each other.")
    if file is None or not str(file):
        raise CommandError(_NO_FILE)
    if json or csv:
        return show_readings(str(file), subject, days, as_json=json)
    return show_history(str(file), subject, days)
