"""Where requests go: the base URL and the proxy, checked as texts.

Errors are returned, and quote nothing of an address: there may be a password inside.
"""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, unquote_to_bytes, urlsplit

# the stubs do not have the second one
from urllib.request import getproxies_environment, proxy_bypass_environment  # type: ignore[attr-defined]

from attrs import frozen

from openrouter_credits._errors import ConfigurationError
from openrouter_credits._secrets import BasicHeader

DEFAULT_BASE_URL = "https://openrouter.ai/api/v1"
BASE_URL_VARIABLE = "OPENROUTER_BASE_URL"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):?//")
# of a proxy without `//`: as a host it would be one that nobody has
_SCHEME_ALONE = re.compile(r"(https?|socks[0-9]?[a-z]?|ftp|tcp|unix|wss?):(?!//)", re.IGNORECASE)
_HOST_NAME = re.compile(rb"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_AFTER_BRACKETS = re.compile(r"[^\[\]]*|.*\](:[0-9]*)?")
_LONGEST_HOST = 254
# A name whose last part is a number is an IPv4 address (WHATWG), here one that is written in an odd way.
_IS_NUMBER = re.compile(rb"(.*\.)?([0-9]+|0[xX][0-9A-Fa-f]*)\.?")


@frozen
class Proxy:
    """An HTTP proxy for https. Its password is in the header alone, which is shown masked."""

    url: str
    """Without user and password."""
    headers: Mapping[str, str]
    """What the proxy alone is told: `Proxy-Authorization`, if it wants a password."""

    def __str__(self) -> str:
        """Show the URL, and that there is a password, if there is one."""
        scheme, _, address = self.url.partition("://")
        return f"{scheme}://***@{address}" if self.headers else self.url


def choose_base_url(argument: object, environ: Mapping[str, str]) -> str | ConfigurationError | TypeError:
    """Return the base URL: the argument, else that of the environment, else OpenRouter's own."""
    if not (argument is None or (isinstance(argument, str) and not argument)):
        return parse_base_url(argument)
    text = environ.get(BASE_URL_VARIABLE, "").strip()
    return parse_base_url(text, BASE_URL_VARIABLE) if text else DEFAULT_BASE_URL


def parse_base_url(text: object, name: str = "base_url") -> str | ConfigurationError | TypeError:
    """Check a base URL; `name` is the argument or the variable that it comes from."""
    if not isinstance(text, str):
        return TypeError(f"{name} is a str, not {type(text).__name__}")
    remedy = f"Correct {name}: https://..., or http://... to this machine, such as {DEFAULT_BASE_URL}."
    parts = _split(text)
    if parts is None or " " in text:
        return ConfigurationError(f"{name} is not a URL with a host", remedy=remedy)
    if "@" in parts.netloc or "?" in text or "#" in text or "\\" in text:
        problem = "has a user name, a password, a query or a fragment"
        return ConfigurationError(f"{name} {problem}", remedy=remedy)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname)):
        problem = "is neither https nor http on this machine: the key would travel in clear"
        return ConfigurationError(f"{name} {problem}", remedy=remedy)
    return text.rstrip("/")


def is_of_this_machine(base_url: str) -> bool:
    """Tell whether requests to an address stay on this machine."""
    parts = _split(base_url)
    return parts is not None and _is_loopback(parts.hostname)


def parse_proxy(text: object, name: str = "proxy") -> Proxy | ConfigurationError | TypeError:
    """Read a proxy's URL; without a scheme it is http. `name` is the argument or variable it comes from."""
    if not isinstance(text, str):
        return TypeError(f"{name} is a str, not {type(text).__name__}")
    text = text.strip()
    scheme = _SCHEME.match(text) or _SCHEME_ALONE.match(text)
    if scheme is not None and scheme[1].lower() not in {"http", "https"}:
        return ConfigurationError(
            f"{name} is neither an http nor an https proxy",
            remedy=f"Correct {name}, or lend a session that knows this kind of proxy (session=...).",
        )
    parts = _split(text if scheme else f"http://{text.removeprefix('//')}")
    if parts is None or parts.query or parts.fragment or "@" in parts.path or "\\" in text:
        return ConfigurationError(
            f"{name} is not the URL of a proxy",
            remedy=f"Correct {name}: such as http://proxy.example:3128, a password percent-encoded.",
        )
    userinfo, _, address = parts.netloc.rpartition("@")
    return Proxy(f"{parts.scheme}://{address}", _proxy_headers(userinfo))


def proxy_from_environment(base_url: str) -> Proxy | ConfigurationError | TypeError | None:
    """Read HTTPS_PROXY and NO_PROXY; for https only, where the proxy sees CONNECT and never the key."""
    parts = urlsplit(base_url)
    if parts.scheme != "https" or proxy_bypass_environment(f"{parts.hostname}:{parts.port or 443}"):
        return None
    text = getproxies_environment().get("https", "").strip()
    return parse_proxy(text, proxy_variables()[0]) if text else None


def proxy_variables() -> tuple[str, ...]:
    """List the variables that name a proxy for https; the first of them counts."""
    if not getproxies_environment().get("https", "").strip():
        return ()
    # The lower-case name wins, as with curl.
    found = [name for name in ("https_proxy", "HTTPS_PROXY") if os.environ.get(name)]
    return tuple(found) or ("HTTPS_PROXY",)


def _proxy_headers(userinfo: str) -> dict[str, str]:
    if not userinfo:
        return {}
    user, _, password = userinfo.partition(":")
    credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return {"Proxy-Authorization": BasicHeader(f"Basic {b64encode(credentials).decode()}")}


def _split(text: str) -> SplitResult | None:
    """Take a URL apart; `None` if it has no host that can be looked up, or characters that cannot be seen."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port  # the port is parsed when it is read
    except ValueError:
        return None
    if not host or port == 0 or not text.isprintable() or not _AFTER_BRACKETS.fullmatch(parts.netloc):
        return None
    return parts if _is_host(host) else None


def _is_host(host: str) -> bool:
    """Tell whether a host is an IP address, or a name that the name look-up can encode."""
    try:
        ip_address(host)
    except ValueError:
        pass
    else:
        return True
    try:
        name = host.encode("idna") if len(host) < _LONGEST_HOST else b""
        name.decode("idna")  # fails for an `xn--` that encodes nothing
    except UnicodeError:
        return False
    is_name = len(name) <= _LONGEST_HOST and _HOST_NAME.fullmatch(name) is not None
    return is_name and not _IS_NUMBER.fullmatch(name)


def _is_loopback(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"
