"""A request as the API reads it: its path, its query and its JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn, cast
from urllib.parse import parse_qs

from attrs import field, frozen

from openrouter_credits.testing._faults import Reply, error_body

_FLAGS = {"true": True, "false": False}


class Refused(Exception):  # noqa: N818 - a reply that is sent, not an error of this program
    """The request gets this refusal."""

    def __init__(
        self,
        status: int,
        message: str,
        metadata: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.reply = Reply(status, error_body(status, message, metadata), headers or {})


@frozen
class Call:
    """One request: `path` is relative to the base URL, `token` is the bearer token or `None`."""

    method: str
    path: str
    query: str = field(repr=False)
    token: str | None = field(repr=False)
    body: bytes = field(repr=False)
    parts: Mapping[str, str] = field(factory=dict)
    """The parts of the path that have a name in the route, such as `hash`."""

    def parameter(self, name: str) -> str | None:
        """Return a parameter of the query; `None` if it is absent or empty."""
        return parse_qs(self.query).get(name, [None])[0]

    def flag(self, name: str) -> bool:
        """Return a parameter that is `true` or `false`; it is false if absent."""
        text = self.parameter(name) or "false"
        if text not in _FLAGS:
            raise Refused(400, f"{name} is true or false")
        return _FLAGS[text]

    def number(self, name: str, default: int, least: int, most: int = 10**9) -> int:
        """Return a parameter that is a whole number within a range."""
        text = self.parameter(name)
        if text is None:
            return default
        if re.fullmatch("[0-9]{1,10}", text, re.ASCII) is None or not least <= int(text) <= most:
            limits = f"at least {least}" if most == 10**9 else f"from {least} to {most}"
            raise Refused(400, f"{name} is a whole number, {limits}")
        return int(text)

    def document(self) -> dict[str, Any]:
        """Read the body, which is a JSON object; fractions become `Decimal`."""
        try:
            document = json.loads(self.body, parse_float=Decimal, parse_constant=_refuse_constant)
        except (ValueError, ArithmeticError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise Refused(400, "the body is a JSON object")
        return cast("dict[str, Any]", document)


def _refuse_constant(_: str) -> NoReturn:
    raise ValueError("JSON has no NaN and no infinity")
