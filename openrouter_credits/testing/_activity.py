"""The usage of an account by day: the rows of `/activity`."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from attrs import field, fields, frozen

from openrouter_credits._models.amounts import add
from openrouter_credits.testing._arguments import is_whole

MODEL = "openrouter/fake"
"""Model of usage that names none, such as that of `FakeOpenRouter.spend`."""
PROVIDER = "Fake"
_DAYS = 30
"""Number of completed days that `/activity` has."""


@frozen
class Origin:
    """Where usage comes from; counts of the same origin are added up."""

    day: date
    key_hash: str | None
    user_id: str | None
    workspace_id: str
    model: str
    provider_name: str = PROVIDER


@frozen
class Counts:
    """Amounts in US dollars, and counts, of one origin."""

    usage: Decimal = Decimal(0)
    byok_usage_inference: Decimal = Decimal(0)
    requests: int = field(default=1, validator=is_whole(0))
    prompt_tokens: int = field(default=0, validator=is_whole(0))
    completion_tokens: int = field(default=0, validator=is_whole(0))
    reasoning_tokens: int = field(default=0, validator=is_whole(0))
    cached_tokens: int = field(default=0, validator=is_whole(0))

    def plus(self, other: Counts) -> Counts:
        """Add other counts."""
        amounts = add(self.usage, other.usage), add(self.byok_usage_inference, other.byok_usage_inference)
        names = [attribute.name for attribute in fields(Counts)][2:]
        return Counts(*amounts, *(getattr(self, name) + getattr(other, name) for name in names))


class Activity:
    """Keeps what was used, by origin."""

    def __init__(self) -> None:
        self._counts: dict[Origin, Counts] = {}

    def note(self, origin: Origin, counts: Counts) -> None:
        """Add counts to those of the same origin."""
        before = self._counts.get(origin)
        self._counts[origin] = before.plus(counts) if before else counts

    def knows_key(self, key_hash: str) -> bool:
        """Tell whether a key with this hash has used anything."""
        return any(origin.key_hash == key_hash for origin in self._counts)

    def rows(self, wanted: Callable[[Origin], bool], *, by_workspace: bool) -> list[dict[str, object]]:
        """List the usage of the wanted origins, newest day first, with one row for a day and model.

        Args:
            wanted: decides which usage is listed.
            by_workspace: list each workspace in rows of its own.
        """
        rows: dict[tuple[date, str, str, str], Counts] = {}
        for origin, counts in self._counts.items():
            if wanted(origin):
                workspace = origin.workspace_id if by_workspace else ""
                row = origin.day, origin.model, origin.provider_name, workspace
                rows[row] = rows[row].plus(counts) if row in rows else counts
        newest_first = sorted(rows.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1:]))
        return [_row(*row, counts) for row, counts in newest_first]


def is_listed(day: date, now: datetime) -> bool:
    """Tell whether a day is one of the last 30 completed UTC days."""
    age = now.astimezone(UTC).date() - day
    return timedelta(days=1) <= age <= timedelta(days=_DAYS)


def endpoint_id(model: str, provider_name: str) -> str:
    """Return the id of a provider's endpoint for a model."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{provider_name}/{model}"))


def _row(day: date, model: str, provider_name: str, workspace_id: str, counts: Counts) -> dict[str, object]:
    row = {
        "date": day.isoformat(),
        "model": model,
        "model_permaslug": model,
        "endpoint_id": endpoint_id(model, provider_name),
        "provider_name": provider_name,
        **{attribute.name: getattr(counts, attribute.name) for attribute in fields(Counts)},
    }
    return {**row, "workspace_id": workspace_id} if workspace_id else row
