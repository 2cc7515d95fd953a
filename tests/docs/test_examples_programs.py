"""The example programs that need no framework."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiohttp import test_utils

from openrouter_credits import CreditsClient, KeySpec, Level, ManagementKeyRequiredError, MissingKeyError
from openrouter_credits.testing import FakeOpenRouter, Reply
from tests.kit.clock import until

from ._pages import DOCS

EXAMPLES = DOCS / "examples"


async def run(program: str, *arguments: str) -> tuple[int | None, str, str]:
    """Run a program in a child process; return its exit code, standard output and standard error."""
    words = [sys.executable, "-W", "error", str(EXAMPLES / program), *arguments]
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def key_file(folder: Path, text: str) -> Path:
    """Write a key file."""
    path = folder / "keys.toml"
    path.write_text(text, encoding="utf-8")
    return path


# low_balance.py


@asynccontextmanager
async def watching() -> AsyncIterator[asyncio.Queue[str]]:
    """Let the watcher look again and again, and put what it tells into a queue."""
    import low_balance

    told: asyncio.Queue[str] = asyncio.Queue()
    async with CreditsClient() as client:
        task = asyncio.create_task(low_balance.watch(client, told.put, every=0.01))
        yield told
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def looks(fake: FakeOpenRouter, count: int = 3) -> None:
    """Wait for some more looks, of two requests each."""
    enough = len(fake.requests) + 2 * (count + 1)  # one may be under way
    await until(lambda: len(fake.requests) >= enough)


async def test_the_watcher_warns_once_for_each_fall(fake: FakeOpenRouter) -> None:
    """The watcher warns once of a balance that stays low, and again when the balance becomes critical."""
    key = os.environ["OPENROUTER_API_KEY"]

    async with watching() as told:
        await looks(fake)
        fake.spend(key, "18")
        low = await told.get()
        await looks(fake)
        assert told.empty()
        fake.spend(key, "5")
        critical = await told.get()
        await looks(fake)

        assert told.empty()
    assert "$8.83" in low
    assert "$3.83" in critical


async def test_the_watcher_warns_again_after_a_recovery(fake: FakeOpenRouter) -> None:
    """The watcher tells that a balance has recovered, and warns again when it falls."""
    key = os.environ["OPENROUTER_API_KEY"]

    async with watching() as told:
        for amount, left in (("18", "$8.83"), ("-18", "$26.83"), ("18", "$8.83")):
            fake.spend(key, amount)
            assert left in await told.get()


async def test_the_watcher_takes_a_fault_for_neither_fall_nor_recovery(fake: FakeOpenRouter) -> None:
    """The watcher goes on after a passing fault, and warns neither of it nor of the same balance again."""
    fake.spend(os.environ["OPENROUTER_API_KEY"], "18")

    async with watching() as told:
        assert "$8.83" in await told.get()
        for path in ("/credits", "/key"):
            fake.script(path, *[Reply(404)] * 4)
        await looks(fake, 8)

        assert told.empty()


async def test_the_watcher_tries_again_to_tell(fake: FakeOpenRouter) -> None:
    """The watcher repeats what could not be told, and keeps what happens meanwhile."""
    import low_balance

    key = os.environ["OPENROUTER_API_KEY"]
    fake.spend(key, "18")
    tried: list[str] = []
    told: asyncio.Queue[str] = asyncio.Queue()

    async def tell(text: str) -> None:
        tried.append(text)
        if len(tried) == 1:
            fake.spend(key, "5")
        if len(tried) < 4:
            await looks(fake)
            raise OSError("nobody home")
        await told.put(text)

    async with CreditsClient() as client:
        task = asyncio.create_task(low_balance.watch(client, tell, every=0.01, pause=0))
        low, critical = await told.get(), await told.get()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    assert [low] * 4 + [critical] == tried
    assert "$8.83" in low
    assert "$3.83" in critical


async def test_the_watcher_prints_when_it_is_run_alone(
    fake: FakeOpenRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    """The watcher prints its warnings when it runs as a program."""
    import low_balance

    fake.spend(os.environ["OPENROUTER_API_KEY"], "20")
    task = asyncio.create_task(low_balance.main())
    while not (printed := capsys.readouterr().out):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert "$6.83" in printed
    assert printed.count("\n") == 1


async def test_the_watcher_ends_where_no_later_look_can_help(
    fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The watcher ends with the error if there is no key, or a key without a limit that sees no wallet."""
    import low_balance

    monkeypatch.delenv("OPENROUTER_MANAGEMENT_KEY")
    monkeypatch.setenv("OPENROUTER_API_KEY", os.environ["PROD_KEY"])
    with pytest.raises(ManagementKeyRequiredError):
        await low_balance.main()
    monkeypatch.delenv("OPENROUTER_API_KEY")
    with pytest.raises(MissingKeyError):
        await low_balance.main()


