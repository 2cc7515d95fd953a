"""Runs commands that print a key, such as `op read op://vault/item`. All times are in seconds.

No shell, no input; what a command prints is never shown, only its first line is used.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from openrouter_credits import ConfigurationError
from openrouter_credits._words import scrub

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Words = tuple[str, ...]
"""The program and its arguments."""

_TIMEOUT = 10.0
_AT_ONCE = 8
_MOST = 64 * 1024
"""In bytes: more output is no key."""
_TICK = 0.01
"""How often to look after the commands."""
_REMEDY = "Run the command yourself to see why: what it prints is not shown here."


class Refusal(NamedTuple):
    """Why the commands of a key file are not run, and what to do."""

    reason: str
    remedy: str


NOT_NAMED = Refusal(
    "commands run only from a key file that is named on the command line", "Name the file, not a pipe."
)


def why_not(file: str, status: os.stat_result) -> Refusal | None:
    """Tell why commands are not run from an open file; `None` if only this user, or root, may write it."""
    if not stat.S_ISREG(status.st_mode) or os.path.abspath(file).startswith(("/dev/", "/proc/")):  # noqa: PTH100 - Path.resolve() would follow the link
        return NOT_NAMED
    if not hasattr(os, "getuid"):
        return Refusal("commands run only where files have owners and modes", "Use { env = ... } instead.")
    folder = Path(file).resolve().parent
    for path, its in ((Path(file), status), (folder, folder.stat())):
        if its.st_uid not in (0, os.getuid()):
            return Refusal(f"commands do not run: {path} belongs to another user", f"chown it: {path}")
        # in a folder such as /tmp, nobody replaces the files of others
        if its.st_mode & 0o022 and not (path == folder and its.st_mode & stat.S_ISVTX):
            reason = f"commands do not run: others may write {path} (mode {stat.S_IMODE(its.st_mode):03o})"
            return Refusal(reason, f"chmod go-w {path}")
    return None


def run_commands(commands: Iterable[Words]) -> Mapping[Words, str | ConfigurationError]:
    """Run commands, eight at once, and return the first line that each prints, or why there is none.

    After Ctrl-C no command runs any more, nor a process that it has started.
    """
    waiting = deque(dict.fromkeys(commands))
    outcomes: dict[Words, str | ConfigurationError] = {}
    running: list[_Command] = []
    with _interrupts() as interrupts:
        try:
            while (waiting or running) and not interrupts:
                _start(waiting, running, outcomes)
                for command in tuple(running):
                    outcome = command.outcome()
                    if outcome is not None:
                        outcomes[command.words] = outcome
                        running.remove(command)
                time.sleep(_TICK if running else 0)
        finally:
            for command in running:
                command.close()
    return outcomes


def _start(
    waiting: deque[Words], running: list[_Command], outcomes: dict[Words, str | ConfigurationError]
) -> None:
    """Start as many as there is room for."""
    while waiting and len(running) < _AT_ONCE:
        words = waiting.popleft()
        try:
            running.append(_Command(words))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "not a command"
            outcomes[words] = _fault(words, f"cannot be run: {reason}")


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Note Ctrl-C in a list, and raise it at the end: it could hit a process that is just being started."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield noted  # Python interrupts the main thread alone
        return
    before = signal.signal(signal.SIGINT, lambda number, _: noted.append(number))
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
    if noted:
        raise KeyboardInterrupt


def _fault(words: Words, reason: str) -> ConfigurationError:
    return ConfigurationError(f"the command {scrub(words[0])} {reason}", remedy=_REMEDY)


class _Command:
    """A command, from its start to its end.

    Raises:
        OSError: it cannot be started.
        ValueError: its words cannot be those of a command.
    """

    def __init__(self, words: Words) -> None:
        self.words = words
        self._output = b""
        self._ends_at = time.monotonic() + _TIMEOUT
        self._process = subprocess.Popen(  # noqa: S603 - the user's own key file names the program
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # its children can be killed with it
        )
        self._pipe = cast("IO[bytes]", self._process.stdout)

    def outcome(self) -> str | ConfigurationError | None:
        """Return the first line of its output, or why there is none; `None` while it runs.

        An agent that it leaves behind may hold its output open: the line is enough.
        """
        self._read()
        first, end, _ = self._output.partition(b"\n")
        line = first.decode("utf-8-sig", "replace")
        reason = None
        if len(self._output) > _MOST:
            reason = f"prints more than {_MOST // 1024} KiB"
        elif time.monotonic() >= self._ends_at:
            reason = f"took longer than {_TIMEOUT:g} s"
        # Not before: until poll() says that it has ended, its number is that of its children's group.
        elif not (end or self._pipe.closed) or self._process.poll() is None:
            return None
        elif self._process.returncode:
            reason = f"failed (exit code {self._process.returncode})"
        elif not line.strip():
            reason = "printed no key in its first line"
        self.close()
        return line if reason is None else _fault(self.words, reason)

    def close(self) -> None:
        """End it, with all processes that it has started, unless it has ended."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):  # macOS: it has just ended
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._pipe.close()

    def _read(self) -> None:
        """Read what it has printed, and close the pipe at the end of that."""
        if self._pipe.closed:
            return
        os.set_blocking(self._pipe.fileno(), False)
        with suppress(BlockingIOError):
            chunk = os.read(self._pipe.fileno(), _MOST + 1)
            self._output += chunk
            if not chunk:
                self._pipe.close()
