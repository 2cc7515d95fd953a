"""The command `fake`: a server for tests in other languages."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from openrouter_credits.cli import _fake, main

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Run

COMMAND = (sys.executable, "-m", "openrouter_credits", "fake")


def values(text: str) -> dict[str, str]:
    """Read the lines of a `.env` file."""
    return dict(re.findall(r"^(\w+)=(\S+)$", text, re.MULTILINE))


def get(environ: dict[str, str], path: str, key: str) -> tuple[int, Any]:
    """Send a request with one of the printed keys."""
    request = Request(
        environ["OPENROUTER_BASE_URL"] + path, headers={"Authorization": f"Bearer {environ[key]}"}
    )
    try:
        with urlopen(request, timeout=10) as response:
            return response.status, json.load(response)["data"]
    except HTTPError as error:
        with error:
            return error.code, None


@pytest.fixture
def serve(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Return a function that runs the command, and calls another one with its output while it serves."""

    def run(act: Callable[[str], None], *arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(_fake, "sleep", lambda _: act(capsys.readouterr().out))
        return main(["fake", *arguments]), capsys.readouterr().err

    return run


def test_it_serves_what_it_prints(serve: Any) -> None:
    """It prints its address and four keys as a `.env` file, and each key is what its comment says."""
    seen: list[Any] = []

    def act(out: str) -> None:
        environ = values(out)
        seen.extend(
            (
                get(environ, "/key", "OPENROUTER_API_KEY")[1]["limit_remaining"],
                get(environ, "/key", "UNLIMITED_KEY")[1]["limit"],
                get(environ, "/key", "DISABLED_KEY")[0],
                get(environ, "/credits", "OPENROUTER_API_KEY")[0],
                get(environ, "/credits", "OPENROUTER_MANAGEMENT_KEY")[1],
                [key["name"] for key in get(environ, "/keys", "OPENROUTER_MANAGEMENT_KEY")[1]],
            )
        )
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert (0, "") == serve(act, "--latency", "0.001")

    wallet = {"total_credits": 100.5, "total_usage": 25.75}
    assert [26.83, None, 401, 403, wallet, ["unlimited", "limited"]] == seen
    assert before == signal.getsignal(signal.SIGTERM)


def test_its_lines_fit_a_terminal(serve: Any) -> None:
    """All that it prints fits 80 columns, so that no key is broken, and has the same keys each time."""
    printed: list[str] = []

    def act(out: str) -> None:
        printed.append(out)
        os.kill(os.getpid(), signal.SIGTERM)

    for _ in range(2):
        serve(act)

    first, second = map(values, printed)
    assert max(map(len, printed[0].splitlines())) < 80
    assert first.pop("OPENROUTER_BASE_URL") != second.pop("OPENROUTER_BASE_URL")
    assert first == second


def test_ctrl_c_ends_it_with_130(serve: Any) -> None:
    """Ctrl-C stops the server, and the command ends with 130 and one line, as all commands do."""

    def act(_: str) -> None:
        raise KeyboardInterrupt

    assert (130, "openrouter-credits: Interrupted.\n") == serve(act)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--port", "65536"], "--port takes a whole number from 0 to 65535, not '65536'."),
        (["--port=-1"], "--port takes a whole number from 0 to 65535, not '-1'."),
        (["--port", "many"], "--port takes a whole number from 0 to 65535, not 'many'."),
        (["--port", "80.5"], "--port takes a whole number from 0 to 65535, not '80.5'."),
        (["--latency", "nan"], "--latency takes a number of seconds from 0, such as 0.2, not 'nan'."),
        (["--latency=-1"], "--latency takes a number of seconds from 0, such as 0.2, not '-1'."),
        (["--latency", "1e999"], "--latency takes a number of seconds from 0, such as 0.2, not '1e999'."),
        (["--latency", "slow"], "--latency takes a number of seconds from 0, such as 0.2, not 'slow'."),
    ],
)
def test_an_impossible_option_is_one_line_and_3(run: Run, arguments: list[str], message: str) -> None:
    """An option that is no number or out of range is one line that says what it takes, and exit code 3."""
    assert (3, "", f"openrouter-credits: {message}\n") == run("fake", *arguments)


def test_a_port_in_use_is_one_line_and_3(run: Run) -> None:
    """A port in use is one line with the remedy, and exit code 3."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        expected = (
            f"openrouter-credits: Port {port} is not available: Address already in use. "
            "Choose another one, or leave --port out for a free one.\n"
        )
        assert (3, "", expected) == run("fake", "--port", str(port))


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_script_reads_it_through_a_pipe(sent: signal.Signals, code: int) -> None:
    """Its output arrives at once through a pipe; SIGTERM ends it with 0, and Ctrl-C with 130."""
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines: list[str] = []
        while not any(line.startswith("DISABLED_KEY") for line in lines):
            lines.append(process.stdout.readline())
        assert 200 == get(values("".join(lines)), "/key", "OPENROUTER_API_KEY")[0]

        process.send_signal(sent)
        out, err = process.communicate(timeout=30)

    assert (code, "") == (process.returncode, out)
    assert err in ("", "openrouter-credits: Interrupted.\n")
