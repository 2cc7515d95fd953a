"""A user's program: mypy --strict and pyright must accept it as it is, and it runs with the testing kit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypedDict, assert_type

from attrs import frozen

from openrouter_credits import (
    ApiKey,
    APIStatusError,
    Attempt,
    AuthenticationError,
    Bound,
    Budget,
    CheckReport,
    ClientClosedError,
    Credits,
    CreditsClient,
    FreeModelQuota,
    KeyInfo,
    KeyStatus,
    OpenRouterError,
    PaymentRequiredError,
    RateLimitError,
    RetryPolicy,
    Total,
    UnconfirmedCreditsError,
    __version__,
    format_usd,
)
from openrouter_credits.testing import FakeOpenRouter
from openrouter_credits.watch import Event, Subject, Watch

seen: list[str] = []


@frozen
class ManagedKey:
    """What this program wants of a key."""

    name: str


@frozen
class ManagedKeys:
    """The whole body of `/keys`."""

    data: list[ManagedKey]


class Body(TypedDict):
    """The same, untouched."""

    data: list[dict[str, Any]]


def wallet(credits_: Credits) -> None:
    """Every figure of a wallet is exact."""
    assert_type(credits_.total_credits, Decimal)
    assert_type(credits_.total_usage, Decimal)
    assert_type(credits_.remaining, Decimal)
    assert_type(credits_.used_fraction, Decimal | None)
    assert_type(credits_.extra, Mapping[str, Any])
    assert_type(format_usd(credits_.remaining), str)
    seen.append(str(credits_.remaining))


def key(info: KeyInfo) -> None:
    """What may be missing is `None`."""
    assert_type(info.label, str)
    assert_type(info.usage, Decimal)
    assert_type(info.limit, Decimal | None)
    assert_type(info.limit_remaining, Decimal | None)
    assert_type(info.limit_reset, str | None)
    assert_type(info.is_free_tier, bool | None)
    assert_type(info.is_management_key, bool | None)
    assert_type(info.expires_at, datetime | None)
    assert_type(info.allowed_data_regions, tuple[str, ...] | None)
    assert_type(info.free_model_daily_requests, FreeModelQuota | None)
    assert_type(info.budgets, tuple[Budget, ...] | None)
    assert_type(info.effective_budget, Budget | None)
    assert_type(info.used_in_window, Decimal | None)
    assert_type(info.next_reset(datetime.now(UTC)), datetime | None)
    assert_type(info.is_expired(datetime.now(UTC)), bool)
    seen.append(str(info.limit_remaining))


def explain(error: OpenRouterError) -> str:
    """Errors carry their facts."""
    assert_type(error.remedy, str)
    assert_type(error.is_retryable, bool)
    assert_type(error.retry_after, float | None)
    assert_type(error.attempts, tuple[Attempt, ...])
    assert_type(error.problems, tuple[OpenRouterError, ...])
    match error:
        case PaymentRequiredError():
            assert_type(error.limit_source, str | None)
        case RateLimitError():
            assert_type(error.resets_at, datetime | None)
            assert_type(error.is_key_limit, bool)
        case UnconfirmedCreditsError():
            assert_type(error.credits, Credits)
        case APIStatusError():
            assert_type(error.status, int)
            assert_type(error.code, int | None)
            assert_type(error.message, str)
            assert_type(error.metadata, Mapping[str, Any])
            assert_type(error.request_id, str | None)
        case _:
            pass
    return "an error"


async def main() -> None:
    """Use all of the core."""
    version: str = __version__
    assert version
    async with FakeOpenRouter() as fake:
        account = fake.add_account(credits="100.50", usage="25.75")
        management = account.add_key(management=True)
        own = account.add_key(name="bot", limit="80", usage="5.50")
        policy = RetryPolicy(attempts=2, wait_initial=0.01, wait_max=0.1, deadline=5)
        async with CreditsClient(
            own, management_key=management, base_url=fake.url, retry=policy, timeout=5, max_connections=10
        ) as client:
            assert_type(client, CreditsClient)
            wallet(assert_type(await client.credits(), Credits))
            key(assert_type(await client.key(), KeyInfo))
            status = assert_type(await client.status(), KeyStatus)
            for bound in assert_type(status.spendable.bounds, tuple[Bound, ...]):
                assert_type(bound.remaining, Decimal)
                assert_type(bound.limit, Decimal | None)
                assert_type(bound.resets_at, datetime | None)
            report = assert_type(await client.check_all([own]), CheckReport)
            assert_type(report.total(), Total)
            async with client.watch(warn=100) as watch:
                assert_type(watch, Watch)
                event = assert_type(await anext(watch), Event)
                assert_type(event.subject, Subject)
                assert_type(watch.age, float | None)
            listed = assert_type(
                await client.request("GET", "/keys", into=ManagedKeys, params={"offset": 0}), ManagedKeys
            )
            body = assert_type(await client.request("GET", "/keys", into=Body), Body)
            assert len(listed.data) == len(body["data"])
            seen.append(str(sum(managed.name == "bot" for managed in listed.data)))
            stranger = assert_type(client.with_key("sk-or-v1-nobody"), CreditsClient)
            try:
                await stranger.key()
            except AuthenticationError as error:
                seen.append(explain(error))
        try:
            await client.credits()
        except ClientClosedError:
            seen.append("closed")
    assert_type(ApiKey("sk-or-v1-nobody").reveal(), str)


if __name__ == "__main__":
    asyncio.run(main())
