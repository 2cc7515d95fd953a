"""Wrong usage, explained in one line that never repeats what may be a key."""

from __future__ import annotations

import re
from difflib import SequenceMatcher, get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import (
    Argument,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    Token,
    UnknownOptionError,
    UnusedCliTokensError,
)

from openrouter_credits._words import SHORTEST_SECRET, scrub
from openrouter_credits.cli._numbers import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_A_WORD = re.compile(r"-{0,2}[A-Za-z][A-Za-z_.-]{0,23}")
"""Words that may be repeated: keys have digits, or are longer."""
# `sk-...`, alone or after a name, an option, quotes or `Bearer`; and a key's variable with any value
_A_KEY = re.compile(
    r"""(?i:[\s'"-]*(?:[\w -]+=)?[\s'"]*(?:bearer\s+)?sk-)|(?:export\s+)?[A-Z_]*KEYS?(?:_FILE)?="""
)
_FOR_A_KEY = re.compile(r"-k$|.*(?:key|token|secret|bearer|auth|passw)", re.IGNORECASE)
_ALMOST_THE_SAME = 0.8
_TAKEN = {
    "check": "one FILE",
    "completion": "one SHELL",
    "history": "one SUBJECT (in quotes, if it has blanks)",
    "keys create": "one NAME (in quotes, if it has blanks)",
    **dict.fromkeys(("keys disable", "keys enable", "keys delete"), "one NAME (in quotes, if it has blanks)"),
    "keys limit": "NAME and AMOUNT (NAME in quotes, if it has blanks)",
    "require": "one AMOUNT",
    "watch": "one FILE",
}
"""The arguments of a command."""
_NO_KEYS = "Keys are not taken from the command line"


def refuse_keys(arguments: Sequence[str]) -> str | None:
    """Return the refusal of a key, or of the setting of a key's variable, if one is among the arguments."""
    for argument in arguments:
        if _A_KEY.match(argument) or scrub(argument) != argument:
            return _no_keys(argument, arguments[0])
    return None


def _no_keys(argument: str, command: str) -> str:
    if command.split()[:1] == ["keys"]:
        return (
            f"{_NO_KEYS}: other users of the machine and the shell's history see them. "
            "Set the environment variable OPENROUTER_MANAGEMENT_KEY to the management key, "
            "and give the name or the hash of any other key."
        )
    kind = "MANAGEMENT" if "manage" in argument.lower() else "API"
    return (
        f"{_NO_KEYS}: other users of the machine and the shell's history see them. "
        f"Set the environment variable OPENROUTER_{kind}_KEY, "
        "or name a file of keys: openrouter-credits check FILE."
    )


def explain(error: CycloptsError, options: Mapping[str, Sequence[str]]) -> str:
    """Say what is wrong with the command line, and what was probably meant.

    Args:
        error: the parser's error; its own text may quote the arguments.
        options: the options of each command.
    """
    chain = error.command_chain or ("",)
    command = next((words for words in (" ".join(chain[:2]), chain[0]) if words in options), chain[0])
    text = _reason(error, command, options)
    if text.startswith(_NO_KEYS):
        return text
    topic = f" {command.removeprefix('--install-')}" if command in options else ""
    return f"{text} See openrouter-credits{topic} --help."


def _reason(error: CycloptsError, command: str, options: Mapping[str, Sequence[str]]) -> str:
    match error:
        case UnknownOptionError():
            word = (error.token.keyword or error.token.value).partition("=")[0]
            if word in ("--help", "-h", "--version", "-V"):
                return _no_value(word)
            return _unknown_option(word, command or "status", options)
        case UnusedCliTokensError(unused_tokens=[word, *_]):
            return _unknown_argument(word, command, options)
        case MissingArgumentError() if command == "require":
            return "There is no AMOUNT. Write it as 5, or in quotes as '$5': a shell makes nothing of $5."
        case MissingArgumentError(argument=Argument(name=option)):
            return f"{option} needs a value." if option.startswith("-") else f"{command} needs {option}."
        case RepeatArgumentError():
            return f"{error.token.keyword} is given twice."
        case CoercionError(token=Token(keyword=str(option))) if option != "--shell":
            return _no_value(option)
        case CoercionError():
            return "The shells are bash, zsh, fish and powershell."
        case _:
            return "The arguments cannot be understood."


def _no_value(option: str) -> str:
    return f"{option} takes no value: it is there or not."


def _unknown_option(word: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    if word == "-" and command in ("check", "watch"):
        return _unknown_argument(word, command, options)
    if word == "-":
        return "Only check and watch read standard input: openrouter-credits check -."
    own = [*options[command], "--help", "--version", *_flags(options)]
    near = _nearest(word, own)
    is_near = near is not None and SequenceMatcher(None, word, near).ratio() >= _ALMOST_THE_SAME
    others = [other for other, known in options.items() if word in known]
    if others:
        return f"{word} is an option of {others[0]}, not of {command}."
    if _FOR_A_KEY.match(word) and not is_near:
        return _no_keys(word, command)
    if word.lstrip("-") in options:
        near = word.lstrip("-")
    subject = "There is" if command == "status" else f"{command} has"
    text = f"{subject} no option {named(word)}."
    return f"{text} Did you mean {near}?" if near else text


def _unknown_argument(word: str, command: str, options: Mapping[str, Sequence[str]]) -> str:
    if command in _TAKEN:
        return f"{command} takes {_TAKEN[command]}: {named(word)} is too many."
    below = _below(command, options)
    if word in below:
        return f"The command comes first: openrouter-credits {f'{command} {word}'.lstrip()} [OPTIONS]."
    if not command and Path(word).is_file():
        return f"There is no command {named(word)}. For a key file: openrouter-credits check FILE."
    others = () if command else ("help", "version")
    near = _nearest(word, [*below, *others, *options[command or "status"]])
    if near:
        kind = "argument" if command and near not in below else "command"
        meant = f"{command} {near}".lstrip() if near in below else near
        return f"There is no {kind} {named(word)}. Did you mean {meant}?"
    if below and command:
        return f"There is no command {named(word)}. The commands of {command} are {', '.join(below)}."
    if command:
        return f"{command} takes no argument: {named(word)} is too many."
    commands = [name for name in below if name not in _flags(options)]
    return f"There is no command {named(word)}. The commands are {', '.join(commands)}."


def _below(command: str, commands: Iterable[str]) -> list[str]:
    """List the first words of the commands, or the next words of those that begin with one."""
    start = f"{command} ".lstrip()
    words = (name.removeprefix(start) for name in commands if name.startswith(start))
    return [word for word in words if " " not in word]


def _flags(commands: Iterable[str]) -> list[str]:
    """List the commands that are written as options, such as `--install-completion`."""
    return [name for name in commands if name.startswith("-")]


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word.lower(), known, n=1)), None)


def named(word: str) -> str:
    """Quote a word of the command line, unless it may be a key."""
    is_safe = len(word) < SHORTEST_SECRET or _A_WORD.fullmatch(word)
    return shown(word) if is_safe else "of this name (not shown: it may be a key)"
