"""The processes of a benchmark: servers, and workers that carry out tasks."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def _process(module: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a module of this package until the block ends; each of them ends with its standard input."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.stdin.close()  # type: ignore[union-attr]  # it is a pipe


class Server:
    """A server in a process of its own."""

    def __init__(self, port: int) -> None:
        self._origin = f"http://127.0.0.1:{port}"
        self.url = f"{self._origin}/api/v1"

    def told(self) -> tuple[int, float]:
        """Ask how many requests have arrived, and how many seconds of processor time the server has used."""
        with urlopen(f"{self._origin}/told", timeout=10) as reply:
            told = json.load(reply)
        return told["requests"], told["cpu"]


@contextmanager
def server(**options: float | bool) -> Iterator[Server]:
    """Run a server; the options are those of its command line."""
    arguments = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    with _process("server", *arguments) as process:
        yield Server(int(process.stdout.readline()))  # type: ignore[union-attr]


class Worker:
    """A process that carries out tasks, and idles in between."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, kind: str, **task: Any) -> dict[str, Any]:
        """Have a task carried out.

        Raises:
            RuntimeError: the worker has died of it; its traceback is on standard error.
        """
        self._process.stdin.write(json.dumps({"kind": kind, **task}) + "\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise RuntimeError(f"no outcome of {task}")
        outcome: dict[str, Any] = json.loads(line)
        return outcome


@contextmanager
def worker(*, uvloop: bool = False) -> Iterator[Worker]:
    """Run a worker."""
    with _process("worker", *(["--uvloop"] if uvloop else [])) as process:
        yield Worker(process)
