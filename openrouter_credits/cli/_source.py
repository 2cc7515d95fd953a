"""Which keys `check` and `watch` are about: FILE, --account or the environment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from openrouter_credits.cli._exits import CommandError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openrouter_credits import KeySpec
    from openrouter_credits.cli._keyspecs import WholeAccount


def _verbatim(_: object, tokens: Sequence[Any]) -> str:
    return str(tokens[0].value)


# Shells complete file names for a `Path`, but the text stays: `Path` would make `-` of `./-`.
File = Annotated[Path, Parameter(converter=_verbatim)]

_NO_FILE = (
    "--account is for the management key of the environment, and takes no FILE. In a key file, "
    "[accounts.NAME] with a management_key and without keys stands for all keys of that account."
)
_ALL_OF_WHAT = "--all is for all keys of an account. Add --account, or name a key file."


def require_source(file: Path | None, *, account: bool, all_keys: bool) -> None:
    """Refuse options that contradict each other.

    Raises:
        CommandError: they do.
    """
    if account and file is not None:
        raise CommandError(_NO_FILE)
    if all_keys and not account and file is None:
        raise CommandError(_ALL_OF_WHAT)


def read_entries(file: Path | None, *, account: bool) -> list[KeySpec | WholeAccount]:
    """Read the keys, and the accounts of which all keys are meant.

    Raises:
        CommandError: there are no keys, or they cannot be read.
    """
    from openrouter_credits.cli._keyfile import read_account, read_keys  # noqa: PLC0415 - usage errors need no file

    return [read_account()] if account else read_keys(None if file is None else str(file))
