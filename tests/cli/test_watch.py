"""The command `watch`: a live picture, lines in a pipe, one look, and how each of them ends."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openrouter_credits import ApiKey
from openrouter_credits.cli import _exits, _telling, _watch, main
from openrouter_credits.cli._telling import Lines, Picture
from openrouter_credits.testing import FakeAccount, FakeOpenRouter, Reply
from openrouter_credits.watch import Event
from tests.cli.conftest import Outcome, Run

COMMAND = (sys.executable, "-m", "openrouter_credits", "watch")
MANAGEMENT_KEYS = "https://openrouter.ai/settings/management-keys"
WRITTEN = "[accounts.acme]\nmanagement_key = {!r}\n[accounts.acme.keys]\n"


@pytest.fixture(autouse=True)
def _no_signal_is_lost() -> Iterator[None]:
    """Leave the handlers of signals as they were."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    assert before == signal.getsignal(signal.SIGTERM)


def write_keys(path: Path, account: FakeAccount, **keys: ApiKey) -> str:
    """Write a key file of an account."""
    text = WRITTEN.format(account.add_key(management=True).reveal())
    path.write_text(text + "".join(f"{name} = {key.reveal()!r}\n" for name, key in keys.items()))
    return str(path)


def events(out: str) -> list[tuple[str, str]]:
    """List kind and subject of the events in the lines of JSON."""
    documents = [json.loads(line) for line in out.splitlines()]
    assert all(document["id"] and document["text"] for document in documents)
    return [(each["kind"], f"{each['subject']['kind']} {each['subject']['account']}") for each in documents]


@pytest.mark.parametrize(
    ("credits", "kinds", "code"),
    [(30, [], 0), ("9.90", ["low"], 1), ("4.80", ["critical"], 2), (0, ["depleted"], 2)],
)
def test_one_look_tells_what_is_wrong(
    fake: FakeOpenRouter, run: Run, keys: Path, credits: Any, kinds: list[str], code: int
) -> None:
    """--once prints one line of JSON for each cause, however many keys it has, and exits with its code."""
    acme = fake.add_account(credits=credits)
    path = write_keys(keys, acme, a=acme.add_key(), b=acme.add_key(), c=acme.add_key())

    outcome = run("watch", path, "--once")

    assert ([(kind, "wallet acme") for kind in kinds], code, "") == (
        events(outcome.out),
        outcome.code,
        outcome.err,
    )


