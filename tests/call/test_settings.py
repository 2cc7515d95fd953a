"""Where the values of a client come from, and what they shadow."""

from __future__ import annotations

import json
import pickle
from typing import Any

import aiohttp
import pytest

from openrouter_credits import ConfigurationError, CreditsClient, RetryPolicy, Setting
from tests.kit.values import KEY, MASK, OTHER_KEY, OTHER_MASK, THIRD_KEY

URL = "https://openrouter.ai/api/v1"
PROXY = "http://proxy.example:3128"


def settings_of(client: CreditsClient) -> dict[str, Setting]:
    """Return a client's settings by their names."""
    return {setting.name: setting for setting in client.settings}


def test_the_settings_of_a_client_without_arguments_are_defaults() -> None:
    """Every setting is listed, in the order of the arguments, with its default and nothing shadowed."""
    assert CreditsClient().settings == (
        Setting("api_key", None, "default"),
        Setting("management_key", None, "default"),
        Setting("base_url", URL, "default"),
        Setting("proxy", None, "default"),
        Setting("timeout", 10.0, "default"),
        Setting("max_connections", 100, "default"),
        Setting("retry.attempts", 3, "default"),
        Setting("retry.wait_initial", 0.5, "default"),
        Setting("retry.wait_max", 8.0, "default"),
        Setting("retry.deadline", 30.0, "default"),
    )


ENV = "environment "
TABLE: dict[str, tuple[dict[str, str], dict[str, Any], Setting]] = {
    "a key of the environment": (
        {"OPENROUTER_API_KEY": KEY},
        {},
        Setting("api_key", MASK, ENV + "OPENROUTER_API_KEY"),
    ),
    "the second name": ({"OPENROUTER_KEY": KEY}, {}, Setting("api_key", MASK, ENV + "OPENROUTER_KEY")),
    "both names": (
        {"OPENROUTER_KEY": OTHER_KEY, "OPENROUTER_API_KEY": KEY},
        {},
        Setting("api_key", MASK, ENV + "OPENROUTER_API_KEY", ("OPENROUTER_KEY",)),
    ),
    "a file beside the variable": (
        {"OPENROUTER_API_KEY": KEY, "OPENROUTER_API_KEY_FILE": "/run/secrets/key"},
        {},
        Setting("api_key", MASK, ENV + "OPENROUTER_API_KEY", ("OPENROUTER_API_KEY_FILE",)),
    ),
    "a blank variable": (
        {"OPENROUTER_API_KEY": " ", "OPENROUTER_KEY": KEY},
        {},
        Setting("api_key", MASK, ENV + "OPENROUTER_KEY"),
    ),
    "a key that is given": (
        {"OPENROUTER_API_KEY": OTHER_KEY, "OPENROUTER_KEY_FILE": "/nowhere"},
        {"api_key": KEY},
        Setting("api_key", MASK, "argument", ("OPENROUTER_API_KEY", "OPENROUTER_KEY_FILE")),
    ),
    "a management key that is switched off": (
        {"OPENROUTER_PROVISIONING_KEY": OTHER_KEY},
        {"api_key": KEY},
        Setting("management_key", None, "default", ("OPENROUTER_PROVISIONING_KEY",)),
    ),
    "a key that a management key switches off": (
        {"OPENROUTER_API_KEY": OTHER_KEY},
        {"management_key": KEY},
        Setting("api_key", None, "default", ("OPENROUTER_API_KEY",)),
    ),
    "a management key of the environment": (
        {"OPENROUTER_MANAGEMENT_API_KEY": KEY},
        {},
        Setting("management_key", MASK, ENV + "OPENROUTER_MANAGEMENT_API_KEY"),
    ),
    "an address of the environment": (
        {"OPENROUTER_BASE_URL": "https://eu.openrouter.ai/api/v1/"},
        {},
        Setting("base_url", "https://eu.openrouter.ai/api/v1", ENV + "OPENROUTER_BASE_URL"),
    ),
    "an address that is given": (
        {"OPENROUTER_BASE_URL": "no address"},
        {"base_url": URL},
        Setting("base_url", URL, "argument", ("OPENROUTER_BASE_URL",)),
    ),
    "a blank address": ({"OPENROUTER_BASE_URL": " "}, {"base_url": ""}, Setting("base_url", URL, "default")),
    "a proxy of the environment": (
        {"HTTPS_PROXY": PROXY},
        {},
        Setting("proxy", PROXY, ENV + "HTTPS_PROXY"),
    ),
    "a proxy in small letters": (
        {"HTTPS_PROXY": "http://other", "https_proxy": PROXY},
        {},
        Setting("proxy", PROXY, ENV + "https_proxy", ("HTTPS_PROXY",)),
    ),
    "a password": (
        {},
        {"proxy": "http://me:secret@proxy.example:3128"},
        Setting("proxy", "http://***@proxy.example:3128", "argument"),
    ),
    "a proxy that is given": (
        {"HTTPS_PROXY": "socks5://no"},
        {"proxy": PROXY},
        Setting("proxy", PROXY, "argument", ("HTTPS_PROXY",)),
    ),
    "a host without the proxy": (
        {"HTTPS_PROXY": PROXY, "NO_PROXY": "openrouter.ai"},
        {},
        Setting("proxy", None, ENV + "NO_PROXY", ("HTTPS_PROXY",)),
    ),
    "no proxy for http": (
        {"HTTPS_PROXY": PROXY, "OPENROUTER_BASE_URL": "http://127.0.0.1:8080"},
        {},
        Setting("proxy", None, "default", ("HTTPS_PROXY",)),
    ),
    "a time-out": ({}, {"timeout": 2}, Setting("timeout", 2, "argument")),
    "connections": ({}, {"max_connections": 5}, Setting("max_connections", 5, "argument")),
    "a policy": ({}, {"retry": RetryPolicy(attempts=1)}, Setting("retry.attempts", 1, "argument")),
    "the rest of a policy": (
        {},
        {"retry": RetryPolicy(attempts=1)},
        Setting("retry.deadline", 30.0, "default"),
    ),
}