# many_keys_service.py


async def test_the_service_tells_each_key_and_each_wallet(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """The service answers for each key and wallet in its file: exact amounts as text, unknown as null."""
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
        answers = {
            name: await (await client.get(f"/keys/{name}")).json() for name in ("prod", "staging", "intern")
        }
        wallets = await (await client.get("/wallets")).json()
        missing = await client.get("/keys/nobody")

    assert {"level": "OK", "left": "74.75", "says": "$74.75 left, limited by the wallet."} == answers["prod"]
    assert ("CRITICAL", "1.1") == (answers["staging"]["level"], answers["staging"]["left"])
    assert ("INVALID", None) == (answers["intern"]["level"], answers["intern"]["left"])
    assert json.dumps(answers["staging"]) in (DOCS / "howto" / "many-keys.md").read_text(encoding="utf-8")
    assert {"account": "acme", "left": "74.75", "keys": ["prod", "staging"]} == wallets[0]
    assert {"account": None, "left": None, "keys": ["intern"]} == wallets[1]
    assert missing.status == 404


async def test_the_service_looks_again_and_again(
    fake: FakeOpenRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The service reads its keys again after its pause, although the first reading failed."""
    import many_keys_service

    pause_over = asyncio.Event()

    async def sleep(seconds: float) -> None:
        assert seconds == many_keys_service.EVERY
        await pause_over.wait()
        pause_over.clear()

    monkeypatch.setattr(
        many_keys_service, "asyncio", SimpleNamespace(sleep=sleep, create_task=asyncio.create_task)
    )
    fake.script("/key", Reply(404))
    fake.script("/credits", Reply(404))
    app = many_keys_service.make_app(
        [KeySpec(os.environ["PROD_KEY"], "prod", "acme", os.environ["ACME_MANAGEMENT_KEY"])]
    )

    async with test_utils.TestClient(test_utils.TestServer(app)) as client:
        first = await (await client.get("/keys/prod")).json()
        pause_over.set()
        while (last := await (await client.get("/keys/prod")).json()) == first:
            pass  # until the second reading is over

    assert ("UNKNOWN", "OK") == (first["level"], last["level"])


# nightly_audit.py


@pytest.mark.parametrize(
    ("keys", "code"),
    [
        ('prod = { env = "PROD_KEY" }', 0),
        ('prod = { env = "PROD_KEY" }\nstaging = { env = "STAGING_KEY" }', 2),
        ('prod = { env = "PROD_KEY" }\nunset = { env = "UNSET_KEY" }', 2),
    ],
)
async def test_the_audits_exit_code_is_that_of_the_worst_key(
    fake: FakeOpenRouter, tmp_path: Path, keys: str, code: int
) -> None:
    """The audit exits with the code of its worst key: 0 if it is OK, 2 if it is critical or unset."""
    import nightly_audit

    file = key_file(
        tmp_path,
        '[accounts.acme]\nmanagement_key = { env = "ACME_MANAGEMENT_KEY" }\n'
        f"[accounts.acme.keys]\n{keys}\n",
    )

    assert code == await nightly_audit.main(file)


async def test_the_audit_is_not_content_with_what_it_cannot_read(
    fake: FakeOpenRouter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The audit exits with 3 if it cannot know a key's balance, or if its file has no keys."""
    import nightly_audit

    unread = await nightly_audit.main(
        key_file(tmp_path, '[accounts.acme.keys]\nprod = { env = "PROD_KEY" }\n')
    )
    printed = capsys.readouterr().out
    empty = await nightly_audit.main(key_file(tmp_path, ""))

    assert (3, 3) == (unread, empty)
    assert printed.startswith("UNKNOWN  prod: ")
    assert printed.endswith("Wallet of acme, 1 keys: unknown\n")


def test_the_audit_knows_every_level(fake: FakeOpenRouter) -> None:
    """The audit has an exit code for every level, since an unknown level would end it."""
    import nightly_audit

    assert set(nightly_audit.EXIT_CODES) == set(Level)


# own_session.py


async def test_a_borrowed_session_is_traced_and_stays_open(fake: FakeOpenRouter) -> None:
    """The program with its own session prints its trace without the key, and the session stays open."""
    assert (0, "GET /api/v1/credits 200\n$74.75\nclosed: False\n", "") == await run("own_session.py")


# prometheus_textfile.py


async def metrics(folder: Path) -> tuple[int, dict[str, str]]:
    """Run the program over an old file; return its exit code and the metrics in the new file."""
    import prometheus_textfile

    file = folder / "openrouter.prom"
    file.write_text("old", encoding="utf-8")
    code = await prometheus_textfile.main(file)
    samples = dict(line.split() for line in file.read_text(encoding="utf-8").splitlines())
    samples.pop("openrouter_checked_at_seconds", None)
    assert [file] == list(folder.iterdir())
    return code, samples


async def test_metrics_are_exact(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """The metrics are the exact amounts of wallet, key and spendable balance, as on the page."""
    expected = {
        "openrouter_up": "1",
        "openrouter_spendable_usd": "26.83",
        "openrouter_wallet_usd": "74.75",
        "openrouter_key_usage_usd_total": "3.17",
        "openrouter_key_limit_remaining_usd": "26.83",
    }

    shown = [f"{name} {value}" for name, value in expected.items()]
    page = (DOCS / "howto" / "monitoring.md").read_text(encoding="utf-8").splitlines()

    assert (0, expected) == await metrics(tmp_path)
    assert shown == [line for line in page if line in shown]


async def test_what_is_not_known_is_no_metric(fake: FakeOpenRouter, tmp_path: Path) -> None:
    """An amount that is unknown has no metric: neither 0 nor an upper bound is written."""
    fake.script("/credits", Reply(404))

    code, samples = await metrics(tmp_path)

    assert (0, {"openrouter_up", "openrouter_key_usage_usd_total", "openrouter_key_limit_remaining_usd"}) == (
        code,
        set(samples),
    )


async def test_an_uncapped_key_has_no_limit_to_tell(
    fake: FakeOpenRouter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key without a limit has no metric for its limit, and none for its balance if `/key` fails."""
    monkeypatch.setenv("OPENROUTER_API_KEY", os.environ["PROD_KEY"])
    fake.script("/key", Reply(404))

    _, blind = await metrics(tmp_path)
    _, samples = await metrics(tmp_path)

    assert {"openrouter_up": "1", "openrouter_wallet_usd": "74.75"} == blind
    assert {
        "openrouter_up",
        "openrouter_spendable_usd",
        "openrouter_wallet_usd",
        "openrouter_key_usage_usd_total",
    } == set(samples)


async def test_a_failed_look_leaves_no_stale_metric(
    fake: FakeOpenRouter, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """If OpenRouter refuses the key, the file has only `openrouter_up 0`; standard error has the reason."""
    for path in ("/credits", "/key"):
        fake.script(path, Reply(401))

    assert (1, {"openrouter_up": "0"}) == await metrics(tmp_path)
    assert capsys.readouterr().err.startswith("401 User not found. Check the key")


# test_with_fake.py


async def test_the_tests_to_copy_pass(tmp_path: Path) -> None:
    """The tests that readers copy pass without a conftest.py, with the default mode of pytest-asyncio."""
    options = ["-p", "no:cacheprovider", "-p", "no:xdist", "-W", "error", f"--rootdir={tmp_path}"]
    settings = ["-c", os.devnull, "-o", "asyncio_default_fixture_loop_scope=function"]
    words = [sys.executable, "-m", "pytest", *options, *settings, str(EXAMPLES / "test_with_fake.py")]
    process = await asyncio.create_subprocess_exec(
        *words, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    out, _ = await process.communicate()

    assert "3 passed" in out.decode()