def test_thresholds_and_sentences(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """--warn and --critical decide what is LOW and CRITICAL; --oneline prints the sentence alone."""
    acme = fake.add_account(credits=30)
    path = write_keys(keys, acme, a=acme.add_key())

    low = run("watch", path, "--once", "--oneline", "--warn", "$50")
    critical = run("watch", path, "--once", "--oneline", "--warn", "50", "--critical", "40")

    assert (1, 2, "", "") == (low.code, critical.code, low.err, critical.err)
    assert "$30.00" in low.out
    assert [1, 1] == [low.out.count("\n"), critical.out.count("\n")]


@pytest.mark.usefixtures("acme")
def test_a_whole_account_needs_no_other_key(acme: FakeAccount, run: Run) -> None:
    """--account watches all keys that the management key lists, and --all those that are disabled, too."""
    acme.add_key(name="small", limit=5, usage=2)
    acme.add_key(name="off", disabled=True)

    without, with_all = run("watch", "--account", "--once"), run("watch", "--account", "--once", "--all")

    assert (2, [("critical", "key environment")]) == (without.code, events(without.out))
    assert 2 == with_all.code


def test_an_ordinary_key_is_watched_by_its_own_limit(fake: FakeOpenRouter, run: Run, use: Any) -> None:
    """A key that cannot see its wallet is OK by its own limit; standard error says what is not watched."""
    use(fake.add_account(credits=1).add_key(limit=30))

    outcome = run("watch", "--once")

    assert (0, "") == (outcome.code, outcome.out)
    assert outcome.err.startswith("openrouter-credits: warning: Not watched: the wallet of ")
    assert MANAGEMENT_KEYS in outcome.err


@pytest.mark.parametrize("options", [[], ["--once"]])
def test_nothing_to_watch_is_3(fake: FakeOpenRouter, run: Run, use: Any, options: list[str]) -> None:
    """A key without a limit that cannot see its wallet is one line with the remedy, and exit code 3."""
    use(fake.add_account(credits=1).add_key())

    outcome = run("watch", *options)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert MANAGEMENT_KEYS in outcome.err


def test_a_refused_key_is_invalid_at_once(fake: FakeOpenRouter, run: Run, use: Any) -> None:
    """Without a history, one refusal is enough: no later look would know of this one."""
    use(fake.add_account().add_key(disabled=True))

    outcome = run("watch", "--once")

    assert (2, "invalid", "") == (outcome.code, json.loads(outcome.out)["kind"], outcome.err)


def test_a_host_that_does_not_answer_is_3(fake: FakeOpenRouter, run: Run, use: Any, tmp_path: Path) -> None:
    """If nothing can be read, one line says why; with a history that is told only if it lasts."""
    use(fake.add_account().add_key(limit=30))
    for path in ("/credits", "/key"):
        fake.script(path, *[Reply(404)] * 9)
    history = str(tmp_path / "history.db")

    without, with_history = run("watch", "--once"), run("watch", "--once", "--history", history)

    assert (3, "", 1) == (without.code, without.out, without.err.count("\n"))
    assert "404" in without.err
    assert (3, "", "") == with_history


def test_what_one_look_does_not_read_is_named(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """A key that is not read makes the code 3, and is named with the reason; others are judged."""
    acme = fake.add_account(credits=30)
    path = write_keys(keys, acme, a=acme.add_key(), b=acme.add_key())
    globex = fake.add_account(credits=50)
    with Path(path).open("a") as file:
        file.write(f"[accounts.globex]\nmanagement_key = {globex.add_key(management=True).reveal()!r}\n")
        file.write(f"[accounts.globex.keys]\nweb = {globex.add_key().reveal()!r}\n")
    fake.script("/credits", Reply(404))

    outcome = run("watch", path, "--once")

    assert 3 == outcome.code
    assert "404" in outcome.err
    assert "warning: wallet " in outcome.err


def test_a_history_tells_nothing_twice(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """With --history, the second run tells nothing that the first has told; the code stays."""
    acme = fake.add_account(credits="9.90")
    path = write_keys(keys, acme, a=acme.add_key())
    with Path(path).open("a") as file:
        file.write(f"[keys]\nown = {fake.add_account().add_key(limit=30).reveal()!r}\n")

    first, second = (run("watch", path, "--once", "--history", "history.db") for _ in range(2))

    assert (1, [("low", "wallet acme")]) == (first.code, events(first.out))
    assert "Not watched: the wallet of key own" in first.err
    assert (1, "", "") == second
    assert Path("history.db").stat().st_mode & 0o077 == 0


def test_what_is_not_watched_is_told_again_with_a_new_key(fake: FakeOpenRouter, run: Run, keys: Path) -> None:
    """With --history, what a key that is new cannot see is told once, too."""
    mine = [fake.add_account().add_key(limit=30).reveal() for _ in range(2)]

    keys.write_text(f"own = {mine[0]}\n")
    first = run("watch", str(keys), "--once", "--history", "history.db")
    keys.write_text(f"own = {mine[0]}\nnew = {mine[1]}\n")
    second, third = (run("watch", str(keys), "--once", "--history", "history.db") for _ in range(2))

    assert "Not watched: the wallet of key own" in first.err
    assert "new" in second.err
    assert "" == third.err


def test_a_history_that_cannot_be_written_changes_nothing_else(
    fake: FakeOpenRouter, run: Run, keys: Path
) -> None:
    """A history that cannot be made is named with its remedy, and the look is judged all the same."""
    acme = fake.add_account(credits="9.90")
    path = write_keys(keys, acme, a=acme.add_key())

    outcome = run("watch", path, "--once", "--history", "nowhere/history.db")

    assert (1, [("low", "wallet acme")]) == (outcome.code, events(outcome.out))
    assert outcome.err.startswith("openrouter-credits: warning: The history ")
    assert "nowhere/history.db cannot be made" in outcome.err
    assert 1 == outcome.err.count("\n")


@pytest.fixture
def terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Return a function that runs `watch` on a terminal, 80 columns wide, without colours."""

    def run_on_terminal(*arguments: str) -> Outcome:
        for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": "80"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        return run("watch", *arguments)

    return run_on_terminal


def test_one_look_on_a_terminal_is_a_table(fake: FakeOpenRouter, terminal: Run, keys: Path) -> None:
    """On a terminal, --once draws all subjects, what is new, and one line about all of them."""
    acme = fake.add_account(credits="9.90")
    path = write_keys(keys, acme, a=acme.add_key())

    outcome = terminal(path, "--once")

    lines = outcome.out.splitlines()
    assert (1, "") == (outcome.code, outcome.err)
    assert ["Level", "Watched", "Left"] == lines[0].split()[:3]
    assert ["LOW", "wallet", "acme", "$9.90"] == lines[1].split()[:4]
    assert lines[-1].endswith("UTC acme LOW, $9.90 for 1 key.")


def test_looks_are_a_minute_apart(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenRouter is not asked more often than once a minute: a smaller --every is refused in one line."""
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or-v1-made-up")

    line = "--every takes seconds from 60, not 10: OpenRouter's answers are up to a minute old."
    assert (3, "", f"openrouter-credits: {line}\n") == run("watch", "--every", "10")


@pytest.mark.parametrize("every", ["604801", "1e99"])
@pytest.mark.usefixtures("acme")
def test_looks_are_a_week_apart_at_most(run: Run, every: str) -> None:
    """A longer --every, of which the next look could have no date, is refused in one line."""
    line = f"--every takes seconds up to 604,800 (a week), not {float(every):g}."

    assert (3, "", f"openrouter-credits: {line}\n") == run("watch", "--every", every)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "or set one of these variables. Or run openrouter-credits demo, which needs none."),
        (["--account"], "and set this variable. Or run openrouter-credits demo, which needs none."),
        (["--all"], "--all is for all keys of an account. Add --account, or name a key file."),
        (["--every", "0"], "--every takes a number of seconds above 0, such as 30 or 2.5, not '0'."),
        (["--history="], "--history takes the name of a file, not ''."),
        (["--oneline", "--jsno"], "watch has no option '--jsno'."),
        (
            ["--onec"],
            "watch has no option '--onec'. Did you mean --once? See openrouter-credits watch --help.",
        ),
        (["a", "b"], "watch takes one FILE: 'b' is too many. See openrouter-credits watch --help."),
    ],
)
def test_wrong_usage_is_one_line_and_3(run: Run, arguments: list[str], line: str) -> None:
    """Without keys, and with options that do not fit, one line says what to do, and the code is 3."""
    outcome = run("watch", *arguments)

    assert (3, "", 1) == (outcome.code, outcome.out, outcome.err.count("\n"))
    assert line in outcome.err


