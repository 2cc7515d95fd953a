"""Start-up: what it costs to import a client, and to run the command."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median
from typing import TYPE_CHECKING

from .names import MODULES, OFFICIAL, OPENAI, PYTHON_OPEN_ROUTER, is_there
from .report import Table, Target, middle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .sizes import Sizes

_AIOHTTP = "import aiohttp"
_CLIENT = "from openrouter_credits import CreditsClient"
_PASS = "python -c pass"
_TIMED = """
from time import perf_counter
began = perf_counter()
{}
seconds = perf_counter() - began
status = "/proc/self/status"
lines = open(status).read().splitlines() if __import__("os").path.exists(status) else []
print(seconds, next((line.split()[1] for line in lines if line.startswith("VmHWM:")), 0))
"""


def tables(sizes: Sizes) -> Iterator[Table]:
    """Measure all cases of start-up."""
    yield _imports(sizes)
    yield _commands(sizes)


def _imports(sizes: Sizes) -> Table:
    statements = [_AIOHTTP, "import openrouter_credits", _CLIENT]
    statements += [
        f"import {MODULES[name]}" for name in (PYTHON_OPEN_ROUTER, OPENAI, OFFICIAL) if is_there(name, sizes)
    ]
    seconds: dict[str, list[float]] = {statement: [] for statement in statements}
    peaks: dict[str, list[float]] = {statement: [] for statement in statements}
    for _ in range(sizes.rounds):
        for statement in statements:
            told = subprocess.run(
                [sys.executable, "-c", _TIMED.format(statement)], check=True, capture_output=True, text=True
            ).stdout.split()
            seconds[statement].append(float(told[0]))
            peaks[statement].append(int(told[1]) / 1024)
    ratios = {
        name: [time / base for time, base in zip(seconds[name], seconds[_AIOHTTP], strict=True)]
        for name in statements
    }
    return Table(
        "Imports",
        "Each in a fresh interpreter, whose own start is not counted. The package imports its parts when "
        "they are asked for: the third line is what a program pays.",
        ("statement", "ms", "x aiohttp", "peak memory MB"),
        [
            (
                f"`{name}`",
                f"{median(seconds[name]) * 1000:.0f}",
                middle(ratios[name]),
                f"{median(peaks[name]):.1f}",
            )
            for name in statements
        ],
        [Target(f"`{_CLIENT}` to `{_AIOHTTP}`", median(ratios[_CLIENT]), 1.4, at_most=True)],
    )


def _commands(sizes: Sizes) -> Table:
    command = [sys.executable, "-m", "openrouter_credits"]
    programs = {
        _PASS: [sys.executable, "-c", "pass"],
        "openrouter-credits --version": [*command, "--version"],
        "openrouter-credits --help": [*command, "--help"],
    }
    seconds: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(sizes.rounds):
        for name, program in programs.items():
            began = time.perf_counter()
            code = subprocess.run(program, check=False, capture_output=True).returncode
            if code == 0:
                seconds[name].append(time.perf_counter() - began)
    rows: list[tuple[str, ...]] = [
        (
            f"`{name}`",
            f"{median(times) * 1000:.0f}",
            middle([time / base for time, base in zip(times, seconds[_PASS], strict=True)]),
        )
        for name, times in seconds.items()
        if times  # the command is an extra, which may be missing
    ]
    return Table(
        "The command", "From the start of the process to its end.", ("command", "ms", "x `pass`"), rows
    )
