"""An amount of money is exact or an error, never a guess; unknown fields beside it do no harm."""

from __future__ import annotations

import asyncio
import json
import pickle
from decimal import (
    Context,
    Decimal,
    DivisionByZero,
    FloatOperation,
    Inexact,
    InvalidOperation,
    Overflow,
    Rounded,
    localcontext,
)
from typing import TYPE_CHECKING

import pytest

from openrouter_credits import Credits, InvalidResponseError
from tests.kit.values import sample
from tests.kit.wire import Connect, Serve, reply

if TYPE_CHECKING:
    from ._sinks import Watch

CREDITS = {"total_credits": "1", "total_usage": "0"}
ALLOWANCE = {"label": '"k"', "usage": "1", "limit": "5", "limit_remaining": "4"}
# as JSON texts, since no Python value stands for 1e400 or for a missing field
NO_AMOUNTS = {
    "null": "null",
    "missing": None,
    "true": "true",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "1e400": "1e400",
    "1e999999999": "1e999999999",
    "an exponent that no Decimal takes": "1e99999999999999999999",
    "a word": '"abc"',
    "41 digits": "1." + "1" * 40,
    "5,000 digits": "9" * 5000,
    "5,000 digits as a text": '"' + "9" * 5000 + '"',
}
# neither Python's JSON parser nor its Decimal takes these, so that no field can be named
UNPARSABLE = {"NaN", "Infinity", "5,000 digits", "an exponent that no Decimal takes"}


def written(fields: dict[str, str], name: str, value: str | None) -> str:
    """Write an answer with these fields, one of which is replaced or, for None, left out."""
    items = {**fields, name: value}
    return '{"data":{' + ",".join(f'"{key}":{text}' for key, text in items.items() if text is not None) + "}}"


