"""An account on the wire, in raw bytes: workspaces with keys, which may change between two requests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from yarl import URL

from tests.kit.wire import Behaviour, Received, answers, refusal, reply

DEFAULT = "11111111-aaaa-4aaa-8aaa-000000000000"
"""The id of the default workspace."""
OTHER = "22222222-bbbb-4bbb-8bbb-000000000000"
PAGE = 100


def entry(number: int, **fields: Any) -> dict[str, Any]:
    """Make an entry of `/keys`, for a key without a limit; its `hash` follows from the number."""
    return {
        "hash": hash_of(number),
        "name": f"key {number}",
        "label": f"sk-or-v1-{number % 1000:03}...{number % 10000:04}",
        "disabled": False,
        "limit": None,
        "limit_remaining": None,
        "limit_reset": None,
        "include_byok_in_limit": False,
        "usage": 1.5,
        "usage_daily": 0.25,
        "usage_weekly": 0.5,
        "usage_monthly": 0.75,
        "byok_usage": 0,
        "byok_usage_daily": 0,
        "byok_usage_weekly": 0,
        "byok_usage_monthly": 0,
        "created_at": "2026-08-24T10:30:00Z",
        "updated_at": None,
        "expires_at": None,
        **fields,
    }


def entries(*numbers: int) -> list[dict[str, Any]]:
    """Make entries of keys without limits."""
    return [entry(number) for number in numbers]


def hash_of(number: int) -> str:
    """Return the hash of a key by its number."""
    return f"{number:064x}"


def number_of(key: Any) -> int:
    """Return the number of a key by its hash."""
    return int(key.hash, 16)


@dataclass
class Ledger:
    """Answers as OpenRouter does for one account: `/credits`, `/workspaces`, and `/keys` in pages."""

    keys: dict[str, list[dict[str, Any]]]
    """The keys of each workspace, newest first. The first workspace is the default one."""
    before: Callable[[Received], bytes | None] = field(default=lambda _: None)
    """Called with each request, it may change the keys, or return the answer itself."""
    page: int = PAGE
    """The keys on a page."""
    credits: dict[str, Any] = field(default_factory=lambda: {"total_credits": 100.5, "total_usage": 25.75})

    @property
    def wire(self) -> Behaviour:
        """The step of a server that answers so."""
        return answers(self._answer)

    def _answer(self, asked: Received) -> bytes:
        return self.before(asked) or self._reply(URL(asked.target))

    def _reply(self, target: URL) -> bytes:
        offset = int(target.query.get("offset", 0))
        match target.path.removeprefix("/api/v1").split("/")[1:]:
            case ["credits"]:
                return reply(200, {"data": self.credits})
            case ["workspaces"]:
                every = [{"id": id_, "name": f"Team {id_[0]}", "slug": f"team-{id_[0]}"} for id_ in self.keys]
                most = int(target.query.get("limit", 50))
                return reply(200, {"data": every[offset : offset + most], "total_count": len(every)})
            case ["workspaces", _, "budgets"]:
                return refusal(404, "Resource not found")
            case ["keys"]:
                keys = self.keys.get(target.query.get("workspace_id", next(iter(self.keys))))
                if keys is None:
                    return refusal(404, "Workspace not found")
                return reply(200, {"data": keys[offset : offset + self.page]})
            case _:
                return refusal(404, "Resource not found")


def path_of(asked: Received) -> str:
    """Return the path of a request, below the base URL."""
    return URL(asked.target).path.removeprefix("/api/v1")


def workspace_of(asked: Received) -> str | None:
    """Return the `workspace_id` that a request names."""
    return URL(asked.target).query.get("workspace_id")
