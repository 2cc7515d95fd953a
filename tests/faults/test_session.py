"""What else a session would send or read: proxies, `.netrc`, cookies. None of it gets between the key and OpenRouter."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import aiohttp
import pytest

from openrouter_credits import APIConnectionError, ConfigurationError, CreditsClient, InvalidKeyError
from tests.kit.values import KEY, OTHER_KEY, QUICK, sample
from tests.kit.wire import FUNDED, Connect, Serve, bound_socket, refusal, reply

if TYPE_CHECKING:
    from pathlib import Path

    from ._sinks import Watch

PASSWORD = "the-proxys-own-password"
ELSEWHERE = "https://openrouter.invalid/api/v1"


@pytest.fixture
def with_password(fault: Watch) -> str:
    """Let the assertion of all rows look for a proxy's password, too; return what stands before a proxy's host."""
    fault.secrets |= {PASSWORD, base64.b64encode(f"someone:{PASSWORD}".encode()).decode()}
    return f"someone:{PASSWORD}@"


@pytest.mark.row(36)
async def test_a_netrc_entry_does_not_replace_the_key(
    serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A default entry matches every host; the bearer that is sent is the client's all the same."""
    netrc = tmp_path / ".netrc"
    netrc.write_text("default login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    server = await serve(FUNDED)

    await fault.value(connect(server).credits())
    async with aiohttp.ClientSession() as session:
        await fault.value(connect(server, session=session).credits())

    assert [asked.header("Authorization") for asked in server.asked] == [f"Bearer {KEY}"] * 2


@pytest.mark.row(36)
@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
async def test_a_proxy_of_the_environment_never_sees_a_plain_request(
    name: str, serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request in clear goes to this machine alone: no proxy reads its bearer."""
    proxy, server = await serve(FUNDED), await serve(FUNDED)
    monkeypatch.setenv(name, proxy.url)

    await fault.value(connect(server).credits())

    assert (server.hits, proxy.hits) == (1, 0)


@pytest.mark.row(36)
@pytest.mark.parametrize("is_in_environment", [False, True], ids=["argument", "environment"])
async def test_a_proxy_that_wants_a_password_is_a_connection_error(
    is_in_environment: bool, with_password: str, serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """407 comes from the proxy, not from OpenRouter; it never saw the bearer, and its password shows nowhere."""
    proxy = await serve(reply(407, b"", 'Proxy-Authenticate: Basic realm="x"'))
    url = f"http://{with_password}127.0.0.1:{proxy.port}"
    if is_in_environment:
        monkeypatch.setenv("HTTPS_PROXY", url)
        client = connect(ELSEWHERE)
    else:
        client = connect(ELSEWHERE, proxy=url)

    error = await fault.error(APIConnectionError, client.credits())

    assert "proxy answered 407" in str(error)
    assert proxy.hits >= 1
    assert all(asked.method == "CONNECT" and asked.header("Authorization") is None for asked in proxy.asked)
    assert proxy.asked[0].header("Proxy-Authorization") == "Basic " + base64.b64encode(f"someone:{PASSWORD}".encode()).decode()
    await fault.value(_shown(client))


async def _shown(client: CreditsClient) -> str:
    return repr(client) + repr(vars(client))


@pytest.mark.row(36)
async def test_a_proxy_that_refuses_connections_is_a_connection_error(with_password: str, connect: Connect, fault: Watch) -> None:
    """A dead proxy is a connection error, without its password."""
    with bound_socket() as sock:
        client = connect(ELSEWHERE, proxy=f"http://{with_password}127.0.0.1:{sock.getsockname()[1]}")

        await fault.error(APIConnectionError, client.credits())


@pytest.mark.row(36)
async def test_no_proxy_excludes_a_host(serve: Serve, connect: Connect, fault: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """`NO_PROXY` is read as everywhere else."""
    proxy = await serve(reply(502, b""))
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1")

    with bound_socket() as sock:
        await fault.error(APIConnectionError, connect(f"https://127.0.0.1:{sock.getsockname()[1]}").credits())

    assert proxy.hits == 0


@pytest.mark.row(36)
async def test_a_mistake_beside_a_proxy_does_not_show_its_password(with_password: str, serve: Serve, fault: Watch) -> None:
    """Whatever the constructor complains of, no local of it shows the proxy's password or the key."""
    server = await serve(FUNDED)
    proxy = f"http://{with_password}127.0.0.1:1"

    await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY, base_url=server.url, proxy=proxy))
    await fault.refusal(InvalidKeyError, lambda: CreditsClient("", base_url=ELSEWHERE, proxy=proxy))
    await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY, base_url=f"https://{with_password}openrouter.invalid", proxy=proxy))
    await fault.refusal(ValueError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, timeout=-1))
    await fault.refusal(ValueError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, max_connections=0))
    async with aiohttp.ClientSession() as session:
        await fault.refusal(TypeError, lambda: CreditsClient(KEY, base_url=ELSEWHERE, proxy=proxy, session=session))

    assert server.hits == 0


