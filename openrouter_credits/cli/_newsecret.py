"""The secret of a new key: shown once on a terminal, or written to a new file that only its owner reads."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from openrouter_credits.cli._exits import CommandError

if TYPE_CHECKING:
    from openrouter_credits import ApiKey

_NOWHERE = (
    "The secret of a new key is shown on a terminal only, and standard output is not one. "
    "Let it be written to a new file: --write-to FILE."
)


def require_place(write_to: Path | None) -> None:
    """Refuse to make a key whose secret could be put nowhere.

    Raises:
        CommandError: standard output is no terminal, and there is no file, or one that exists.
    """
    if write_to is None and not sys.stdout.isatty():
        raise CommandError(_NOWHERE)
    if write_to is not None and os.path.lexists(write_to):
        raise CommandError(_exists(write_to))


def _exists(path: Path) -> str:
    return f"{path} exists, and is not overwritten. Name a file that does not exist: --write-to FILE."


class SecretFile:
    """A new, empty file for a secret: mode 0600 from the first byte; nothing is overwritten or followed.

    Raises:
        CommandError: it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        fault = None
        try:
            # `O_EXCL` also refuses a symbolic link, wherever it leads
            self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            fault = _exists(path)
        except OSError as error:
            fault = f"Cannot write {path}: {error.strerror}. Name another file: --write-to FILE."
        if fault is not None:
            raise CommandError(fault)

    def write(self, secret: ApiKey) -> None:
        """Write the secret and a line feed, down to the disk, and close the file.

        Raises:
            OSError: it could not be written; the file is gone then, as after Ctrl-C.
        """
        try:
            with open(self.descriptor, "w", encoding="ascii", closefd=False) as stream:
                print(secret.reveal(), file=stream)
            os.fsync(self.descriptor)
        except (OSError, KeyboardInterrupt):
            self.remove()
            raise
        os.close(self.descriptor)

    def remove(self) -> None:
        """Close the file, and remove it: a file without a secret is of no use, and would be in the way."""
        os.close(self.descriptor)
        self.path.unlink(missing_ok=True)
