"""Generations: what `/chat/completions` has made, and the body of `/generation` about one of them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from attrs import frozen

from openrouter_credits.testing._activity import PROVIDER, endpoint_id
from openrouter_credits.testing._spending import iso

_LATENCY = 120
_GENERATION_TIME = 240
"""Milliseconds that the made-up provider takes."""


@frozen
class Generation:
    """One answer of a model. Its cost is in US dollars."""

    id: str
    model: str
    created_at: datetime
    cost: Decimal
    prompt_tokens: int
    completion_tokens: int
    streamed: bool
    workspace_id: str
    external_user: str | None


def generation_data(generation: Generation) -> dict[str, object]:
    """Build the `data` of `/generation`."""
    endpoint = endpoint_id(generation.model, PROVIDER)
    unknown = dict.fromkeys(
        (
            "app_id",
            "cache_discount",
            "http_referer",
            "moderation_latency",
            "native_tokens_completion_images",
            "num_fetches",
            "num_input_audio_prompt",
            "num_media_completion",
            "num_media_prompt",
            "num_search_results",
            "preset_id",
            "request_id",
            "response_cache_source_id",
            "router",
            "service_tier",
            "session_id",
            "upstream_inference_cost",
            "user_agent",
            "web_search_engine",
        )
    )
    return {
        **unknown,
        "id": generation.id,
        "upstream_id": f"fake-{generation.id}",
        "total_cost": generation.cost,
        "usage": generation.cost,
        "created_at": iso(generation.created_at),
        "model": generation.model,
        "provider_name": PROVIDER,
        "provider_responses": [
            {
                "endpoint_id": endpoint,
                "id": f"fake-{generation.id}",
                "is_byok": False,
                "latency": _LATENCY,
                "model_permaslug": generation.model,
                "provider_name": PROVIDER,
                "status": 200,
            }
        ],
        "api_type": "completions",
        "origin": "",
        "streamed": generation.streamed,
        "cancelled": False,
        "is_byok": False,
        "data_region": "global",
        "latency": _LATENCY,
        "generation_time": _GENERATION_TIME,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "tokens_prompt": generation.prompt_tokens,
        "tokens_completion": generation.completion_tokens,
        "native_tokens_prompt": generation.prompt_tokens,
        "native_tokens_completion": generation.completion_tokens,
        "native_tokens_cached": 0,
        "native_tokens_reasoning": 0,
        "external_user": generation.external_user,
        "workspace_id": generation.workspace_id,
    }
