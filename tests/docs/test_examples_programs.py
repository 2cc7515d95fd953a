"""The example programs that need no framework."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import test_utils

from openrouter_credits import ClientClosedError, CreditsClient, KeySpec, Level, MissingKeyError
from openrouter_credits.testing import FakeOpenRouter, Reply

from ._pages import DOCS

EXAMPLES = DOCS / "examples"


async def run(program: str, *arguments: str) -> tuple[int | None, str, str]:
    """Run a program as its reader does; give its exit code and what it prints."""
    words = [sys.executable, "-W", "error", str(EXAMPLES / program), *arguments]
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def key_file(folder: Path, text: str) -> Path:
    """Write a key file."""
    path = folder / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return path


# low_balance.py


@pytest.fixture
def told() -> list[str]:
    """What the watcher said."""
    return []


async def watch(told: list[str], *steps: Callable[[], object]) -> None:
    """Let the watcher look once before each step, and once after the last; no time passes."""
    import low_balance

    rest = list(steps)

    async def tell(text: str) -> None:
        told.append(text.partition(":")[0])

    async def sleep(seconds: float) -> None:
        assert seconds == 300
        if not rest:
            raise asyncio.CancelledError
        rest.pop(0)()

    async with CreditsClient() as client:
        with pytest.raises(asyncio.CancelledError):
            await low_balance.watch(client, tell, sleep=sleep)


async def test_the_watcher_warns_once_for_each_fall(fake: FakeOpenRouter, told: list[str]) -> None:
    """Three looks at a low balance are one warning, and a lower one is the next."""
    key = os.environ["OPENROUTER_API_KEY"]

    await watch(told, lambda: fake.spend(key, "18"), lambda: None, lambda: None, lambda: fake.spend(key, "5"), lambda: None)

    assert ["LOW", "CRITICAL"] == told


async def test_the_watcher_warns_again_after_a_recovery(fake: FakeOpenRouter, told: list[str]) -> None:
    """A top-up arms it."""
    key = os.environ["OPENROUTER_API_KEY"]

    await watch(told, lambda: fake.spend(key, "18"), lambda: fake.spend(key, "-18"), lambda: fake.spend(key, "18"))

    assert ["LOW", "LOW"] == told


async def test_the_watcher_takes_a_fault_for_neither_fall_nor_recovery(fake: FakeOpenRouter, told: list[str]) -> None:
    """It is silent about one, outlives it, and does not warn of the same balance again."""
    key = os.environ["OPENROUTER_API_KEY"]

    def fail() -> None:
        for path in ("/credits", "/key"):
            fake.script(path, Reply(404))

    await watch(told, lambda: fake.spend(key, "18"), fail, lambda: None, fail, fail, lambda: None)

    assert ["LOW"] == told


async def test_the_watcher_says_when_it_has_been_blind_for_long(fake: FakeOpenRouter, told: list[str]) -> None:
    """Once; silence must not pass for a full wallet."""
    for path in ("/credits", "/key"):
        fake.script(path, *[Reply(404)] * 5)

    await watch(told, *[lambda: None] * 6)

    assert ["UNKNOWN"] == told


async def test_the_watcher_says_that_a_key_was_refused(fake: FakeOpenRouter, told: list[str]) -> None:
    """At once."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    await watch(told)

    assert ["INVALID"] == told


async def test_the_watcher_tries_again_to_tell(fake: FakeOpenRouter) -> None:
    """A messenger that fails ends nothing."""
    import low_balance

    fake.spend(os.environ["OPENROUTER_API_KEY"], "20")
    told: list[str] = []

    async def tell(text: str) -> None:
        told.append(text)
        if len(told) == 1:
            raise OSError("nobody home")

    async def sleep(_: float) -> None:
        if len(told) == 2:
            raise asyncio.CancelledError

    async with CreditsClient() as client:
        with pytest.raises(asyncio.CancelledError):
            await low_balance.watch(client, tell, sleep=sleep)

    assert ["LOW: $6.83 left: the key's limit binds (wallet: $54.75)."] * 2 == told


