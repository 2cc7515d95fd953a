"""Figures that are none, and what a value may hold besides: money is exact or an error, never a guess."""

from __future__ import annotations

import asyncio
import json
import pickle
from decimal import Context, Decimal, DivisionByZero, FloatOperation, Inexact, InvalidOperation, Overflow, Rounded, localcontext
from typing import TYPE_CHECKING, Any

import pytest

from openrouter_credits import Credits, InvalidResponseError, KeyInfo
from tests.kit.values import sample
from tests.kit.wire import Connect, Serve, reply

if TYPE_CHECKING:
    from ._sinks import Watch

CREDITS = {"total_credits": "1", "total_usage": "0"}
ALLOWANCE = {"label": '"k"', "usage": "1", "limit": "5", "limit_remaining": "4"}
# in the words of JSON, since no Python value says 1e400 or a missing field
NO_AMOUNTS = {
    "null": "null",
    "missing": None,
    "true": "true",
    "false": "false",
    "NaN": "NaN",
    "Infinity": "Infinity",
    "-Infinity": "-Infinity",
    "1e400": "1e400",
    "-1e400": "-1e400",
    "1e-400": "1e-400",
    "1e999999999": "1e999999999",
    "1e99999999999999999999": "1e99999999999999999999",
    "a word": '"abc"',
    "NaN as a text": '"NaN"',
    "infinity as a text": '"inf"',
    "exponent as a text": '"1e3"',
    "empty text": '""',
    "blank in a text": '" 5"',
    "Arabic digits": '"٣"',
    "underscore": '"1_000"',
    "plus": '"+5"',
    "hexadecimal": '"0x10"',
    "5,000 digits": "9" * 5000,
    "5,000 digits as a text": '"' + "9" * 5000 + '"',
    "5,000 decimals": "0." + "1" * 5000,
    "31 digits": "1." + "1" * 30,
    "list": "[5]",
    "object": '{"amount":5}',
}
# the last two are JSON, but neither Python's parser nor its Decimal takes them
NO_JSON = {"NaN", "Infinity", "-Infinity", "5,000 digits", "1e99999999999999999999"}


def written(fields: dict[str, str], name: str, value: str | None) -> str:
    """Write the fields as JSON, one of them replaced, or left out."""
    items = {**fields, name: value}
    return '{"data":{' + ",".join(f'"{key}":{text}' for key, text in items.items() if text is not None) + "}}"


