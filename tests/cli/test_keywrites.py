"""The commands below `keys` that change a key: what they show, ask, send and say."""

from __future__ import annotations

import errno
import io
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import AmbiguousWriteError
from openrouter_credits.cli._consent import Way
from openrouter_credits.testing import Disconnect, FakeAccount, FakeOpenRouter, Hang, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome, Run

COMMAND = (sys.executable, "-m", "openrouter_credits", "keys")
NO_TERMINAL = (
    "openrouter-credits: Nothing was sent: there is no terminal on which to ask. "
    "To do it without a question, add --yes.\n"
)
BY_HASH = "A key is also found by its whole hash, without the list: openrouter-credits keys --json shows it."
REMEDY = "Check what the command reads and writes."
LOOK = "Before you do it again, look with openrouter-credits keys --all."
INTERRUPTED = (
    f"openrouter-credits: The change may have been made all the same. {LOOK}\n"
    "openrouter-credits: Interrupted.\n"
)


def written(fake: FakeOpenRouter) -> list[str]:
    """List the methods of the requests that change something."""
    return [request.method for request in fake.requests if request.method != "GET"]


PATCH = "PATCH"
CHANGES = [
    ("disable old", "enabled → disabled", "old: disabled.", PATCH),
    ("enable off", "disabled → enabled", "off: enabled.", PATCH),
    ("limit old 20", "limit none → $20.00", "old: limit $20.00.", PATCH),
    (
        "limit old $1,000 --reset daily",
        "limit none → $1,000.00, daily",
        "old: limit $1,000.00, daily.",
        PATCH,
    ),
    ("limit off 20", "limit $10.00 → $20.00, monthly", "off: limit $20.00, monthly.", PATCH),
    ("limit off 0.0050", "limit $10.00 → $0.005, monthly", "off: limit $0.005, monthly.", PATCH),
    (
        "limit off 10 --reset weekly",
        "limit $10.00, monthly → $10.00, weekly",
        "off: limit $10.00, weekly.",
        PATCH,
    ),
    (
        "limit off 10 --reset never",
        "limit $10.00, monthly → $10.00, never reset",
        "off: limit $10.00.",
        PATCH,
    ),
    ("limit off none", "limit $10.00 → none", "off: no limit.", PATCH),
    (
        "delete old",
        "delete it for ever; requests with it are refused from then on",
        "old: deleted.",
        "DELETE",
    ),
]


@pytest.mark.parametrize(("arguments", "plan", "done", "method"), CHANGES)
def test_a_change_is_shown_asked_for_and_told(
    fake: FakeOpenRouter,
    acme: FakeAccount,
    typing: Callable[..., Outcome],
    arguments: str,
    plan: str,
    done: str,
    method: str,
) -> None:
    """Each change shows the key and what would be done, asks, is sent once, and is told in one line."""
    acme.add_key(name="old")
    acme.add_key(name="off", limit=10, limit_reset="monthly", disabled=True)

    outcome = typing("y\n", *arguments.split())

    first, question = outcome.err.split("\n")
    assert (0, f"{done}\n", "Do it? [y/N] ") == (outcome.code, outcome.out, question)
    assert first.endswith(f"): {plan}")
    assert [method] == written(fake)


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "nope\n", "yy\n"])
def test_anything_but_yes_is_no(
    fake: FakeOpenRouter, acme: FakeAccount, typing: Callable[..., Outcome], answer: str
) -> None:
    """Enter, Ctrl-D and every other answer is no: nothing is sent, and the exit code is 3."""
    acme.add_key(name="bot")

    outcome = typing(answer, "delete", "bot")

    assert (3, "", []) == (outcome.code, outcome.out, written(fake))
    assert outcome.err.count("\n") == 3 - answer.count("\n")
    assert outcome.err.endswith("openrouter-credits: Nothing was changed.\n")