@pytest.mark.row(25)
@pytest.mark.parametrize("kind", NO_AMOUNTS)
async def test_a_wallet_with_a_figure_that_is_none_is_no_wallet(
    kind: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A wallet with an impossible amount is an InvalidResponseError that names the field."""
    server = await serve(reply(200, written(CREDITS, "total_usage", NO_AMOUNTS[kind])))

    error = await fault.error(InvalidResponseError, connect(server).credits(), deadline=2.0)

    assert kind in UNPARSABLE or "$.data.total_usage" in str(error)
    assert server.hits == 1


@pytest.mark.row(25)
@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        *(
            (field, '"abc"', f"$.data.{field}:")
            for field in ("usage", "limit", "limit_remaining", "usage_daily")
        ),
    ],
)
async def test_a_key_with_a_figure_that_is_none_is_no_allowance(
    field: str, value: str, path: str, serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A key with an impossible amount in any field is an InvalidResponseError that names the field."""
    server = await serve(reply(200, written(ALLOWANCE, field, value)))

    error = await fault.error(InvalidResponseError, connect(server).key())

    assert path in str(error)
    assert server.hits == 1


@pytest.mark.row(25)
async def test_a_body_with_a_word_that_is_not_json_is_final(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """NaN in an unknown field is an InvalidResponseError, although Python's parser takes NaN."""
    server = await serve(reply(200, written(CREDITS, "unknown", "NaN")))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(25)
async def test_an_absent_figure_is_unknown(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A figure that is missing or null is None, never 0."""
    server = await serve(reply(200, written({**ALLOWANCE, "limit": "null"}, "limit_remaining", None)))

    info = await fault.value(connect(server).key())

    assert (info.limit, info.limit_remaining, info.usage_daily, info.used_in_window, info.is_free_tier) == (
        None,
    ) * 5


@pytest.mark.row(26)
async def test_what_is_not_known_is_kept(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Unknown fields are kept in `.extra`; a wrong optional field is None, and kept there too."""
    body = json.loads(sample("key-2026-10"))
    body["data"] |= {
        "limit_reset": "fortnightly",
        "allowed_data_regions": ["global", "moon"],
        "mood": {"now": "sunny"},
        "is_free_tier": "yes",
        "expires_at": "soon",
        "workspace_id": 7,
        "free_model_daily_requests": "plenty",
    }
    body["data"]["budgets"][0] |= {"scope": "galaxy", "colour": "blue"}
    server = await serve(reply(200, body))

    info = await fault.value(connect(server).key())

    assert info.limit_reset == "fortnightly"
    assert info.allowed_data_regions == ("global", "moon")
    assert info.budgets is not None
    assert (info.budgets[0].scope, dict(info.budgets[0].extra)) == ("galaxy", {"colour": "blue"})
    wrong = {
        "is_free_tier": "yes",
        "expires_at": "soon",
        "workspace_id": 7,
        "free_model_daily_requests": "plenty",
    }
    assert [getattr(info, name) for name in wrong] == [None] * 4
    assert {name: info.extra[name] for name in [*wrong, "mood"]} == {**wrong, "mood": {"now": "sunny"}}
    assert "rate_limit" in info.extra
    assert pickle.loads(pickle.dumps(info)).extra == info.extra
    assert "mood" not in repr(info)


@pytest.mark.row(26)
async def test_a_wallet_may_know_more_than_we_do(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Unknown fields of a wallet are kept in `.extra` and do not count when wallets are compared."""
    server = await serve(
        reply(200, {"data": {"total_credits": 2, "total_usage": "0.50", "currency": "USD"}, "version": 2})
    )

    wallet = await fault.value(connect(server).credits())

    assert wallet == Credits(Decimal(2), Decimal("0.5"))
    assert wallet.extra["currency"] == "USD"


@pytest.mark.row(50)
async def test_a_users_decimal_context_changes_no_figure(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """A decimal context of four digits with every trap set gives the same figures, and no exception."""
    noise = reply(200, sample("credits-noise"))
    tiny = reply(200, '{"data":{"total_credits":5.000000001,"total_usage":5.000000001}}')
    owing = reply(200, '{"data":{"total_credits":"10.10","total_usage":"123456789.123456789"}}')
    over = reply(200, sample("key-over-limit"))
    budgets = reply(200, sample("key-2026-10"))
    wide = reply(
        200,
        '{"data":{"total_credits":"123456789012345678901234567890",'
        '"total_usage":"0.000000000000000000000000000001"}}',
    )

    async def figures() -> list[str]:
        client = connect(await serve(noise, tiny, owing, wide, over, budgets))
        wallets = [await client.credits() for _ in range(4)]
        keys = [await client.key() for _ in range(2)]
        texts = [
            str(figure)
            for wallet in wallets
            for figure in (wallet.remaining, wallet.used_fraction, repr(wallet))
        ]
        return texts + [str(figure) for info in keys for figure in (info.used_in_window, repr(info))]

    usual = await fault.value(figures())
    narrow = Context(
        prec=4,
        Emax=9,
        Emin=-9,
        traps=[InvalidOperation, DivisionByZero, Overflow, Inexact, Rounded, FloatOperation],
    )
    with localcontext(narrow):
        unusual = await fault.value(figures())
        refused = await fault.error(
            InvalidResponseError,
            connect(await serve(reply(200, written(CREDITS, "total_usage", "1e400")))).credits(),
        )

    assert unusual == usual
    assert usual[:12:3] == [
        "43.628104995",
        "0",
        "-123456779.023456789",
        "123456789012345678901234567889.999999999999999999999999999999",
    ]
    assert "total_usage" in str(refused)


@pytest.mark.row(50)
async def test_a_trap_of_the_users_context_is_no_other_error(
    serve: Serve, connect: Connect, fault: Watch
) -> None:
    """An impossible amount is an InvalidResponseError whether or not InvalidOperation is trapped."""

    async def refused(value: str) -> None:
        server = await serve(reply(200, written(CREDITS, "total_credits", value)))
        await fault.error(InvalidResponseError, connect(server).credits())
        assert server.hits == 1

    for traps in ([], [InvalidOperation, Inexact, Rounded]):
        with localcontext(Context(prec=4, traps=traps)):
            await asyncio.gather(
                *map(refused, ("1e999999999", "1e99999999999999999999", "0." + "1" * 5000, '"NaN"'))
            )