async def test_the_watcher_prints_when_it_is_run_alone(fake: FakeOpenRouter, capsys: pytest.CaptureFixture[str]) -> None:
    """Its `say` is there to be replaced."""
    import low_balance

    fake.spend(os.environ["OPENROUTER_API_KEY"], "20")
    task = asyncio.create_task(low_balance.main())
    while not (printed := capsys.readouterr().out):
        await asyncio.sleep(0.001)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert printed == "LOW: $6.83 left: the key's limit binds (wallet: $54.75).\n"


async def test_the_watcher_ends_where_no_later_look_can_help(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no key, or the client was closed."""
    import low_balance

    async def tell(text: str) -> None:
        raise AssertionError(text)

    async with CreditsClient() as client:
        await client.close()
        with pytest.raises(ClientClosedError):
            await low_balance.watch(client, tell)
    for name in ("OPENROUTER_API_KEY", "OPENROUTER_MANAGEMENT_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(MissingKeyError):
        await low_balance.main()


def test_the_watcher_knows_every_level(fake: FakeOpenRouter) -> None:
    """Or a new one would end it."""
    import low_balance

    assert {*low_balance.SEVERITY, Level.UNKNOWN} == set(Level)


# many_keys_service.py


async def test_the_service_tells_each_key_and_each_wallet(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """From a file, over one look; amounts are exact texts, and what is not known is null."""
    import many_keys_service

    manager = os.environ["ACME_MANAGEMENT_KEY"]
    keys = [
        {"name": "prod", "api_key": os.environ["PROD_KEY"], "account": "acme", "management_key": manager},
        {"name": "staging", "api_key": os.environ["STAGING_KEY"], "account": "acme"},
        {"name": "intern", "api_key": "sk-or-v1-mistyped"},
    ]
    file = tmp_path / "customers.jsonl"
    file.write_text("\n".join(map(json.dumps, keys)), encoding="utf-8")
    app = many_keys_service.make_app(many_keys_service.read_keys(file))

    async with test_utils.TestClient(test_utils.TestServer(app)) as client:
        said = {name: await (await client.get(f"/keys/{name}")).json() for name in ("prod", "staging", "intern")}
        wallets = await (await client.get("/wallets")).json()
        missing = await client.get("/keys/nobody")

    assert {"level": "OK", "left": "74.75", "says": "$74.75 left: the wallet binds."} == said["prod"]
    assert ("CRITICAL", "1.1") == (said["staging"]["level"], said["staging"]["left"])
    assert ("INVALID", None) == (said["intern"]["level"], said["intern"]["left"])
    assert json.dumps(said["staging"]) in (DOCS / "howto" / "many-keys.md").read_text(encoding="utf-8")
    assert {"account": "acme", "left": "74.75", "keys": ["prod", "staging"]} == wallets[0]
    assert {"account": None, "left": None, "keys": ["intern"]} == wallets[1]
    assert missing.status == 404


async def test_the_service_looks_again_and_again(fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though OpenRouter fails in between."""
    import many_keys_service

    monkeypatch.setattr(many_keys_service, "EVERY", 0.05)
    fake.script("/key", Reply(404))
    fake.script("/credits", Reply(404))
    app = many_keys_service.make_app([KeySpec(os.environ["PROD_KEY"], "prod", "acme", os.environ["ACME_MANAGEMENT_KEY"])])

    levels = []
    async with test_utils.TestClient(test_utils.TestServer(app)) as client:
        while levels[-1:] != ["OK"]:
            levels.append((await (await client.get("/keys/prod")).json())["level"])

    assert levels[0] == "UNKNOWN"


# nightly_audit.py


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ('prod = { env = "PROD_KEY" }', 0),
        ('prod = { env = "PROD_KEY" }\nstaging = { env = "STAGING_KEY" }', 2),
        ('prod = { env = "PROD_KEY" }\nunset = { env = "UNSET_KEY" }', 2),
    ],
)
async def test_the_audits_exit_code_is_that_of_the_worst_key(fake: FakeOpenRouter, tmp_path: Path, keys: str, code: int) -> None:
    """As the command's."""
    import nightly_audit

    file = key_file(tmp_path, f'[accounts.acme]\nmanagement_key = {{ env = "ACME_MANAGEMENT_KEY" }}\n[accounts.acme.keys]\n{keys}\n')

    assert code == await nightly_audit.main(file)


