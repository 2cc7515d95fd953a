"""Reads keys from a key file, standard input or the environment.

No error shows a key, or a line that may contain one.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openrouter_credits import InvalidKeyError, KeySpec
from openrouter_credits.cli._exits import CommandError, warn
from openrouter_credits.cli._keylines import (
    LIST_VARIABLE,
    has_tables,
    is_dotenv,
    make_spec,
    read_items,
    read_lines,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STANDARD_INPUT = "-"

_NO_FILE = "Name a key file, or - for standard input, or set the variable to a comma list of keys."
_SHAPE = 'A key file has [keys] and [accounts.NAME.keys] with NAME = "KEY" or NAME = { env = "VARIABLE" }.'
# Beginnings of tomllib's messages, and texts shown instead: tomllib may quote the file, which contains keys.
_TOML_FAULTS = {
    "Invalid value": "not a value of TOML (a key stands in quotes)",
    "Cannot overwrite a value": "a name for the second time",
    "Expected '=' after a key": "expected = after the name",
    "Invalid initial character for a key part": "a line that does not begin with a name",
    "Invalid statement": "a line that does not begin with a name",
    "Unterminated string": "a text without closing quotes",
    "Illegal character": "a character that may not stand there, such as a line break inside quotes",
    "Cannot declare": "a table for the second time",
}


def read_keys(file: str | None) -> list[KeySpec]:
    """Read the keys.

    Args:
        file: path of a key file, `-` for standard input, or `None` for the variable `OPENROUTER_API_KEYS`.

    Raises:
        CommandError: there are no keys, or they cannot be read.
    """
    if file is None:
        where = LIST_VARIABLE
        specs = list(read_items(os.environ.get(where, ""), where))
    elif file == STANDARD_INPUT:
        where = "standard input"
        text = "" if sys.stdin is None else _decode(sys.stdin.buffer.read(), where)  # `None` after `<&-`
        specs = list(_from_toml(text, where)) if has_tables(text) else read_lines(text.splitlines(), where)
    else:
        where = file
        text = _decode(_read(file), where)
        specs = read_lines(text.splitlines(), where) if is_dotenv(text) else list(_from_toml(text, where))
    if not specs:
        raise CommandError(f"There are no keys in {where}. {_NO_FILE if file is None else _SHAPE}")
    return specs


def _read(file: str) -> bytes:
    path = Path(file)
    if not file:
        raise CommandError("The name of the key file is empty. Name a key file, or - for standard input.")
    if file.startswith("sk-"):
        raise CommandError(
            "Keys are not taken from the command line: other users of the machine see it. "
            "Put them into a file."
        )
    try:
        if path.is_file() and os.name == "posix" and (mode := stat.S_IMODE(path.stat().st_mode)) & 0o044:
            warn(f"{file} can be read by others (mode {mode:03o}): chmod 600 {file}")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(
            f"Cannot read {file}: {error.strerror}. Name a key file, or - for standard input."
        ) from None


def _decode(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _malformed(where, content[: error.start].count(b"\n") + 1, "not UTF-8") from None


def _malformed(where: str, line: int | None, reason: str, remedy: str = _SHAPE) -> CommandError:
    return CommandError(f"{_place(where, line)}: {reason}. {remedy}")


def _place(where: str, line: int | None) -> str:
    return where if line is None else f"{where}, line {line}"


def _from_toml(text: str, where: str) -> Iterator[KeySpec]:
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r"\(at line (\d+)", message)
        line = int(at[1]) if at else text.count("\n") + 1
        reasons = (reason for prefix, reason in _TOML_FAULTS.items() if message.startswith(prefix))
        raise _malformed(where, line, next(reasons, "not TOML")) from None
    file = _File(text, where)
    for title in document:
        if title not in ("keys", "accounts"):
            raise file.malformed(title, None, "neither [keys] nor [accounts.NAME.keys]")
    for name, value in file.table(document, "keys", "keys"):
        yield file.spec(value, "keys", name)
    for account, settings in file.table(document, "accounts", "accounts"):
        yield from file.account(account, settings)


class _File:
    """A key file with the lines of its names, which tomllib does not report."""

    def __init__(self, text: str, where: str) -> None:
        self._where = where
        self._tables: dict[str, int] = {}
        """The first line of each table."""
        self._names: dict[tuple[str, str], int] = {}
        """The line of each name in a table; the table is empty before the first one."""
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            words = line.strip()
            if words.startswith("["):
                table = _bare(words.lstrip("[").partition("]")[0])
                self._tables.setdefault(table, number)
            else:
                self._names.setdefault((table, _bare(words.partition("=")[0])), number)

    def table(self, parent: dict[str, Any], name: str, title: str) -> Iterable[tuple[str, Any]]:
        """Return the items of a table in `parent`; a missing table is empty."""
        table = parent.get(name, {})
        if not isinstance(table, dict):
            raise self.malformed(title, None, f"{name} is not a table")
        return table.items()

    def account(self, account: str, settings: Any) -> Iterator[KeySpec]:
        """Read the keys of an account; without other keys, its management key is the key to check."""
        title = f"accounts.{account}"
        if not isinstance(settings, dict):
            raise self.malformed("accounts", account, "an account is a table")
        for name in settings:
            if name not in ("management_key", "keys"):
                raise self.malformed(title, name, "an account has management_key and keys, and nothing else")
        manager = settings.get("management_key")
        managing = None if manager is None else self.spec(manager, title, "management_key")
        keys = self.table(settings, "keys", f"{title}.keys")
        for name, value in keys:
            yield self.spec(value, f"{title}.keys", name, account, managing and managing.api_key)
        if managing is not None and not keys:
            yield KeySpec(managing.api_key, "management key", account, managing.api_key)

    def spec(
        self, value: Any, title: str, name: str, account: str | None = None, management_key: Any = None
    ) -> KeySpec:
        """Read a key, which is a text or the name of an environment variable.

        An unset variable is not an error of the file: it becomes the outcome of this key.
        """
        if name.startswith("sk-"):
            raise self.malformed(title, name, "a key in the place of its name")
        line = self._line(title, name)
        place = _place(self._where, line)
        match value:
            case str():
                return make_spec(value, name, place, account, management_key)
            case {"env": str(variable), **rest} if variable and not rest:
                if os.environ.get(variable, "").strip():
                    return make_spec(
                        os.environ[variable], name, f"{place}: {variable}", account, management_key
                    )
                unset = InvalidKeyError(f"{place}: the environment variable {variable} is not set")
                unset.remedy = f"Set {variable}, or write the key into the file."
                return KeySpec(unset, name, account, management_key)
            case _:
                raise self.malformed(title, name, "neither a text nor { env = ... }")

    def malformed(self, title: str, name: str | None, reason: str) -> CommandError:
        """Build the error for a name, with file, line and reason."""
        return _malformed(self._where, self._line(title, name), reason)

    def _line(self, title: str, name: str | None) -> int | None:
        """Find the line of a name in a table, or the first line of the table; `None` if it is not found."""
        title = _bare(title)
        if name is not None:
            return self._names.get((title, _bare(name)))
        inside = (line for table, line in self._tables.items() if f"{table}.".startswith(f"{title}."))
        return min(inside, default=self._names.get(("", title)))


def _bare(words: str) -> str:
    """Remove the quotes and blanks that TOML allows in a name."""
    return re.sub("[\"' \t]", "", words)