def test_what_is_no_text_is_no(
    fake: FakeOpenRouter, acme: FakeAccount, typing: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that is not in the encoding of the terminal is no, in one line."""

    def refuse(*_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xe9", 0, 1, "unexpected end of data")

    acme.add_key(name="bot")
    monkeypatch.setattr("tests.cli.conftest.Terminal.readline", refuse)

    outcome = typing("", "delete", "bot")

    assert (3, "", []) == (outcome.code, outcome.out, written(fake))
    assert outcome.err.endswith("Do it? [y/N] \nopenrouter-credits: Nothing was changed.\n")


def test_what_was_done_is_told_somewhere(
    acme: FakeAccount, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If standard output fails, a change that was made is told on standard error; the exit code is 3."""

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    acme.add_key(name="bot")
    monkeypatch.setattr(sys.stdout, "write", full)
    monkeypatch.setattr("openrouter_credits.cli._exits._drop_the_rest", lambda _: None)

    outcome = run("keys", "disable", "bot", "--yes")

    assert (3, "") == (outcome.code, outcome.out)
    assert [
        "openrouter-credits: bot: disabled.",
        f"openrouter-credits: Input or output failed: No space left on device. {REMEDY}",
    ] == outcome.err.splitlines()


def test_a_key_that_is_gone_is_said_to_be(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A key that is deleted between the look and the change is named by a command, not by a method."""
    acme.add_key(name="bot")
    [hash_] = [key.hash for key in acme.books.keys.values() if key.settings.name == "bot"]
    fake.script(f"/keys/{hash_}", Reply(404, {"error": {"code": 404, "message": "No such key"}}))

    expected = (
        "openrouter-credits: 404 No such key. The key, or its workspace, may be gone: "
        "look with openrouter-credits keys --all. If it is there, check OPENROUTER_BASE_URL.\n"
    )
    assert (3, "", expected) == run("keys", "disable", "bot", "--yes")


@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        ("enable old", "old: enabled already.\n"),
        ("disable off", "off: disabled already.\n"),
        ("limit old none", "old: no limit already.\n"),
        ("limit off 10", "off: limit $10.00, monthly already.\n"),
        ("limit off 10 --reset monthly", "off: limit $10.00, monthly already.\n"),
    ],
)
def test_nothing_to_change_is_said(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, arguments: str, done: str
) -> None:
    """A key that is as it should be is left alone, and said to be so, with exit code 0."""
    acme.add_key(name="old")
    acme.add_key(name="off", limit=10, limit_reset="monthly", disabled=True)

    assert (0, done, "") == run("keys", *arguments.split(), "--yes")
    assert [] == written(fake)


@pytest.mark.parametrize("arguments", ["disable bot", "enable bot", "limit bot 5", "delete bot"])
def test_without_a_terminal_nothing_is_sent(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: str
) -> None:
    """Without a terminal and without --yes, nothing at all is sent, and the exit code is 3."""
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))

    assert (3, "", NO_TERMINAL) == run("keys", *arguments.split())
    monkeypatch.setattr(sys, "stdin", None)
    assert (3, "", NO_TERMINAL) == run("keys", *arguments.split())
    assert [] == fake.requests


def test_yes_asks_nothing(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """With --yes a change is made without a terminal."""
    secret = acme.add_key(name="bot")

    assert (0, "bot: limit $12.50, weekly.\n", "") == run(
        "keys", "limit", "bot", "12.5", "--reset", "weekly", "--yes"
    )
    [key] = [each for each in acme.books.keys.values() if each.api_key == secret]
    assert (Decimal("12.5"), "weekly") == (key.settings.limit, key.settings.limit_reset)


def test_a_whole_hash_takes_one_look(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A whole hash is looked up by itself, not in the list; as a name it is found in the list."""
    acme.add_key(name="bot")
    acme.add_key(name="f" * 64)
    [hash_] = [key.hash for key in acme.books.keys.values() if key.settings.name == "bot"]

    assert "bot: disabled.\n" == run("keys", "disable", hash_, "--yes").out
    assert ["GET", "PATCH"] == [request.method for request in fake.requests]
    assert f"{'f' * 64}: disabled.\n" == run("keys", "disable", "f" * 64, "--yes").out


def test_two_keys_of_one_name_are_refused(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A name that two keys have is refused with both hashes, and nothing is changed."""
    acme.add_key(name="bot", disabled=True)
    acme.add_key(name="bot", workspace=acme.add_workspace("Research"))

    outcome = run("keys", "delete", "bot", "--yes")

    assert (3, "", []) == (outcome.code, outcome.out, written(fake))
    assert all(key.hash in outcome.err for key in acme.books.keys.values() if not key.management)


def test_a_name_that_may_stand_elsewhere_is_refused(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run
) -> None:
    """If a workspace cannot be listed, a name may be that of another key as well: nothing is changed."""
    acme.add_key(name="bot", workspace=acme.add_workspace("Research"))
    fake.script("/keys", Reply(403, {"error": {"code": 403, "message": "Not yours"}}))

    outcome = run("keys", "delete", "bot", "--yes")

    assert (3, "", []) == (outcome.code, outcome.out, written(fake))
    assert outcome.err.startswith("openrouter-credits: 403 Not yours.")
    assert outcome.err.endswith(f". {BY_HASH}\n")


def test_a_list_that_cannot_be_read_keeps_its_remedy(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run
) -> None:
    """If no key could be listed, the error says nothing of hashes: there is none to give."""
    fake.script("/keys", Reply(403, {"error": {"code": 403, "message": "Not yours"}}))

    outcome = run("keys", "delete", "bot", "--yes")

    assert (3, "") == (outcome.code, outcome.out)
    assert "hash" not in outcome.err


@pytest.mark.parametrize(
    ("status", "message", "remedy"),
    [
        (401, "User not found.", "Check the management key: "),
        (403, "Only management keys can perform this operation", "Create a management key at "),
    ],
)
def test_advice_is_about_the_management_key(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, status: int, message: str, remedy: str
) -> None:
    """If the key that asks is refused, the advice is not about the key that is to be changed."""
    fake.script("/workspaces", Reply(status, {"error": {"code": status, "message": message}}))
    fake.script("/keys", Reply(status, {"error": {"code": status, "message": message}}))

    outcome = run("keys", "disable", "bot", "--yes")

    assert f". {remedy}" in outcome.err
    assert "the key's own limit" not in outcome.err


def test_a_lost_answer_says_how_to_look(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A change whose answer is lost is sent once, and ends with 3 and the way to look."""
    acme.add_key(name="bot")
    [hash_] = [key.hash for key in acme.books.keys.values() if key.settings.name == "bot"]
    fake.script(f"/keys/{hash_}", Disconnect())

    outcome = run("keys", "delete", "bot", "--yes")

    assert (3, "", ["DELETE"]) == (outcome.code, outcome.out, written(fake))
    assert outcome.err.startswith("openrouter-credits: It is unknown whether the change took place: ")
    assert outcome.err.endswith(f" {LOOK}\n")
    assert 1 == outcome.err.count("\n")


@pytest.mark.parametrize("reset", ["daily", "never"])
def test_no_limit_has_no_interval(fake: FakeOpenRouter, run: Run, reset: str) -> None:
    """An interval for no limit is refused before anything is sent."""
    expected = (
        "openrouter-credits: --reset is the interval of a limit, and there is to be none. Leave it out.\n"
    )

    assert (3, "", expected) == run("keys", "limit", "bot", "none", "--reset", reset)
    assert [] == fake.requests


def test_a_doubt_names_the_command_that_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The remedy of a change that may have been made is a command, not a method of the client."""

    def lose(*_: object) -> None:
        raise AmbiguousWriteError("It is unknown", remedy="client.account.key(hash)")

    monkeypatch.setattr("openrouter_credits.cli._consent.ask", lose)

    with pytest.raises(AmbiguousWriteError) as caught:
        Way().send(lambda account: account.delete_key("0f"))

    assert f"It is unknown. {LOOK}" == str(caught.value)


def test_ctrl_c_leaves_a_doubt(acme: FakeAccount, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a change is under way is told, with the way to look, before the command ends with 130."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    acme.add_key(name="bot")
    monkeypatch.setattr("openrouter_credits.cli._consent.ask", interrupt)

    assert (130, "", INTERRUPTED) == run("keys", "delete", "bot", "--yes")


@pytest.mark.process
def test_ctrl_c_at_the_question_changes_nothing(fake: FakeOpenRouter, acme: FakeAccount) -> None:
    """Ctrl-C at the question ends the command with 130 at once, and nothing is changed."""
    if os.name != "posix":
        pytest.skip("a pseudo-terminal")
    acme.add_key(name="bot")
    terminal, end = os.openpty()
    process = subprocess.Popen([*COMMAND, "disable", "bot"], stdin=end, stdout=end, stderr=end)
    os.close(end)  # so that a command that ends early is an error, and not a wait for ever
    shown = b""
    while b"[y/N]" not in shown:
        shown += os.read(terminal, 1000)

    process.send_signal(signal.SIGINT)

    while b"Interrupted." not in shown:
        shown += os.read(terminal, 1000)
    assert 130 == process.wait(timeout=20)
    assert "enabled → disabled" in shown.decode()
    assert b"Do it? [y/N] \r\nopenrouter-credits: Interrupted." in shown
    assert [] == written(fake)
    os.close(terminal)


@pytest.mark.process
def test_ctrl_c_during_a_change_says_that_it_may_be_made(fake: FakeOpenRouter, acme: FakeAccount) -> None:
    """Ctrl-C after a change was sent says that it may have been made, and how to look."""
    acme.add_key(name="bot")
    [hash_] = [key.hash for key in acme.books.keys.values() if key.settings.name == "bot"]
    fake.script(f"/keys/{hash_}", Hang())
    process = subprocess.Popen([*COMMAND, "delete", "bot", "--yes"], stderr=subprocess.PIPE, text=True)
    while not written(fake):
        time.sleep(0.01)

    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)

    assert (130, INTERRUPTED) == (process.returncode, err)


@pytest.mark.process
@pytest.mark.parametrize(
    ("arguments", "done"),
    [
        ("disable bot", "bot: disabled."),
        ("enable bot", "bot: enabled already."),
        ("limit bot 5 --reset daily", "bot: limit $5.00, daily."),
        ("delete bot", "bot: deleted."),
    ],
)
def test_the_process_changes_a_key(acme: FakeAccount, arguments: str, done: str) -> None:
    """Each command as a process says what it has done, and ends with 0."""
    acme.add_key(name="bot")

    process = subprocess.run(
        [*COMMAND, *arguments.split(), "--yes"],
        capture_output=True,
        encoding="utf-8",
        timeout=30,
        check=False,
    )

    assert (0, f"{done}\n", "") == (process.returncode, process.stdout, process.stderr)
