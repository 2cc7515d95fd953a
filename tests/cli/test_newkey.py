"""The command `keys create`: the plan, the request, and where the secret goes."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.cli._exits import CommandError
from openrouter_credits.cli._newsecret import SecretFile
from openrouter_credits.testing import Disconnect, FakeAccount, FakeOpenRouter, Reply
from tests.kit.values import made_up

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.conftest import Outcome, Run

FILE = "new.key"
NOWHERE = (
    "openrouter-credits: The secret of a new key is shown on a terminal only, and standard output is "
    "not one. Let it be written to a new file: --write-to FILE.\n"
)
NO_MOMENT = "--expires takes a day of UTC such as 2026-12-31, or a moment such as 2026-12-31T18:00Z"
SECRET = re.compile(r"^sk-or-v1-[0-9a-f]{64}$", re.MULTILINE)


@pytest.fixture(autouse=True)
def _new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each test run in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def made(acme: FakeAccount) -> list[str]:
    """List the names of the ordinary keys."""
    return [key.settings.name for key in acme.books.keys.values() if not key.management]


def test_the_secret_is_shown_once_on_a_terminal(acme: FakeAccount, typing: Callable[..., Outcome]) -> None:
    """On a terminal the plan is shown and asked for; then the secret is printed, once, on standard output."""
    outcome = typing("y\n", "create", "bot", "--limit", "20", "--reset", "monthly", "--expires", "2999-01-31")

    [key] = [key for key in acme.books.keys.values() if not key.management]
    plan = "limit $20.00, monthly; expires 2999-01-31 00:00 UTC"
    assert (0, f"New key bot: {plan}\nDo it? [y/N] ") == (outcome.code, outcome.err)
    assert [
        f"Made bot: {plan}; hash {key.hash}.",
        key.api_key.reveal(),
        "Keep this secret now: OpenRouter shows it only once.",
    ] == outcome.out.splitlines()
    assert (20, "monthly", datetime(2999, 1, 31, tzinfo=UTC)) == (
        key.settings.limit,
        key.settings.limit_reset,
        key.settings.expires_at,
    )


def test_the_secret_is_written_to_a_new_file(acme: FakeAccount, run: Run) -> None:
    """--write-to makes a file of mode 0600 with the secret and a line feed, and prints no secret."""
    before = os.umask(0)
    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")
    os.umask(before)

    [key] = [key for key in acme.books.keys.values() if not key.management]
    expected = f"Made bot: no limit; never expires; hash {key.hash}.\nIts secret is in {FILE}.\n"
    assert (0, expected, "") == outcome
    assert f"{key.api_key.reveal()}\n" == Path(FILE).read_text()
    assert 0o600 == Path(FILE).stat().st_mode & 0o777


def test_never_both(acme: FakeAccount, typing: Callable[..., Outcome]) -> None:
    """On a terminal, too, a secret that is written to a file is not shown."""
    outcome = typing("yes\n", "create", "bot", "--write-to", FILE)

    assert 0 == outcome.code
    assert not SECRET.search(outcome.out + outcome.err)
    assert SECRET.match(Path(FILE).read_text())


def test_without_a_place_nothing_is_sent(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """If standard output is no terminal and there is no --write-to, nothing is sent, even with --yes."""
    assert (3, "", NOWHERE) == run("keys", "create", "bot", "--yes")
    assert [] == fake.requests


def test_without_consent_nothing_is_sent(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """Without a terminal and --yes, nothing is sent, and no file is made."""
    outcome = run("keys", "create", "bot", "--write-to", FILE)

    assert (3, "", [], False) == (outcome.code, outcome.out, fake.requests, Path(FILE).exists())
    assert "add --yes" in outcome.err


def test_no_is_no(acme: FakeAccount, typing: Callable[..., Outcome]) -> None:
    """The answer no makes neither a key nor a file."""
    outcome = typing("\n", "create", "bot", "--write-to", FILE)

    assert (3, "", [], False) == (outcome.code, outcome.out, made(acme), Path(FILE).exists())
    assert outcome.err.endswith("Nothing was changed.\n")


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_nothing_is_overwritten(fake: FakeOpenRouter, acme: FakeAccount, run: Run, kind: str) -> None:
    """A file, a folder or a symbolic link that exists is refused before anything is sent, and is kept."""
    if kind == "file":
        Path(FILE).write_text("precious")
    elif kind == "folder":
        Path(FILE).mkdir()
    else:
        Path(FILE).symlink_to("elsewhere")

    expected = (
        f"openrouter-credits: {FILE} exists, and is not overwritten. "
        "Name a file that does not exist: --write-to FILE.\n"
    )
    assert (3, "", expected) == run("keys", "create", "bot", "--write-to", FILE, "--yes")
    assert [] == fake.requests
    assert not Path("elsewhere").exists()
    assert kind != "file" or Path(FILE).read_text() == "precious"


def test_a_file_that_appears_meanwhile_is_kept() -> None:
    """A file that is made between the look and the making is not overwritten either."""
    Path(FILE).symlink_to("elsewhere")

    with pytest.raises(CommandError, match="is not overwritten"):
        SecretFile(Path(FILE))

    assert not Path("elsewhere").exists()


def test_a_file_that_cannot_be_made_is_one_line(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """If the file cannot be made, no key is."""
    outcome = run("keys", "create", "bot", "--write-to", f"missing/{FILE}", "--yes")

    expected = (
        f"openrouter-credits: Cannot write missing/{FILE}: No such file or directory. "
        "Name another file: --write-to FILE.\n"
    )
    assert (3, "", expected) == outcome
    assert [] == fake.requests


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Reply(400, {"error": {"code": 400, "message": "name is too long"}}), "400 name is too long"),
        (Reply(403, {"error": {"code": 403, "message": "Not yours"}}), "403 Not yours"),
        (Disconnect(), "It is unknown whether"),
    ],
)
def test_no_file_is_left_without_a_key(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, answer: Reply | Disconnect, words: str
) -> None:
    """If no secret comes, the empty file is removed; one request is sent, and the exit code is 3."""
    fake.script("/keys", answer)

    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")

    assert (3, "", 1, 1) == (outcome.code, outcome.out, outcome.err.count("\n"), len(fake.requests))
    assert words in outcome.err
    assert not Path(FILE).exists()


def test_on_a_terminal_a_lost_answer_is_one_line(
    fake: FakeOpenRouter, acme: FakeAccount, typing: Callable[..., Outcome]
) -> None:
    """On a terminal a lost answer ends with 3 after one request, and says how to look for the key."""
    fake.script("/keys", Disconnect())

    outcome = typing("y\n", "create", "bot")

    assert (3, "", 1) == (outcome.code, outcome.out, len(fake.requests))
    assert "It is unknown whether the change took place" in outcome.err
    assert "if the key is there, delete it, since its secret is lost" in outcome.err


def test_on_a_terminal_a_refusal_is_one_line(
    fake: FakeOpenRouter, acme: FakeAccount, typing: Callable[..., Outcome]
) -> None:
    """On a terminal a key that is not made is one line, too."""
    fake.script("/keys", Reply(400, {"error": {"code": 400, "message": "name is too long"}}))

    outcome = typing("y\n", "create", "bot")

    assert (3, "", []) == (outcome.code, outcome.out, made(acme))
    assert "openrouter-credits: 400 name is too long. " in outcome.err


def test_a_bad_management_key_keeps_its_remedy(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A management key that cannot be one is a fault of the variable, and leaves no file."""
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", "not, a key")

    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")

    assert outcome.err.startswith(
        "openrouter-credits: OPENROUTER_MANAGEMENT_KEY: The API key's character 4 of"
    )
    assert not Path(FILE).exists()


