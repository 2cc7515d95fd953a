"""Reads keys from a file, standard input or the environment, and tells in which form they are written.

No error shows a key, or a line that may contain one.
"""

from __future__ import annotations

import codecs
import os
import re
import stat
import sys
from pathlib import Path

from openrouter_credits import KeySpec
from openrouter_credits._secretfiles import read_start
from openrouter_credits._words import scrub
from openrouter_credits.cli._exits import CommandError, NoKeysError, warn
from openrouter_credits.cli._keycommands import NOT_NAMED, Refusal, why_not
from openrouter_credits.cli._keyjson import read_json
from openrouter_credits.cli._keylines import read_lines
from openrouter_credits.cli._keyspecs import (
    KEY_VARIABLES,
    LIST_VARIABLE,
    MANAGEMENT_KEY_VARIABLES,
    Entry,
    Keys,
    WholeAccount,
    make_spec,
    whole_account,
)
from openrouter_credits.cli._keytoml import is_toml, read_toml
from openrouter_credits.cli._keyvalues import Value, from_environment

STANDARD_INPUT = "-"

ENVIRONMENT = "environment"
"""The account of the keys of variables."""

_FORMS = "Write one KEY or NAME=KEY on each line, or a TOML file: see openrouter-credits check --help."
_NAME_A_FILE = "Name a key file, or - for standard input."
_MOST = 16 * 2**20
"""In bytes: a hundred thousand keys take half of it. A device such as /dev/zero has no end."""
_LONGEST_SHOWN = 200
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_A_KEY = re.compile(r"(?:^|[=:,;\s\"'])sk-")


def read_keys(file: str | None) -> list[KeySpec | WholeAccount]:
    """Read the keys, and the accounts of which all keys are to be checked.

    Args:
        file: path of a key file, `-` for standard input, or `None` for the environment.

    Raises:
        CommandError: there are no keys, or they cannot be read.
    """
    if file is None:
        return _of_environment()
    if file == STANDARD_INPUT:
        content = b"" if sys.stdin is None else sys.stdin.buffer.read(_MOST + 1)  # `None` after `<&-`
        return _read(content, "standard input", "standard input", Path(), NOT_NAMED)
    _require_path(file)
    content, refusal = _open(file)
    name = file if file.startswith("/dev/") else Path(file).name
    return _read(content, file, name, Path(file).parent, refusal)


def read_account() -> WholeAccount:
    """Read the management key of the environment; without one, its key is taken for one.

    Raises:
        CommandError: there is no key, or it cannot be read.
    """
    managing = from_environment(MANAGEMENT_KEY_VARIABLES) or from_environment(KEY_VARIABLES)
    if managing is None:
        raise NoKeysError(
            f"There is no management key in {MANAGEMENT_KEY_VARIABLES[0]}. "
            "Make one at https://openrouter.ai/settings/management-keys, and set this variable."
        )
    return whole_account(ENVIRONMENT, make_spec(_text(managing), None, managing.place).api_key)


def _of_environment() -> list[KeySpec | WholeAccount]:
    """Read the list of keys, or else the one key; the management key beside them is for all of them."""
    managing = from_environment(MANAGEMENT_KEY_VARIABLES)
    manager = None
    if managing is not None:
        manager = make_spec(_text(managing), None, managing.place).api_key
    listed = _list_variable() or from_environment(KEY_VARIABLES)
    if listed is None and manager is None:
        raise NoKeysError(
            f"There are no keys in {LIST_VARIABLE} or {KEY_VARIABLES[0]}. {_NAME_A_FILE[:-1]}, "
            "or set one of these variables."
        )
    where = LIST_VARIABLE if listed is None else listed.place
    entries = [] if listed is None else [Entry("", listed.name, _text(listed))]
    specs = Keys(where, ENVIRONMENT, manager).find(entries)
    if not specs:
        raise CommandError(f"There are no keys in {where}. {_FORMS}")
    return specs