@pytest.mark.row(25)
@pytest.mark.parametrize("field", ["total_credits", "total_usage"])
async def test_a_wallet_with_a_figure_that_is_none_is_no_wallet(field: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Never 0 and never nan: an invalid response that names the field, and that is not asked for again."""
    server = await serve(b"")
    client = connect(server)

    for kind, value in NO_AMOUNTS.items():
        server.script(reply(200, written(CREDITS, field, value)))
        before = server.hits
        error = await fault.error(InvalidResponseError, client.credits(), deadline=2.0)

        assert server.hits - before == 1, kind
        assert kind in NO_JSON or f"$.data.{field}" in str(error), kind


@pytest.mark.row(25)
@pytest.mark.parametrize("field", ["usage", "limit", "limit_remaining", "usage_daily", "byok_usage_monthly"])
async def test_a_key_with_a_figure_that_is_none_is_no_allowance(field: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Money is strict wherever it stands; only what may be absent may be null."""
    server = await serve(b"")
    client = connect(server)
    may_be_absent = {"usage_daily", "byok_usage_monthly"}

    for kind, value in NO_AMOUNTS.items():
        if (field in may_be_absent and kind in ("null", "missing")) or (field == "limit" and kind == "null"):
            continue
        server.script(reply(200, written(ALLOWANCE, field, value)))
        before = server.hits
        error = await fault.error(InvalidResponseError, client.key(), deadline=2.0)

        assert server.hits - before == 1, kind
        assert kind in NO_JSON or field in str(error), kind


@pytest.mark.row(25)
async def test_a_budget_with_a_figure_that_is_none_is_no_allowance(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A budget decides what may be spent: a wrong figure in one is an error, too, and the path leads there."""
    server = await serve(b"")
    client = connect(server)

    for value in ('"abc"', "true", "1e400", "[]"):
        server.script(reply(200, written(ALLOWANCE, "budgets", f'[{{"scope":"workspace"}},{{"scope":"member","remaining_usd":{value}}}]')))
        error = await fault.error(InvalidResponseError, client.key())

        assert "budgets[1].remaining_usd" in str(error)


@pytest.mark.row(25)
@pytest.mark.parametrize("label", ["null", "7", "true", "[]", None], ids=["null", "number", "true", "list", "missing"])
async def test_a_key_without_a_label_is_no_key(label: str | None, serve: Serve, connect: Connect, fault: Watch) -> None:
    """What is required is never made up: null is not the text "None", and 7 not "7"."""
    server = await serve(reply(200, written(ALLOWANCE, "label", label)))

    error = await fault.error(InvalidResponseError, connect(server).key())

    assert "label" in str(error)
    assert server.hits == 1


@pytest.mark.row(25)
@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity", "[NaN]"])
async def test_a_body_with_a_word_that_is_not_json_is_final(word: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """Python's parser would take NaN where nobody looks; what is not JSON is no answer, wherever it stands."""
    server = await serve(reply(200, written(CREDITS, "unknown", word)))

    error = await fault.error(InvalidResponseError, connect(server).credits())

    assert not error.is_retryable
    assert server.hits == 1


@pytest.mark.row(25)
async def test_an_absent_figure_is_unknown(serve: Serve, connect: Connect, fault: Watch) -> None:
    """A missing or null counter is None, never 0; without a limit nothing remains to be known."""
    server = await serve(reply(200, written({**ALLOWANCE, "limit": "null"}, "limit_remaining", None)))

    info = await fault.value(connect(server).key())

    assert (info.limit, info.limit_remaining, info.usage_daily, info.used_in_window, info.is_free_tier) == (None,) * 5


@pytest.mark.row(26)
async def test_what_is_not_known_is_kept(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Unknown fields do no harm and are in `.extra`, with a wrong optional field, which is None."""
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
    wrong = {"is_free_tier": "yes", "expires_at": "soon", "workspace_id": 7, "free_model_daily_requests": "plenty"}
    assert [getattr(info, name) for name in wrong] == [None] * 4
    assert {name: info.extra[name] for name in [*wrong, "mood"]} == {**wrong, "mood": {"now": "sunny"}}
    assert "rate_limit" in info.extra
    assert pickle.loads(pickle.dumps(info)).extra == info.extra
    assert "mood" not in repr(info)


@pytest.mark.row(26)
@pytest.mark.parametrize("name", ["key-2025", "key-2026-08", "key-2026-10", "key-monthly-cap", "key-over-limit"])
async def test_every_shape_of_a_key_is_read(name: str, serve: Serve, connect: Connect, fault: Watch) -> None:
    """What was seen in the wild since 2025 is a value."""
    server = await serve(reply(200, sample(name)))

    info = await fault.value(connect(server).key())

    data = json.loads(sample(name), parse_float=Decimal)["data"]
    assert (info.label, info.usage, info.limit, info.limit_remaining) == tuple(
        data[field] for field in ("label", "usage", "limit", "limit_remaining")
    )


@pytest.mark.row(26)
async def test_a_wallet_may_know_more_than_we_do(serve: Serve, connect: Connect, fault: Watch) -> None:
    """New fields beside the two figures are kept and count for nothing else."""
    server = await serve(reply(200, {"data": {"total_credits": 2, "total_usage": "0.50", "currency": "USD"}, "version": 2}))

    wallet = await fault.value(connect(server).credits())

    assert wallet == Credits(Decimal(2), Decimal("0.5"))
    assert wallet.extra["currency"] == "USD"


@pytest.mark.row(50)
async def test_a_users_decimal_context_changes_no_figure(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Four digits of precision and every trap: the same figures as without, and no exception."""
    noise = reply(200, sample("credits-noise"))
    tiny = reply(200, '{"data":{"total_credits":5.000000001,"total_usage":5.000000001}}')
    owing = reply(200, '{"data":{"total_credits":"10.10","total_usage":123456789.123456789}}')
    over = reply(200, sample("key-over-limit"))
    budgets = reply(200, sample("key-2026-10"))
    wide = reply(200, '{"data":{"total_credits":123456789012345678901234567890,"total_usage":0.000000000000000000000000000001}}')

    async def figures() -> list[str]:
        client = connect(await serve(noise, tiny, owing, wide, over, budgets))
        wallets = [await client.credits() for _ in range(4)]
        keys = [await client.key() for _ in range(2)]
        told = [str(figure) for wallet in wallets for figure in (wallet.remaining, wallet.used_fraction, repr(wallet))]
        return told + [str(figure) for info in keys for figure in (info.used_in_window, repr(info))]

    usual = await fault.value(figures())
    narrow = Context(prec=4, Emax=9, Emin=-9, traps=[InvalidOperation, DivisionByZero, Overflow, Inexact, Rounded, FloatOperation])
    with localcontext(narrow):
        unusual = await fault.value(figures())
        refused = await fault.error(
            InvalidResponseError, connect(await serve(reply(200, written(CREDITS, "total_usage", "1e400")))).credits()
        )

    assert unusual == usual
    assert usual[:1] + usual[3:4] + usual[6:7] + usual[9:10] == [
        *("43.628104995", "0", "-123456779.023456789", "123456789012345678901234567889.999999999999999999999999999999"),
    ]
    assert "total_usage" in str(refused)


@pytest.mark.row(50)
async def test_a_trap_of_the_users_context_is_no_other_error(serve: Serve, connect: Connect, fault: Watch) -> None:
    """Figures that are none stay an invalid response where InvalidOperation is not trapped and a Decimal would silently be NaN."""

    async def refused(value: str) -> None:
        server = await serve(reply(200, written(CREDITS, "total_credits", value)))
        await fault.error(InvalidResponseError, connect(server).credits())
        assert server.hits == 1

    for traps in ([], [InvalidOperation, Inexact, Rounded]):
        with localcontext(Context(prec=4, traps=traps)):
            await asyncio.gather(*map(refused, ("1e999999999", "1e99999999999999999999", "0." + "1" * 5000, '"NaN"')))


async def _values(serve: Serve, connect: Connect, fault: Watch, *bodies: bytes) -> list[Any]:
    return [await fault.value(connect(await serve(reply(200, body))).key()) for body in bodies]


@pytest.mark.row(26)
async def test_whole_numbers_may_come_as_floats(serve: Serve, connect: Connect, fault: Watch) -> None:
    """`10.0` requests are 10; 10.5 are no number of requests."""
    whole, half = await _values(
        serve,
        connect,
        fault,
        sample("key-2026-10"),
        sample("key-2026-10").replace(b'"used":10.0', b'"used":10.5'),
    )

    assert isinstance(whole, KeyInfo)
    assert (whole.free_model_daily_requests.used, type(whole.free_model_daily_requests.used)) == (10, int)  # type: ignore[union-attr]
    assert half.free_model_daily_requests is None or half.free_model_daily_requests.used is None
