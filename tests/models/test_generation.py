"""The cost of one request to a model, read from bodies as OpenRouter sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest

from openrouter_credits import Generation, InvalidResponseError
from openrouter_credits._call.protocol import Reply, decode
from tests.kit.values import sample


def read(**fields: Any) -> Generation:
    """Decode the smallest valid body of `/generation`, with these fields added or replaced."""
    data = {"id": "gen-1", "total_cost": 1, **fields}
    return decode(Reply(200, {}, json.dumps({"data": data}).encode()), Generation)


def test_a_whole_body_decodes() -> None:
    """A body with all documented fields decodes, each to the type it should have; amounts are exact."""
    generation = decode(Reply(200, {}, sample("generation-2026-10")), Generation)

    assert (generation.id, generation.model) == ("gen-1761051845-AbCdEfGhIjKlMnOpQrSt", "openai/gpt-5-mini")
    assert generation.total_cost == generation.usage == Decimal("0.0015")
    assert str(generation.usage) == "0.0015"  # without the residue of a double
    assert generation.upstream_inference_cost == 0
    assert generation.created_at == datetime(2026, 10, 21, 13, 4, 5, 678901, UTC)
    assert (generation.native_tokens_prompt, generation.native_tokens_reasoning) == (10, 5)
    assert (generation.latency, generation.generation_time) == (1250.5, 1200.0)
    assert (generation.streamed, generation.cancelled, generation.is_byok) == (True, False, False)
    assert (generation.cache_discount, generation.router, generation.num_search_results) == (None,) * 3
    assert list(generation.extra) == ["provider_responses"]


def test_every_documented_field_has_a_name_of_its_own() -> None:
    """All fields of the body are fields of the class, but for the list of tries with providers."""
    sent = json.loads(sample("generation-2026-10"))["data"].keys()

    fields = {field.name for field in attrs.fields(Generation)} - {"extra"}

    assert sent - fields == {"provider_responses"}
    assert fields - sent == {"response_cache_source_id"}


def test_what_is_missing_is_not_zero() -> None:
    """A body with nothing but id and cost has `None` everywhere else."""
    generation = read()

    rest = attrs.asdict(generation, filter=lambda field, _: field.name not in {"id", "total_cost", "extra"})
    assert set(rest.values()) == {None}
    assert repr(generation) == "Generation(id='gen-1', total_cost=Decimal('1'))"


@pytest.mark.parametrize(
    ("name", "value"),
    [("latency", "fast"), ("tokens_prompt", 1.5), ("streamed", 1), ("created_at", "yesterday"), ("model", 7)],
)
def test_a_wrong_optional_field_is_kept_aside(name: str, value: object) -> None:
    """A field that is not as documented becomes None, and stays in `extra`."""
    generation = read(**{name: value})

    assert getattr(generation, name) is None
    assert str(generation.extra[name]) == str(value)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"id": None}, "id"),
        ({"total_cost": None}, "total_cost"),
        ({"total_cost": "free"}, "total_cost"),
        ({"usage": True}, "usage"),
        ({"upstream_inference_cost": []}, "upstream_inference_cost"),
    ],
)
def test_a_wrong_amount_or_required_field_is_an_error(fields: dict[str, Any], path: str) -> None:
    """A wrong id or amount is an InvalidResponseError that names the field: a cost is never guessed."""
    with pytest.raises(InvalidResponseError, match=rf"\$\.data\.{path}: "):
        read(**fields)


@pytest.mark.parametrize("cost", [Decimal("NaN"), 0.5])
def test_a_cost_is_a_finite_decimal(cost: Any) -> None:
    """A Generation made by hand takes a finite Decimal as its cost."""
    with pytest.raises((TypeError, ValueError), match="total_cost"):
        Generation("gen-1", cost)