def end(sent: signal.Signals) -> None:
    """Send this process a signal."""
    os.kill(os.getpid(), sent)


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_lines_come_until_a_signal(
    fake: FakeOpenRouter,
    run: Run,
    keys: Path,
    monkeypatch: pytest.MonkeyPatch,
    sent: signal.Signals,
    code: int,
) -> None:
    """In a pipe each event is a line; SIGTERM ends the watch with 0, and Ctrl-C with 130."""
    acme = fake.add_account(credits=30)
    key = acme.add_key()
    path = write_keys(keys, acme, a=key)
    shown = Lines.show
    looked: list[bool] = []

    def show(self: Lines, view: Any) -> None:
        shown(self, view)
        looked.append(True)
        if len(looked) == 1:
            fake.spend(key, 26)

    def tell(self: Lines, event: Event) -> None:
        told(self, event)
        end(sent)

    told = Lines.tell
    monkeypatch.setattr(Lines, "show", show)
    monkeypatch.setattr(Lines, "tell", tell)

    outcome = run("watch", path, "--every", "0.1")

    assert (code, [("critical", "wallet acme")]) == (outcome.code, events(outcome.out))
    assert outcome.err == ("openrouter-credits: Interrupted.\n" if code else "")


def test_a_live_picture_stays_readable(
    fake: FakeOpenRouter, keys: Path, terminal: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal a picture is drawn at once and renewed, and Ctrl-C leaves the last one on the screen."""
    acme = fake.add_account(credits="9.90")
    path = write_keys(keys, acme, a=acme.add_key())
    with Path(path).open("a") as file:
        file.write(f"[keys]\nown = {fake.add_account().add_key(limit=30).reveal()!r}\n")
    show, pictures = Picture.show, [0]

    def count(self: Picture, view: Any) -> None:
        show(self, view)
        pictures[0] += 1
        if pictures[0] == 4:
            end(signal.SIGINT)

    monkeypatch.setattr(Picture, "show", count)
    monkeypatch.setattr(_watch, "_TICK", 0.01)

    code, out, err = terminal(path, "--history", "history.db")

    assert 130 == code
    assert out.count("wallet acme") >= 4
    last = out.rpartition("Level")[2]
    assert "$9.90" in last
    assert "the next look is at" in last
    assert 1 == err.count("Not watched")
    assert err.endswith("openrouter-credits: Interrupted.\n")


def test_a_history_that_fails_is_said_once(
    fake: FakeOpenRouter, keys: Path, terminal: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a history cannot be written, watching goes on, and that is said once."""
    acme = fake.add_account(credits="9.90")
    path = write_keys(keys, acme, a=acme.add_key())
    pictures = [0]

    def count(self: Picture, view: Any) -> None:
        pictures[0] += 1
        if pictures[0] == 4:
            end(signal.SIGTERM)

    monkeypatch.setattr(Picture, "show", count)
    monkeypatch.setattr(_watch, "_TICK", 0.01)

    code, _, err = terminal(path, "--history", "nowhere/history.db", "--every", "0.02")

    assert (0, 1) == (code, err.count("nowhere/history.db cannot be made"))


def test_a_thread_has_no_signals(fake: FakeOpenRouter, use: Any) -> None:
    """In another thread than the main one, where no signal can be caught, the command works all the same."""
    use(fake.add_account().add_key())
    codes: list[int] = []

    thread = threading.Thread(target=lambda: codes.append(main(["watch"])))
    thread.start()
    thread.join(30)

    assert [3] == codes


def test_an_abandoned_pipe_ends_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody reads any more is seen before the next event; other streams are never abandoned."""
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        before = _telling.is_abandoned(pipe)
        os.close(reading)
        after = _telling.is_abandoned(pipe)
    monkeypatch.delattr("select.poll")
    with Path(os.devnull).open("w") as file:
        elsewhere = _telling.is_abandoned(file)

    assert (False, True, False) == (before, after, elsewhere)


def test_a_watch_ends_if_nobody_reads_it(
    fake: FakeOpenRouter, run: Run, use: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch whose pipe was closed ends with 0 and without an error, though nothing has happened."""
    use(fake.add_account().add_key(limit=30))
    monkeypatch.setattr(_telling, "is_abandoned", lambda _: True)
    monkeypatch.setattr(_exits, "_drop_the_rest", lambda _: None)  # pytest's stream has no descriptor

    assert (0, "", 1) == (*(outcome := run("watch"))[:2], outcome.err.count("\n"))


def spawn(*arguments: str) -> subprocess.Popen[str]:
    """Start the command, with pipes for its output."""
    pipe = subprocess.PIPE
    return subprocess.Popen([*COMMAND, *arguments], stdout=pipe, stderr=pipe, text=True)


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_script_reads_events_through_a_pipe(
    fake: FakeOpenRouter, keys: Path, sent: signal.Signals, code: int
) -> None:
    """An event arrives at once through a pipe; SIGTERM ends the process with 0, and Ctrl-C with 130."""
    acme = fake.add_account(credits=30)
    key = acme.add_key()
    with spawn(write_keys(keys, acme, a=key), "--every", "0.2") as process:
        while not any(request.path == "/key" for request in fake.requests):
            assert process.poll() is None
        fake.spend(key, 26)
        assert process.stdout is not None
        line = process.stdout.readline()
        process.send_signal(sent)
        out, err = process.communicate(timeout=30)

    assert ("critical", "", code) == (json.loads(line)["kind"], out, process.returncode)
    assert err in ("", "openrouter-credits: Interrupted.\n")


@pytest.mark.process
@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_head_ends_a_watch(fake: FakeOpenRouter, keys: Path) -> None:
    """`watch | head -n 1` ends with 0 soon after the first event, without an error."""
    acme = fake.add_account(credits=3)
    path = write_keys(keys, acme, a=acme.add_key())
    program = shlex.join([sys.executable, "-m", "openrouter_credits", "watch", str(path)])
    script = f'{program} | head -n 1; echo "${{PIPESTATUS[0]}}"'

    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=50, check=True)

    line, code = done.stdout.splitlines()
    assert ("critical", "0", "") == (json.loads(line)["kind"], code, done.stderr)


@pytest.mark.process
@pytest.mark.parametrize(("credits", "code"), [(30, 0), ("9.90", 1), (3, 2)])
def test_one_look_as_a_process(fake: FakeOpenRouter, keys: Path, credits: Any, code: int) -> None:
    """A process with --once ends with the code of the worst level."""
    acme = fake.add_account(credits=credits)

    process = spawn(write_keys(keys, acme, a=acme.add_key()), "--once", "--history", "history.db")

    assert ("", code) == (process.communicate(timeout=30)[1], process.returncode)
