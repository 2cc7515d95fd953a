"""The cost of one request to a model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from attrs import field, frozen

from openrouter_credits._models.amounts import finite, finite_or_none
from openrouter_credits._models.sparse import Sparse
from openrouter_credits._public import public


@frozen(repr=False)
class Generation(Sparse):
    """The cost of one request to a model, and how it went: `GET /generation`.

    Amounts are US dollars. `latency`, `moderation_latency` and `generation_time` are in milliseconds, as
    OpenRouter sends them.
    """

    id: str
    """The `id` of the answer to the request, such as `gen-1758…`."""
    total_cost: Decimal = field(validator=finite)
    """Amount taken from the wallet."""
    model: str | None = None
    """The model that answered."""
    created_at: datetime | None = None
    """When the request was made (UTC)."""
    usage: Decimal | None = field(default=None, validator=finite_or_none)
    """Amount that counts as spent with the key."""
    upstream_inference_cost: Decimal | None = field(default=None, validator=finite_or_none)
    """Amount that the provider charged."""
    cache_discount: Decimal | None = field(default=None, validator=finite_or_none)
    """Amount that cached tokens saved."""
    is_byok: bool | None = None
    """Whether your own provider's key (BYOK) paid the provider."""
    provider_name: str | None = None
    """The provider that answered."""
    tokens_prompt: int | None = None
    """Tokens of the prompt, counted alike for all models."""
    tokens_completion: int | None = None
    """Tokens of the answer, counted alike for all models."""
    native_tokens_prompt: int | None = None
    """Tokens of the prompt, as the provider counts and bills them."""
    native_tokens_completion: int | None = None
    """Tokens of the answer, as the provider counts and bills them."""
    native_tokens_completion_images: int | None = None
    """Tokens of the answer's images."""
    native_tokens_reasoning: int | None = None
    """Tokens of the answer that were reasoning."""
    native_tokens_cached: int | None = None
    """Tokens of the prompt that came from the provider's cache."""
    num_media_prompt: int | None = None
    """Images and videos in the prompt."""
    num_input_audio_prompt: int | None = None
    """Audio inputs in the prompt."""
    num_media_completion: int | None = None
    """Media in the answer."""
    num_search_results: int | None = None
    """Results of a web search that were used."""
    num_fetches: int | None = None
    """Web pages that were fetched."""
    web_search_engine: str | None = None
    """The engine of the web search."""
    streamed: bool | None = None
    """Whether the answer was streamed."""
    cancelled: bool | None = None
    """Whether the request was cancelled."""
    finish_reason: str | None = None
    """Why the answer ended, such as `stop` or `length`; an open set."""
    native_finish_reason: str | None = None
    """The same in the provider's words."""
    latency: float | None = None
    """The total latency, in milliseconds."""
    generation_time: float | None = None
    """How long the answer took, in milliseconds."""
    moderation_latency: float | None = None
    """How long moderation took, in milliseconds."""
    api_type: str | None = None
    """The kind of request, such as `completions` or `embeddings`; an open set."""
    router: str | None = None
    """The router that chose the model, such as `openrouter/auto`."""
    service_tier: str | None = None
    """The tier that the provider ran the request on."""
    data_region: str | None = None
    """The region that the request went through: `global`, `europe`, `us`; an open set."""
    origin: str | None = None
    """The address of the app that made the request."""
    http_referer: str | None = None
    """The request's `HTTP-Referer` header."""
    user_agent: str | None = None
    """The request's `User-Agent` header."""
    app_id: int | None = None
    """OpenRouter's number of the app that made the request."""
    external_user: str | None = None
    """The `user` that the request named."""
    preset_id: str | None = None
    """The preset that was used."""
    session_id: str | None = None
    """Groups the generations of one session."""
    request_id: str | None = None
    """Groups the generations of one request."""
    upstream_id: str | None = None
    """The provider's own name for it."""
    response_cache_source_id: str | None = None
    """The generation whose answer was repeated, if it came from the cache."""
    workspace_id: str | None = None
    """The workspace that paid."""
    extra: Mapping[str, Any] = field(factory=dict, eq=False, repr=False, kw_only=True)
    """Fields of the answer that this version does not know, or that are not as documented.

    `provider_responses`, the tries with different providers, is here as it came.
    """


public(Generation)