async def test_the_audit_is_not_content_with_what_it_cannot_read(
    fake: FakeOpenRouter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key without a limit in an account without a management key; and a file without keys."""
    import nightly_audit

    unread = await nightly_audit.main(key_file(tmp_path, '[accounts.acme.keys]\nprod = { env = "PROD_KEY" }\n'))
    printed = capsys.readouterr().out
    empty = await nightly_audit.main(key_file(tmp_path, ""))

    assert (3, 3) == (unread, empty)
    assert printed.startswith("UNKNOWN  prod: ")
    assert printed.endswith("Wallet of acme, 1 keys: unknown\n")


def test_the_audit_knows_every_level(fake: FakeOpenRouter) -> None:
    """Or a new one would end it."""
    import nightly_audit

    assert set(nightly_audit.EXIT_CODES) == set(Level)


# own_session.py


async def test_a_borrowed_session_is_traced_and_stays_open(fake: FakeOpenRouter) -> None:
    """And the key is not printed."""
    assert (0, "GET /api/v1/credits 200\n$74.75\nclosed: False\n", "") == await run("own_session.py")


# prometheus_textfile.py


async def metrics(folder: Path) -> tuple[int, dict[str, str]]:
    """Give the program's exit code, and the metrics that it leaves."""
    import prometheus_textfile

    file = folder / "openrouter.prom"
    file.write_text("old", encoding="utf-8")
    code = await prometheus_textfile.main(file)
    samples = dict(line.split() for line in file.read_text(encoding="utf-8").splitlines())
    samples.pop("openrouter_checked_at_seconds", None)
    assert [file] == list(folder.iterdir())
    return code, samples


async def test_metrics_are_exact(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """Wallet, key, and what binds."""
    said = {
        "openrouter_up": "1",
        "openrouter_spendable_usd": "26.83",
        "openrouter_wallet_usd": "74.75",
        "openrouter_key_usage_usd_total": "3.17",
        "openrouter_key_limit_remaining_usd": "26.83",
    }

    shown = [f"{name} {value}" for name, value in said.items()]
    page = (DOCS / "howto" / "monitoring.md").read_text(encoding="utf-8").splitlines()

    assert (0, said) == await metrics(tmp_path)
    assert shown == [line for line in page if line in shown]


async def test_what_is_not_known_is_no_metric(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """Neither 0 nor an upper bound takes its place."""
    fake.script("/credits", Reply(404))

    code, samples = await metrics(tmp_path)

    assert (0, {"openrouter_up", "openrouter_key_usage_usd_total", "openrouter_key_limit_remaining_usd"}) == (code, set(samples))


async def test_an_uncapped_key_has_no_limit_to_tell(fake: FakeOpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wallet binds it."""
    monkeypatch.setenv("OPENROUTER_API_KEY", os.environ["PROD_KEY"])
    fake.script("/key", Reply(404))

    _, blind = await metrics(tmp_path)
    _, samples = await metrics(tmp_path)

    assert {"openrouter_up": "1", "openrouter_wallet_usd": "74.75"} == blind
    assert {"openrouter_up", "openrouter_spendable_usd", "openrouter_wallet_usd", "openrouter_key_usage_usd_total"} == set(samples)


async def test_a_failed_look_leaves_no_stale_metric(fake: FakeOpenRouter, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`openrouter_up` says so, and cron sends what stands on standard error."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    assert (1, {"openrouter_up": "0"}) == await metrics(tmp_path)
    assert capsys.readouterr().err.startswith("401 User not found. Check the key")


# test_with_fake.py


async def test_the_tests_to_copy_pass(tmp_path: Path) -> None:
    """As they stand, without a conftest.py, and with pytest-asyncio as it comes."""
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", f"--rootdir={tmp_path}"]
    settings = ["-c", os.devnull, "-o", "asyncio_default_fixture_loop_scope=function"]
    words = [sys.executable, "-m", "pytest", *options, *settings, str(EXAMPLES / "test_with_fake.py")]
    process = await asyncio.create_subprocess_exec(*words, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    out, _ = await process.communicate()

    assert "3 passed" in out.decode()
