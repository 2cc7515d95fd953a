"""Inference with a canned answer: it spends, and refuses as OpenRouter does."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from openrouter_credits import format_usd
from openrouter_credits._models.amounts import subtract
from openrouter_credits.testing._activity import MODEL
from openrouter_credits.testing._amounts import to_json
from openrouter_credits.testing._budgets import Layer, first_spent
from openrouter_credits.testing._call import Call, Refused
from openrouter_credits.testing._directory import Directory
from openrouter_credits.testing._faults import Reply
from openrouter_credits.testing._generations import Generation
from openrouter_credits.testing._keys import Account, Key, free_quota
from openrouter_credits.testing._spending import iso, window

_TEXT = "This answer was made by FakeOpenRouter."
_PROMPT_TOKENS = 12
_COMPLETION_TOKENS = 8


def complete(call: Call, key: Key, directory: Directory) -> Reply:
    """Answer `POST /chat/completions`, if the key may spend; the price does not depend on the request."""
    if key.management:
        raise Refused(401, "User not found.")
    document, now = call.document(), directory.now()
    model, streamed = _read(document)
    is_free = model.endswith(":free")
    if is_free:
        _require_free_request(key.account, now)
    else:
        _require_money(key, now)
    if not key.regions:
        raise Refused(403, "No data region is permitted for this key")
    generation = Generation(
        id=_new_id(directory, now),
        model=model,
        created_at=now,
        cost=Decimal(0) if is_free else key.account.price,
        prompt_tokens=_PROMPT_TOKENS,
        completion_tokens=_COMPLETION_TOKENS,
        streamed=streamed,
        workspace_id=key.workspace.id,
        external_user=key.settings.external_user,
    )
    key.spend(
        generation.cost,
        now,
        model=model,
        prompt_tokens=_PROMPT_TOKENS,
        completion_tokens=_COMPLETION_TOKENS,
    )
    key.account.books.generations[generation.id] = generation
    if is_free:
        key.account.books.free_requests[now.astimezone(UTC).date()] += 1
    if streamed:
        return Reply(200, _events(generation), {"Content-Type": "text/event-stream"})
    return Reply(200, _completion(generation))


def _read(document: dict[str, Any]) -> tuple[str, bool]:
    """Read the model, and whether to stream; what else a request may have is not looked at."""
    model, messages, stream = document.get("model", MODEL), document.get("messages"), document.get("stream")
    if not isinstance(model, str) or not model or not model.isprintable():
        raise Refused(400, "model is a text")
    if not isinstance(messages, list) or not messages:
        raise Refused(400, "messages is a list with at least one message")
    if not isinstance(stream, bool | None):
        raise Refused(400, "stream is true or false")
    return model, bool(stream)


def _require_free_request(account: Account, now: datetime) -> None:
    """Require that the wallet is not below zero, and that the free quota of today is not used up."""
    if account.credits < account.usage:
        raise _no_credits()
    quota, used = free_quota(account, now)
    if used < quota:
        return
    which = "free-models-per-day. Add 10 credits to unlock 1000 free model requests per day"
    if quota > 50:
        which = "free-models-per-day-high-balance."
    _, midnight = window("daily", now)
    headers = {
        "X-RateLimit-Limit": str(quota),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(round(midnight.timestamp() * 1000)),
    }
    raise Refused(429, f"Rate limit exceeded: {which}", {"headers": headers}, headers)


def _require_money(key: Key, now: datetime) -> None:
    """Require that there is something in the wallet, and something left of every limit."""
    if subtract(key.account.credits, key.account.usage) <= 0:
        raise _no_credits()
    spent = first_spent(key.layers(now))
    if spent is not None:
        raise _limit_spent(spent, now)


def _no_credits() -> Refused:
    return Refused(402, "Insufficient credits", {"limit_source": "openrouter_credits"})


def _limit_spent(layer: Layer, now: datetime) -> Refused:
    interval = layer.reset_interval
    limit = f"({interval or 'total'} limit)"
    match layer.scope:
        case "key_limit":
            source, message = "openrouter_key_limit", f"Key limit exceeded {limit}"
        case "workspace":
            source = "openrouter_workspace_budget"
            message = (
                f"Workspace {interval or 'lifetime'} budget of {format_usd(layer.limit_usd)} exceeded. "
                "Contact your org admin."
            )
        case _:
            source, message = "openrouter_guardrail_budget", f"Budget limit exceeded {limit}"
    metadata = {
        "limit_source": source,
        "scope": layer.scope,
        "limit_usd": layer.limit_usd,
        "spend_usd": layer.spend_usd,
        "resets_at": interval and iso(window(interval, now)[1]),
    }
    return Refused(403, message, metadata)


def _new_id(directory: Directory, now: datetime) -> str:
    return f"gen-{round(now.timestamp())}-{uuid.UUID(directory.new_id()).hex[-20:]}"


def _completion(generation: Generation) -> dict[str, object]:
    message = {"role": "assistant", "content": _TEXT, "refusal": None, "reasoning": None}
    choice = {
        "index": 0,
        "message": message,
        "finish_reason": "stop",
        "native_finish_reason": "stop",
        "logprobs": None,
    }
    return {
        **_head(generation),
        "object": "chat.completion",
        "system_fingerprint": None,
        "choices": [choice],
        "usage": _usage(generation),
    }


def _events(generation: Generation) -> str:
    """Write the answer as server-sent events: its words, then the usage."""
    chunks: list[dict[str, object]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}]}
        for word in _TEXT.split(" ")
    ]
    end = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": "stop"}
    chunks.append({"choices": [end], "usage": _usage(generation)})
    head = {**_head(generation), "object": "chat.completion.chunk"}
    events = [to_json({**head, **chunk}) for chunk in chunks]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])


def _head(generation: Generation) -> dict[str, object]:
    created = round(generation.created_at.timestamp())
    return {"id": generation.id, "provider": "Fake", "model": generation.model, "created": created}


def _usage(generation: Generation) -> dict[str, object]:
    details = ("upstream_inference_prompt_cost", "upstream_inference_completions_cost")
    return {
        "prompt_tokens": generation.prompt_tokens,
        "completion_tokens": generation.completion_tokens,
        "total_tokens": generation.prompt_tokens + generation.completion_tokens,
        "cost": generation.cost,
        "is_byok": False,
        "cost_details": {"upstream_inference_cost": None, **dict.fromkeys(details, 0)},
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