def test_a_setting_that_is_not_accepted_is_one_line(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run
) -> None:
    """A name that no key may have is refused by the SDK, and nothing is sent."""
    outcome = run("keys", "create", " ", "--write-to", FILE, "--yes")

    assert (3, "", [], False) == (outcome.code, outcome.out, fake.requests, Path(FILE).exists())
    assert outcome.err.startswith("openrouter-credits: Nothing was sent: name ")


def full(*_: object, **__: object) -> None:
    """Fail as on a full disk."""
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_after_the_key_was_made(
    acme: FakeAccount, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the secret cannot be written, the error says that the key exists, its hash, and what to do."""
    monkeypatch.setattr(os, "fsync", full)

    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")

    [key] = [key for key in acme.books.keys.values() if not key.management]
    expected = (
        "openrouter-credits: The key bot was made, but its secret could not be written to new.key: "
        "No space left on device. It cannot be read again. Delete the key, and make another one: "
        f"openrouter-credits keys delete {key.hash}\n"
    )
    assert (3, "", expected, False) == (*outcome, Path(FILE).exists())


def test_a_hash_has_no_escapes(fake: FakeOpenRouter, acme: FakeAccount, run: Run) -> None:
    """A hash is a stranger's text: it is shown without escapes of a terminal."""
    info = {"hash": "0f\x1b[31m", "label": "sk-or-v1-0e6...1c96", "name": "bot", "usage": 0, "limit": None}
    fake.script("/keys", Reply(201, {"data": info, "key": made_up("new")}))

    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")

    assert outcome.out.startswith("Made bot: no limit; never expires; hash 0f?[31m.\n")


def test_ctrl_c_after_the_key_was_made(acme: FakeAccount, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C before the secret is on the disk leaves no file, and says that the key exists, and its hash."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)

    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes")

    [key] = [key for key in acme.books.keys.values() if not key.management]
    expected = (
        "openrouter-credits: The key bot was made, but its secret could not be written to new.key: "
        "interrupted. It cannot be read again. Delete the key, and make another one: "
        f"openrouter-credits keys delete {key.hash}\nopenrouter-credits: Interrupted.\n"
    )
    assert (130, "", expected, False) == (*outcome, Path(FILE).exists())


def test_a_terminal_that_is_gone_after_the_key_was_made(
    acme: FakeAccount, typing: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the secret cannot be shown, the error says the same."""
    monkeypatch.setattr("openrouter_credits.cli._newkey.print", full, raising=False)

    outcome = typing("y\n", "create", "bot")

    assert (3, "") == (outcome.code, outcome.out)
    assert "The key bot was made, but its secret could not be shown: No space left on device." in outcome.err


@pytest.mark.parametrize("word", ["Research", "id", "slug"])
def test_a_workspace_is_named_or_its_id_given(acme: FakeAccount, run: Run, word: str) -> None:
    """--workspace takes a name, a slug or an id, and the plan shows the name."""
    research = acme.add_workspace("Research", slug="slug")

    outcome = run(
        "keys",
        "create",
        "bot",
        "--workspace",
        research.id if word == "id" else word,
        "--write-to",
        FILE,
        "--yes",
    )

    [key] = [key for key in acme.books.keys.values() if not key.management]
    assert (0, research) == (outcome.code, key.workspace)
    assert "; workspace Research; hash " in outcome.out


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("Reserch", "There is no workspace 'Reserch'. Did you mean Research?"),
        ("x", "There is no workspace 'x'. The workspaces are Default, Research, Twin, Twin."),
    ],
)
def test_a_workspace_in_doubt_is_refused(
    fake: FakeOpenRouter, acme: FakeAccount, run: Run, word: str, text: str
) -> None:
    """A workspace that does not exist is answered with the nearest names, or with all."""
    acme.add_workspace("Research")
    acme.add_workspace("Twin", slug="one")
    acme.add_workspace("Twin", slug="two")

    def create(word: str) -> Outcome:
        return run("keys", "create", "bot", "--workspace", word, "--write-to", FILE, "--yes")

    assert (3, "", f"openrouter-credits: {text}\n") == create(word)
    twins = create("Twin")
    assert twins.err.startswith("openrouter-credits: 2 workspaces have this name. Give the id instead: ")
    assert {"GET"} == {request.method for request in fake.requests}


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--reset", "daily"], "--reset is the interval of a limit. Add --limit USD."),
        (["--limit", "3", "--reset", "hourly"], "--reset takes daily, weekly or monthly, not 'hourly'."),
        (["--expires", "2020-01-01"], "--expires takes a moment in the future: a day begins at 00:00 UTC."),
        *(
            (
                ["--expires", text],
                f"{NO_MOMENT}, not '{text}'.",
            )
            for text in ("tomorrow", "2999-13-01", "2999-01-01T10:00", "0001-01-01T00+14")
        ),
    ],
)
def test_options_are_checked_first(fake: FakeOpenRouter, run: Run, arguments: list[str], line: str) -> None:
    """Options that cannot be used are one line, before anything is sent."""
    outcome = run("keys", "create", "bot", "--write-to", FILE, "--yes", *arguments)

    assert (3, "", f"openrouter-credits: {line}\n") == outcome
    assert [] == fake.requests


def test_a_moment_has_a_time_zone(acme: FakeAccount, run: Run) -> None:
    """--expires takes a moment of any time zone, and the plan shows it in UTC."""
    outcome = run("keys", "create", "bot", "--expires", "2999-01-01T01:30+02:00", "--write-to", FILE, "--yes")

    assert "; expires 2998-12-31 23:30 UTC; hash " in outcome.out


def test_a_secret_that_is_not_written_shows_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """If writing fails, the file is gone, and no local of a frame of ours shows the secret."""
    secret = ApiKey(made_up("new"))
    file = SecretFile(Path(FILE))
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space left") as caught:
        file.write(secret)

    ours = [entry.frame for entry in caught.traceback if str(entry.path).endswith("_newsecret.py")]
    assert ours
    assert secret.reveal() not in "".join(repr(frame.f_locals) for frame in ours)
    assert not Path(FILE).exists()


@pytest.mark.process
def test_the_process_makes_a_key(acme: FakeAccount) -> None:
    """The command as a process writes the secret, and ends with 0."""
    process = subprocess.run(
        [sys.executable, "-m", "openrouter_credits", "keys", "create", "bot", "--write-to", FILE, "--yes"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert (0, "") == (process.returncode, process.stderr)
    assert ["bot"] == made(acme)
    assert SECRET.match(Path(FILE).read_text())