@pytest.mark.row(37)
async def test_a_cookie_of_one_key_is_not_sent_with_another(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A reply's `Set-Cookie` belongs to whoever asked, and is forgotten."""
    server = await serve(reply(200, sample("credits-spec"), "Set-Cookie: account=first; Path=/"))
    # a name, since a jar takes no cookies from bare addresses
    client = connect(server.url.replace("127.0.0.1", "localhost"), max_connections=1)
    other = client.with_key(OTHER_KEY)

    for each in (client, other, client):
        await fault.value(each.credits())
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            await (await session.get(server.url.replace("127.0.0.1", "localhost"))).read()

    assert [asked.header("Cookie") for asked in server.asked[:3]] == [None] * 3
    assert [asked.header("Authorization") for asked in server.asked[:3]] == [f"Bearer {key}" for key in (KEY, OTHER_KEY, KEY)]
    assert server.asked[4].header("Cookie") == "account=first", "the server's cookie was to be one that aiohttp alone sends back"


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://openrouter.ai/api/v1",
            "http://10.0.0.1/",
            "http://0.0.0.0/",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
        ),
        *(
            "http://evil.example#localhost",
            "http://[::ffff:8.8.8.8]/",
            "http://2130706433/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "//127.0.0.1/",
        ),
        *("https://someone:PASSWORD@openrouter.ai/", "https://someone@openrouter.ai/", "http://127.0.0.1:PASSWORD@evil.example/"),
        *(
            "https://openrouter.ai/?x=y",
            "https://openrouter.ai/#x",
            "https://openrouter.ai/?",
            "https://",
            "https:///x",
            "openrouter.ai/api/v1",
        ),
        *(
            "https://openrouter.ai:99999/",
            "https://openrouter.ai:port/",
            "https://[::1/",
            "https://open router.ai/",
            "https://evil.example\\@openrouter.ai/",
        ),
        *("https://openrouter.ai/\r\nX-Evil: yes", "https://openrouter.ai/\0", "https://evil\u2028.example/"),
    ],
)
async def test_a_base_url_that_no_key_should_be_sent_to_is_refused(
    url: str, fault: Watch, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """https, or http to this machine; no password, query or fragment. The error quotes nothing of it."""
    url = url.replace("PASSWORD", PASSWORD)
    fault.secrets.add(PASSWORD)

    await fault.refusal(ConfigurationError, lambda: connect(url))
    if "\0" not in url:
        monkeypatch.setenv("OPENROUTER_BASE_URL", url)
        await fault.refusal(ConfigurationError, lambda: CreditsClient(KEY))


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:{port}", "http://127.0.0.1:{port}/", "http://localhost:{port}/api/v1/", "http://LOCALHOST:{port}"]
)
async def test_a_base_url_on_this_machine_is_accepted(url: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """With or without a path, with or without a slash at its end."""
    server = await serve(FUNDED)

    await fault.value(connect(url.format(port=server.port)).credits())

    assert server.asked[0].target in ("/credits", "/api/v1/credits")


@pytest.mark.row(38)
@pytest.mark.parametrize(
    "path",
    [
        *(
            "//evil/x",
            "@evil/x",
            "/../x",
            "",
            "keys",
            "https://evil.example/x",
            "/x?y=z",
            "/x#y",
            "/a\\b",
            "\\\\evil\\x",
            "/x/../../../y",
            "/..",
        ),
        *(
            "/%2e%2e/x",
            "/%2E./x",
            "/..%2fx",
            "/a%5cb",
            "/a b",
            "/x\r\nHost: evil",
            "/x\n",
            "\n/x",
            "/\t",
            "/é",
            "/x\0",
            ":80/x",
            "/\u2024\u2024/x",
        ),
    ],
)
@pytest.mark.parametrize("base", ["", "/api/v1"])
async def test_a_path_that_could_lead_elsewhere_is_refused(path: str, base: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Nothing is sent to another host, nor to another place under it."""
    server = await serve(FUNDED)
    client = connect(f"http://127.0.0.1:{server.port}{base}")

    for method in ("GET", "POST"):
        await fault.error(ValueError, client.request(method, path, into=dict))

    assert server.connections == 0


@pytest.mark.row(38)
async def test_a_query_goes_as_params(serve: Serve, connect: Connect, fault: Watch) -> None:
    """What would break out of a path is data in a query."""
    server = await serve(reply(200, {"data": []}))

    await fault.value(connect(server).request("GET", "/keys", into=dict, params={"workspace_id": "a&b=c#d/../@e f", "offset": 100}))

    path, _, query = server.asked[0].target.partition("?")
    assert (path, parse_qs(query)) == ("/api/v1/keys", {"workspace_id": ["a&b=c#d/../@e f"], "offset": ["100"]})


@pytest.mark.row(38)
async def test_a_method_with_a_header_in_it_is_refused(serve: Serve, connect: Connect, fault: Watch) -> None:
    """The method goes into the request's first line as it is."""
    server = await serve(refusal(400))
    client = connect(server, retry=QUICK)

    for method in ("GET / HTTP/1.1\r\nX:", "", "G ET", "GÉT"):
        await fault.error(ValueError, client.request(method, "/keys", into=dict))

    assert server.connections == 0