@pytest.mark.parametrize(("environ", "arguments", "expected"), TABLE.values(), ids=TABLE)
def test_a_setting_tells_its_source(
    environ: dict[str, str], arguments: dict[str, Any], expected: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting names the argument or variable it came from, and the variables that do not count for it."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert settings_of(CreditsClient(**arguments))[expected.name] == expected


async def test_a_lent_session_decides_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy and the connections of a lent session are its own; a proxy of the environment is shadowed."""
    monkeypatch.setenv("HTTPS_PROXY", PROXY)
    async with aiohttp.ClientSession() as session:
        settings = settings_of(CreditsClient(session=session))

    assert settings["proxy"] == Setting("proxy", None, "session", ("HTTPS_PROXY",))
    assert settings["max_connections"] == Setting("max_connections", None, "session")


def test_the_settings_of_a_child_are_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """with_key() takes both keys as arguments and shadows those of the environment; the rest is shared."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_MANAGEMENT_KEY", THIRD_KEY)
    parent = CreditsClient(timeout=3)

    settings = settings_of(parent.with_key(OTHER_KEY))
    both = settings_of(parent.with_key(OTHER_KEY, management_key=KEY))

    assert settings["api_key"] == Setting("api_key", OTHER_MASK, "argument", ("OPENROUTER_API_KEY",))
    assert settings["management_key"] == Setting(
        "management_key", None, "default", ("OPENROUTER_MANAGEMENT_KEY",)
    )
    assert both["management_key"].value == MASK
    assert settings["timeout"] == Setting("timeout", 3, "argument")
    assert settings_of(parent)["api_key"].source == "environment OPENROUTER_API_KEY"


def test_the_settings_are_those_of_the_construction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment is read once: what changes in it later changes no setting."""
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    client = CreditsClient()
    before = client.settings
    for name in ("OPENROUTER_KEY", "OPENROUTER_BASE_URL", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "later")

    assert client.settings == before
    assert settings_of(client.with_key(OTHER_KEY))["api_key"].shadows == ("OPENROUTER_API_KEY",)


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys and the password of a proxy are masked, in every form of the settings and of the client itself."""
    monkeypatch.setenv("OPENROUTER_KEY", THIRD_KEY)
    client = CreditsClient(KEY, management_key=OTHER_KEY, proxy="http://me:secret@proxy.example:3128")

    shown = f"{client.settings!r} {client._setup!r} {pickle.dumps(client.settings)!r}"
    shown += json.dumps([setting.value for setting in client.settings])

    for secret in (KEY, OTHER_KEY, THIRD_KEY):
        assert secret[12:-4] not in shown
    assert "secret" not in shown
    assert "me:" not in shown


def test_a_proxy_for_http_says_what_to_do() -> None:
    """A proxy together with http to this machine is refused, with the two ways out."""
    with pytest.raises(ConfigurationError, match=r"Leave proxy out, or use a base_url with https\.$"):
        CreditsClient(KEY, base_url="http://127.0.0.1:1", proxy=PROXY)
