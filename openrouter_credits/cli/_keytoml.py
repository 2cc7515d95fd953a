"""Reads keys from TOML: [keys], and [accounts.NAME] with a management key.

No error shows a key, or a line that may contain one.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openrouter_credits import ConfigurationError, InvalidKeyError, KeySpec
from openrouter_credits._words import one_line, scrub
from openrouter_credits.cli._exits import CommandError, warn
from openrouter_credits.cli._keycommands import Refusal, Words, run_commands
from openrouter_credits.cli._keyspecs import OUR_VARIABLES, WholeAccount, make_spec, whole_account
from openrouter_credits.cli._keyvalues import key_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from openrouter_credits import ApiKey

_SHAPE = 'A key file has [keys] and [accounts.NAME.keys] with NAME = "KEY" or NAME = { env = "VARIABLE" }.'
# Beginnings of tomllib's messages, and texts shown instead: tomllib may quote the file, which contains keys.
_TOML_FAULTS = {
    "Invalid value": "expected a value after the = (put keys in quotes)",
    "Cannot overwrite a value": "this name stands there twice",
    "Expected '=' after a key": "expected = after the name",
    "Invalid initial character for a key part": "expected a name at the beginning",
    "Invalid statement": "expected a name at the beginning",
    "Unterminated string": "the closing quotes are missing",
    "Illegal character": "a character is not allowed here, such as a line break inside quotes",
    "Cannot declare": "this table stands there twice",
}
_TABLE = re.compile(r"^[ \t]*\[\[?(?![\s\"']*sk-or-)[^\[\]\n=,]+\]\]?[ \t\r]*(?:#.*)?$", re.MULTILINE)
_TABLE_OF_OURS = re.compile(
    r"^[ \t]*(?:\[+[ \t]*)?(?:keys|accounts)[ \t]*(?:[.\]]|=[ \t]*\{)"
    r"|=[ \t]*\{[ \t]*(?:env|file|command)[ \t]*=",
    re.MULTILINE,
)
_OUR_VARIABLE = re.compile(rf"^[ \t]*(?:export[ \t]+)?(?:{'|'.join(OUR_VARIABLES)})[ \t]*=", re.MULTILINE)
_LONG_NUMBER = re.compile(r"\d[\d_]{4000}")


def is_toml(text: str) -> bool:
    """Tell whether a text is meant as a key file: it has our tables, or others and none of our variables."""
    if _TABLE_OF_OURS.search(text) is not None:
        return True
    return _TABLE.search(text) is not None and _OUR_VARIABLE.search(text) is None


def read_toml(text: str, where: str, folder: Path, refusal: Refusal | None) -> list[KeySpec | WholeAccount]:
    """Read the keys of a TOML document.

    Args:
        text: the document.
        where: its name in messages.
        folder: where the paths in it begin.
        refusal: why its commands are not run, if they are not.

    Raises:
        CommandError: it is no TOML, has other tables, or a command that is not run.
    """
    file = _File(text, where, folder, refusal)
    document: dict[str, Any] = {}
    line, reason = 0, ""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = re.search(r"\(at line (\d+)", message)
        line = int(at[1]) if at else text.count("\n") + 1
        reasons = (reason for prefix, reason in _TOML_FAULTS.items() if message.startswith(prefix))
        reason = next(reasons, "not TOML")
    except ValueError:  # of `int()`
        number = _LONG_NUMBER.search(text)
        line = text.count("\n", 0, number.start() if number else 0) + 1
        reason = "a number has too many digits"
    except RecursionError:
        lines = text.splitlines()
        line = max(range(len(lines)), key=lambda at: lines[at].count("[") + lines[at].count("{")) + 1
        reason = "tables or lists are nested too deeply"
    if reason:
        raise _malformed(where, line, reason)
    commands = file.commands(document)  # nothing is read or run before all of the file is understood
    return list(file.specs(document, run_commands(commands)))


def _malformed(where: str, line: int | None, reason: str, remedy: str = _SHAPE) -> CommandError:
    return CommandError(f"{_place(where, line)}: {reason}. {remedy}")


def _place(where: str, line: int | None) -> str:
    return where if line is None else f"{where}, line {line}"


class _File:
    """A key file with the lines of its names, which tomllib does not report."""

    def __init__(self, text: str, where: str, folder: Path, refusal: Refusal | None) -> None:
        self._where = where
        self._folder = folder
        self._refusal = refusal
        self._commands: list[Words] = []
        self._outputs: Mapping[Words, str | ConfigurationError] | None = None
        """Output of the commands; `None` while the file is only looked through."""
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

    def commands(self, document: dict[str, Any]) -> list[Words]:
        """Look through the whole file, and return the commands that print a key."""
        for _ in self._specs(document):
            pass
        return self._commands

    def specs(
        self, document: dict[str, Any], outputs: Mapping[Words, str | ConfigurationError]
    ) -> Iterator[KeySpec | WholeAccount]:
        """Read all keys."""
        self._outputs = outputs
        return self._specs(document)

    def _specs(self, document: dict[str, Any]) -> Iterator[KeySpec | WholeAccount]:
        for title in document:
            if title not in ("keys", "accounts"):
                raise self._malformed(
                    title, None, "expected the tables [keys] and [accounts.NAME.keys] alone"
                )
        for name, value in self._table(document, "keys", "keys"):
            yield self._spec(value, "keys", name)
        for account, settings in self._table(document, "accounts", "accounts"):
            yield from self._account(account, settings)

    def _table(self, parent: dict[str, Any], name: str, title: str) -> Iterable[tuple[str, Any]]:
        """Return the items of a table in `parent`; a missing table is empty."""
        table = parent.get(name, {})
        if not isinstance(table, dict):
            raise self._malformed(title, None, f"{name} is not a table")
        return table.items()

    def _account(self, account: str, settings: Any) -> Iterator[KeySpec | WholeAccount]:
        """Read the keys of an account; without any, its management key lists them."""
        title = f"accounts.{account}"
        if not isinstance(settings, dict):
            raise self._malformed("accounts", account, "this account is not a table")
        for name in settings:
            if name not in ("management_key", "keys"):
                raise self._malformed(title, name, "an account has management_key and keys, and nothing else")
        manager = settings.get("management_key")
        managing = None if manager is None else self._spec(manager, title, "management_key").api_key
        keys = self._table(settings, "keys", f"{title}.keys")
        for name, value in keys:
            yield self._spec(value, f"{title}.keys", name, account, managing)
        if managing is not None and not keys:
            yield whole_account(account, managing)
        elif not keys and self._outputs is not None:  # once, and not silently
            place = _place(self._where, self._line(title, None))
            reason = f"the account {one_line(account)} has neither a management_key nor keys"
            warn(f"{place}: {reason}: nothing of it is checked.")

    def _spec(
        self,
        value: Any,
        title: str,
        name: str,
        account: str | None = None,
        manager: ApiKey | ConfigurationError | None = None,
    ) -> KeySpec:
        """Read a key; what cannot be read where it is kept is not an error of the file, but its outcome."""
        if name.startswith("sk-"):
            raise self._malformed(title, name, "expected a name before the =, but a key stands there")
        line = self._line(title, name)
        place = _place(self._where, line)
        key: str | ConfigurationError = ""
        match value:
            case str():
                key = value
            case {"env": str(variable), **rest} if variable and not rest:
                shown = scrub(variable)  # a key may stand in the place of its name
                place = f"{place}: {shown}"
                key = os.environ.get(variable, "")
                if not key.strip():
                    key = InvalidKeyError(
                        f"{_place(self._where, line)}: the environment variable {shown} is not set",
                        remedy=f"Set {shown}, or write the key into the file.",
                    )
            case {"file": str(path), **rest} if path and not rest:
                if self._outputs is not None:
                    key = key_in(self._folder / path, place)
                place = f"{place}: {scrub(path)}"
            case {"command": [str(program), *_] as words, **rest} if (
                program and not rest and _are_texts(words)
            ):
                key = self._printed(tuple(words), line, place)
                place = f"{place}: {scrub(program)}"
            case _:
                reason = 'expected "KEY", { env = ... }, { file = ... } or { command = [...] }'
                raise self._malformed(title, name, reason)
        return make_spec(key, name, place, account, manager)

    def _printed(self, words: Words, line: int | None, place: str) -> str | ConfigurationError:
        """Return what a command printed."""
        if self._refusal is not None:
            raise _malformed(self._where, line, *self._refusal)
        if self._outputs is None:
            self._commands.append(words)
            return ""
        output = self._outputs[words]
        if isinstance(output, str):
            return output
        return ConfigurationError(f"{place}: {output.summary}", remedy=output.remedy)

    def _malformed(self, title: str, name: str | None, reason: str) -> CommandError:
        """Build the error for a name, with file, line and reason."""
        return _malformed(self._where, self._line(title, name), reason)

    def _line(self, title: str, name: str | None) -> int | None:
        """Find the line of a name in a table, or the first line of the table; `None` if it is not found."""
        title = _bare(title)
        if name is not None:
            return self._names.get((title, _bare(name)))
        inside = (line for table, line in self._tables.items() if f"{table}.".startswith(f"{title}."))
        return min(inside, default=self._names.get(("", title)))


def _are_texts(words: Iterable[Any]) -> bool:
    return all(isinstance(word, str) for word in words)


def _bare(words: str) -> str:
    """Remove the quotes and blanks that TOML allows in a name."""
    return re.sub("[\"' \t]", "", words)