def _list_variable() -> Value | None:
    """Read the variable of many keys, or all of the file that it names."""
    path = os.environ.get(f"{LIST_VARIABLE}_FILE", "").strip()
    if os.environ.get(LIST_VARIABLE, "").strip() or not path:
        return from_environment((LIST_VARIABLE,))
    if "sk-or-" in path:
        raise CommandError(
            f"{LIST_VARIABLE}_FILE: a key stands where the path of a file is expected. Name the file."
        )
    where = f"{LIST_VARIABLE}_FILE ({path})"
    try:
        content = read_start(path, _MOST)
    except (OSError, ValueError) as error:
        raise _unread(path, error, f"{LIST_VARIABLE}_FILE: cannot") from None
    return Value(where, LIST_VARIABLE, _decode(content, where))


def _text(value: Value) -> str:
    if isinstance(value.text, str):
        return value.text
    raise CommandError(str(value.text))


def _require_path(file: str) -> None:
    """Refuse what cannot be the path of a file; it is not shown, since it may have a key or a password."""
    if not file.strip():
        raise CommandError(f"The name of the key file is empty. {_NAME_A_FILE}")
    if _A_KEY.search(file) or scrub(file) != file:
        raise CommandError(
            "Keys are not taken from the command line: other users of the machine see them. "
            "Put them into a file and name that, or set OPENROUTER_API_KEYS."
        )
    if "://" in file:
        raise CommandError(f"The argument is a URL, not a file of this machine. {_NAME_A_FILE}")


def _open(file: str) -> tuple[bytes, Refusal | None]:
    """Read a file, and tell why its commands are not run, if they are not."""
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - an argument may be no path at all
            status = os.fstat(stream.fileno())
            content = stream.read(_MOST + 1)
        refusal = why_not(file, status)
    except (OSError, ValueError) as error:
        raise _unread(file, error) from None
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode) and os.name == "posix" and mode & 0o044:
        warn(f"{file} can be read by others (mode {mode:03o}): chmod 600 {file}")
    return content, refusal


def _unread(file: str, error: Exception, cannot: str = "Cannot") -> CommandError:
    reason = getattr(error, "strerror", None) or "not a path"
    shown = file if len(file) <= _LONGEST_SHOWN else f"{file[:_LONGEST_SHOWN]}..."
    return CommandError(f"{cannot} read {shown}: {reason}. {_NAME_A_FILE}")


def _decode(content: bytes, where: str) -> str:
    """Decode UTF-8, or UTF-16 with its mark, which PowerShell's `>` writes."""
    if len(content) > _MOST:
        raise CommandError(f"{where} has more than {_MOST // 2**20} MiB. {_FORMS}")
    encoding, name = ("utf-16", "UTF-16") if content.startswith(_UTF_16) else ("utf-8-sig", "UTF-8")
    line, reason, text = 0, "", ""
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line, reason = content.count(b"\n", 0, error.start) + 1, f"not {name}"
    if "\0" in text:
        line, reason = text.count("\n", 0, text.index("\0")) + 1, "a NUL character, so this is no text"
    if reason:
        raise CommandError(f"{where}, line {line}: {reason}. {_FORMS}")
    return text.removeprefix("\ufeff")  # a second mark, which python-dotenv reads only from 1.2.3 on


def _read(
    content: bytes, where: str, account: str, folder: Path, refusal: Refusal | None
) -> list[KeySpec | WholeAccount]:
    """Read JSON, TOML or lines, whichever it is."""
    text = _decode(content, where)
    specs: list[KeySpec | WholeAccount]
    if (entries := read_json(text, where)) is not None:
        specs = Keys(where, account).find(entries, " (JSON)")
    elif is_toml(text):
        specs = read_toml(text, where, folder, refusal)
    else:
        specs = Keys(where, account).find(read_lines(text), _kind(text))
    if not specs:
        raise CommandError(f"There are no keys in {where}. {_FORMS}")
    return specs


def _kind(text: str) -> str:
    """Name what a text looks like that has no keys."""
    if text.lstrip().startswith("-----BEGIN"):
        return " (a PEM block)"
    if text.startswith("#!"):
        return " (a script)"
    return ""
